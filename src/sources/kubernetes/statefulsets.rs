//! StatefulSets.

use serde::Deserialize;

use super::kind::{Convert, Kind, Reach, Resource, wire};
use super::meta::{ConditionWire, Meta, or_default};
use super::workload::{Selector, Template, base, conditions};
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{FeedId, Observation};

pub struct StatefulSets;

impl Kind for StatefulSets {
    type Wire = StatefulSetWire;
    const FEED: FeedId = FeedId::StatefulSets;
    const RESOURCE: Resource =
        Resource { group: "apps", version: "v1", plural: "statefulsets", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.apps.v1.StatefulSet";

    fn convert(wire: StatefulSetWire, with: &mut Convert) -> Option<Observation> {
        let StatefulSetWire { metadata, spec, status } = wire;
        let strategy = spec.update_strategy;
        let workload = Workload {
            wanted: spec.replicas.unwrap_or(1),
            current: status.replicas,
            ready: status.ready_replicas,
            updated: status.updated_replicas,
            available: status.available_replicas,
            observed_generation: status.observed_generation,
            update_revision: with.intern.some(&status.update_revision),
            partition: strategy.rolling_update.partition,
            on_delete: strategy.kind == "OnDelete",
            conditions: conditions(&status.conditions, &mut with.intern),
            ..base(WorkloadKind::StatefulSet, &metadata, &spec.selector, &spec.template, with)
        };
        Some(Observation::Workload(Box::new(workload)))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct StatefulSetWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(StatefulSetWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    selector: Selector,
    #[serde(deserialize_with = "or_default")]
    template: Template,
    #[serde(deserialize_with = "or_default")]
    update_strategy: Strategy,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Strategy {
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    rolling_update: Rolling,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Rolling {
    #[serde(deserialize_with = "or_default")]
    partition: u32,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    replicas: u32,
    ready_replicas: u32,
    updated_replicas: u32,
    available_replicas: u32,
    update_revision: String,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn partition_and_revision_are_read() {
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "cache", "namespace": "shop", "generation": 2},
            "spec": {"replicas": 4, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}},
            "status": {"observedGeneration": 2, "replicas": 4, "readyReplicas": 3, "updateRevision": "cache-7d8"}
        }));
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::Workload(got)) = StatefulSets::convert(wire.unwrap(), with) else {
            panic!("none")
        };
        assert_eq!((got.wanted, got.ready, got.partition, got.on_delete), (4, 3, 3, false));
        assert_eq!(got.update_revision.as_deref(), Some("cache-7d8"));
    }
}
