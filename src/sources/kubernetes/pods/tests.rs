//! Pods as the API server writes them, and what is shown of them.

use serde_json::json;

use super::*;
use crate::sources::kubernetes::kind::Wire;

#[derive(Deserialize)]
struct Case {
    case: String,
    want: (String, String, u32),
    pod: PodWire,
}

fn convert(value: serde_json::Value) -> Pod {
    let wire: PodWire = serde_json::from_value(value).unwrap();
    assert!(!wire.meta().name.is_empty());
    row(&wire, &mut Intern::default())
}

#[test]
fn status_ready_and_restarts_are_kubectls() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("printed.json")).unwrap();
    assert!(cases.len() >= 25);
    for Case { case, want, pod } in cases {
        let pod = row(&pod, &mut Intern::default());
        let got = (pod.status.to_string(), format!("{}/{}", pod.ready, pod.containers), pod.restarts);
        assert_eq!(got, want, "{case}");
    }
}

#[test]
fn an_oom_kill_is_seen_behind_the_crash_loop() {
    let pod = convert(json!({
        "metadata": {"name": "api-1", "namespace": "shop", "uid": "u", "creationTimestamp": "2026-11-21T00:00:00Z"},
        "spec": {"containers": [{"name": "api"}], "nodeName": "node-3"},
        "status": {"phase": "Running", "podIP": "10.0.0.7",
            "conditions": [{"type": "Ready", "status": "False", "message": "containers with unready status: [api]"}],
            "containerStatuses": [{"name": "api", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled",
                    "finishedAt": "2026-11-21T02:00:00Z", "message": "\u{1b}[31mout of memory\nsecond line"}}}]}
    }));
    let end = pod.last_end.unwrap();
    assert_eq!((&*end.container, &*end.reason, end.exit_code), ("api", "OOMKilled", 137));
    assert_eq!(end.message.as_deref(), Some("out of memory"));
    assert_eq!(pod.last_restart, Some("2026-11-21T02:00:00Z".parse().unwrap()));
    assert_eq!(pod.trouble.as_deref(), Some("back-off 40s restarting failed container"));
    assert_eq!(pod.node.as_deref(), Some("node-3"));
    assert!(!pod.is_ready);
}

#[test]
fn a_replicasets_pod_belongs_to_its_deployment() {
    let owned = |kind: &str, name: &str, labels: serde_json::Value| {
        convert(json!({"metadata": {"name": "p", "labels": labels,
            "ownerReferences": [{"kind": kind, "name": name, "controller": true}]}}))
        .owner
        .unwrap()
    };
    let hash = json!({"pod-template-hash": "6d4b75cb6d"});
    for (kind, name, labels, want_kind, want) in [
        ("ReplicaSet", "api-v2-6d4b75cb6d", hash.clone(), WorkloadKind::Deployment, "api-v2"),
        ("ReplicaSet", "lonely", hash, WorkloadKind::Other, "lonely"),
        ("ReplicaSet", "plain", json!({}), WorkloadKind::Other, "plain"),
        ("StatefulSet", "cache", json!(null), WorkloadKind::StatefulSet, "cache"),
        ("DaemonSet", "agent", json!(null), WorkloadKind::DaemonSet, "agent"),
        ("Job", "backup-1", json!(null), WorkloadKind::Job, "backup-1"),
        ("Rollout", "canary", json!(null), WorkloadKind::Other, "canary"),
    ] {
        let owner = owned(kind, name, labels);
        assert_eq!((owner.kind, &*owner.name), (want_kind, want), "{kind}/{name}");
    }
    assert_eq!(convert(json!({"metadata": {"name": "p"}})).owner, None);
}

#[test]
fn sidecars_count_among_the_resources_and_init_containers_do_not() {
    let resources = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    let pod = convert(json!({"metadata": {"name": "p"}, "spec": {
        "containers": [{"name": "a", "resources": resources("250m", "64Mi")}, {"name": "b", "resources": resources("1", "1Gi")}],
        "initContainers": [{"name": "i", "resources": resources("4", "8Gi")},
            {"name": "s", "restartPolicy": "Always", "resources": resources("50m", "16Mi")}]}}));
    assert_eq!(pod.requests, Resources { cpu_millicores: 1300, memory_bytes: (64 + 1024 + 16) << 20 });
    assert_eq!(pod.limits, Resources::default());
}

#[test]
fn nulls_are_survived() {
    let pod = convert(json!({"metadata": {"name": "p", "labels": null, "creationTimestamp": null},
        "spec": {"containers": null, "initContainers": null, "nodeName": null},
        "status": {"containerStatuses": null, "conditions": null, "phase": null}}));
    assert_eq!((&*pod.status, pod.phase), ("", Phase::Unknown));
}
