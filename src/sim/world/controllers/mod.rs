//! The controllers: what makes the cluster follow what its objects ask for. As in the
//! real controller manager, a change of an object puts keys into a queue, and each key is
//! reconciled by looking at the store as it is now.

mod certificate;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod garbage;
mod hpa;
mod job;
mod replicaset;
pub mod revision;
mod rolling;
mod statefulset;
#[cfg(test)]
mod tests;
pub mod velero;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::World;
use super::cast::Past;
use super::pod::PodRun;
use crate::sim::cluster::delete::{begin, is_going};
use crate::sim::cluster::json::{int, list, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::store::{Change, Store};

pub use hpa::Autoscaler;

/// What a controller looks at: kind, namespace, name.
pub type Key = (Kind, String, String);

const RECONCILED: [Kind; 8] = [
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::CronJob,
    Kind::Service,
    Kind::PodDisruptionBudget,
];

/// Every key there is, for the first look. The padding of a big cluster is complete as it
/// was made and is left alone until somebody touches it.
pub fn everything(store: &Store, past: &Past) -> Vec<Key> {
    let mut keys = Vec::new();
    // ReplicaSets before Deployments: a Deployment's status is the sum of theirs.
    for kind in [Kind::ReplicaSet].into_iter().chain(RECONCILED) {
        for object in store.list(kind, None) {
            if past.pods.is_none() || !object.namespace.starts_with("team-") {
                keys.push((kind, object.namespace.to_string(), object.name.to_string()));
            }
        }
    }
    keys
}

impl World {
    /// The keys that the changes since the last look concern.
    pub(super) fn changed_keys(&mut self) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        match self.parts.store.changes_since(self.cursor, None) {
            Ok((version, changes)) => {
                self.cursor = version;
                for change in &changes {
                    self.note(change, &mut keys);
                }
            }
            Err(_) => {
                // More happened at once than the log holds: look at everything.
                self.cursor = self.parts.store.version();
                let past = Past { retention_days: 0, disk_full_since_ms: None, pods: None };
                keys.extend(everything(&self.parts.store, &past));
            }
        }
        keys
    }

    /// The keys whose time has come.
    pub(super) fn due_keys(&mut self) -> Vec<Key> {
        let now = self.now_ms;
        let due: Vec<Key> = self.later.iter().filter(|(_, at)| **at <= now).map(|(k, _)| k.clone()).collect();
        self.later.retain(|_, at| *at > now);
        due
    }

    /// Looks at an object again at `at_ms`, or earlier if that is already planned.
    fn look_again(&mut self, kind: Kind, tree: &Value, at_ms: i64) {
        let key =
            (kind, text(tree, "/metadata/namespace").to_owned(), text(tree, "/metadata/name").to_owned());
        let planned = self.later.entry(key).or_insert(at_ms);
        *planned = at_ms.min(*planned);
    }

    /// How many pods have been ready for `minReadySeconds`; comes back when the next one will.
    fn available(&mut self, kind: Kind, owner: &Value, pods: &[Arc<Object>]) -> usize {
        let from: Vec<i64> = pods.iter().filter_map(|p| self.available_from(owner, p)).collect();
        let (now, later): (Vec<i64>, Vec<i64>) = from.into_iter().partition(|at| *at <= self.now_ms);
        if let Some(next) = later.iter().min() {
            self.look_again(kind, owner, *next);
        }
        now.len()
    }

    /// When a pod that is ready counts as available.
    fn available_from(&self, owner: &Value, pod: &Object) -> Option<i64> {
        let least_ms = int(owner, "/spec/minReadySeconds").unwrap_or(0).max(0).saturating_mul(1_000);
        let since = self.run_of(pod).map_or(i64::MIN, |r| r.ready_since_ms);
        self.is_ready(pod).then(|| since.saturating_add(least_ms))
    }

    fn is_available(&self, owner: &Value, pod: &Object) -> bool {
        self.available_from(owner, pod).is_some_and(|at| at <= self.now_ms)
    }

    fn note(&mut self, change: &Change, keys: &mut BTreeSet<Key>) {
        let object = &change.last;
        let kind = object.kind;
        let namespace = object.namespace.to_string();
        if kind == Kind::Pod && change.after.as_ref().is_some_and(|pod| self.is_left_alone(change, pod)) {
            return;
        }
        if RECONCILED.contains(&kind) {
            keys.insert((kind, namespace.clone(), object.name.to_string()));
        }
        if !object.owner.is_empty() {
            let tree = object.tree();
            if let Some(owner) = controller_of(&tree) {
                keys.insert((owner.0, namespace.clone(), owner.1));
            }
        }
        if kind == Kind::Pod {
            match &change.after {
                Some(pod) => self.adopt(pod),
                None => self.forget_pod(object),
            }
            for kind in [Kind::Service, Kind::PodDisruptionBudget] {
                for other in self.parts.store.list(kind, Some(&namespace)) {
                    keys.insert((kind, namespace.clone(), other.name.to_string()));
                }
            }
        }
        if change.after.is_none() {
            self.collect_garbage(object);
        }
    }

    /// Whether nothing but the status of a quiet pod was written: no controller has anything to do.
    fn is_left_alone(&self, change: &Change, pod: &Object) -> bool {
        let key = (pod.namespace.to_string(), pod.name.to_string());
        let Some(before) = change.before.as_ref().filter(|_| !self.pods.contains_key(&key)) else {
            return false;
        };
        let (before, after) = (before.tree(), pod.tree());
        let ready =
            |tree: &Value| list(tree, "/status/conditions").iter().filter(|c| c["status"] == "True").count();
        before["spec"] == after["spec"]
            && before["metadata"]["labels"] == after["metadata"]["labels"]
            && !is_going(&after)
            && ready(&before) == ready(&after)
    }

    fn forget_pod(&mut self, object: &Object) {
        let key = (object.namespace.to_string(), object.name.to_string());
        if self.pods.get(&key).is_some_and(|p| *p.uid == *object.uid) {
            self.pods.remove(&key);
        }
    }

    pub(super) fn reconcile(&mut self, key: &Key) {
        let (kind, namespace, name) = key;
        let Some(object) = self.parts.store.get(*kind, namespace, name) else {
            self.rolling.remove(key);
            return;
        };
        let result = match kind {
            _ if is_going(&object.tree()) => self.go_on_deleting(&object),
            Kind::Deployment => self.deployment(key, &object.tree()),
            Kind::ReplicaSet => self.replica_set(&object.tree()),
            Kind::StatefulSet => self.stateful_set(&object.tree()),
            Kind::DaemonSet => self.daemon_set(&object.tree()),
            Kind::Job => self.job(&object.tree()),
            Kind::CronJob => self.cron_job(&object.tree()),
            Kind::Service => self.endpoints(&object.tree()),
            Kind::PodDisruptionBudget => self.disruption_budget(&object.tree()),
            _ => Ok(()),
        };
        if let Err(error) = result {
            // Reconciled again at the next change, as a real controller would.
            tracing::debug!(%error, ?key, "a controller did not finish");
        }
    }

    /// The pods that an object controls and that are not on their way out.
    fn pods_of(&self, owner: &Value) -> Vec<Arc<Object>> {
        let uid = text(owner, "/metadata/uid");
        let namespace = text(owner, "/metadata/namespace");
        let page = self.parts.store.page(Kind::Pod, Some(namespace), None, usize::MAX, |o| &*o.owner == uid);
        page.objects
    }

    fn run_of(&self, pod: &Object) -> Option<&PodRun> {
        self.pods.get(&(pod.namespace.to_string(), pod.name.to_string()))
    }

    /// Whether a pod is ready; the quiet ones are as their status says.
    fn is_ready(&self, pod: &Object) -> bool {
        match self.run_of(pod) {
            Some(run) => run.serving(),
            None => list(&pod.tree(), "/status/conditions")
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True"),
        }
    }

    fn is_going(&self, pod: &Object) -> bool {
        match self.run_of(pod) {
            Some(run) => run.terminating(),
            None => is_going(&pod.tree()),
        }
    }

    /// Asks a pod to end, as a DELETE would.
    pub(super) fn ask_pod_to_end(&mut self, pod: &Object) {
        let now_ms = self.now_ms;
        let _ = self.parts.store.edit(Kind::Pod, &pod.namespace, &pod.name, |tree| {
            let grace = int(tree, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
            begin(tree, grace, false, now_ms);
            Ok(())
        });
    }

    /// Tells an event about an object of a controller.
    fn tell_of(&mut self, kind: Kind, tree: &Value, warning: bool, reason: &str, message: &str) {
        let about = super::events::About {
            kind,
            namespace: text(tree, "/metadata/namespace"),
            name: text(tree, "/metadata/name"),
            uid: text(tree, "/metadata/uid"),
        };
        let component = match kind {
            Kind::HorizontalPodAutoscaler => "horizontal-pod-autoscaler".to_owned(),
            Kind::Certificate => "cert-manager-certificates-issuing".to_owned(),
            other => format!("{}-controller", other.info().singular),
        };
        self.tell(&about, warning, reason, &component, message);
    }
}

/// Kind and name of the controller of an object, if it is a kind that is reconciled.
fn controller_of(tree: &Value) -> Option<(Kind, String)> {
    let reference = list(tree, "/metadata/ownerReferences").iter().find(|r| r["controller"] == true)?;
    let kind = RECONCILED.into_iter().find(|k| reference["kind"] == k.info().kind)?;
    Some((kind, text(reference, "/name").to_owned()))
}

fn replicas(tree: &Value) -> i64 {
    int(tree, "/spec/replicas").unwrap_or(1).max(0)
}

/// Sets a condition; its time of transition moves only when its status does.
fn set_condition(tree: &mut Value, kind: &str, status: &str, reason: &str, message: &str, now_ms: i64) {
    if !tree["status"]["conditions"].is_array() {
        set(tree, "/status", "conditions", json!([]));
    }
    let Some(conditions) = tree["status"]["conditions"].as_array_mut() else { return };
    let now = time(now_ms);
    match conditions.iter_mut().find(|c| c["type"] == kind) {
        Some(c) => {
            if c["status"] != status {
                c["lastTransitionTime"] = now.clone().into();
            }
            if c["status"] != status || c["reason"] != reason || c["message"] != message {
                c["lastUpdateTime"] = now.into();
            }
            c["status"] = status.into();
            c["reason"] = reason.into();
            c["message"] = message.into();
        }
        None => conditions.push(json!({"type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": now, "lastTransitionTime": now})),
    }
}
