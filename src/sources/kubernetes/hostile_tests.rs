//! Whatever an API server sends, nothing panics, and nothing gets past the cleaning.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::kind::{Convert, Kind};
use super::{
    autoscalers, certificates, controllerrevisions, cronjobs, daemonsets, deployments, events, jobs, nodes,
    pods, replicasets, statefulsets, usage, velero,
};
use crate::config::Config;

/// The fields that are read, so that random objects reach the code behind them.
const FIELDS: &[&str] = &[
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "ownerReferences",
    "kind",
    "controller",
    "creationTimestamp",
    "deletionTimestamp",
    "spec",
    "status",
    "containers",
    "initContainers",
    "restartPolicy",
    "resources",
    "requests",
    "limits",
    "cpu",
    "memory",
    "template",
    "image",
    "phase",
    "reason",
    "message",
    "conditions",
    "type",
    "containerStatuses",
    "initContainerStatuses",
    "state",
    "lastState",
    "terminated",
    "waiting",
    "running",
    "exitCode",
    "signal",
    "restartCount",
    "ready",
    "started",
    "replicas",
    "selector",
    "matchLabels",
    "data",
    "revision",
    "pod-template-hash",
    "deployment.kubernetes.io/revision",
    "count",
    "usage",
    "schedule",
    "errors",
    "dnsNames",
    "minReplicas",
    "scaleTargetRef",
    "involvedObject",
    "active",
    "suspend",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    "True",
    "False",
    "Always",
    "ReplicaSet",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "Ready",
    "Failed",
    "Completed",
    "NodeLost",
    "9223372036854775807",
    "-1",
    "1e999",
    "2026-11-21T02:00:00Z",
    "9999-12-31T23:59:59Z",
    "\u{1b}]52;c;ZXZpbA==\u{7}x",
    "\u{202e}x",
    "a-b-c",
    "PodScheduled",
    "SchedulingGated",
    "ReplicaFailure",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u32..100).prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(FIELDS), inner), 0..8).prop_map(|fields| {
                Value::Object(
                    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
                )
            }),
        ]
    })
}

/// Converts as the engine does, and gives what would be shown.
fn convert<K: Kind>(object: &Value) -> String {
    let with = &mut Convert::new(&Config::default());
    let wire = serde_json::from_str::<K::Wire>(&object.to_string());
    wire.ok()
        .and_then(|wire| K::convert(wire, with))
        .map(|shown| serde_json::to_string(&shown).unwrap())
        .unwrap_or_default()
}

fn convert_all(object: &Value) -> Vec<String> {
    vec![
        convert::<pods::Pods>(object),
        convert::<deployments::Deployments>(object),
        convert::<statefulsets::StatefulSets>(object),
        convert::<daemonsets::DaemonSets>(object),
        convert::<replicasets::ReplicaSets>(object),
        convert::<controllerrevisions::ControllerRevisions>(object),
        convert::<events::Events>(object),
        convert::<nodes::Nodes>(object),
        convert::<jobs::Jobs>(object),
        convert::<cronjobs::CronJobs>(object),
        convert::<autoscalers::Autoscalers>(object),
        convert::<usage::Usage>(object),
        convert::<certificates::Certificates>(object),
        convert::<velero::VeleroBackups>(object),
        convert::<velero::VeleroSchedules>(object),
    ]
}

proptest! {
    #[test]
    fn no_object_is_too_odd(spec in value(), status in value(), rest in value()) {
        let mut object = json!({"metadata": {"name": "x"}, "spec": spec, "status": status});
        if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
            for (key, value) in rest {
                object.entry(key).or_insert(value);
            }
        }
        for shown in convert_all(&object) {
            // JSON escapes control characters: an escape sequence would be seen as \u001b.
            prop_assert!(!shown.contains("\\u00"), "{shown}");
            prop_assert!(!shown.contains('\u{202e}'), "{shown}");
        }
    }
}

#[test]
fn an_empty_object_is_nothing_special() {
    assert_eq!(convert_all(&json!({})).len(), 15);
}
