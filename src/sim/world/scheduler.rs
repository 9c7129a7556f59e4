//! The scheduler: which node a pod goes to, and why none will do.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use super::kubelet::PodKey;
use super::make;
use super::pod::State;
use crate::sim::cluster::json::{quantity, set, text};
use crate::sim::cluster::kinds::Kind;

/// How soon the scheduler looks again at a pod that fits nowhere.
const SCHEDULE_RETRY_MS: i64 = 10_000;

/// What a pod asks of its node.
struct Needs {
    cpu: f64,
    memory: f64,
    selector: Vec<(String, String)>,
}

impl World {
    /// Puts the pod on a node. One for which there is none stays pending and is told of.
    pub(super) fn schedule(&mut self, key: &PodKey) {
        let wanted = self.pods.get(key).map(|p| p.node.clone()).unwrap_or_default();
        let node = match make::node_index(&wanted) {
            Some(node) => node,
            None => match self.free_node(key) {
                Ok(node) => node,
                Err(why) => {
                    self.tell_pod(key, true, "FailedScheduling", &why);
                    let retry_at_ms = self.now_ms + SCHEDULE_RETRY_MS;
                    if let Some(run) = self.pods.get_mut(key) {
                        run.retry_at_ms = retry_at_ms;
                        run.unschedulable = why;
                    }
                    return;
                }
            },
        };
        self.bind(key, node);
    }

    fn bind(&mut self, key: &PodKey, node: usize) {
        let until_ms = self.now_ms + self.between(1_500, 3_500);
        self.serial += 1;
        let serial = self.serial;
        let Some(run) = self.pods.get_mut(key) else { return };
        run.node = make::node_name(node);
        run.host_ip = make::node_ip(node);
        run.ip = make::pod_ip(node, serial);
        run.state = State::Creating { until_ms };
        let name = run.node.clone();
        let _ = self.parts.store.edit(Kind::Pod, &key.0, &key.1, |tree| {
            set(tree, "/spec", "nodeName", name.clone());
            Ok(())
        });
        let text = format!("Successfully assigned {}/{} to {name}", key.0, key.1);
        self.tell_pod(key, false, "Scheduled", &text);
    }

    /// A node that the pod fits on, one after the other.
    ///
    /// # Errors
    /// What is in the way, in the scheduler's words.
    fn free_node(&mut self, key: &PodKey) -> Result<usize, String> {
        let needs = self.needs(key);
        let mut used: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for run in self.pods.values().filter(|p| !p.node.is_empty() && !matches!(p.state, State::Done)) {
            let sum = used.entry(&run.node).or_default();
            *sum = (sum.0 + run.cpu_request, sum.1 + run.memory_request);
        }
        let serial = self.serial + 1;
        let order = (0..make::NODES).map(|i| (serial + i * 5) % make::NODES);
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        let mut found = None;
        for i in order {
            let name = make::node_name(i);
            let taken = used.get(name.as_str()).copied().unwrap_or_default();
            let Some(node) = self.parts.store.get(Kind::Node, "", &name) else { continue };
            match in_the_way(&node.tree(), &needs, taken) {
                None => {
                    found = Some(i);
                    break;
                }
                Some(reason) => *reasons.entry(reason).or_default() += 1,
            }
        }
        self.serial = serial;
        found.ok_or_else(|| {
            let reasons: Vec<String> = reasons.iter().map(|(why, n)| format!("{n} {why}")).collect();
            let all = make::NODES;
            format!(
                "0/{all} nodes are available: {}. preemption: 0/{all} nodes are available: {all} Preemption is not \
                 helpful for scheduling.",
                reasons.join(", ")
            )
        })
    }

    fn needs(&self, key: &PodKey) -> Needs {
        let run = self.pods.get(key);
        let object = self.parts.store.get(Kind::Pod, &key.0, &key.1);
        let selector = object.and_then(|pod| pod.tree()["spec"]["nodeSelector"].as_object().cloned());
        let pair = |(k, v): (String, Value)| (k, v.as_str().unwrap_or_default().to_owned());
        Needs {
            cpu: run.map_or(0.0, |r| r.cpu_request),
            memory: run.map_or(0.0, |r| r.memory_request),
            selector: selector.into_iter().flatten().map(pair).collect(),
        }
    }
}

/// Why a pod cannot go to a node, as the scheduler's filters say it, in their order.
fn in_the_way(node: &Value, needs: &Needs, (cpu, memory): (f64, f64)) -> Option<&'static str> {
    let left = |what: &str, used: f64| quantity(text(node, &format!("/status/allocatable/{what}"))) - used;
    let fits = |(key, value): &(String, String)| node["metadata"]["labels"][key] == **value;
    if node["spec"]["unschedulable"] == true {
        Some("node(s) were unschedulable")
    } else if !needs.selector.iter().all(fits) {
        Some("node(s) didn't match Pod's node affinity/selector")
    } else if needs.cpu > left("cpu", cpu) {
        Some("Insufficient cpu")
    } else if needs.memory > left("memory", memory) {
        Some("Insufficient memory")
    } else {
        None
    }
}
