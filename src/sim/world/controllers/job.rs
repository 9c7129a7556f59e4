//! The Job controller: pods until as many have succeeded as asked for, or the tries or the
//! time are used up.

use std::sync::Arc;

use serde_json::Value;

use super::set_condition;
use crate::sim::cluster::json::{int, list, parse_time, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::cast::success_annotations;
use crate::sim::world::make;

/// How long a Job waits after a failed pod: 10 s, doubled each time, at most ten minutes
/// (`DefaultJobPodFailureBackOff`).
const BACK_OFF_MS: i64 = 10_000;
const MOST_BACK_OFF_MS: i64 = 600_000;

/// Whether a Job has ended, well or not.
pub fn finished(tree: &Value) -> bool {
    ended_at(tree).is_some()
}

/// When it did.
fn ended_at(tree: &Value) -> Option<i64> {
    let ended = |c: &&Value| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True";
    let condition = list(tree, "/status/conditions").iter().find(ended)?;
    Some(parse_time(text(condition, "/lastTransitionTime")).unwrap_or(0))
}

/// What a Job's pods have come to.
struct Tally {
    /// Those that have not ended and are not about to.
    active: Vec<Arc<Object>>,
    ready: i64,
    succeeded: i64,
    failed: i64,
    last_failure_ms: i64,
}

impl World {
    pub(super) fn job(&mut self, tree: &Value) -> Result<(), ApiError> {
        if let Some(at) = ended_at(tree) {
            self.forget_job(tree, at);
            return Ok(());
        }
        let tally = self.tally(tree);
        if tree["spec"]["suspend"] == true {
            return self.suspend_job(tree, &tally);
        }
        let now = self.now_ms;
        let start = parse_time(text(tree, "/status/startTime")).unwrap_or(now);
        let completions = int(tree, "/spec/completions").unwrap_or(1).max(1);
        if tally.succeeded >= completions {
            return self.job_succeeded(tree, start, tally.succeeded);
        }
        if tally.failed > int(tree, "/spec/backoffLimit").unwrap_or(6) {
            let message = "Job has reached the specified backoff limit";
            return self.job_failed(tree, start, &tally, "BackoffLimitExceeded", message);
        }
        if let Some(seconds) = int(tree, "/spec/activeDeadlineSeconds") {
            let deadline = start.saturating_add(seconds.max(0).saturating_mul(1_000));
            if deadline <= now {
                let message = "Job was active longer than specified deadline";
                return self.job_failed(tree, start, &tally, "DeadlineExceeded", message);
            }
            self.look_again(Kind::Job, tree, deadline);
        }
        let made = self.make_pods(tree, &tally, completions)?;
        self.write_job(tree, start, &tally, tally.active.len() as i64 + made)
    }

    fn tally(&self, tree: &Value) -> Tally {
        let known = |field: &str| int(tree, &format!("/status/{field}")).unwrap_or(0);
        let mut tally =
            Tally { active: Vec::new(), ready: 0, succeeded: 0, failed: 0, last_failure_ms: i64::MIN };
        for pod in self.pods_of(tree) {
            let Some(run) = self.run_of(&pod) else { continue };
            match run.phase() {
                "Succeeded" => tally.succeeded += 1,
                "Failed" => {
                    tally.failed += 1;
                    let ended = run.last.as_ref().map_or(0, |e| e.finished_ms);
                    tally.last_failure_ms = tally.last_failure_ms.max(ended);
                }
                _ if run.terminating() => {}
                _ => {
                    tally.ready += i64::from(run.ready);
                    tally.active.push(pod.clone());
                }
            }
        }
        // A pod that was taken away since has ended all the same.
        tally.succeeded = tally.succeeded.max(known("succeeded"));
        tally.failed = tally.failed.max(known("failed"));
        tally
    }

    /// Makes what is missing, unless it is too soon after a failure; says how many.
    fn make_pods(&mut self, tree: &Value, tally: &Tally, completions: i64) -> Result<i64, ApiError> {
        let parallelism = int(tree, "/spec/parallelism").unwrap_or(1).max(0);
        let active = tally.active.len() as i64;
        let missing = parallelism.min(completions - tally.succeeded) - active;
        if missing <= 0 {
            return Ok(0);
        }
        if tally.failed > 0 && tally.last_failure_ms > i64::MIN {
            let doublings = u32::try_from(tally.failed - 1).unwrap_or(0).min(10);
            let wait = (BACK_OFF_MS << doublings).min(MOST_BACK_OFF_MS);
            let at = tally.last_failure_ms + wait;
            if at > self.now_ms {
                self.look_again(Kind::Job, tree, at);
                return Ok(0);
            }
        }
        let name = text(tree, "/metadata/name");
        // A burst as the controller's (`maxPodCreateDeletePerSync`).
        let count = missing.min(500);
        for _ in 0..count {
            let pod_name = format!("{name}-{}", self.parts.store.suffix(5));
            self.parts.store.create(Kind::Pod, make::job_pod(tree, &pod_name), self.now_ms)?;
            self.tell_of(Kind::Job, tree, false, "SuccessfulCreate", &format!("Created pod: {pod_name}"));
        }
        Ok(count)
    }

    fn write_job(&mut self, tree: &Value, start: i64, tally: &Tally, active: i64) -> Result<(), ApiError> {
        let now = self.now_ms;
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let resumed = list(tree, "/status/conditions")
            .iter()
            .any(|c| c["type"] == "Suspended" && c["status"] == "True");
        self.parts.store.edit(Kind::Job, namespace, name, |tree| {
            set(tree, "/status", "startTime", time(if resumed { now } else { start }));
            for (field, n) in [
                ("active", active),
                ("ready", tally.ready),
                ("failed", tally.failed),
                ("succeeded", tally.succeeded),
            ] {
                set(tree, "/status", field, n);
            }
            if resumed {
                set_condition(tree, "Suspended", "False", "JobResumed", "Job resumed", now);
            }
            Ok(())
        })?;
        if resumed {
            self.tell_of(Kind::Job, tree, false, "Resumed", "Job resumed");
        }
        Ok(())
    }

    fn suspend_job(&mut self, tree: &Value, tally: &Tally) -> Result<(), ApiError> {
        let now = self.now_ms;
        for pod in &tally.active {
            self.ask_pod_to_end(pod);
        }
        let told = list(tree, "/status/conditions")
            .iter()
            .any(|c| c["type"] == "Suspended" && c["status"] == "True");
        self.parts.store.edit(
            Kind::Job,
            text(tree, "/metadata/namespace"),
            text(tree, "/metadata/name"),
            |tree| {
                set(tree, "/status", "active", 0);
                set(tree, "/status", "ready", 0);
                set_condition(tree, "Suspended", "True", "JobSuspended", "Job suspended", now);
                if let Some(status) = tree["status"].as_object_mut() {
                    status.remove("startTime");
                }
                Ok(())
            },
        )?;
        if !told {
            self.tell_of(Kind::Job, tree, false, "Suspended", "Job suspended");
        }
        Ok(())
    }

    fn job_failed(
        &mut self,
        tree: &Value,
        start: i64,
        tally: &Tally,
        reason: &str,
        message: &str,
    ) -> Result<(), ApiError> {
        let now = self.now_ms;
        for pod in &tally.active {
            self.ask_pod_to_end(pod);
        }
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let written = self.parts.store.edit(Kind::Job, namespace, name, |tree| {
            tree["status"] = make::job_failed(start, now, tally.failed.max(1), reason, message);
            Ok(())
        })?;
        self.tell_of(Kind::Job, tree, true, reason, message);
        self.forget_job(&written.tree(), now);
        Ok(())
    }

    fn job_succeeded(&mut self, tree: &Value, start: i64, succeeded: i64) -> Result<(), ApiError> {
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let cronjob = owner_name(tree);
        let now = self.now_ms;
        let written = self.parts.store.edit(Kind::Job, namespace, name, |tree| {
            tree["status"] = make::job_complete(start, now, succeeded);
            for (key, value) in success_annotations(cronjob, name, now, now) {
                set(tree, "/metadata/annotations", key, value);
            }
            Ok(())
        })?;
        self.tell_of(Kind::Job, tree, false, "Completed", "Job completed");
        // The log shipper has what it needs: pods of scheduled runs that went well are taken
        // away, so that the namespace shows what runs. Those of failed runs and of runs that
        // somebody started stay.
        let scheduled = &tree["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"];
        if scheduled.is_string() {
            for pod in self.pods_of(tree) {
                self.ask_pod_to_end(&pod);
            }
        }
        self.forget_job(&written.tree(), now);
        Ok(())
    }

    /// Takes a Job away `ttlSecondsAfterFinished` after its end.
    fn forget_job(&mut self, tree: &Value, ended_ms: i64) {
        let Some(seconds) = int(tree, "/spec/ttlSecondsAfterFinished") else { return };
        let at = ended_ms.saturating_add(seconds.max(0).saturating_mul(1_000));
        if at > self.now_ms {
            self.look_again(Kind::Job, tree, at);
        } else {
            self.parts.store.remove(
                Kind::Job,
                text(tree, "/metadata/namespace"),
                text(tree, "/metadata/name"),
            );
        }
    }

    /// The verification of backups comes a while after them.
    pub(super) fn verify_backups(&mut self) -> Result<(), ApiError> {
        let jobs = self.parts.store.list(Kind::Job, Some(crate::sim::world::cast::SHOP));
        for job in jobs {
            let tree = job.tree();
            let Some(end) = parse_time(text(&tree, "/status/completionTime")) else { continue };
            // Older ones have theirs; what is not verified within the hour never is.
            if self.now_ms - end > 3_600_000 {
                continue;
            }
            let annotations = success_annotations(owner_name(&tree), &job.name, end, self.now_ms);
            self.parts.store.edit(Kind::Job, &job.namespace, &job.name, |tree| {
                for (key, value) in annotations {
                    set(tree, "/metadata/annotations", key, value);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn owner_name(tree: &Value) -> &str {
    list(tree, "/metadata/ownerReferences").first().map(|r| text(r, "/name")).unwrap_or_default()
}
