//! Deployments: what they want, what they have, and how their rollout stands.

use serde::Deserialize;

use super::kind::{Convert, Kind, Reach, Resource, wire};
use super::meta::{ConditionWire, Meta, key, or_default};
use super::workload::{Selector, Template, base, conditions};
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{FeedId, Observation};

pub struct Deployments;

impl Kind for Deployments {
    type Wire = DeploymentWire;
    const FEED: FeedId = FeedId::Deployments;
    const RESOURCE: Resource =
        Resource { group: "apps", version: "v1", plural: "deployments", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.apps.v1.Deployment";

    fn convert(wire: DeploymentWire, with: &mut Convert) -> Option<Observation> {
        let DeploymentWire { metadata, spec, status } = wire;
        let workload = Workload {
            // Unset means one.
            wanted: spec.replicas.unwrap_or(1),
            current: status.replicas,
            ready: status.ready_replicas,
            updated: status.updated_replicas,
            available: status.available_replicas,
            observed_generation: status.observed_generation,
            revision: metadata.annotations.get(key::REVISION).and_then(|text| text.parse().ok()),
            paused: spec.paused,
            conditions: conditions(&status.conditions, &mut with.intern),
            ..base(WorkloadKind::Deployment, &metadata, &spec.selector, &spec.template, with)
        };
        Some(Observation::Workload(Box::new(workload)))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct DeploymentWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(DeploymentWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Spec {
    replicas: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    paused: bool,
    #[serde(deserialize_with = "or_default")]
    selector: Selector,
    #[serde(deserialize_with = "or_default")]
    template: Template,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    replicas: u32,
    ready_replicas: u32,
    updated_replicas: u32,
    available_replicas: u32,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;
    use crate::model::workload::Rollout;

    #[test]
    fn a_stuck_rollout_is_read() {
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "api", "namespace": "shop", "generation": 17,
                "annotations": {"deployment.kubernetes.io/revision": "17"}},
            "spec": {"replicas": 20, "selector": {"matchLabels": {"app": "api"}},
                "template": {"spec": {"containers": [{"name": "api", "image": "shop/api:4.2.0"}]}}},
            "status": {"observedGeneration": 17, "replicas": 25, "readyReplicas": 15, "updatedReplicas": 10,
                "availableReplicas": 15, "conditions": [{"type": "Progressing", "status": "False",
                    "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"api-x\" has timed out progressing.",
                    "lastUpdateTime": "2026-11-21T02:00:00Z"}]}
        }));
        let Some(Observation::Workload(got)) =
            Deployments::convert(wire.unwrap(), &mut Convert::new(&Config::default()))
        else {
            panic!("no workload")
        };
        assert_eq!((got.wanted, got.current, got.ready, got.updated, got.available), (20, 25, 15, 10, 15));
        assert_eq!(got.revision, Some(17));
        assert_eq!(got.images.iter().map(|image| image.as_str()).collect::<Vec<_>>(), ["shop/api:4.2.0"]);
        let selector = got.selector.iter().map(|(label, value)| (label.as_str(), value.as_str()));
        assert_eq!(selector.collect::<Vec<_>>(), [("app", "api")]);
        assert!(matches!(got.rollout(), Rollout::Failed(_)));
    }
}
