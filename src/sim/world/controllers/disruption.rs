//! The disruption controller: how many of a PodDisruptionBudget's pods may be evicted now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::rolling::share;
use super::{replicas, set_condition};
use crate::sim::cluster::json::{int, parse_time, set, strings, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::select::Selector;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;

/// `DeletionTimeout` of the disruption controller: an eviction that has led to nothing by
/// then is forgotten.
const GRANT_LASTS_MS: i64 = 120_000;

impl World {
    /// Brings the status of a budget up to date.
    pub(super) fn disruption_budget(&mut self, budget: &Value) -> Result<(), ApiError> {
        let (namespace, name) = (text(budget, "/metadata/namespace"), text(budget, "/metadata/name"));
        let selector = Selector::of_workload(&budget["spec"]["selector"]);
        let pods = self
            .parts
            .store
            .page(Kind::Pod, Some(namespace), None, usize::MAX, |o| selector.matches(o))
            .objects;
        let now = self.now_ms;
        // Pods whose eviction was granted and that the kubelet has not heard of yet.
        let granted: Map<String, Value> = strings(budget, "/status/disruptedPods")
            .filter(|(_, at)| parse_time(at).is_some_and(|at| now - at < GRANT_LASTS_MS))
            .filter(|(pod, _)| pods.iter().any(|p| &*p.name == *pod && !self.is_going(p)))
            .map(|(pod, at)| (pod.to_owned(), at.into()))
            .collect();
        let counts =
            |p: &&Arc<Object>| self.is_ready(p) && !self.is_going(p) && !granted.contains_key(&*p.name);
        let healthy = pods.iter().filter(counts).count() as i64;
        let (expected, desired) = match (&budget["spec"]["minAvailable"], &budget["spec"]["maxUnavailable"]) {
            (Value::Number(least), _) => (pods.len() as i64, least.as_i64().unwrap_or(0)),
            (Value::Null, most) => {
                let expected = self.wanted_of(&pods);
                (expected, (expected - share(most, expected, true, 0)).max(0))
            }
            (least, _) => {
                let expected = self.wanted_of(&pods);
                (expected, share(least, expected, true, 0))
            }
        };
        let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
        self.parts.store.edit(Kind::PodDisruptionBudget, namespace, name, |tree| {
            let fields = [
                ("expectedPods", expected),
                ("currentHealthy", healthy),
                ("desiredHealthy", desired),
                ("disruptionsAllowed", allowed),
                ("observedGeneration", int(tree, "/metadata/generation").unwrap_or(1)),
            ];
            for (field, n) in fields {
                set(tree, "/status", field, n);
            }
            if granted.is_empty() {
                tree["status"].as_object_mut().and_then(|s| s.remove("disruptedPods"));
            } else {
                set(tree, "/status", "disruptedPods", granted);
            }
            let (status, reason) =
                if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
            set_condition(tree, "DisruptionAllowed", status, reason, "", now);
            Ok(())
        })?;
        Ok(())
    }

    /// How many pods the workloads behind `pods` want in all.
    fn wanted_of(&self, pods: &[Arc<Object>]) -> i64 {
        let mut wanted = BTreeMap::new();
        let owners: BTreeSet<&str> = pods.iter().map(|p| &*p.owner).filter(|uid| !uid.is_empty()).collect();
        let namespace = pods.first().map(|p| &*p.namespace);
        for uid in owners {
            let owner = [Kind::ReplicaSet, Kind::StatefulSet].into_iter().find_map(|kind| {
                self.parts.store.page(kind, namespace, None, 1, |o| &*o.uid == uid).objects.pop()
            });
            // A ReplicaSet's share says little while its Deployment is rolled out.
            let top = owner.map(|owner| {
                let by = |o: &Object| o.uid == owner.owner;
                let page = self.parts.store.page(Kind::Deployment, namespace, None, 1, by);
                page.objects.into_iter().next().unwrap_or(owner)
            });
            if let Some(top) = top {
                wanted.insert(top.uid.clone(), replicas(&top.tree()));
            }
        }
        wanted.values().sum()
    }
}
