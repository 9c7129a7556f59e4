//! DaemonSets: as many pods as there are fitting nodes.

use serde::Deserialize;

use super::kind::{Convert, Kind, Reach, Resource, wire};
use super::meta::{ConditionWire, Meta, or_default};
use super::workload::{Selector, Template, base, conditions};
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{FeedId, Observation};

pub struct DaemonSets;

impl Kind for DaemonSets {
    type Wire = DaemonSetWire;
    const FEED: FeedId = FeedId::DaemonSets;
    const RESOURCE: Resource =
        Resource { group: "apps", version: "v1", plural: "daemonsets", reach: Reach::Scope };
    const MESSAGE: &'static str = "api.apps.v1.DaemonSet";

    fn convert(wire: DaemonSetWire, with: &mut Convert) -> Option<Observation> {
        let DaemonSetWire { metadata, spec, status } = wire;
        let workload = Workload {
            wanted: status.desired_number_scheduled,
            current: status.current_number_scheduled,
            ready: status.number_ready,
            updated: status.updated_number_scheduled,
            available: status.number_available,
            observed_generation: status.observed_generation,
            on_delete: spec.update_strategy.kind == "OnDelete",
            conditions: conditions(&status.conditions, &mut with.intern),
            ..base(WorkloadKind::DaemonSet, &metadata, &spec.selector, &spec.template, with)
        };
        Some(Observation::Workload(Box::new(workload)))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct DaemonSetWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(DaemonSetWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    selector: Selector,
    #[serde(deserialize_with = "or_default")]
    template: Template,
    #[serde(deserialize_with = "or_default")]
    update_strategy: Strategy,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Strategy {
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    desired_number_scheduled: u32,
    current_number_scheduled: u32,
    number_ready: u32,
    updated_number_scheduled: u32,
    number_available: u32,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn the_nodes_say_how_many_are_wanted() {
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "agent", "namespace": "kube-system"},
            "spec": {"updateStrategy": {"type": "OnDelete"}},
            "status": {"desiredNumberScheduled": 12, "currentNumberScheduled": 12, "numberReady": 11,
                "updatedNumberScheduled": 10, "numberAvailable": 9}
        }));
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::Workload(got)) = DaemonSets::convert(wire.unwrap(), with) else {
            panic!("none")
        };
        let numbers = (got.wanted, got.current, got.ready, got.updated, got.available);
        assert_eq!((numbers, got.on_delete), ((12, 12, 11, 10, 9), true));
    }
}
