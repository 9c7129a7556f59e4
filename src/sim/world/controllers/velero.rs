//! Velero, as far as it shows: Schedules make Backups, and Backups get done.

use serde_json::{Value, json};

use crate::sim::cluster::json::{parse_time, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::cast::DAY_MS;
use crate::sim::world::cron::Schedule;
use crate::sim::world::pod::fnv;

/// The Backup of a Schedule that starts at `at_ms`.
pub fn backup(template: &Value, schedule: &str, at_ms: i64) -> Value {
    let stamp = time(at_ms).replace(['-', ':', 'T', 'Z'], "");
    json!({
        "metadata": {"name": format!("{schedule}-{stamp}"), "namespace": "velero", "creationTimestamp": time(at_ms),
            "labels": {"velero.io/schedule-name": schedule, "velero.io/storage-location": "default"}},
        "spec": template,
        "status": {"phase": "InProgress", "startTimestamp": time(at_ms), "expiration": time(at_ms + 30 * DAY_MS),
            "formatVersion": "1.1.0", "version": 1},
    })
}

/// Completes a Backup whose time has come; each takes one to three minutes.
pub fn finish(tree: &mut Value, now_ms: i64) {
    let Some(start) = parse_time(text(tree, "/status/startTimestamp")) else { return };
    let dice = fnv(text(tree, "/metadata/name")) % 100;
    let end = start + 70_000 + dice as i64 * 1_000;
    if text(tree, "/status/phase") == "InProgress" && end <= now_ms {
        let items = 1_180 + dice / 2;
        set(tree, "/status", "phase", "Completed");
        set(tree, "/status", "completionTimestamp", time(end));
        set(tree, "/status", "progress", json!({"itemsBackedUp": items, "totalItems": items}));
    }
}

impl World {
    pub(in crate::sim::world) fn run_velero(&mut self, from_ms: i64, to_ms: i64) {
        if let Err(error) = self.try_velero(from_ms, to_ms) {
            tracing::debug!(%error, "a Velero backup was not looked after");
        }
    }

    fn try_velero(&mut self, from_ms: i64, to_ms: i64) -> Result<(), ApiError> {
        let store = self.parts.store.clone();
        for object in store.list(Kind::Schedule, None) {
            let tree = object.tree();
            let runs = Schedule::parse(text(&tree, "/spec/schedule")).map(|s| s.runs(from_ms, to_ms));
            for at in runs.unwrap_or_default() {
                store.create(Kind::Backup, backup(&tree["spec"]["template"], &object.name, at), to_ms)?;
                store.edit(Kind::Schedule, &object.namespace, &object.name, |tree| {
                    set(tree, "/status", "lastBackup", time(at));
                    Ok(())
                })?;
            }
        }
        for object in store.list(Kind::Backup, None) {
            store.edit(Kind::Backup, &object.namespace, &object.name, |tree| {
                finish(tree, to_ms);
                Ok(())
            })?;
        }
        Ok(())
    }
}
