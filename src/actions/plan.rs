//! A plan: what would be written, what it touches, and how it is known to have come about.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::flush::FlushWrite;
use super::gateway::run::Run;
use super::silence::SilenceWrite;
use crate::journal::sha256;
use crate::model::action::{ActionId, Check, Difference, ObjectKind, Request, Subject};
use crate::sources::kubernetes::api::escape;

/// One request that changes something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    Kube(KubeWrite),
    Silence(SilenceWrite),
    Flush(FlushWrite),
    Run(Run),
}

/// What a request to the API server would carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// RFC 6902, with `test` operations that bind it to what was read.
    JsonPatch(Value),
    /// With the UID as a precondition.
    Delete { uid: String },
    /// An eviction, with the UID as a precondition.
    Evict { uid: String },
    /// A new object, of this name: made twice it is refused.
    Create(Value),
    /// Server-side apply, without taking fields away from other managers.
    Apply(Value),
}

/// A kind of the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    pub group: Cow<'static, str>,
    pub version: Cow<'static, str>,
    pub plural: Cow<'static, str>,
}

impl From<ObjectKind> for Resource {
    fn from(kind: ObjectKind) -> Self {
        let (group, version, plural) = (kind.group().into(), kind.version().into(), kind.plural().into());
        Self { group, version, plural }
    }
}

/// One request to the API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KubeWrite {
    pub resource: Resource,
    /// Empty for what is not in a namespace.
    pub namespace: String,
    pub name: String,
    /// `scale`, or empty.
    pub subresource: Cow<'static, str>,
    pub body: Body,
}

impl KubeWrite {
    /// A write to the subject itself.
    pub fn of(subject: &Subject, body: Body) -> Self {
        Self {
            resource: subject.kind.into(),
            namespace: subject.namespace.to_string(),
            name: subject.name.to_string(),
            subresource: Cow::Borrowed(""),
            body,
        }
    }

    /// A patch that holds only while the object is the one that was read, and its spec is as it was.
    pub fn patch(subject: &Subject, object: &Value, operations: Vec<Value>) -> Self {
        let test = |path: &str, value: &Value| json!({"op": "test", "path": path, "value": value});
        let metadata = &object["metadata"];
        let mut all = vec![test("/metadata/uid", &metadata["uid"])];
        // Kinds without a spec that the server counts have no generation.
        match &metadata["generation"] {
            Value::Null => all.push(test("/metadata/resourceVersion", &metadata["resourceVersion"])),
            generation => all.push(test("/metadata/generation", generation)),
        }
        all.extend(operations);
        Self::of(subject, Body::JsonPatch(Value::Array(all)))
    }

    /// The verb that permission is asked for.
    pub fn verb(&self) -> &'static str {
        match self.body {
            Body::JsonPatch(_) | Body::Apply(_) => "patch",
            Body::Delete { .. } => "delete",
            Body::Evict { .. } | Body::Create(_) => "create",
        }
    }

    /// The path of the object itself, without a query.
    pub fn object_path(&self) -> String {
        format!("{}/{}", self.collection(), escape(&self.name))
    }

    fn collection(&self) -> String {
        let Resource { group, version, plural } = &self.resource;
        let root =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        match self.namespace.as_str() {
            "" => format!("{root}/{plural}"),
            namespace => format!("{root}/namespaces/{}/{plural}", escape(namespace)),
        }
    }

    /// The path that the request goes to, without a query.
    pub fn path(&self) -> String {
        match (&self.body, self.subresource.as_ref()) {
            (Body::Create(_), _) => self.collection(),
            (_, "") => self.object_path(),
            (_, sub) => format!("{}/{sub}", self.object_path()),
        }
    }

    /// 'patch deployments in shop'.
    pub fn words(&self) -> String {
        let sub = if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        let place = if self.namespace.is_empty() { String::new() } else { format!(" in {}", self.namespace) };
        format!("{} {}{sub}{place}", self.verb(), self.resource.plural)
    }
}

