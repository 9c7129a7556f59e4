//! One stored object. What selectors and owners ask for is kept beside it, and its JSON
//! is kept as text, as a tree, or both, whichever was needed: ten thousand pods that
//! nobody looks at cost their text and no more.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::json;
use super::kinds::Kind;

/// A version of an object; never changes.
#[derive(Debug)]
pub struct Object {
    pub kind: Kind,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: u64,
    pub uid: Box<str>,
    /// The controller's UID, empty without one.
    pub owner: Box<str>,
    pub labels: Vec<(Box<str>, Box<str>)>,
    tree: OnceLock<Arc<Value>>,
    json: OnceLock<Arc<str>>,
}

impl Object {
    /// Takes the tree as it is; its metadata must be complete.
    pub fn from_tree(kind: Kind, version: u64, tree: Value) -> Self {
        let labels = json::strings(&tree, "/metadata/labels").map(|(k, v)| (k.into(), v.into())).collect();
        Self {
            kind,
            namespace: json::text(&tree, "/metadata/namespace").into(),
            name: json::text(&tree, "/metadata/name").into(),
            version,
            uid: json::text(&tree, "/metadata/uid").into(),
            owner: json::owner_uid(&tree).into(),
            labels,
            tree: OnceLock::from(Arc::new(tree)),
            json: OnceLock::new(),
        }
    }

    /// Keeps `json` as text until somebody looks into it. `tree` says what it holds.
    pub fn from_json(
        like: &Object,
        namespace: Arc<str>,
        name: Arc<str>,
        uid: &str,
        version: u64,
        json: &str,
    ) -> Self {
        Self {
            kind: like.kind,
            namespace,
            name,
            version,
            uid: uid.into(),
            owner: like.owner.clone(),
            labels: like.labels.clone(),
            tree: OnceLock::new(),
            json: OnceLock::from(Arc::from(json)),
        }
    }

    /// The object as a tree.
    pub fn tree(&self) -> Arc<Value> {
        if let Some(tree) = self.tree.get() {
            return tree.clone();
        }
        let text = self.json.get().map(|j| &**j).unwrap_or("null");
        Arc::new(serde_json::from_str(text).unwrap_or(Value::Null))
    }

    /// The object as JSON text.
    pub fn json(&self) -> Arc<str> {
        self.json
            .get_or_init(|| {
                let tree = self.tree.get().map(|t| &**t).unwrap_or(&Value::Null);
                serde_json::to_string(tree).unwrap_or_default().into()
            })
            .clone()
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
    }
}
