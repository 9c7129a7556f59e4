//! What is around the team: nodes, DNS, monitoring, certificates.

use serde_json::{Value, json};

use super::{App, DAY_MS, SHOP, Stage};
use crate::sim::cluster::auth::VIEWER;
use crate::sim::cluster::json::time;
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::make;

/// The ACME issuer that works; a Certificate that names another is not renewed.
pub const ISSUER: &str = "letsencrypt-prod";

pub fn nodes(stage: &mut Stage) -> Result<(), ApiError> {
    for i in 0..make::NODES {
        let name = make::node_name(i);
        let created = time(stage.now_ms - (200 - i as i64) * DAY_MS);
        let condition = |kind: &str, status: &str, reason: &str, message: &str| -> Value {
            json!({"type": kind, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": time(stage.now_ms), "lastTransitionTime": created})
        };
        let size = json!({"cpu": "16", "memory": "65536Mi", "pods": "110", "ephemeral-storage": "200Gi"});
        let zone = ["a", "b", "c"][i % 3];
        let tree = json!({
            "metadata": {"name": name, "creationTimestamp": created, "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": "eu-1", "topology.kubernetes.io/zone": format!("eu-1{zone}"),
                "node.kubernetes.io/instance-type": "m16"}},
            "spec": {"podCIDR": format!("10.244.{}.0/24", i * 20), "providerID": format!("sim:///eu-1{zone}/{name}")},
            "status": {
                "capacity": size, "allocatable": {"cpu": "15500m", "memory": "62464Mi", "pods": "110"},
                "addresses": [{"type": "InternalIP", "address": make::node_ip(i)}, {"type": "Hostname", "address": name}],
                "conditions": [
                    condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                    condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                    condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                    condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
                ],
                "nodeInfo": {"kubeletVersion": "v1.36.0", "kubeProxyVersion": "v1.36.0", "osImage": "Debian GNU/Linux 13",
                    "kernelVersion": "6.12.48", "containerRuntimeVersion": "containerd://2.2.0", "architecture": "amd64",
                    "operatingSystem": "linux", "machineID": format!("{i:032x}"), "systemUUID": format!("{i:032x}"),
                    "bootID": format!("{i:032x}")},
            },
        });
        stage.add(Kind::Node, tree)?;
        let lease = json!({
            "metadata": {"name": name, "namespace": "kube-node-lease", "creationTimestamp": created},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": crate::sim::cluster::json::micro_time(stage.now_ms)},
        });
        stage.add(Kind::Lease, lease)?;
    }
    stage.namespace("kube-node-lease")
}

pub fn set_up(stage: &mut Stage) -> Result<(), ApiError> {
    let base = App {
        namespace: "kube-system",
        name: "coredns",
        container: "coredns",
        image: "registry.k8s.io/coredns/coredns:v1.13.1",
        replicas: 2,
        port: 8181,
        health: "/ready",
        env: vec![],
        requests: ("100m", "70Mi"),
        limits: ("500m", "170Mi"),
        since_ms: 40 * DAY_MS,
    };
    stage.deployment(&base, 2, &[])?;
    let agent = App {
        name: "node-agent",
        container: "agent",
        image: "registry.example.com/platform/node-agent:0.31.2",
        replicas: make::NODES,
        port: 9100,
        health: "",
        env: vec![],
        since_ms: 25 * DAY_MS,
        ..base
    };
    stage.daemon_set(&agent)?;
    monitoring(stage)?;
    bindings(stage)?;
    certificate(stage)
}

fn monitoring(stage: &mut Stage) -> Result<(), ApiError> {
    let prometheus = App {
        namespace: "monitoring",
        name: "prometheus",
        container: "prometheus",
        image: "quay.io/prometheus/prometheus:v3.8.0",
        replicas: 1,
        port: 9090,
        health: "/-/ready",
        env: vec![],
        requests: ("1", "2Gi"),
        limits: ("2", "4Gi"),
        since_ms: 18 * DAY_MS,
    };
    stage.stateful_set(&prometheus, "prometheus", &[])?;
    stage.service(&prometheus, &[("http", 9090)], false)?;
    let alertmanager = App {
        name: "alertmanager",
        container: "alertmanager",
        image: "quay.io/prometheus/alertmanager:v0.29.0",
        port: 9093,
        env: vec![],
        requests: ("100m", "128Mi"),
        limits: ("500m", "256Mi"),
        ..prometheus
    };
    stage.stateful_set(&alertmanager, "alertmanager", &[])?;
    stage.service(&alertmanager, &[("http", 9093)], false)
}

/// Who may do what, as far as somebody looks: what is really allowed is decided by the rules of the
/// authorizer.
fn bindings(stage: &mut Stage) -> Result<(), ApiError> {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let created = time(stage.now_ms - 200 * DAY_MS);
    let binding = |name: &str, role: &str, subject: Value| {
        json!({"metadata": {"name": name, "creationTimestamp": created}, "subjects": [subject],
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}})
    };
    let sre = json!({"apiGroup": GROUP, "kind": "Group", "name": "sre"});
    let viewer = json!({"apiGroup": GROUP, "kind": "User", "name": VIEWER});
    stage.add(Kind::ClusterRoleBinding, binding("sre", "cluster-admin", sre))?;
    stage.add(Kind::ClusterRoleBinding, binding("viewer", "view", viewer))?;
    let mut pipeline =
        binding("pipeline", "edit", json!({"kind": "ServiceAccount", "name": "pipeline", "namespace": SHOP}));
    pipeline["metadata"]["namespace"] = SHOP.into();
    stage.add(Kind::RoleBinding, pipeline).map(|_| ())
}

/// `shop-tls`: valid for 90 days, renewed 30 days before its end, 61 days left.
fn certificate(stage: &mut Stage) -> Result<(), ApiError> {
    let not_after = stage.now_ms + 61 * DAY_MS + DAY_MS / 2;
    let created = stage.now_ms - 320 * DAY_MS;
    let tree = json!({
        "metadata": {"name": "shop-tls", "namespace": SHOP, "creationTimestamp": time(created)},
        "spec": {"secretName": "shop-tls", "dnsNames": ["shop.example.com"], "duration": "2160h0m0s",
            "renewBefore": "720h0m0s", "issuerRef": {"name": ISSUER, "kind": "ClusterIssuer", "group": "cert-manager.io"}},
        "status": {
            "notBefore": time(not_after - 90 * DAY_MS), "notAfter": time(not_after),
            "renewalTime": time(not_after - 30 * DAY_MS), "revision": 6,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": 1,
                "message": "Certificate is up to date and has not expired", "lastTransitionTime": time(created)}],
        },
    });
    stage.add(Kind::Certificate, tree)?;
    let secret = json!({
        "metadata": {"name": "shop-tls", "namespace": SHOP, "creationTimestamp": time(created),
            "annotations": {"cert-manager.io/certificate-name": "shop-tls"}},
        "type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""},
    });
    stage.add(Kind::Secret, secret).map(|_| ())
}
