//! The DaemonSet controller: one pod on every node, replaced one at a time.

use std::sync::Arc;

use serde_json::Value;

use super::revision::{self, HASH};
use super::rolling::share;
use crate::sim::cluster::json::{int, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::make;

impl World {
    pub(super) fn daemon_set(&mut self, tree: &Value) -> Result<(), ApiError> {
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let update = revision::name(tree, &tree["spec"]["template"]);
        self.ensure_revision(tree, &update)?;
        let pods = self.pods_of(tree);
        for i in 0..make::NODES {
            let node = make::node_name(i);
            let there = pods.iter().any(|p| text(&p.tree(), "/spec/nodeName") == node);
            if !there {
                let pod_name = format!("{name}-{}", self.parts.store.suffix(5));
                let mut pod = make::pod(tree, &tree["spec"]["template"], &pod_name);
                set(&mut pod, "/metadata/labels", HASH, update.clone());
                set(&mut pod, "/spec", "nodeName", node);
                self.parts.store.create(Kind::Pod, pod, self.now_ms)?;
                self.tell_of(
                    Kind::DaemonSet,
                    tree,
                    false,
                    "SuccessfulCreate",
                    &format!("Created pod: {pod_name}"),
                );
            }
        }
        if text(tree, "/spec/updateStrategy/type") != "OnDelete" {
            for pod in self.outdated(tree, &pods, &update) {
                self.ask_pod_to_end(&pod);
                let message = format!("Deleted pod: {}", pod.name);
                self.tell_of(Kind::DaemonSet, tree, false, "SuccessfulDelete", &message);
            }
        }
        self.forget_revisions(tree, &[&update]);
        let now = self.pods_of(tree);
        let ready = now.iter().filter(|p| self.is_ready(p)).count();
        let available = self.available(Kind::DaemonSet, tree, &now);
        let updated = now.iter().filter(|p| p.label(HASH) == Some(&update)).count();
        self.parts.store.edit(Kind::DaemonSet, namespace, name, |tree| {
            let fields = [
                ("desiredNumberScheduled", make::NODES),
                ("currentNumberScheduled", now.len().min(make::NODES)),
                ("numberMisscheduled", 0),
                ("numberReady", ready),
                ("numberAvailable", available),
                ("numberUnavailable", make::NODES.saturating_sub(available)),
                ("updatedNumberScheduled", updated),
            ];
            for (field, n) in fields {
                set(tree, "/status", field, n);
            }
            set(tree, "/status", "observedGeneration", int(tree, "/metadata/generation").unwrap_or(1));
            Ok(())
        })?;
        Ok(())
    }

    /// The old pods to be replaced now: those that are unavailable anyway, and of the others as
    /// many as may be (`rollingUpdate` of the DaemonSet controller).
    fn outdated(&self, tree: &Value, pods: &[Arc<Object>], update: &str) -> Vec<Arc<Object>> {
        let most = &tree["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
        let most = share(most, make::NODES as i64, true, 1).max(1) as usize;
        let (up, down): (Vec<_>, Vec<_>) = pods.iter().partition(|p| self.is_available(tree, p));
        let is_old = |p: &&&Arc<Object>| p.label(HASH) != Some(update) && !self.is_going(p);
        let missing = make::NODES.saturating_sub(up.len());
        let spare = most.saturating_sub(missing);
        let down = down.iter().filter(is_old).map(|p| (*p).clone());
        down.chain(up.iter().filter(is_old).take(spare).map(|p| (*p).clone())).collect()
    }
}
