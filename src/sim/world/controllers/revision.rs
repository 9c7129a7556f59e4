//! ControllerRevisions: the history of StatefulSets and DaemonSets.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::sim::cluster::json::{int, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::make;

/// The label that tells a pod's revision.
pub const HASH: &str = "controller-revision-hash";

/// The revision of `owner` that holds `template`.
pub fn object(owner: &Value, template: &Value, revision: i64) -> Value {
    let mut template = make::plain_template(template);
    // The patch that an undo applies replaces the template as a whole.
    template["$patch"] = "replace".into();
    let hash = make::template_hash(&owner_free(&template));
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", text(owner, "/metadata/name")), "namespace": owner["metadata"]["namespace"],
            "labels": owner["metadata"]["labels"], "ownerReferences": [make::owner(owner)],
        },
        "data": {"spec": {"template": template}}, "revision": revision,
    })
}

fn owner_free(template: &Value) -> Value {
    let mut plain = template.clone();
    if let Some(map) = plain.as_object_mut() {
        map.remove("$patch");
    }
    plain
}

/// The name of the revision that holds `template`.
pub fn name(owner: &Value, template: &Value) -> String {
    format!("{}-{}", text(owner, "/metadata/name"), make::template_hash(template))
}

fn number(revision: &Arc<Object>) -> i64 {
    int(&revision.tree(), "/revision").unwrap_or(0)
}

impl World {
    fn revisions_of(&self, owner: &Value) -> Vec<Arc<Object>> {
        let (uid, namespace) = (text(owner, "/metadata/uid"), text(owner, "/metadata/namespace"));
        let owned = |o: &Object| &*o.owner == uid;
        self.parts.store.page(Kind::ControllerRevision, Some(namespace), None, usize::MAX, owned).objects
    }

    /// Makes the ControllerRevision of the present template, or gives an old one the highest number.
    pub(super) fn ensure_revision(&mut self, tree: &Value, name: &str) -> Result<(), ApiError> {
        let namespace = text(tree, "/metadata/namespace");
        let all = self.revisions_of(tree);
        let highest = all.iter().map(number).max().unwrap_or(0);
        match all.iter().find(|o| &*o.name == name) {
            Some(found) if number(found) == highest => {}
            Some(_) => {
                self.parts.store.edit(Kind::ControllerRevision, namespace, name, |tree| {
                    set(tree, "", "revision", highest + 1);
                    Ok(())
                })?;
            }
            None => {
                let object = object(tree, &tree["spec"]["template"], highest + 1);
                self.parts.store.create(Kind::ControllerRevision, object, self.now_ms)?;
            }
        }
        Ok(())
    }

    /// Keeps `revisionHistoryLimit` of the revisions that nothing uses any more.
    pub(super) fn forget_revisions(&mut self, tree: &Value, in_use: &[&str]) {
        let keep = int(tree, "/spec/revisionHistoryLimit").unwrap_or(10).max(0) as usize;
        let pods = self.pods_of(tree);
        let used = |name: &str| in_use.contains(&name) || pods.iter().any(|p| p.label(HASH) == Some(name));
        let mut idle: Vec<Arc<Object>> =
            self.revisions_of(tree).into_iter().filter(|r| !used(&r.name)).collect();
        idle.sort_by_key(number);
        for old in idle.iter().take(idle.len().saturating_sub(keep)) {
            self.parts.store.remove(Kind::ControllerRevision, &old.namespace, &old.name);
        }
    }
}