impl Write {
    /// What it would do, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Kube(write) => write.words(),
            Self::Silence(write) => write.words(),
            Self::Flush(write) => write.words(),
            Self::Run(run) => format!("run {}", run.name),
        }
    }

    /// What is known once it was answered.
    pub fn taken_by(&self) -> &'static str {
        match self {
            Self::Kube(_) => "taken by the API server",
            Self::Silence(_) => "taken by Alertmanager",
            Self::Flush(_) => "taken by the cache",
            Self::Run(_) => "it was started",
        }
    }
}

/// How it is known that an action has come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Rollouts of all that is written to, complete by kubectl's rules.
    Rollout,
    /// The objects are gone.
    Gone,
    /// The Job has succeeded.
    Job,
    /// Velero's backup is complete.
    Backup,
    /// What the server answered is all there is to see.
    Accepted,
}

/// What would be done. Made anew from the same objects it is the same, hash and all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Where it is carried out; the gateway says so.
    pub cluster: String,
    pub action: ActionId,
    pub subject: Subject,
    /// In this order; what follows on one that failed is not sent.
    pub writes: Vec<Write>,
    pub change: Vec<Difference>,
    /// Of the audit record.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
    pub touches: String,
    pub undo: String,
    /// The request that undoes it.
    pub back: Option<Request>,
    /// The object's name must be typed.
    pub high_risk: bool,
    /// Pods wanted afterwards, where the action sets them: guardrails look at it.
    pub replicas: Option<u32>,
    /// What the action itself found; not part of what is bound.
    #[serde(skip)]
    pub checks: Vec<Check>,
    pub expect: Expect,
    /// How long it should take, in words; not part of what is bound.
    #[serde(skip)]
    pub lasts: String,
    /// How long it may take before it counts as failed, seconds.
    pub deadline_s: u64,
}

impl Plan {
    /// A plan of low risk that changes `before` to `after`, with all else to be said.
    pub fn new(action: ActionId, subject: &Subject, writes: Vec<Write>) -> Self {
        Self {
            cluster: String::new(),
            action,
            subject: subject.clone(),
            writes,
            change: Vec::new(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
            touches: String::new(),
            undo: String::new(),
            back: None,
            high_risk: false,
            replicas: None,
            checks: Vec::new(),
            expect: Expect::Accepted,
            lasts: String::new(),
            deadline_s: 60,
        }
    }

    /// Another value of `name`.
    #[must_use]
    pub fn changing(mut self, name: &str, before: impl ToString, after: impl ToString) -> Self {
        self.before.insert(name.to_owned(), before.to_string());
        self.after.insert(name.to_owned(), after.to_string());
        self
    }

    /// The request that undoes this, with its words.
    #[must_use]
    pub fn undone_by(mut self, words: &str, action: ActionId, answers: &[(&str, &str)]) -> Self {
        let answers = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.undo = format!("yes: {words}");
        self.back = Some(Request { action, subject: self.subject.clone(), answers });
        self
    }

    /// What it takes to look for it after a crash, without the contents of Secrets.
    pub fn task(&self) -> Value {
        let mut writes = serde_json::to_value(&self.writes).unwrap_or_default();
        for write in writes.as_array_mut().into_iter().flatten() {
            for path in ["/kube/body/create", "/kube/body/apply"] {
                let object = write.pointer_mut(path).and_then(Value::as_object_mut);
                if let Some(object) = object.filter(|o| o.get("kind").is_some_and(|k| k == "Secret")) {
                    object.retain(|field, _| !matches!(field.as_str(), "data" | "stringData"));
                }
            }
        }
        json!({"writes": writes, "expect": self.expect, "deadline_s": self.deadline_s})
    }

    /// What would be written, and what was said about it, as the hash is taken over it.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the text.
    pub fn hash(&self) -> String {
        sha256(self.text().as_bytes())
    }
}
