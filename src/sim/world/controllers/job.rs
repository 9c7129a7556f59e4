//! The Job controller: a pod for each try, until one succeeds or the tries are used up.

use serde_json::{Value, json};

use crate::sim::cluster::json::{int, list, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::cast::success_annotations;
use crate::sim::world::make;

/// Whether a Job has ended, well or not.
pub fn finished(tree: &Value) -> bool {
    list(tree, "/status/conditions")
        .iter()
        .any(|c| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True")
}

impl World {
    pub(super) fn job(&mut self, tree: &Value) -> Result<(), ApiError> {
        if finished(tree) || tree["spec"]["suspend"] == true {
            return Ok(());
        }
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let pods = self.pods_of(tree);
        let phase = |wanted: &str| {
            pods.iter().filter(|p| self.run_of(p).is_some_and(|r| r.phase() == wanted)).count() as i64
        };
        let (succeeded, failed) = (phase("Succeeded"), phase("Failed"));
        let start =
            crate::sim::cluster::json::parse_time(text(tree, "/status/startTime")).unwrap_or(self.now_ms);
        let limit = int(tree, "/spec/backoffLimit").unwrap_or(6);
        let now = self.now_ms;
        if succeeded > 0 {
            return self.job_succeeded(tree, start);
        }
        if failed > limit {
            self.parts.store.edit(Kind::Job, namespace, name, |tree| {
                tree["status"] = make::job_failed(start, now);
                Ok(())
            })?;
            let message = "Job has reached the specified backoff limit";
            self.tell_of(Kind::Job, tree, true, "BackoffLimitExceeded", message);
            return Ok(());
        }
        let active = pods.iter().filter(|p| !self.is_going(p)).count() as i64 - failed;
        if active < 1 {
            let pod_name = format!("{name}-{}", self.parts.store.suffix(5));
            self.parts.store.create(Kind::Pod, make::job_pod(tree, &pod_name), now)?;
            self.tell_of(Kind::Job, tree, false, "SuccessfulCreate", &format!("Created pod: {pod_name}"));
        }
        self.parts.store.edit(Kind::Job, namespace, name, |tree| {
            set(tree, "/status", "startTime", time(start));
            set(tree, "/status", "active", 1);
            set(tree, "/status", "failed", failed);
            Ok(())
        })?;
        Ok(())
    }

    fn job_succeeded(&mut self, tree: &Value, start: i64) -> Result<(), ApiError> {
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let cronjob =
            list(tree, "/metadata/ownerReferences").first().map(|r| text(r, "/name")).unwrap_or_default();
        let now = self.now_ms;
        self.parts.store.edit(Kind::Job, namespace, name, |tree| {
            tree["status"] = make::job_complete(start, now);
            for (key, value) in success_annotations(cronjob, name, now, now) {
                set(tree, "/metadata/annotations", key, value);
            }
            Ok(())
        })?;
        self.tell_of(Kind::Job, tree, false, "Completed", "Job completed");
        // The log shipper has what it needs: pods of runs that went well are taken away, so
        // that the namespace shows what runs. Those of failed runs stay.
        for pod in self.pods_of(tree) {
            self.ask_pod_to_end(&pod);
        }
        Ok(())
    }

    /// The verification of backups comes a while after them.
    pub(super) fn verify_backups(&mut self) -> Result<(), ApiError> {
        let jobs = self.parts.store.list(Kind::Job, Some(crate::sim::world::cast::SHOP));
        for job in jobs {
            let tree = job.tree();
            let Some(end) = crate::sim::cluster::json::parse_time(text(&tree, "/status/completionTime"))
            else {
                continue;
            };
            // Older ones have theirs; what is not verified within the hour never is.
            if self.now_ms - end > 3_600_000 {
                continue;
            }
            let cronjob = list(&tree, "/metadata/ownerReferences")
                .first()
                .map(|r| text(r, "/name"))
                .unwrap_or_default();
            let annotations = success_annotations(cronjob, &job.name, end, self.now_ms);
            self.parts.store.edit(Kind::Job, &job.namespace, &job.name, |tree| {
                for (key, value) in annotations {
                    set(tree, "/metadata/annotations", key, json!(value));
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
