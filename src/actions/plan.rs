//! A plan: what would be written, what it touches, and how it is known to have come about.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::journal::sha256;
use crate::model::action::{ActionId, Check, Difference, ObjectKind, Subject};
use crate::sources::kubernetes::api::escape;

/// What one request would carry.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// RFC 6902, with `test` operations that bind it to what was read.
    JsonPatch(Value),
    /// With the UID as a precondition.
    Delete { uid: String },
}

/// One request that changes something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Write {
    pub kind: ObjectKind,
    pub namespace: String,
    pub name: String,
    /// `scale`, or empty.
    pub subresource: &'static str,
    pub body: Body,
}

impl Write {
    /// A patch that holds only while the object is the one that was read, and its spec is as it was.
    pub fn patch(subject: &Subject, object: &Value, operations: Vec<Value>) -> Self {
        let mut all = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": object["metadata"]["uid"]}),
            json!({"op": "test", "path": "/metadata/generation", "value": object["metadata"]["generation"]}),
        ];
        all.extend(operations);
        Self {
            kind: subject.kind,
            namespace: subject.namespace.to_string(),
            name: subject.name.to_string(),
            subresource: "",
            body: Body::JsonPatch(Value::Array(all)),
        }
    }

    /// The verb that permission is asked for.
    pub fn verb(&self) -> &'static str {
        match self.body {
            Body::JsonPatch(_) => "patch",
            Body::Delete { .. } => "delete",
        }
    }

    /// The path of the API server, without a query.
    pub fn path(&self) -> String {
        let root = match self.kind.group() {
            "" => "/api/v1".to_owned(),
            group => format!("/apis/{group}/v1"),
        };
        let (namespace, name) = (escape(&self.namespace), escape(&self.name));
        let sub = if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        format!("{root}/namespaces/{namespace}/{}/{name}{sub}", self.kind.plural())
    }

    /// 'patch deployments in shop'.
    pub fn words(&self) -> String {
        let sub = if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        format!("{} {}{sub} in {}", self.verb(), self.kind.plural(), self.namespace)
    }
}

/// How it is known that an action has come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// A rollout, complete by kubectl's rules.
    Rollout,
    /// The object with this UID is gone.
    Gone,
    /// What the server answered is all there is to see.
    Accepted,
}

/// What would be done. Made anew from the same objects it is the same, hash and all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub action: ActionId,
    pub subject: Subject,
    pub write: Write,
    pub change: Vec<Difference>,
    /// Of the audit record.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
    pub touches: String,
    pub undo: String,
    /// The object's name must be typed.
    pub high_risk: bool,
    /// Pods wanted afterwards, where the action sets them: guardrails look at it.
    pub replicas: Option<u32>,
    /// What the action itself found; not part of what is bound.
    #[serde(skip)]
    pub checks: Vec<Check>,
    pub expect: Expect,
    /// How long it may take before it counts as failed, seconds.
    pub deadline_s: u64,
}

impl Plan {
    /// SHA-256 of what would be written and of what was said about it.
    pub fn hash(&self) -> String {
        sha256(&serde_json::to_vec(self).unwrap_or_default())
    }
}
