//! Who asks, and may they: two users (an admin, and a viewer with few rights), rules in
//! the form of RBAC, and denials that a scenario can add.

use std::sync::RwLock;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::status::ApiError;

/// The user of the kubeconfig's first context.
pub const ADMIN: &str = "oncall";
/// The user of its second context.
pub const VIEWER: &str = "viewer";

/// A rule as in RBAC; `*` matches everything.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Empty: every user.
    #[serde(default)]
    pub user: String,
    pub verbs: Vec<String>,
    /// `pods`, `services/proxy`, `deployments`.
    pub resources: Vec<String>,
}

impl Rule {
    fn covers(&self, verb: &str, resource: &str) -> bool {
        let has = |list: &[String], what: &str| list.iter().any(|x| x == "*" || x == what);
        has(&self.verbs, verb) && has(&self.resources, resource)
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
    admin: SecretString,
    viewer: SecretString,
    denied: RwLock<Vec<Rule>>,
}

impl Auth {
    pub fn new(admin: SecretString, viewer: SecretString) -> Self {
        Self { admin, viewer, denied: RwLock::default() }
    }

    /// The user that an `Authorization` header stands for.
    pub fn user(&self, header: &str) -> Option<&'static str> {
        let token = header.strip_prefix("Bearer ")?;
        if token == self.admin.expose_secret() {
            Some(ADMIN)
        } else if token == self.viewer.expose_secret() {
            Some(VIEWER)
        } else {
            None
        }
    }

    /// Takes a right away, whoever had it.
    pub fn deny(&self, rule: Rule) {
        self.denied.write().unwrap_or_else(|e| e.into_inner()).push(rule);
    }

    fn rules(user: &str) -> Vec<Rule> {
        let rule = |verbs: &[&str], resources: &[&str]| Rule {
            user: user.to_owned(),
            verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
            resources: resources.iter().map(|r| (*r).to_owned()).collect(),
        };
        if user == ADMIN {
            return vec![rule(&["*"], &["*"])];
        }
        let seen = [
            "pods",
            "events",
            "deployments",
            "replicasets",
            "statefulsets",
            "daemonsets",
            "controllerrevisions",
        ];
        vec![
            rule(&["get", "list", "watch"], &seen),
            rule(&["get"], &["pods/log"]),
            rule(&["get", "list", "watch"], &["services", "namespaces", "horizontalpodautoscalers"]),
            rule(&["create"], &["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"]),
        ]
    }

    pub fn allowed(&self, user: &str, asked: &Attributes) -> bool {
        let denied = self.denied.read().unwrap_or_else(|e| e.into_inner());
        let taken = |r: &Rule| (r.user.is_empty() || r.user == user) && r.covers(asked.verb, &asked.resource);
        !denied.iter().any(taken) && Self::rules(user).iter().any(|r| r.covers(asked.verb, &asked.resource))
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
        match plural {
            "selfsubjectaccessreviews" => {
                let allowed = match body.pointer("/spec/resourceAttributes") {
                    Some(a) => {
                        let get = |key: &str| a[key].as_str().unwrap_or_default();
                        let mut resource = get("resource").to_owned();
                        if !get("subresource").is_empty() {
                            resource = format!("{resource}/{}", get("subresource"));
                        }
                        let (verb, group) = (get("verb"), get("group"));
                        let (namespace, name) = (get("namespace"), get("name"));
                        self.allowed(user, &Attributes { verb, group, resource, namespace, name })
                    }
                    None => true,
                };
                out["status"] = json!({"allowed": allowed});
            }
            "selfsubjectrulesreviews" => {
                let rules: Vec<Value> = Self::rules(user)
                    .iter()
                    .map(|r| json!({"verbs": r.verbs, "apiGroups": ["*"], "resources": r.resources}))
                    .collect();
                let paths = json!([{"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*",
                    "/healthz", "/livez", "/readyz", "/version"]}]);
                out["status"] =
                    json!({"resourceRules": rules, "nonResourceRules": paths, "incomplete": false});
            }
            "selfsubjectreviews" => {
                let groups = if user == ADMIN {
                    json!(["sre", "system:authenticated"])
                } else {
                    json!(["system:authenticated"])
                };
                out["status"] = json!({"userInfo": {"username": user, "groups": groups}});
            }
            _ => return None,
        }
        Some(out)
    }
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

    fn auth() -> Auth {
        Auth::new("a".to_owned().into(), "v".to_owned().into())
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
        let rule =
            Rule { user: String::new(), verbs: vec!["patch".into()], resources: vec!["deployments".into()] };
        auth.deny(rule);
        let error = auth.check(ADMIN, &attributes("patch", Kind::Deployment, "shop", "api", "")).unwrap_err();
        assert_eq!(error.code, 403);
        let body = json!({"spec": {"resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments"}}});
        let review = auth.review("selfsubjectaccessreviews", ADMIN, &body).unwrap();
        assert_eq!(review["status"]["allowed"], false);
    }
}
