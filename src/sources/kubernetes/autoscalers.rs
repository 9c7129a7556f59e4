//! HorizontalPodAutoscalers: who really says how many pods there are, and what holds it back.

use serde::Deserialize;

use super::kind::{Convert, Kind, Reach, Resource, message, wire};
use super::meta::{ConditionWire, Meta, condition, or_default};
use crate::model::cluster::Autoscaler;
use crate::model::workload::{WorkloadKind, WorkloadRef};
use crate::model::{Clean, FeedId, Observation};

pub struct Autoscalers;

impl Kind for Autoscalers {
    type Wire = AutoscalerWire;
    const FEED: FeedId = FeedId::Autoscalers;
    const RESOURCE: Resource = Resource {
        group: "autoscaling",
        version: "v2",
        plural: "horizontalpodautoscalers",
        reach: Reach::Scope,
    };
    const MESSAGE: &'static str = "api.autoscaling.v2.HorizontalPodAutoscaler";

    fn convert(wire: AutoscalerWire, with: &mut Convert) -> Option<Observation> {
        let AutoscalerWire { metadata, spec, status } = wire;
        let kind = match spec.scale_target_ref.kind.as_str() {
            "Deployment" => WorkloadKind::Deployment,
            "StatefulSet" => WorkloadKind::StatefulSet,
            _ => WorkloadKind::Other,
        };
        Some(Observation::Autoscaler(Box::new(Autoscaler {
            namespace: with.intern.get(&metadata.namespace),
            name: with.intern.get(&metadata.name),
            target: WorkloadRef { kind, name: with.intern.get(&spec.scale_target_ref.name) },
            min: spec.min_replicas.unwrap_or(1),
            max: spec.max_replicas,
            current: status.current_replicas,
            desired: status.desired_replicas,
            limited: limited(&status.conditions),
        })))
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub struct AutoscalerWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

wire!(AutoscalerWire);

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    scale_target_ref: Target,
    min_replicas: Option<u32>,
    max_replicas: u32,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Target {
    kind: String,
    name: String,
}

#[derive(Deserialize, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "or_default")]
    current_replicas: u32,
    #[serde(deserialize_with = "or_default")]
    desired_replicas: u32,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
}

/// That it can't act comes before that it has acted as far as it may. Resting at the minimum
/// (TooFewReplicas) and being switched off (ScalingDisabled) are no complaints.
fn limited(conditions: &[ConditionWire]) -> Option<Clean> {
    let stuck = ["AbleToScale", "ScalingActive"].into_iter().find_map(|kind| {
        condition(conditions, kind)
            .filter(|condition| condition.is_false() && condition.reason != "ScalingDisabled")
    });
    let at_limit = || {
        condition(conditions, "ScalingLimited")
            .filter(|condition| condition.is_true() && condition.reason != "TooFewReplicas")
    };
    stuck.or_else(at_limit).and_then(ConditionWire::words).and_then(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    fn convert(conditions: serde_json::Value) -> Autoscaler {
        let wire = json!({"metadata": {"name": "web", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 30},
            "status": {"currentReplicas": 30, "desiredReplicas": 30, "conditions": conditions}});
        let with = &mut Convert::new(&Config::default());
        match Autoscalers::convert(serde_json::from_value(wire).unwrap(), with) {
            Some(Observation::Autoscaler(got)) => *got,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_holds_it_back_is_told() {
        let at_max = convert(json!([{"type": "AbleToScale", "status": "True"},
            {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas", "message": "at the maximum"}]));
        assert_eq!((at_max.min, at_max.max, at_max.limited.as_deref()), (1, 30, Some("at the maximum")));
        let blind = convert(
            json!([{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"}]),
        );
        assert_eq!(blind.limited.as_deref(), Some("no metrics"));
        let resting = convert(
            json!([{"type": "ScalingLimited", "status": "True", "reason": "TooFewReplicas", "message": "at the minimum"}]),
        );
        assert_eq!(resting.limited, None);
    }
}
