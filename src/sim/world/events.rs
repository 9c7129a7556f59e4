//! Events, told as the real recorders tell them: one object for what repeats, with a
//! count, and gone an hour after it was last seen.

use std::collections::HashMap;

use serde_json::json;

use super::World;
use super::pod::fnv;
use crate::sim::cluster::json::{int, set, time};
use crate::sim::cluster::kinds::Kind;

/// The API server keeps events for an hour (`--event-ttl`).
const TTL_MS: i64 = 3_600_000;

/// When each event was last seen, by namespace and name.
#[derive(Default)]
pub struct Book {
    seen: HashMap<(String, String), i64>,
}

/// What an event is about.
pub struct About<'a> {
    pub kind: Kind,
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
}

impl World {
    /// Tells an event; `warning` or normal, from `component`.
    pub(super) fn tell(
        &mut self,
        about: &About,
        warning: bool,
        reason: &str,
        component: &str,
        message: &str,
    ) {
        let hash = fnv(&format!("{}{}{reason}{message}", about.kind.info().kind, about.uid));
        let name = format!("{}.{hash:016x}", about.name);
        let namespace = if about.namespace.is_empty() { "default" } else { about.namespace };
        let now = time(self.now_ms);
        let store = &self.parts.store;
        let key = (namespace.to_owned(), name.clone());
        let result = if self.events.seen.insert(key, self.now_ms).is_some() {
            store.edit(Kind::Event, namespace, &name, |tree| {
                set(tree, "", "count", int(tree, "/count").unwrap_or(1) + 1);
                set(tree, "", "lastTimestamp", now.clone());
                Ok(())
            })
        } else {
            let info = about.kind.info();
            let tree = json!({
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": {"kind": info.kind, "apiVersion": info.api_version(), "namespace": about.namespace,
                    "name": about.name, "uid": about.uid},
                "type": if warning { "Warning" } else { "Normal" }, "reason": reason, "message": message,
                "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
                "firstTimestamp": now, "lastTimestamp": now, "eventTime": null, "count": 1,
            });
            store.create(Kind::Event, tree, self.now_ms)
        };
        if let Err(error) = result {
            tracing::debug!(%error, "an event was not told");
        }
    }

    pub(super) fn tell_pod(&mut self, key: &(String, String), warning: bool, reason: &str, message: &str) {
        let Some(uid) = self.pods.get(key).map(|p| p.uid.clone()) else { return };
        let component = if reason.contains("Schedul") { "default-scheduler" } else { "kubelet" };
        let about = About { kind: Kind::Pod, namespace: &key.0, name: &key.1, uid: &uid };
        self.tell(&about, warning, reason, component, message);
    }

    pub(super) fn forget_old_events(&mut self) {
        let oldest = self.now_ms - TTL_MS;
        let store = self.parts.store.clone();
        self.events.seen.retain(|(namespace, name), last| {
            let keep = *last > oldest;
            if !keep {
                store.remove(Kind::Event, namespace, name);
            }
            keep
        });
    }
}
