//! The columns of the kinds that people look at (`printersinternal` of Kubernetes, and the
//! printer columns of the custom resources); name and age for the rest.

use serde_json::Value;

use super::{age, human};
use crate::sim::cluster::json::{int, list, parse_time, strings, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::pod_status;

pub type Cell = fn(&Value, i64) -> Value;
/// Header, OpenAPI type, priority (1: only with `-o wide`), and how to fill it.
pub type Column = (&'static str, &'static str, u8, Cell);

const NAME: Column = ("Name", "string", 0, |v, _| text(v, "/metadata/name").into());
const AGE: Column = ("Age", "string", 0, |v, now| age(text(v, "/metadata/creationTimestamp"), now).into());

/// The columns of a kind, in kubectl's order.
pub fn of(kind: Kind) -> Vec<Column> {
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
        Kind::Secret => SECRET,
        Kind::Lease => LEASE,
        Kind::RoleBinding | Kind::ClusterRoleBinding => BINDING,
        Kind::ControllerRevision => REVISION,
        Kind::EndpointSlice => SLICE,
        Kind::Endpoints => ENDPOINTS,
        Kind::Schedule => SCHEDULE,
        Kind::Event => return EVENT.to_vec(),
        _ => &[],
    };
    let mut all = vec![NAME];
    all.extend(middle.iter().filter(|c| c.2 == 0));
    all.push(AGE);
    all.extend(middle.iter().filter(|c| c.2 != 0));
    all
}

const BINDING: &[Column] = &[
    ("Role", "string", 0, |v, _| format!("{}/{}", text(v, "/roleRef/kind"), text(v, "/roleRef/name")).into()),
    ("Users", "string", 1, |v, _| subjects(v, "User").into()),
    ("Groups", "string", 1, |v, _| subjects(v, "Group").into()),
    ("ServiceAccounts", "string", 1, |v, _| subjects(v, "ServiceAccount").into()),
];

