//! Who asks, and may they: two users (an admin, and a viewer with few rights), rules in
//! the form of RBAC, and denials that a scenario can add.

use std::sync::{Arc, RwLock};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::text;
use super::kinds::Kind;
use super::status::ApiError;
use crate::sim::fault::Faults;

/// The user of the kubeconfig's first context.
pub const ADMIN: &str = "oncall";
/// The user of its second context.
pub const VIEWER: &str = "viewer";

/// A rule as in RBAC; `*` matches everything.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Empty: every user.
    #[serde(default)]
    pub user: String,
    pub verbs: Vec<String>,
    /// `pods`, `services/proxy`, `deployments`; `*/scale` is the scale of everything.
    pub resources: Vec<String>,
    /// API groups, the core one empty; without any, all.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Without any, all, and the cluster scope.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Without any, all, and what has no name (a list, a create).
    #[serde(default)]
    pub names: Vec<String>,
}

impl Rule {
    fn is_of(&self, user: &str) -> bool {
        self.user.is_empty() || self.user == user
    }

    fn is_in(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|n| n == namespace)
    }

    fn covers(&self, asked: &Attributes) -> bool {
        let has = |list: &[String], what: &str| list.iter().any(|x| x == "*" || x == what);
        let any_parent = asked.resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
        has(&self.verbs, asked.verb)
            && (has(&self.resources, &asked.resource)
                || any_parent.is_some_and(|any| self.resources.contains(&any)))
            && (self.groups.is_empty() || has(&self.groups, asked.group))
            && self.is_in(asked.namespace)
            && (self.names.is_empty() || self.names.iter().any(|n| n == asked.name))
    }

    /// As `SelfSubjectRulesReview` lists it.
    fn to_value(&self) -> Value {
        let groups = if self.groups.is_empty() { vec!["*".to_owned()] } else { self.groups.clone() };
        let mut rule = json!({"verbs": self.verbs, "apiGroups": groups, "resources": self.resources});
        if !self.names.is_empty() {
            rule["resourceNames"] = json!(self.names);
        }
        rule
    }
}

/// What is asked: the attributes of an authorization decision.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// The plural, with `/subresource` where there is one.
    pub resource: String,
    pub namespace: &'a str,
    pub name: &'a str,
}

/// Tokens, rules and denials.
pub struct Auth {
    /// The admin's and the viewer's.
    tokens: RwLock<(SecretString, SecretString)>,
    rights: Vec<Rule>,
    denied: RwLock<Vec<Rule>>,
    /// May take rights away for a while, and say that the tokens have expired.
    faults: Arc<Faults>,
}

