//! ControllerRevisions: the revisions of StatefulSets and DaemonSets.

use serde::Deserialize;
use serde_json::Value;

use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, message, wire};
use super::meta::{Meta, key, or_default};
use super::revision::TemplateOf;
use crate::model::change::Revision;
use crate::model::workload::{WorkloadKind, WorkloadRef};
use crate::model::{FeedId, Observation};

pub struct ControllerRevisions;

impl Kind for ControllerRevisions {
    type Wire = ControllerRevisionWire;
    const FEED: FeedId = FeedId::ControllerRevisions;
    const RESOURCE: Resource =
        Resource { group: "apps", version: "v1", plural: "controllerrevisions", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.apps.v1.ControllerRevision";

    fn convert(wire: ControllerRevisionWire, with: &mut Convert) -> Option<Observation> {
        let ControllerRevisionWire { metadata, data, revision } = wire;
        let owner = metadata.controller()?;
        let kind = match owner.kind.as_str() {
            "StatefulSet" => WorkloadKind::StatefulSet,
            "DaemonSet" => WorkloadKind::DaemonSet,
            _ => return None,
        };
        let empty = Value::Null;
        let template = TemplateOf(data.pointer("/spec/template").unwrap_or(&empty));
        Some(Observation::Revision(Box::new(Revision {
            namespace: with.intern.get(&metadata.namespace),
            name: with.intern.get(&metadata.name),
            owner: WorkloadRef { kind, name: with.intern.get(&owner.name) },
            revision: u64::try_from(revision).unwrap_or(0),
            created: metadata.created(),
            images: template.images(&mut with.intern),
            template: template.hash(),
            restarted_at: template.restarted_at().map(|at| bounded(at, NAME_CHARS)),
            cause: metadata.annotations.get(key::CHANGE_CAUSE).and_then(message),
            replicas: 0,
            failure: None,
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct ControllerRevisionWire {
    metadata: Meta,
    data: Value,
    #[serde(deserialize_with = "or_default")]
    revision: i64,
}

wire!(ControllerRevisionWire);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_statefulsets_revision_is_read_from_its_patch() {
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "cache-7d8", "namespace": "shop",
                "ownerReferences": [{"kind": "StatefulSet", "name": "cache", "controller": true}]},
            "revision": 3,
            "data": {"spec": {"template": {"$patch": "replace", "spec": {"containers": [{"image": "redis:7.4"}]}}}}
        }));
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::Revision(got)) = ControllerRevisions::convert(wire.unwrap(), with) else {
            panic!("none")
        };
        assert_eq!((got.owner.kind, got.revision), (WorkloadKind::StatefulSet, 3));
        assert_eq!(&*got.images[0], "redis:7.4");
        let bare = json!({"spec": {"containers": [{"image": "redis:7.4"}]}});
        assert_eq!(got.template, TemplateOf(&bare).hash());
    }
}