fn subjects(binding: &Value, kind: &str) -> String {
    let of_kind = list(binding, "/subjects").iter().filter(|s| text(s, "/kind") == kind);
    of_kind.map(|s| text(s, "/name")).collect::<Vec<_>>().join(", ")
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
    ("Containers", "string", 1, |v, _| containers(v, "/name").into()),
    ("Images", "string", 1, |v, _| containers(v, "/image").into()),
    ("Selector", "string", 1, |v, _| selector(v, "/spec/selector/matchLabels").into()),
];
const REPLICA_SET: &[Column] = &[
    ("Desired", "integer", 0, |v, _| num(v, "/spec/replicas").into()),
    ("Current", "integer", 0, |v, _| num(v, "/status/replicas").into()),
    ("Ready", "integer", 0, |v, _| num(v, "/status/readyReplicas").into()),
    ("Containers", "string", 1, |v, _| containers(v, "/name").into()),
    ("Images", "string", 1, |v, _| containers(v, "/image").into()),
    ("Selector", "string", 1, |v, _| selector(v, "/spec/selector/matchLabels").into()),
];
const STATEFUL_SET: &[Column] = &[
    ("Ready", "string", 0, |v, _| {
        format!("{}/{}", num(v, "/status/readyReplicas"), int(v, "/spec/replicas").unwrap_or(1)).into()
    }),
    ("Containers", "string", 1, |v, _| containers(v, "/name").into()),
    ("Images", "string", 1, |v, _| containers(v, "/image").into()),
];
const DAEMON_SET: &[Column] = &[
    ("Desired", "integer", 0, |v, _| num(v, "/status/desiredNumberScheduled").into()),
    ("Current", "integer", 0, |v, _| num(v, "/status/currentNumberScheduled").into()),
    ("Ready", "integer", 0, |v, _| num(v, "/status/numberReady").into()),
    ("Up-to-date", "integer", 0, |v, _| num(v, "/status/updatedNumberScheduled").into()),
    ("Available", "integer", 0, |v, _| num(v, "/status/numberAvailable").into()),
    ("Node Selector", "string", 0, |v, _| selector(v, "/spec/template/spec/nodeSelector").into()),
    ("Containers", "string", 1, |v, _| containers(v, "/name").into()),
    ("Images", "string", 1, |v, _| containers(v, "/image").into()),
    ("Selector", "string", 1, |v, _| selector(v, "/spec/selector/matchLabels").into()),
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
    ("Containers", "string", 1, |v, _| containers(v, "/name").into()),
    ("Images", "string", 1, |v, _| containers(v, "/image").into()),
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
    ("Internal-IP", "string", 1, |v, _| or_none(address(v, "InternalIP")).into()),
    ("External-IP", "string", 1, |v, _| or_none(address(v, "ExternalIP")).into()),
    ("OS-Image", "string", 1, |v, _| or_unknown(text(v, "/status/nodeInfo/osImage")).into()),
    ("Kernel-Version", "string", 1, |v, _| or_unknown(text(v, "/status/nodeInfo/kernelVersion")).into()),
    ("Container-Runtime", "string", 1, |v, _| {
        or_unknown(text(v, "/status/nodeInfo/containerRuntimeVersion")).into()
    }),
];
const SERVICE: &[Column] = &[
    ("Type", "string", 0, |v, _| text(v, "/spec/type").into()),
    ("Cluster-IP", "string", 0, |v, _| text(v, "/spec/clusterIP").into()),
    ("External-IP", "string", 0, |_, _| "<none>".into()),
    ("Port(s)", "string", 0, |v, _| {
        let port = |p: &Value| format!("{}/{}", num(p, "/port"), text(p, "/protocol"));
        list(v, "/spec/ports").iter().map(port).collect::<Vec<_>>().join(",").into()
    }),
    ("Selector", "string", 1, |v, _| selector(v, "/spec/selector").into()),
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
    ("Issuer", "string", 1, |v, _| text(v, "/spec/issuerRef/name").into()),
    ("Status", "string", 1, |v, _| {
        let ready = list(v, "/status/conditions").iter().find(|c| c["type"] == "Ready");
        ready.map_or("", |c| text(c, "/message")).into()
    }),
];
const SECRET: &[Column] = &[
    ("Type", "string", 0, |v, _| text(v, "/type").into()),
    ("Data", "integer", 0, |v, _| v["data"].as_object().map_or(0, serde_json::Map::len).into()),
];
const LEASE: &[Column] = &[("Holder", "string", 0, |v, _| text(v, "/spec/holderIdentity").into())];
const REVISION: &[Column] = &[
    ("Controller", "string", 0, |v, _| {
        let owner = list(v, "/metadata/ownerReferences").iter().find(|r| r["controller"] == true);
        let named = |r: &Value| {
            let group = text(r, "/apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
            format!("{}{}/{}", text(r, "/kind").to_lowercase(), group.unwrap_or_default(), text(r, "/name"))
        };
        owner.map_or("<none>".to_owned(), named).into()
    }),
    ("Revision", "integer", 0, |v, _| num(v, "/revision").into()),
];
const SLICE: &[Column] = &[
    ("AddressType", "string", 0, |v, _| text(v, "/addressType").into()),
    ("Ports", "string", 0, |v, _| {
        let ports = list(v, "/ports").iter().filter_map(|p| int(p, "/port")).map(|n| n.to_string());
        some(ports, 3, ",").into()
    }),
    ("Endpoints", "string", 0, |v, _| {
        let addresses = list(v, "/endpoints").iter().flat_map(|e| list(e, "/addresses"));
        some(addresses.filter_map(Value::as_str).map(str::to_owned), 3, ",").into()
    }),
];
const ENDPOINTS: &[Column] = &[("Endpoints", "string", 0, |v, _| {
    let of = |subset: &Value| {
        let port = list(subset, "/ports").first().map_or(0, |p| num(p, "/port"));
        let ips: Vec<String> =
            list(subset, "/addresses").iter().map(|a| format!("{}:{port}", text(a, "/ip"))).collect();
        ips
    };
    some(list(v, "/subsets").iter().flat_map(of), 3, ",").into()
})];
const SCHEDULE: &[Column] = &[
    ("Status", "string", 0, |v, _| text(v, "/status/phase").into()),
    ("Schedule", "string", 0, |v, _| text(v, "/spec/schedule").into()),
    ("LastBackup", "date", 0, |v, now| age(text(v, "/status/lastBackup"), now).into()),
];
const EVENT: &[Column] = &[
    ("Last Seen", "string", 0, |v, now| age(text(v, "/lastTimestamp"), now).into()),
    ("Type", "string", 0, |v, _| text(v, "/type").into()),
    ("Reason", "string", 0, |v, _| text(v, "/reason").into()),
    ("Object", "string", 0, |v, _| {
        let kind = text(v, "/involvedObject/kind").to_lowercase();
        format!("{kind}/{}", text(v, "/involvedObject/name")).into()
    }),
    ("Subobject", "string", 1, |v, _| text(v, "/involvedObject/fieldPath").into()),
    ("Source", "string", 1, |v, _| {
        [text(v, "/source/component"), text(v, "/source/host")].join(", ").trim_end_matches(", ").into()
    }),
    ("Message", "string", 0, |v, _| text(v, "/message").trim().into()),
    ("First Seen", "string", 1, |v, now| age(text(v, "/firstTimestamp"), now).into()),
    ("Count", "string", 1, |v, _| int(v, "/count").unwrap_or(1).to_string().into()),
    ("Name", "string", 1, |v, _| text(v, "/metadata/name").into()),
];

/// A field of all containers of a workload.
fn containers(v: &Value, field: &str) -> String {
    let all = list(v, "/spec/template/spec/containers").iter();
    all.map(|c| text(c, field)).collect::<Vec<_>>().join(",")
}

fn selector(v: &Value, pointer: &str) -> String {
    or_none(&strings(v, pointer).map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(","))
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    list(node, "/status/addresses").iter().find(|a| a["type"] == kind).map_or("", |a| text(a, "/address"))
}

/// The first few, and how many more there are (`formatEndpoints` of kubectl).
fn some(all: impl Iterator<Item = String>, most: usize, between: &str) -> String {
    let all: Vec<String> = all.collect();
    match all.len() {
        0 => "<unset>".to_owned(),
        n if n > most => format!("{} + {} more...", all[..most].join(between), n - most),
        _ => all.join(between),
    }
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "<unknown>".to_owned() } else { text.to_owned() }
}

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
