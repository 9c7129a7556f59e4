//! The table of kinds: everything that the generic handlers know about a kind of object
//! is a row here, so a new kind is a new row.

/// One kind of object that the simulated API server serves.
#[derive(Debug)]
pub struct KindInfo {
    /// API group; empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short: &'static [&'static str],
    pub namespaced: bool,
    pub subresources: &'static [&'static str],
    /// Whether objects are stored (false: computed when asked for, no watch).
    pub stored: bool,
}

impl KindInfo {
    /// `v1`, or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// As errors name it: `pods`, or `deployments.apps`.
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The categories that kubectl knows it by: `kubectl get all`.
    pub fn categories(&self) -> &'static [&'static str] {
        match self.kind {
            "Pod"
            | "Service"
            | "Deployment"
            | "ReplicaSet"
            | "StatefulSet"
            | "DaemonSet"
            | "Job"
            | "CronJob"
            | "HorizontalPodAutoscaler" => &["all"],
            _ => &[],
        }
    }

    /// The verbs that discovery announces.
    pub fn verbs(&self) -> &'static [&'static str] {
        if self.stored {
            &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
        } else {
            &["get", "list"]
        }
    }
}

macro_rules! kinds {
    ($($id:ident: $group:literal $version:literal $plural:literal $singular:literal [$($short:literal)*]
       $namespaced:literal [$($sub:literal)*] $stored:literal;)*) => {
        /// A row of the table of kinds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($id),* }

        /// All rows, in the order of [`Kind`].
        pub static KINDS: &[(Kind, KindInfo)] = &[$((Kind::$id, KindInfo {
            group: $group, version: $version, kind: stringify!($id), plural: $plural, singular: $singular,
            short: &[$($short),*], namespaced: $namespaced, subresources: &[$($sub),*], stored: $stored,
        })),*];
    };
}

kinds! {
    Namespace: "" "v1" "namespaces" "namespace" ["ns"] false ["status"] true;
    Node: "" "v1" "nodes" "node" ["no"] false ["status"] true;
    Pod: "" "v1" "pods" "pod" ["po"] true ["attach" "exec" "portforward" "eviction" "log" "status"] true;
    Event: "" "v1" "events" "event" ["ev"] true [] true;
    Service: "" "v1" "services" "service" ["svc"] true ["proxy" "status"] true;
    Endpoints: "" "v1" "endpoints" "endpoints" ["ep"] true [] true;
    ConfigMap: "" "v1" "configmaps" "configmap" ["cm"] true [] true;
    Secret: "" "v1" "secrets" "secret" [] true [] true;
    Deployment: "apps" "v1" "deployments" "deployment" ["deploy"] true ["scale" "status"] true;
    ReplicaSet: "apps" "v1" "replicasets" "replicaset" ["rs"] true ["scale" "status"] true;
    StatefulSet: "apps" "v1" "statefulsets" "statefulset" ["sts"] true ["scale" "status"] true;
    DaemonSet: "apps" "v1" "daemonsets" "daemonset" ["ds"] true ["status"] true;
    ControllerRevision: "apps" "v1" "controllerrevisions" "controllerrevision" [] true [] true;
    Job: "batch" "v1" "jobs" "job" [] true ["status"] true;
    CronJob: "batch" "v1" "cronjobs" "cronjob" ["cj"] true ["status"] true;
    HorizontalPodAutoscaler: "autoscaling" "v2" "horizontalpodautoscalers" "horizontalpodautoscaler"
        ["hpa"] true ["status"] true;
    PodDisruptionBudget: "policy" "v1" "poddisruptionbudgets" "poddisruptionbudget" ["pdb"] true ["status"] true;
    EndpointSlice: "discovery.k8s.io" "v1" "endpointslices" "endpointslice" [] true [] true;
    Lease: "coordination.k8s.io" "v1" "leases" "lease" [] true [] true;
    NetworkPolicy: "networking.k8s.io" "v1" "networkpolicies" "networkpolicy" ["netpol"] true [] true;
    RoleBinding: "rbac.authorization.k8s.io" "v1" "rolebindings" "rolebinding" [] true [] true;
    ClusterRoleBinding: "rbac.authorization.k8s.io" "v1" "clusterrolebindings" "clusterrolebinding" [] false [] true;
    Certificate: "cert-manager.io" "v1" "certificates" "certificate" ["cert" "certs"] true ["status"] true;
    Backup: "velero.io" "v1" "backups" "backup" [] true [] true;
    Schedule: "velero.io" "v1" "schedules" "schedule" [] true [] true;
    PodMetrics: "metrics.k8s.io" "v1beta1" "pods" "" [] true [] false;
    NodeMetrics: "metrics.k8s.io" "v1beta1" "nodes" "" [] false [] false;
}

impl Kind {
    /// The row of this kind.
    pub fn info(self) -> &'static KindInfo {
        &KINDS[self as usize].1
    }

    /// The kind served at `/apis/GROUP/VERSION/PLURAL`.
    pub fn at(group: &str, version: &str, plural: &str) -> Option<Kind> {
        KINDS
            .iter()
            .find(|(_, k)| k.group == group && k.version == version && k.plural == plural)
            .map(|(kind, _)| *kind)
    }
}

/// The groups with their version, core first, each once and in the table's order.
pub fn groups() -> Vec<(&'static str, &'static str)> {
    let mut out: Vec<(&str, &str)> = Vec::new();
    for (_, k) in KINDS {
        if !out.contains(&(k.group, k.version)) {
            out.push((k.group, k.version));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (i, (kind, info)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, i);
            assert_eq!(Kind::at(info.group, info.version, info.plural), Some(*kind));
        }
    }
}
