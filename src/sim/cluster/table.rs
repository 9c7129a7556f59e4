//! Tables, as `kubectl get` asks for them: the columns of the kinds that people look at,
//! name and age for the rest.

use std::sync::Arc;

use serde_json::{Value, json};

use super::json::{int, list, parse_time, text};
use super::kinds::Kind;
use super::object::Object;
use super::pod_status;

type Cell = fn(&Value, i64) -> Value;
/// Header, OpenAPI type, priority (1: only with `-o wide`), and how to fill it.
type Column = (&'static str, &'static str, u8, Cell);

const NAME: Column = ("Name", "string", 0, |v, _| text(v, "/metadata/name").into());
const AGE: Column = ("Age", "string", 0, |v, now| age(text(v, "/metadata/creationTimestamp"), now).into());

fn columns(kind: Kind) -> Vec<Column> {
    let middle: &[Column] = match kind {
        Kind::Pod => POD,
        Kind::Deployment => DEPLOYMENT,
        Kind::ReplicaSet => REPLICA_SET,
        Kind::StatefulSet => STATEFUL_SET,
        Kind::DaemonSet => DAEMON_SET,
        Kind::Job => JOB,
        Kind::CronJob => CRON_JOB,
        Kind::Node => NODE,
        Kind::Service => SERVICE,
        Kind::HorizontalPodAutoscaler => HPA,
        Kind::Namespace => NAMESPACE,
        Kind::PodDisruptionBudget => BUDGET,
        Kind::ConfigMap => CONFIG_MAP,
        Kind::Certificate => CERTIFICATE,
        Kind::Event => return EVENT.to_vec(),
        _ => &[],
    };
    let mut all = vec![NAME];
    all.extend(middle.iter().filter(|c| c.2 == 0));
    all.push(AGE);
    all.extend(middle.iter().filter(|c| c.2 != 0));
    all
}