impl Auth {
    /// `rights` take the place of what the viewer may otherwise do, where there are any.
    pub fn new(admin: SecretString, viewer: SecretString, rights: &[Rule], faults: Arc<Faults>) -> Self {
        let all = |user: &str| Rule {
            user: user.to_owned(),
            verbs: vec!["*".to_owned()],
            resources: vec!["*".to_owned()],
            ..Rule::default()
        };
        let mut own = vec![all(ADMIN)];
        own.extend(if rights.is_empty() { to_look() } else { rights.to_vec() });
        // Every authenticated user may ask what it may do (`system:basic-user`).
        let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];
        own.push(rule(&["create"], &reviews, ""));
        Self { tokens: RwLock::new((admin, viewer)), rights: own, denied: RwLock::default(), faults }
    }

    /// The user that an `Authorization` header stands for.
    pub fn user(&self, header: &str) -> Option<&'static str> {
        let token = header.strip_prefix("Bearer ")?;
        let (admin, viewer) = self.tokens();
        if token == admin.expose_secret() {
            Some(ADMIN)
        } else if token == viewer.expose_secret() {
            Some(VIEWER)
        } else {
            None
        }
    }

    /// The admin's and the viewer's token.
    pub fn tokens(&self) -> (SecretString, SecretString) {
        self.tokens.read().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// From now on only these are taken.
    pub fn replace_tokens(&self, admin: SecretString, viewer: SecretString) {
        *self.tokens.write().unwrap_or_else(|e| e.into_inner()) = (admin, viewer);
    }

    /// Takes a right away, whoever had it.
    pub fn deny(&self, rule: Rule) {
        self.denied.write().unwrap_or_else(|e| e.into_inner()).push(rule);
    }

    pub fn allowed(&self, user: &str, asked: &Attributes) -> bool {
        let any = |rules: &[Rule]| rules.iter().any(|r| r.is_of(user) && r.covers(asked));
        !any(&self.denials()) && any(&self.rights)
    }

    /// What a scenario and a fault have taken away.
    fn denials(&self) -> Vec<Rule> {
        let mut all = self.denied.read().unwrap_or_else(|e| e.into_inner()).clone();
        all.extend(self.faults.current().deny);
        all
    }

    /// # Errors
    /// 403 in Kubernetes' words when the user may not.
    pub fn check(&self, user: &str, asked: &Attributes) -> Result<(), ApiError> {
        if self.allowed(user, asked) {
            return Ok(());
        }
        let scope = if asked.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", asked.namespace)
        };
        let plural = asked.resource.split('/').next().unwrap_or_default();
        let what =
            if asked.group.is_empty() { plural.to_owned() } else { format!("{plural}.{}", asked.group) };
        let quoted = if asked.name.is_empty() { what } else { format!("{what} \"{}\"", asked.name) };
        let text = format!(
            "{quoted} is forbidden: User \"{user}\" cannot {} resource \"{}\" in API group \"{}\" {scope}",
            asked.verb, asked.resource, asked.group
        );
        let mut error = ApiError::new(403, "Forbidden", text);
        error.details = Some(json!({"name": asked.name, "group": asked.group, "kind": plural}));
        Err(error)
    }

    /// The answer to a `SelfSubject…Review`; `None` when the plural is none of them.
    pub fn review(&self, plural: &str, user: &str, body: &Value) -> Option<Value> {
        let mut out = body.clone();
        out["status"] = match plural {
            "selfsubjectaccessreviews" => self.access(user, &body["spec"]),
            "selfsubjectrulesreviews" => self.rules(user, text(body, "/spec/namespace")),
            "selfsubjectreviews" => json!({"userInfo": {"username": user, "groups": groups_of(user)}}),
            _ => return None,
        };
        Some(out)
    }

    fn access(&self, user: &str, spec: &Value) -> Value {
        let Some(asked) = spec.get("resourceAttributes") else {
            let path = text(spec, "/nonResourceAttributes/path");
            let open = user == ADMIN
                || PUBLIC_PATHS.iter().any(|p| match p.strip_suffix('*') {
                    Some(prefix) => path.starts_with(prefix),
                    None => path == *p,
                });
            return json!({"allowed": open});
        };
        let get = |key: &str| asked[key].as_str().unwrap_or_default();
        let mut resource = get("resource").to_owned();
        if !get("subresource").is_empty() {
            resource = format!("{resource}/{}", get("subresource"));
        }
        let (verb, group) = (get("verb"), get("group"));
        let (namespace, name) = (get("namespace"), get("name"));
        json!({"allowed": self.allowed(user, &Attributes { verb, group, resource, namespace, name })})
    }

    fn rules(&self, user: &str, namespace: &str) -> Value {
        let rules: Vec<Value> =
            self.rights.iter().filter(|r| r.is_of(user) && r.is_in(namespace)).map(Rule::to_value).collect();
        let mut status = json!({
            "resourceRules": rules,
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": PUBLIC_PATHS}],
            "incomplete": false,
        });
        // A denial is no rule of RBAC: as with a webhook that has a say, the list is a hint.
        if !self.denials().is_empty() {
            status["incomplete"] = true.into();
            status["evaluationError"] = "webhook authorizer does not support user rule resolution".into();
        }
        status
    }
}

/// What everyone may read (`system:discovery`, `system:public-info-viewer`).
const PUBLIC_PATHS: [&str; 10] = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
];

fn groups_of(user: &str) -> Value {
    if user == ADMIN { json!(["sre", "system:authenticated"]) } else { json!(["system:authenticated"]) }
}

