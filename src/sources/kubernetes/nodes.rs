//! Nodes: ready or not, under pressure or not, and how much there is to give.

use serde::Deserialize;

use super::kind::{Convert, Kind, Reach, Resource, wire};
use super::meta::{ConditionWire, Meta, condition, or_default};
use super::quantity::Amounts;
use crate::model::cluster::Node;
use crate::model::{FeedId, Observation};

pub struct Nodes;

impl Kind for Nodes {
    type Wire = NodeWire;
    const FEED: FeedId = FeedId::Nodes;
    const RESOURCE: Resource = Resource { group: "", version: "v1", plural: "nodes", reach: Reach::Cluster };
    const MESSAGE: &'static str = "api.core.v1.Node";

    fn convert(wire: NodeWire, with: &mut Convert) -> Option<Observation> {
        let NodeWire { metadata, spec, status } = wire;
        let ready = condition(&status.conditions, "Ready").is_some_and(ConditionWire::is_true);
        // Every condition but Ready is a complaint when it is true.
        let complaints = status.conditions.iter().filter(|c| c.kind != "Ready" && c.is_true()).take(16);
        Some(Observation::Node(Box::new(Node {
            name: with.intern.get(&metadata.name),
            ready,
            unschedulable: spec.unschedulable,
            pressure: complaints.map(|c| with.intern.get(&c.kind)).collect(),
            allocatable: status.allocatable.resources(),
            created: metadata.created(),
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct NodeWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(NodeWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    unschedulable: bool,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    allocatable: Amounts,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_node_that_no_longer_answers_is_not_ready() {
        let wire = serde_json::from_value(json!({
            "metadata": {"name": "node-1"}, "spec": {"unschedulable": true},
            "status": {"allocatable": {"cpu": "7910m", "memory": "31Gi", "pods": "110"}, "conditions": [
                {"type": "MemoryPressure", "status": "True"}, {"type": "DiskPressure", "status": "False"},
                {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}
        }));
        let with = &mut Convert::new(&Config::default());
        let Some(Observation::Node(got)) = Nodes::convert(wire.unwrap(), with) else { panic!("none") };
        assert_eq!((got.ready, got.unschedulable), (false, true));
        assert_eq!(got.pressure.iter().map(|word| word.as_str()).collect::<Vec<_>>(), ["MemoryPressure"]);
        assert_eq!((got.allocatable.cpu_millicores, got.allocatable.memory_bytes), (7910, 31 << 30));
    }
}
