//! The DaemonSet controller: one pod on every node, replaced one at a time.

use std::sync::Arc;

use serde_json::Value;

use super::revision;
use crate::sim::cluster::json::{int, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::make;

const HASH: &str = "controller-revision-hash";

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
        let ready = pods.iter().filter(|p| self.is_ready(p)).count();
        let old: Vec<&Arc<Object>> =
            pods.iter().filter(|p| p.label(HASH) != Some(&update) && !self.is_going(p)).collect();
        let on_delete = text(tree, "/spec/updateStrategy/type") == "OnDelete";
        if let (Some(pod), true) = (old.first(), ready == make::NODES && !on_delete) {
            self.ask_pod_to_end(pod);
            self.tell_of(
                Kind::DaemonSet,
                tree,
                false,
                "SuccessfulDelete",
                &format!("Deleted pod: {}", pod.name),
            );
        }
        let now = self.pods_of(tree);
        let ready = now.iter().filter(|p| self.is_ready(p)).count();
        let updated = now.iter().filter(|p| p.label(HASH) == Some(&update)).count();
        self.parts.store.edit(Kind::DaemonSet, namespace, name, |tree| {
            let fields = [
                ("desiredNumberScheduled", make::NODES),
                ("currentNumberScheduled", now.len().min(make::NODES)),
                ("numberMisscheduled", 0),
                ("numberReady", ready),
                ("numberAvailable", ready),
                ("numberUnavailable", make::NODES.saturating_sub(ready)),
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
}