fn rule(verbs: &[&str], resources: &[&str], user: &str) -> Rule {
    let owned = |list: &[&str]| list.iter().map(|x| (*x).to_owned()).collect();
    Rule { user: user.to_owned(), verbs: owned(verbs), resources: owned(resources), ..Rule::default() }
}

/// What the viewer may do when the scenario does not say.
fn to_look() -> Vec<Rule> {
    let workloads = [
        "pods",
        "events",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "controllerrevisions",
        "services",
        "namespaces",
        "horizontalpodautoscalers",
    ];
    vec![rule(&["get", "list", "watch"], &workloads, VIEWER), rule(&["get"], &["pods/log"], VIEWER)]
}

/// What a request on a kind asks for.
pub fn attributes<'a>(
    verb: &'a str,
    kind: Kind,
    namespace: &'a str,
    name: &'a str,
    sub: &str,
) -> Attributes<'a> {
    let info = kind.info();
    let resource = if sub.is_empty() { info.plural.to_owned() } else { format!("{}/{sub}", info.plural) };
    Attributes { verb, group: info.group, resource, namespace, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Arc<Faults> {
        Arc::new(Faults::new(1, crate::sim::clock::Clock::new(jiff::Timestamp::UNIX_EPOCH, 1.0)))
    }

    fn auth() -> Auth {
        Auth::new("a".to_owned().into(), "v".to_owned().into(), &[], faults())
    }

    #[test]
    fn tokens_and_the_words_of_a_refusal() {
        let auth = auth();
        assert_eq!(auth.user("Bearer a"), Some(ADMIN));
        assert_eq!(auth.user("Bearer x"), None);
        assert_eq!(auth.user("a"), None);
        let error = auth.check(VIEWER, &attributes("list", Kind::Node, "", "", "")).unwrap_err();
        assert_eq!(
            error.message,
            "nodes is forbidden: User \"viewer\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"
        );
        assert!(auth.check(VIEWER, &attributes("list", Kind::Pod, "shop", "", "")).is_ok());
        assert!(auth.check(ADMIN, &attributes("delete", Kind::Pod, "shop", "a", "")).is_ok());
    }

    #[test]
    fn a_denial_takes_the_right_away_from_everyone() {
        let auth = auth();
        auth.deny(rule(&["patch"], &["deployments"], ""));
        let error = auth.check(ADMIN, &attributes("patch", Kind::Deployment, "shop", "api", "")).unwrap_err();
        assert_eq!(error.code, 403);
        let body = json!({"spec": {"resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments"}}});
        let review = auth.review("selfsubjectaccessreviews", ADMIN, &body).unwrap();
        assert_eq!(review["status"]["allowed"], false);
        let rules =
            auth.review("selfsubjectrulesreviews", ADMIN, &json!({"spec": {"namespace": "shop"}})).unwrap();
        assert_eq!(rules["status"]["incomplete"], true);
    }

    #[test]
    fn a_scenario_sets_the_rights_of_the_viewer() {
        let scale = Rule {
            groups: vec!["apps".into()],
            namespaces: vec!["shop".into()],
            names: vec!["api".into()],
            ..rule(&["get", "update"], &["*/scale"], VIEWER)
        };
        let auth = Auth::new("a".to_owned().into(), "v".to_owned().into(), &[scale], faults());
        let may = |namespace, name, sub| {
            auth.allowed(VIEWER, &attributes("update", Kind::Deployment, namespace, name, sub))
        };
        assert!(may("shop", "api", "scale"));
        assert!(!may("shop", "web", "scale") && !may("other", "api", "scale") && !may("shop", "api", ""));
        let review = |namespace: &str| {
            let body = json!({"spec": {"namespace": namespace}});
            auth.review("selfsubjectrulesreviews", VIEWER, &body).unwrap()["status"]["resourceRules"].clone()
        };
        assert_eq!(review("shop")[0]["resourceNames"], json!(["api"]));
        assert_eq!(review("other").as_array().unwrap().len(), 1, "only what everyone may");
        let path = json!({"spec": {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}});
        assert_eq!(
            auth.review("selfsubjectaccessreviews", VIEWER, &path).unwrap()["status"]["allowed"],
            false
        );
    }
}
