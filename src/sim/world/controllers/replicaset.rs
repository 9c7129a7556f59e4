//! The ReplicaSet controller: as many pods as asked for.

use std::sync::Arc;

use serde_json::Value;

use super::replicas;
use crate::sim::cluster::json::{int, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::make;

/// The controller manager makes pods in bursts (`BurstReplicas`).
const BURST: i64 = 500;

impl World {
    pub(super) fn replica_set(&mut self, tree: &Value) -> Result<(), ApiError> {
        let name = text(tree, "/metadata/name");
        let namespace = text(tree, "/metadata/namespace");
        let pods: Vec<Arc<Object>> = self.pods_of(tree).into_iter().filter(|p| !self.is_going(p)).collect();
        let missing = replicas(tree) - pods.len() as i64;
        for _ in 0..missing.min(BURST) {
            let pod_name = format!("{name}-{}", self.parts.store.suffix(5));
            let pod = make::pod(tree, &tree["spec"]["template"], &pod_name);
            self.parts.store.create(Kind::Pod, pod, self.now_ms)?;
            self.tell_of(
                Kind::ReplicaSet,
                tree,
                false,
                "SuccessfulCreate",
                &format!("Created pod: {pod_name}"),
            );
        }
        if missing < 0 {
            for pod in self.surplus(&pods, (-missing) as usize) {
                self.ask_pod_to_end(&pod);
                let message = format!("Deleted pod: {}", pod.name);
                self.tell_of(Kind::ReplicaSet, tree, false, "SuccessfulDelete", &message);
            }
        }
        let left: Vec<Arc<Object>> = self.pods_of(tree).into_iter().filter(|p| !self.is_going(p)).collect();
        let ready = left.iter().filter(|p| self.is_ready(p)).count();
        let available = self.available(Kind::ReplicaSet, tree, &left);
        self.parts.store.edit(Kind::ReplicaSet, namespace, name, |tree| {
            for (field, n) in [
                ("replicas", left.len()),
                ("fullyLabeledReplicas", left.len()),
                ("readyReplicas", ready),
                ("availableReplicas", available),
            ] {
                set(tree, "/status", field, n);
            }
            set(tree, "/status", "observedGeneration", int(tree, "/metadata/generation").unwrap_or(1));
            Ok(())
        })?;
        Ok(())
    }

    /// Which pods go first: those not ready, then the youngest (`ActivePodsWithRanks`).
    fn surplus(&self, pods: &[Arc<Object>], count: usize) -> Vec<Arc<Object>> {
        let mut order: Vec<&Arc<Object>> = pods.iter().collect();
        order.sort_by_key(|p| {
            let created = self.run_of(p).map_or(0, |r| r.created_ms);
            (self.is_ready(p), std::cmp::Reverse(created))
        });
        order.into_iter().take(count).cloned().collect()
    }
}
