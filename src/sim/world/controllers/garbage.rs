//! The garbage collector: what a deleted object owned goes with it.

use crate::sim::cluster::kinds::{KINDS, Kind};
use crate::sim::cluster::object::Object;
use crate::sim::world::World;

impl World {
    /// Takes away what `gone` owned, pods with their grace; a Namespace takes everything in it.
    pub(super) fn collect_garbage(&mut self, gone: &Object) {
        let owners = [
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::StatefulSet,
            Kind::DaemonSet,
            Kind::Job,
            Kind::CronJob,
            Kind::Service,
        ];
        let is_namespace = gone.kind == Kind::Namespace;
        if !is_namespace && !owners.contains(&gone.kind) {
            return;
        }
        let namespace = if is_namespace { &gone.name } else { &gone.namespace };
        for kind in KINDS.iter().filter(|(_, k)| k.namespaced && k.stored).map(|(kind, _)| kind) {
            let belongs = |o: &Object| if is_namespace { true } else { o.owner == gone.uid };
            for child in self.parts.store.page(*kind, Some(namespace), None, usize::MAX, belongs).objects {
                if *kind == Kind::Pod && !is_namespace {
                    self.ask_pod_to_end(&child);
                } else {
                    self.parts.store.remove(*kind, &child.namespace, &child.name);
                }
            }
        }
    }
}
