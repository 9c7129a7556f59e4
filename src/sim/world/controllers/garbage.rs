//! The garbage collector: what a deleted object owned goes with it.

use crate::sim::cluster::delete::{FOREGROUND, begin, finish, is_going};
use crate::sim::cluster::json::list;
use crate::sim::cluster::kinds::{KINDS, Kind};
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;

impl World {
    /// Goes on with the deletion of an object that something holds up: with foreground
    /// propagation, what it owns goes first.
    pub(super) fn go_on_deleting(&mut self, object: &Object) -> Result<(), ApiError> {
        if !list(&object.tree(), "/metadata/finalizers").iter().any(|f| f == FOREGROUND) {
            return Ok(());
        }
        let mut left = false;
        for kind in KINDS.iter().filter(|(_, k)| k.namespaced && k.stored).map(|(kind, _)| *kind) {
            let owned = |o: &Object| o.owner == object.uid;
            for child in self.parts.store.page(kind, Some(&object.namespace), None, usize::MAX, owned).objects
            {
                left = true;
                let now_ms = self.now_ms;
                match kind {
                    Kind::Pod => self.ask_pod_to_end(&child),
                    _ if is_going(&child.tree()) => {}
                    _ => {
                        self.parts.store.edit(kind, &child.namespace, &child.name, |tree| {
                            begin(tree, 0, true, now_ms);
                            Ok(())
                        })?;
                    }
                }
            }
        }
        if !left {
            let freed = self.parts.store.edit(object.kind, &object.namespace, &object.name, |tree| {
                if let Some(all) = tree["metadata"]["finalizers"].as_array_mut() {
                    all.retain(|f| f != FOREGROUND);
                }
                Ok(())
            })?;
            finish(&self.parts.store, &freed);
        }
        Ok(())
    }

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
