//! Who is on the stage when the curtain rises: cluster `prod-eu-1` with its nodes, the
//! team's namespace, the platform around it, and on request thousands of other pods.

mod backups;
mod padding;
mod platform;
mod shop;

use std::sync::Arc;

use serde_json::{Value, json};

use super::controllers::revision;
use super::make;
use super::pod::{PodRun, State};
use crate::sim::cluster::json::{set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::cluster::store::Store;

pub use backups::{
    BACKUP_VOLUME_BYTES, FULL_BACKUP_BYTES, NO_SPACE, backup_duration_s, job_name, success_annotations,
};
pub use platform::ISSUER;

pub const DAY_MS: i64 = 86_400_000;
/// The namespace of the team that is on call.
pub const SHOP: &str = "shop";

/// What had already happened before the live past begins.
#[derive(Clone, Debug)]
pub struct Past {
    /// `RETENTION_DAYS` of the full backup.
    pub retention_days: i64,
    /// Since when the backup volume has been full.
    pub disk_full_since_ms: Option<i64>,
    /// The number of pods in all, when it is to be more than the shop and the platform.
    pub pods: Option<usize>,
}

/// The stage while it is being set.
pub struct Stage<'a> {
    pub store: &'a Store,
    /// Simulated milliseconds when the live past begins.
    pub now_ms: i64,
    pub pods: Vec<PodRun>,
    serial: usize,
}

/// A workload of one container.
pub struct App<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub container: &'a str,
    pub image: &'a str,
    pub replicas: usize,
    pub port: u16,
    pub health: &'a str,
    /// `secret:NAME/KEY` stands for what a Secret holds.
    pub env: Vec<(&'a str, &'a str)>,
    /// Requests and limits: CPU, memory.
    pub requests: (&'a str, &'a str),
    pub limits: (&'a str, &'a str),
    /// When its newest revision came, in milliseconds before the start.
    pub since_ms: i64,
}

fn variable(name: &str, value: &str) -> Value {
    match value.strip_prefix("secret:").and_then(|at| at.split_once('/')) {
        Some((secret, key)) => {
            json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
        }
        None => json!({"name": name, "value": value}),
    }
}

impl App<'_> {
    fn labels(&self) -> Value {
        json!({"app": self.name, "app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": self.namespace})
    }

    fn template(&self, image: &str) -> Value {
        let env: Vec<Value> = self.env.iter().map(|(k, v)| variable(k, v)).collect();
        let mut container = json!({
            "name": self.container, "image": image, "imagePullPolicy": "IfNotPresent", "env": env,
            "resources": {
                "requests": {"cpu": self.requests.0, "memory": self.requests.1},
                "limits": {"cpu": self.limits.0, "memory": self.limits.1},
            },
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "FallbackToLogsOnError",
        });
        if self.port != 0 {
            container["ports"] = json!([{"name": "http", "containerPort": self.port, "protocol": "TCP"}]);
        }
        if !self.health.is_empty() {
            let probe = json!({"httpGet": {"path": self.health, "port": self.port, "scheme": "HTTP"},
                "periodSeconds": 5, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
            container["readinessProbe"] = probe.clone();
            container["livenessProbe"] = probe;
        }
        json!({"metadata": {"labels": self.labels()}, "spec": {"containers": [container],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30}})
    }

    fn metadata(&self, created_ms: i64) -> Value {
        json!({"name": self.name, "namespace": self.namespace, "labels": self.labels(), "annotations": {},
            "creationTimestamp": time(created_ms)})
    }

    fn selector(&self) -> Value {
        json!({"matchLabels": {"app": self.name}})
    }
}

/// Sets the whole stage.
///
/// # Errors
/// Only when two objects were given one name.
pub fn set_stage<'a>(store: &'a Store, now_ms: i64, past: &Past) -> Result<Stage<'a>, ApiError> {
    let mut stage = Stage { store, now_ms, pods: Vec::new(), serial: 0 };
    for name in ["default", SHOP, "kube-system", "monitoring", "velero", "cert-manager"] {
        stage.namespace(name)?;
    }
    platform::nodes(&mut stage)?;
    shop::set_up(&mut stage)?;
    platform::set_up(&mut stage)?;
    backups::set_up(&mut stage, past)?;
    if let Some(total) = past.pods {
        let have = store.count(Kind::Pod);
        padding::set_up(&mut stage, total.saturating_sub(have))?;
    }
    Ok(stage)
}

