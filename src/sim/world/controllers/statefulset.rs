//! The StatefulSet controller, OrderedReady: one pod after the other, upwards when they
//! are made and downwards when they are replaced; a pod that does not get ready stops it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::revision::HASH;
use super::{replicas, revision};
use crate::sim::cluster::json::{int, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::make;

impl World {
    pub(super) fn stateful_set(&mut self, tree: &Value) -> Result<(), ApiError> {
        let name = text(tree, "/metadata/name");
        let update = revision::name(tree, &tree["spec"]["template"]);
        self.ensure_revision(tree, &update)?;
        let pods: BTreeMap<i64, Arc<Object>> = self
            .pods_of(tree)
            .into_iter()
            .filter_map(|p| Some((p.name.strip_prefix(name)?.strip_prefix('-')?.parse().ok()?, p)))
            .collect();
        let current = match text(tree, "/status/currentRevision") {
            "" => update.clone(),
            known => known.to_owned(),
        };
        self.move_pods(tree, &pods, &current, &update)?;
        self.forget_revisions(tree, &[&current, &update]);
        self.stateful_status(tree, &current, &update)
    }

    fn move_pods(
        &mut self,
        tree: &Value,
        pods: &BTreeMap<i64, Arc<Object>>,
        current: &str,
        update: &str,
    ) -> Result<(), ApiError> {
        let want = replicas(tree);
        let partition = int(tree, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
        let parallel = text(tree, "/spec/podManagementPolicy") == "Parallel";
        for ordinal in 0..want {
            match pods.get(&ordinal) {
                None => {
                    let wanted = if ordinal < partition { current } else { update };
                    self.make_ordinal(tree, ordinal, wanted)?;
                    if !parallel {
                        return Ok(());
                    }
                }
                // OrderedReady waits for each pod, even for one that will never be ready.
                Some(pod) if !parallel && !self.is_available(tree, pod) => return Ok(()),
                Some(_) => {}
            }
        }
        if let Some((_, pod)) = pods.range(want..).next_back() {
            if !self.is_going(pod) {
                self.delete_ordinal(tree, pod);
            }
            return Ok(());
        }
        if text(tree, "/spec/updateStrategy/type") == "OnDelete" {
            return Ok(());
        }
        for (_, pod) in pods.range(partition..want).rev() {
            if pod.label(HASH) != Some(update) {
                if !self.is_going(pod) {
                    self.delete_ordinal(tree, pod);
                }
                return Ok(());
            }
            if !self.is_available(tree, pod) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn make_ordinal(&mut self, tree: &Value, ordinal: i64, wanted: &str) -> Result<(), ApiError> {
        let name = format!("{}-{ordinal}", text(tree, "/metadata/name"));
        let namespace = text(tree, "/metadata/namespace");
        let stored = self.parts.store.get(Kind::ControllerRevision, namespace, wanted);
        let template = stored.and_then(|r| r.tree().pointer("/data/spec/template").cloned());
        let mut template = template.unwrap_or_else(|| tree["spec"]["template"].clone());
        if let Some(map) = template.as_object_mut() {
            map.remove("$patch");
        }
        let mut pod = make::pod(tree, &template, &name);
        set(&mut pod, "/metadata/labels", HASH, wanted);
        set(&mut pod, "/metadata/labels", "statefulset.kubernetes.io/pod-name", name.clone());
        set(&mut pod, "/metadata/labels", "apps.kubernetes.io/pod-index", ordinal.to_string());
        self.parts.store.create(Kind::Pod, pod, self.now_ms)?;
        let owner = text(tree, "/metadata/name");
        let message = format!("create Pod {name} in StatefulSet {owner} successful");
        self.tell_of(Kind::StatefulSet, tree, false, "SuccessfulCreate", &message);
        Ok(())
    }

    fn delete_ordinal(&mut self, tree: &Value, pod: &Object) {
        self.ask_pod_to_end(pod);
        let owner = text(tree, "/metadata/name");
        let message = format!("delete Pod {} in StatefulSet {owner} successful", pod.name);
        self.tell_of(Kind::StatefulSet, tree, false, "SuccessfulDelete", &message);
    }

    fn stateful_status(&mut self, tree: &Value, current: &str, update: &str) -> Result<(), ApiError> {
        let pods = self.pods_of(tree);
        let available = self.available(Kind::StatefulSet, tree, &pods) as i64;
        let count = |f: &dyn Fn(&Arc<Object>) -> bool| pods.iter().filter(|p| f(p)).count() as i64;
        let ready = count(&|p| self.is_ready(p));
        let updated = count(&|p| !self.is_going(p) && p.label(HASH) == Some(update));
        let done = updated == replicas(tree) && ready == replicas(tree) && pods.len() as i64 == ready;
        let now_current = if done { update } else { current };
        let at_current = count(&|p| !self.is_going(p) && p.label(HASH) == Some(now_current));
        let total = pods.len() as i64;
        self.parts.store.edit(
            Kind::StatefulSet,
            text(tree, "/metadata/namespace"),
            text(tree, "/metadata/name"),
            |tree| {
                let fields = [
                    ("replicas", total),
                    ("readyReplicas", ready),
                    ("availableReplicas", available),
                    ("currentReplicas", at_current),
                    ("updatedReplicas", updated),
                    ("observedGeneration", int(tree, "/metadata/generation").unwrap_or(1)),
                    ("collisionCount", 0),
                ];
                for (field, n) in fields {
                    set(tree, "/status", field, n);
                }
                set(tree, "/status", "currentRevision", now_current);
                set(tree, "/status", "updateRevision", update);
                Ok(())
            },
        )?;
        Ok(())
    }
}
