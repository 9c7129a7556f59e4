//! ControllerRevisions: the history of StatefulSets and DaemonSets.

use serde_json::{Value, json};

use crate::sim::cluster::json::text;
use crate::sim::world::make;

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