impl Stage<'_> {
    /// How many pods have been given an address.
    pub fn serial(&self) -> usize {
        self.serial
    }

    fn add(&self, kind: Kind, tree: Value) -> Result<Arc<Object>, ApiError> {
        self.store.create(kind, tree, self.now_ms)
    }

    fn namespace(&self, name: &str) -> Result<(), ApiError> {
        let created = time(self.now_ms - 400 * DAY_MS);
        let tree = json!({
            "metadata": {"name": name, "creationTimestamp": created, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        self.add(Kind::Namespace, tree).map(|_| ())
    }

    /// A pod that has been running since `since_ms`.
    fn running(&mut self, mut tree: Value, since_ms: i64) -> Result<(), ApiError> {
        let index = self.serial;
        self.serial += 1;
        if text(&tree, "/spec/nodeName").is_empty() {
            set(&mut tree, "/spec", "nodeName", make::node_name(index * 5));
        }
        let node = make::node_index(text(&tree, "/spec/nodeName")).unwrap_or(0);
        set(&mut tree, "/metadata", "creationTimestamp", time(since_ms));
        let uid = uuid(&format!("{}/{index}/{}", text(&tree, "/metadata/name"), self.store.suffix(6)));
        set(&mut tree, "/metadata", "uid", uid);
        let mut run = PodRun::of(&tree, since_ms);
        run.ip = make::pod_ip(node, index);
        run.host_ip = make::node_ip(node);
        run.state = State::Running { since_ms: since_ms + 3_000 };
        run.ready = true;
        run.ready_since_ms = since_ms + 9_000;
        tree["status"] = run.status();
        self.add(Kind::Pod, tree)?;
        self.pods.push(run);
        Ok(())
    }

    /// A Deployment with its history: `images` oldest first, with their age in days.
    fn deployment(&mut self, app: &App, revision: i64, images: &[(String, i64)]) -> Result<(), ApiError> {
        let created = self.now_ms - 300 * DAY_MS;
        let mut tree = json!({
            "metadata": app.metadata(created),
            "spec": {
                "replicas": app.replicas, "selector": app.selector(), "template": app.template(app.image),
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "minReadySeconds": 0,
            },
            "status": {"conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
                 "message": "Deployment has minimum availability.",
                 "lastUpdateTime": time(self.now_ms - app.since_ms), "lastTransitionTime": time(created)},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                 "message": format!("ReplicaSet \"{}-{}\" has successfully progressed.", app.name,
                     make::template_hash(&app.template(app.image))),
                 "lastUpdateTime": time(self.now_ms - app.since_ms), "lastTransitionTime": time(created)},
            ]},
        });
        set(&mut tree, "/metadata/annotations", "deployment.kubernetes.io/revision", revision.to_string());
        let deployment = self.add(Kind::Deployment, tree)?.tree();
        for (i, (image, days)) in images.iter().enumerate() {
            let n = revision - (images.len() - i) as i64;
            let mut set_tree = make::replica_set(&deployment, &app.template(image), n, 0);
            set(&mut set_tree, "/metadata", "creationTimestamp", time(self.now_ms - days * DAY_MS));
            self.add(Kind::ReplicaSet, set_tree)?;
        }
        let since = self.now_ms - app.since_ms;
        let mut current =
            make::replica_set(&deployment, &app.template(app.image), revision, app.replicas as i64);
        set(&mut current, "/metadata", "creationTimestamp", time(since));
        let owner = self.add(Kind::ReplicaSet, current)?.tree();
        for i in 0..app.replicas {
            let name = format!("{}-{}", text(&owner, "/metadata/name"), self.store.suffix(5));
            let pod = make::pod(&owner, &owner["spec"]["template"], &name);
            self.running(pod, since + i as i64 * 1_500)?;
        }
        Ok(())
    }

    fn stateful_set(
        &mut self,
        app: &App,
        service: &str,
        revisions: &[(String, i64)],
    ) -> Result<(), ApiError> {
        let created = self.now_ms - 300 * DAY_MS;
        let tree = json!({
            "metadata": app.metadata(created),
            "spec": {"replicas": app.replicas, "selector": app.selector(), "template": app.template(app.image),
                "serviceName": service, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            "status": {},
        });
        let owner = self.add(Kind::StatefulSet, tree)?.tree();
        let hash = self.revisions(app, &owner, revisions)?;
        let since = self.now_ms - app.since_ms;
        for i in 0..app.replicas {
            let mut pod = make::pod(&owner, &owner["spec"]["template"], &format!("{}-{i}", app.name));
            set(&mut pod, "/metadata/labels", "controller-revision-hash", hash.clone());
            set(
                &mut pod,
                "/metadata/labels",
                "statefulset.kubernetes.io/pod-name",
                format!("{}-{i}", app.name),
            );
            set(&mut pod, "/metadata/labels", "apps.kubernetes.io/pod-index", i.to_string());
            self.running(pod, since + i as i64 * 12_000)?;
        }
        Ok(())
    }

    fn daemon_set(&mut self, app: &App) -> Result<(), ApiError> {
        let tree = json!({
            "metadata": app.metadata(self.now_ms - 300 * DAY_MS),
            "spec": {"selector": app.selector(), "template": app.template(app.image), "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}},
            "status": {},
        });
        let owner = self.add(Kind::DaemonSet, tree)?.tree();
        let hash = self.revisions(app, &owner, &[])?;
        for i in 0..make::NODES {
            let name = format!("{}-{}", app.name, self.store.suffix(5));
            let mut pod = make::pod(&owner, &owner["spec"]["template"], &name);
            set(&mut pod, "/metadata/labels", "controller-revision-hash", hash.clone());
            set(&mut pod, "/spec", "nodeName", make::node_name(i));
            self.running(pod, self.now_ms - app.since_ms + i as i64 * 1_000)?;
        }
        Ok(())
    }

    /// ControllerRevisions for older images (with their age in days) and for the present one.
    fn revisions(&self, app: &App, owner: &Value, older: &[(String, i64)]) -> Result<String, ApiError> {
        for (i, (image, days)) in older.iter().enumerate() {
            let mut tree = revision::object(owner, &app.template(image), i as i64 + 1);
            set(&mut tree, "/metadata", "creationTimestamp", time(self.now_ms - days * DAY_MS));
            self.add(Kind::ControllerRevision, tree)?;
        }
        let mut tree = revision::object(owner, &owner["spec"]["template"], older.len() as i64 + 1);
        set(&mut tree, "/metadata", "creationTimestamp", time(self.now_ms - app.since_ms));
        let made = self.add(Kind::ControllerRevision, tree)?;
        Ok(made.name.to_string())
    }

    fn service(&self, app: &App, ports: &[(&str, u16)], headless: bool) -> Result<(), ApiError> {
        let ports: Vec<Value> = ports
            .iter()
            .map(
                |(name, port)| json!({"name": name, "port": port, "targetPort": app.port, "protocol": "TCP"}),
            )
            .collect();
        let ip = if headless {
            "None".to_owned()
        } else {
            format!("10.96.{}.{}", app.port % 250, app.name.len() * 7 % 250)
        };
        let tree = json!({
            "metadata": app.metadata(self.now_ms - 300 * DAY_MS),
            "spec": {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "selector": {"app": app.name},
                "ports": ports, "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"},
            "status": {"loadBalancer": {}},
        });
        self.add(Kind::Service, tree).map(|_| ())
    }
}

/// A UUID of version 4's form that follows from a text.
fn uuid(text: &str) -> String {
    let (a, b) = (super::pod::fnv(text), super::pod::fnv(&format!("{text}/2")));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        (b >> 48) & 0xfff,
        b & 0xffff_ffff_ffff
    )
}
