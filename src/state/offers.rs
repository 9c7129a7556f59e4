//! What a runbook's parameter could be, by its name and by what is on the screen.

use indexmap::IndexSet;

use super::State;
use crate::model::{Clean, Health};

impl State {
    /// Values for a parameter, the likeliest first: `<pod>` is the selected or a sick one, `<cache-pod>` one
    /// whose name has 'cache' in it, `<cache>` a workload of that name.
    pub fn offers(&self, name: &str) -> Vec<String> {
        let name = name.to_lowercase().replace(['_', ' '], "-");
        let name = name.strip_suffix("-name").unwrap_or(&name);
        let (hint, kind) = name.rsplit_once('-').unwrap_or(("", name));
        let found = match kind {
            "pod" => self.pods_offered(),
            "namespace" | "ns" => self.scope.namespace.iter().cloned().collect(),
            "context" => vec![self.scope.context.clone()],
            "cluster" => vec![self.scope.cluster.clone()],
            "deployment" | "deploy" | "statefulset" | "workload" | "app" | "service" | "svc" => {
                self.workloads_offered()
            }
            "node" => self.known.pods.iter().filter_map(|p| p.node.clone()).collect(),
            "cronjob" | "backup" => self.known.cronjobs.iter().map(|c| c.name.clone()).collect(),
            "certificate" => self.known.certificates.iter().map(|c| c.name.clone()).collect(),
            "autoscaler" | "hpa" => self.known.autoscalers.iter().map(|a| a.name.clone()).collect(),
            "alert" | "alertname" => self.derived.alerts.iter().map(|a| a.name.clone()).collect(),
            // 'cache', 'worker': what is called so.
            _ => {
                let mut named = self.workloads_offered();
                named.retain(|workload| workload.contains(kind));
                named
            }
        };
        let offers: IndexSet<String> =
            found.iter().map(ToString::to_string).filter(|t| !t.is_empty()).collect();
        let mut offers: Vec<String> = offers.into_iter().collect();
        // Those that the rest of the name speaks of stand first; the others keep their order.
        offers.sort_by_key(|offer| !hint.is_empty() && !offer.contains(hint));
        offers
    }

    fn pods_offered(&self) -> Vec<Clean> {
        let selected = self.selected_pod().map(|p| p.name.clone());
        let sick = self.derived.pods.unhealthy.iter().map(|(_, pod)| pod.name.clone());
        selected.into_iter().chain(sick).chain(self.known.pods.iter().map(|p| p.name.clone())).collect()
    }

    /// The sick first, then the service that is looked at.
    fn workloads_offered(&self) -> Vec<Clean> {
        let mut rows: Vec<_> = self.derived.pods.workloads.iter().collect();
        rows.sort_by_key(|r| std::cmp::Reverse(r.health));
        let name = |r: &&super::pods::WorkloadRow| r.key.name.clone();
        let sick: Vec<Clean> = rows.iter().filter(|r| r.health > Health::Unknown).map(name).collect();
        let service = self.scope.service.clone().filter(|s| rows.iter().any(|r| r.key.name == *s));
        sick.into_iter().chain(service).chain(rows.iter().map(name)).collect()
    }
}
