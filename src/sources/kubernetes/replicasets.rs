//! ReplicaSets: the revisions of Deployments, and why one can't make its pods.

use serde::Deserialize;
use serde_json::Value;

use super::kind::{Convert, Kind, NAME_CHARS, Reach, Resource, bounded, message, wire};
use super::meta::{ConditionWire, Meta, condition, key, or_default};
use super::revision::TemplateOf;
use crate::model::change::Revision;
use crate::model::workload::{WorkloadKind, WorkloadRef};
use crate::model::{FeedId, Observation};

pub struct ReplicaSets;

impl Kind for ReplicaSets {
    type Wire = ReplicaSetWire;
    const FEED: FeedId = FeedId::ReplicaSets;
    const RESOURCE: Resource =
        Resource { group: "apps", version: "v1", plural: "replicasets", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.apps.v1.ReplicaSet";

    /// ReplicaSets that belong to no Deployment are no revisions.
    fn convert(wire: ReplicaSetWire, with: &mut Convert) -> Option<Observation> {
        let ReplicaSetWire { metadata, spec, status } = wire;
        let owner = metadata.controller().filter(|owner| owner.kind == "Deployment")?;
        let template = TemplateOf(&spec.template);
        let failure = condition(&status.conditions, "ReplicaFailure").filter(|failure| failure.is_true());
        Some(Observation::Revision(Box::new(Revision {
            namespace: with.intern.get(&metadata.namespace),
            name: with.intern.get(&metadata.name),
            owner: WorkloadRef { kind: WorkloadKind::Deployment, name: with.intern.get(&owner.name) },
            revision: metadata.annotations.get(key::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0),
            created: metadata.created(),
            images: template.images(&mut with.intern),
            template: template.hash(),
            restarted_at: template.restarted_at().map(|at| bounded(at, NAME_CHARS)),
            cause: metadata.annotations.get(key::CHANGE_CAUSE).and_then(message),
            replicas: status.replicas,
            failure: failure.and_then(ConditionWire::words).and_then(message),
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct ReplicaSetWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(ReplicaSetWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Spec {
    template: Value,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Status {
    replicas: u32,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn convert(value: Value) -> Option<Observation> {
        ReplicaSets::convert(serde_json::from_value(value).unwrap(), &mut Convert::new(&Config::default()))
    }

    #[test]
    fn a_quota_failure_is_seen() {
        let got = convert(json!({
            "metadata": {"name": "api-6d4", "namespace": "shop", "creationTimestamp": "2026-11-21T02:00:00Z",
                "annotations": {"deployment.kubernetes.io/revision": "17", "kubernetes.io/change-cause": "4.2.0"},
                "ownerReferences": [{"kind": "Deployment", "name": "api", "controller": true}]},
            "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-20T10:00:00Z"}},
                "spec": {"containers": [{"image": "shop/api:4.2.0"}]}}},
            "status": {"replicas": 3, "conditions": [{"type": "ReplicaFailure", "status": "True",
                "reason": "FailedCreate", "message": "exceeded quota: compute"}]}
        }));
        let Some(Observation::Revision(got)) = got else { panic!("none") };
        assert_eq!((&*got.owner.name, got.revision, got.replicas), ("api", 17, 3));
        assert_eq!(got.failure.as_deref(), Some("exceeded quota: compute"));
        assert_eq!(got.cause.as_deref(), Some("4.2.0"));
        assert_eq!(got.restarted_at.as_deref(), Some("2026-11-20T10:00:00Z"));
    }

    #[test]
    fn a_replicaset_of_its_own_is_no_revision() {
        assert_eq!(convert(json!({"metadata": {"name": "lonely"}})), None);
    }
}