const POD: &[Column] = &[
    ("Ready", "string", 0, |v, now| pod_status::summary(v, now).ready.into()),
    ("Status", "string", 0, |v, now| pod_status::summary(v, now).status.into()),
    ("Restarts", "string", 0, |v, now| pod_status::summary(v, now).restarts.into()),
    ("IP", "string", 1, |v, _| or_none(text(v, "/status/podIP")).into()),
    ("Node", "string", 1, |v, _| or_none(text(v, "/spec/nodeName")).into()),
    ("Nominated Node", "string", 1, |_, _| "<none>".into()),
    ("Readiness Gates", "string", 1, |_, _| "<none>".into()),
];
const DEPLOYMENT: &[Column] = &[
    ("Ready", "string", 0, |v, _| {
        format!("{}/{}", num(v, "/status/readyReplicas"), int(v, "/spec/replicas").unwrap_or(1)).into()
    }),
    ("Up-to-date", "string", 0, |v, _| num(v, "/status/updatedReplicas").into()),
    ("Available", "string", 0, |v, _| num(v, "/status/availableReplicas").into()),
];
const REPLICA_SET: &[Column] = &[
    ("Desired", "integer", 0, |v, _| num(v, "/spec/replicas").into()),
    ("Current", "integer", 0, |v, _| num(v, "/status/replicas").into()),
    ("Ready", "integer", 0, |v, _| num(v, "/status/readyReplicas").into()),
];
const STATEFUL_SET: &[Column] = &[("Ready", "string", 0, |v, _| {
    format!("{}/{}", num(v, "/status/readyReplicas"), int(v, "/spec/replicas").unwrap_or(1)).into()
})];
const DAEMON_SET: &[Column] = &[
    ("Desired", "integer", 0, |v, _| num(v, "/status/desiredNumberScheduled").into()),
    ("Current", "integer", 0, |v, _| num(v, "/status/currentNumberScheduled").into()),
    ("Ready", "integer", 0, |v, _| num(v, "/status/numberReady").into()),
    ("Up-to-date", "integer", 0, |v, _| num(v, "/status/updatedNumberScheduled").into()),
    ("Available", "integer", 0, |v, _| num(v, "/status/numberAvailable").into()),
];
const JOB: &[Column] = &[
    ("Status", "string", 0, |v, _| job_status(v).into()),
    ("Completions", "string", 0, |v, _| {
        format!("{}/{}", num(v, "/status/succeeded"), int(v, "/spec/completions").unwrap_or(1)).into()
    }),
    ("Duration", "string", 0, |v, now| {
        let start = parse_time(text(v, "/status/startTime"));
        let end = parse_time(text(v, "/status/completionTime")).unwrap_or(now);
        start.map_or(String::new(), |s| human(end - s)).into()
    }),
];
const CRON_JOB: &[Column] = &[
    ("Schedule", "string", 0, |v, _| text(v, "/spec/schedule").into()),
    ("Timezone", "string", 0, |v, _| or_none(text(v, "/spec/timeZone")).into()),
    ("Suspend", "boolean", 0, |v, _| if v["spec"]["suspend"] == true { "True" } else { "False" }.into()),
    ("Active", "integer", 0, |v, _| list(v, "/status/active").len().into()),
    ("Last Schedule", "string", 0, |v, now| or_none(&age(text(v, "/status/lastScheduleTime"), now)).into()),
];
const NODE: &[Column] = &[
    ("Status", "string", 0, |v, _| {
        let ready = condition(v, "Ready") == "True";
        let cordoned = if v["spec"]["unschedulable"] == true { ",SchedulingDisabled" } else { "" };
        format!("{}{cordoned}", if ready { "Ready" } else { "NotReady" }).into()
    }),
    ("Roles", "string", 0, |_, _| "<none>".into()),
    ("Version", "string", 0, |v, _| text(v, "/status/nodeInfo/kubeletVersion").into()),
];
const SERVICE: &[Column] = &[
    ("Type", "string", 0, |v, _| text(v, "/spec/type").into()),
    ("Cluster-IP", "string", 0, |v, _| text(v, "/spec/clusterIP").into()),
    ("External-IP", "string", 0, |_, _| "<none>".into()),
    ("Port(s)", "string", 0, |v, _| {
        let port = |p: &Value| format!("{}/{}", num(p, "/port"), text(p, "/protocol"));
        list(v, "/spec/ports").iter().map(port).collect::<Vec<_>>().join(",").into()
    }),
];
const HPA: &[Column] = &[
    ("Reference", "string", 0, |v, _| {
        format!("{}/{}", text(v, "/spec/scaleTargetRef/kind"), text(v, "/spec/scaleTargetRef/name")).into()
    }),
    ("Targets", "string", 0, |v, _| {
        let pointer = "/resource/current/averageUtilization";
        let now = list(v, "/status/currentMetrics").first().and_then(|m| int(m, pointer));
        let target =
            list(v, "/spec/metrics").first().and_then(|m| int(m, "/resource/target/averageUtilization"));
        let percent = |n: Option<i64>| n.map_or("<unknown>".to_owned(), |n| format!("{n}%"));
        format!("cpu: {}/{}", percent(now), percent(target)).into()
    }),
    ("MinPods", "string", 0, |v, _| num(v, "/spec/minReplicas").to_string().into()),
    ("MaxPods", "string", 0, |v, _| num(v, "/spec/maxReplicas").to_string().into()),
    ("Replicas", "integer", 0, |v, _| num(v, "/status/currentReplicas").into()),
];
const BUDGET: &[Column] = &[
    ("Min Available", "string", 0, |v, _| count_or_none(&v["spec"]["minAvailable"]).into()),
    ("Max Unavailable", "string", 0, |v, _| count_or_none(&v["spec"]["maxUnavailable"]).into()),
    ("Allowed Disruptions", "integer", 0, |v, _| num(v, "/status/disruptionsAllowed").into()),
];
const CONFIG_MAP: &[Column] =
    &[("Data", "integer", 0, |v, _| v["data"].as_object().map_or(0, serde_json::Map::len).into())];
