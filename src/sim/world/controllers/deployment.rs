//! The Deployment controller: revisions, rolling updates, scaling, and the status from
//! which `kubectl rollout status` reads how it goes.

use serde_json::{Value, json};

use super::rolling::{Member, limits, scale_new, scale_old};
use super::{Key, replicas, set_condition};
use crate::sim::cluster::json::{int, list, parse_time, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::make;

const REVISION: &str = "deployment.kubernetes.io/revision";

fn revision(tree: &Value) -> i64 {
    tree["metadata"]["annotations"][REVISION].as_str().and_then(|r| r.parse().ok()).unwrap_or(0)
}

fn member(set: &Value) -> Member {
    Member { wanted: replicas(set), available: int(set, "/status/availableReplicas").unwrap_or(0) }
}

impl World {
    pub(super) fn deployment(&mut self, key: &Key, tree: &Value) -> Result<(), ApiError> {
        let uid = text(tree, "/metadata/uid");
        let namespace = text(tree, "/metadata/namespace");
        let owned =
            self.parts.store.page(Kind::ReplicaSet, Some(namespace), None, usize::MAX, |o| &*o.owner == uid);
        let mut sets: Vec<Value> = owned.objects.iter().map(|o| (*o.tree()).clone()).collect();
        sets.sort_by_key(revision);
        let template = make::plain_template(&tree["spec"]["template"]);
        let at = sets.iter().position(|s| make::plain_template(&s["spec"]["template"]) == template);
        let paused = tree["spec"]["paused"] == true;
        let new = match at {
            Some(at) => Some(sets.remove(at)),
            None if paused => None,
            None => Some(self.new_replica_set(tree, &sets)?),
        };
        if let Some(new) = &new {
            self.number(tree, new, &sets)?;
        }
        if paused {
            self.scale_paused(tree, new.as_ref(), &sets)?;
        } else if let Some(new) = &new {
            self.roll(tree, new, &sets)?;
            self.forget_old_sets(tree, &sets);
        }
        self.deployment_status(key, tree, new.as_ref())
    }

    fn new_replica_set(&mut self, tree: &Value, old: &[Value]) -> Result<Value, ApiError> {
        let revision = old.iter().map(revision).max().unwrap_or(0) + 1;
        let set = make::replica_set(tree, &tree["spec"]["template"], revision, 0);
        Ok((*self.parts.store.create(Kind::ReplicaSet, set, self.now_ms)?.tree()).clone())
    }

    /// Gives the ReplicaSet in use the highest revision: rolling back makes a new one of an old.
    fn number(&mut self, tree: &Value, new: &Value, old: &[Value]) -> Result<(), ApiError> {
        let highest = old.iter().map(revision).max().unwrap_or(0);
        let number = if revision(new) > highest { revision(new) } else { highest + 1 };
        let (namespace, store) = (text(tree, "/metadata/namespace"), &self.parts.store);
        let least_ready = int(tree, "/spec/minReadySeconds").unwrap_or(0);
        let cause = tree["metadata"]["annotations"]["kubernetes.io/change-cause"].clone();
        store.edit(Kind::ReplicaSet, namespace, text(new, "/metadata/name"), |set_tree| {
            set(set_tree, "/metadata/annotations", REVISION, number.to_string());
            set(set_tree, "/spec", "minReadySeconds", least_ready);
            if cause.is_string() {
                set(set_tree, "/metadata/annotations", "kubernetes.io/change-cause", cause);
            }
            Ok(())
        })?;
        store.edit(Kind::Deployment, namespace, text(tree, "/metadata/name"), |tree| {
            set(tree, "/metadata/annotations", REVISION, number.to_string());
            Ok(())
        })?;
        Ok(())
    }

    fn roll(&mut self, tree: &Value, new: &Value, old: &[Value]) -> Result<(), ApiError> {
        let want = replicas(tree);
        let members: Vec<Member> = old.iter().map(member).collect();
        let mut first = member(new);
        if text(tree, "/spec/strategy/type") == "Recreate" {
            for set in old.iter().filter(|s| replicas(s) > 0) {
                self.scale_set(tree, set, 0)?;
            }
            let gone = old.iter().all(|s| self.pods_of(s).is_empty());
            return if gone { self.scale_set(tree, new, want) } else { Ok(()) };
        }
        let (surge, unavailable) = limits(&tree["spec"], want);
        first.wanted = scale_new(&first, &members, want, surge);
        self.scale_set(tree, new, first.wanted)?;
        for (set, count) in old.iter().zip(scale_old(&first, &members, want, unavailable)) {
            self.scale_set(tree, set, count)?;
        }
        Ok(())
    }

    /// A paused Deployment is scaled but not rolled: the set that holds most takes the change.
    fn scale_paused(&mut self, tree: &Value, new: Option<&Value>, old: &[Value]) -> Result<(), ApiError> {
        let all: Vec<&Value> = old.iter().chain(new).collect();
        let total: i64 = all.iter().map(|s| replicas(s)).sum();
        let change = replicas(tree) - total;
        match all.iter().max_by_key(|s| replicas(s)) {
            Some(largest) if change != 0 => {
                self.scale_set(tree, largest, (replicas(largest) + change).max(0))
            }
            _ => Ok(()),
        }
    }

    fn scale_set(&mut self, tree: &Value, set_tree: &Value, count: i64) -> Result<(), ApiError> {
        let before = replicas(set_tree);
        if before == count {
            return Ok(());
        }
        let name = text(set_tree, "/metadata/name");
        let wanted = replicas(tree).to_string();
        self.parts.store.edit(Kind::ReplicaSet, text(tree, "/metadata/namespace"), name, |tree| {
            set(tree, "/spec", "replicas", count);
            set(tree, "/metadata/annotations", "deployment.kubernetes.io/desired-replicas", wanted);
            Ok(())
        })?;
        let way = if count > before { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {name} from {before} to {count}");
        self.tell_of(Kind::Deployment, tree, false, "ScalingReplicaSet", &message);
        Ok(())
    }

    fn forget_old_sets(&mut self, tree: &Value, old: &[Value]) {
        let keep = int(tree, "/spec/revisionHistoryLimit").unwrap_or(10).max(0) as usize;
        let empty: Vec<&Value> =
            old.iter().filter(|s| replicas(s) == 0 && int(s, "/status/replicas").unwrap_or(0) == 0).collect();
        for set in empty.iter().take(empty.len().saturating_sub(keep)) {
            self.parts.store.remove(
                Kind::ReplicaSet,
                text(set, "/metadata/namespace"),
                text(set, "/metadata/name"),
            );
        }
    }

    fn deployment_status(&mut self, key: &Key, tree: &Value, new: Option<&Value>) -> Result<(), ApiError> {
        let uid = text(tree, "/metadata/uid");
        let owned =
            self.parts.store.page(Kind::ReplicaSet, Some(&key.1), None, usize::MAX, |o| &*o.owner == uid);
        let sets: Vec<_> = owned.objects.iter().map(|o| o.tree()).collect();
        let sum = |pointer: &str| -> i64 { sets.iter().map(|s| int(s, pointer).unwrap_or(0)).sum() };
        let name = new.map(|n| text(n, "/metadata/name").to_owned()).unwrap_or_default();
        let current = sets.iter().find(|s| text(s, "/metadata/name") == name);
        let updated = current.and_then(|s| int(s, "/status/replicas")).unwrap_or(0);
        let (total, ready, available) =
            (sum("/status/replicas"), sum("/status/readyReplicas"), sum("/status/availableReplicas"));
        let want = replicas(tree);
        let unavailable = (sum("/spec/replicas") - available).max(0);
        let (_, may_miss) = limits(&tree["spec"], want);
        let complete = updated == want && total == want && available == want;
        let now = self.now_ms;
        let deadline_ms = int(tree, "/spec/progressDeadlineSeconds").unwrap_or(600) * 1_000;
        let counts = json!([total, updated, ready, available]);
        let written = self.parts.store.edit(Kind::Deployment, &key.1, &key.2, |tree| {
            let old = &tree["status"];
            let before = json!([
                old["replicas"],
                old["updatedReplicas"],
                old["readyReplicas"],
                old["availableReplicas"]
            ]);
            let moved = before != counts;
            let status = [
                ("replicas", total),
                ("updatedReplicas", updated),
                ("readyReplicas", ready),
                ("availableReplicas", available),
                ("unavailableReplicas", unavailable),
                ("observedGeneration", int(tree, "/metadata/generation").unwrap_or(1)),
            ];
            for (field, n) in status {
                set(tree, "/status", field, n);
            }
            let (status, reason, message) = if available >= want - may_miss {
                ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
            } else {
                ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
            };
            set_condition(tree, "Available", status, reason, message, now);
            progress(tree, &name, complete, moved, deadline_ms, now);
            Ok(())
        })?;
        if complete || written.tree()["spec"]["paused"] == true {
            self.rolling.remove(key);
        } else {
            self.rolling.insert(key.clone());
        }
        Ok(())
    }
}

/// The `Progressing` condition: done, under way, or out of time.
fn progress(tree: &mut Value, set_name: &str, complete: bool, moved: bool, deadline_ms: i64, now: i64) {
    let condition = list(tree, "/status/conditions").iter().find(|c| c["type"] == "Progressing").cloned();
    let reason = condition.as_ref().map(|c| text(c, "/reason").to_owned()).unwrap_or_default();
    let since = condition.as_ref().and_then(|c| parse_time(text(c, "/lastUpdateTime"))).unwrap_or(now);
    let new_set =
        !condition.as_ref().is_some_and(|c| text(c, "/message").contains(&format!("\"{set_name}\"")));
    if tree["spec"]["paused"] == true {
        set_condition(tree, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now);
    } else if complete {
        let message = format!("ReplicaSet \"{set_name}\" has successfully progressed.");
        set_condition(tree, "Progressing", "True", "NewReplicaSetAvailable", &message, now);
    } else if reason == "NewReplicaSetAvailable" && !new_set {
        // Complete once, and pods have failed since: the controller does not call that a rollout.
    } else if !moved && !new_set && now - since > deadline_ms {
        let message = format!("ReplicaSet \"{set_name}\" has timed out progressing.");
        set_condition(tree, "Progressing", "False", "ProgressDeadlineExceeded", &message, now);
    } else if moved || new_set || reason == "DeploymentPaused" {
        let message = format!("ReplicaSet \"{set_name}\" is progressing.");
        set_condition(tree, "Progressing", "True", "ReplicaSetUpdated", &message, now);
        touch(tree, now);
    }
}

fn touch(tree: &mut Value, now: i64) {
    let conditions = tree["status"]["conditions"].as_array_mut().into_iter().flatten();
    for c in conditions.filter(|c| c["type"] == "Progressing") {
        c["lastUpdateTime"] = crate::sim::cluster::json::time(now).into();
    }
}