const NAMESPACE: &[Column] = &[("Status", "string", 0, |v, _| text(v, "/status/phase").into())];
const CERTIFICATE: &[Column] = &[
    ("Ready", "string", 0, |v, _| condition(v, "Ready").into()),
    ("Secret", "string", 0, |v, _| text(v, "/spec/secretName").into()),
];
const EVENT: &[Column] = &[
    ("Last Seen", "string", 0, |v, now| age(text(v, "/lastTimestamp"), now).into()),
    ("Type", "string", 0, |v, _| text(v, "/type").into()),
    ("Reason", "string", 0, |v, _| text(v, "/reason").into()),
    ("Object", "string", 0, |v, _| {
        let kind = text(v, "/involvedObject/kind").to_lowercase();
        format!("{kind}/{}", text(v, "/involvedObject/name")).into()
    }),
    ("Message", "string", 0, |v, _| text(v, "/message").trim().into()),
    ("Name", "string", 1, |v, _| text(v, "/metadata/name").into()),
];

fn num(v: &Value, pointer: &str) -> i64 {
    int(v, pointer).unwrap_or(0)
}

/// A number or a percentage; `N/A` when there is none.
fn count_or_none(v: &Value) -> String {
    match v {
        Value::Null => "N/A".to_owned(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text.to_owned() }
}

fn condition<'a>(v: &'a Value, kind: &str) -> &'a str {
    list(v, "/status/conditions")
        .iter()
        .find(|c| c["type"] == kind)
        .map(|c| text(c, "/status"))
        .unwrap_or_default()
}

fn job_status(v: &Value) -> &'static str {
    if condition(v, "Complete") == "True" {
        "Complete"
    } else if condition(v, "Failed") == "True" {
        "Failed"
    } else {
        "Running"
    }
}

/// The age of an RFC 3339 time as kubectl prints it; empty without a time.
pub fn age(time: &str, now_ms: i64) -> String {
    parse_time(time).map(|then| human(now_ms - then)).unwrap_or_default()
}

/// `duration.HumanDuration` of apimachinery: two units at most, the coarse one alone when large.
pub fn human(ms: i64) -> String {
    let s = ms.div_euclid(1000);
    let two = |big: i64, unit: &str, small: i64, of: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{of}") }
    };
    let (m, h, d) = (s / 60, s / 3600, s / 86_400);
    match s {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{s}s"),
        120..600 => two(m, "m", s % 60, "s"),
        600..10_800 => format!("{m}m"),
        10_800..28_800 => two(h, "h", m % 60, "m"),
        28_800..172_800 => format!("{h}h"),
        172_800..691_200 => two(d, "d", h % 24, "h"),
        691_200..63_072_000 => format!("{d}d"),
        63_072_000..252_288_000 => two(d / 365, "y", d % 365, "d"),
        _ => format!("{}y", d / 365),
    }
}

/// A `meta.k8s.io/v1` Table of the objects.
pub fn table(kind: Kind, objects: &[Arc<Object>], metadata: Value, now_ms: i64, include: &str) -> Value {
    let columns = columns(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|(name, ty, priority, _)| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({"name": name, "type": ty, "format": format, "description": "", "priority": priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let tree = object.tree();
            let cells: Vec<Value> = columns.iter().map(|(_, _, _, cell)| cell(&tree, now_ms)).collect();
            let shown = match include {
                "None" => Value::Null,
                "Object" => (*tree).clone(),
                _ => json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": tree["metadata"]}),
            };
            json!({"cells": cells, "object": shown})
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_as_kubectl_prints_them() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (3_600, "60m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (30_000, "8h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human(seconds * 1000), text);
        }
    }
}
