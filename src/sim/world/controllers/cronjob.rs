//! The CronJob controller: runs on schedule, what is active, what succeeded last, and the
//! limits of its history.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::job::finished;
use crate::sim::cluster::json::{int, list, parse_time, set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::cast::job_name;
use crate::sim::world::cron::Schedule;
use crate::sim::world::make;

/// Above so many missed runs the controller warns: something is wrong with the schedule.
const TOO_MANY: usize = 100;

impl World {
    /// Starts what is due.
    pub(in crate::sim::world) fn run_cron_jobs(&mut self) {
        for object in self.parts.store.list(Kind::CronJob, None) {
            let tree = object.tree();
            if tree["spec"]["suspend"] == true {
                continue;
            }
            let started = match self.due(&tree) {
                Ok(Some(at)) => self.run_cron_job(&tree, at),
                Ok(None) => Ok(()),
                Err((reason, message)) => {
                    self.tell_of(Kind::CronJob, &tree, true, reason, &message);
                    Ok(())
                }
            };
            if let Err(error) = started {
                tracing::debug!(%error, cronjob = %object.name, "a scheduled run was not started");
            }
        }
        if let Err(error) = self.verify_backups() {
            tracing::debug!(%error, "backups were not verified");
        }
    }

    /// The last run that was due and has not been started. One that was missed, because of
    /// `suspend` or of a run that took too long, is made good within `startingDeadlineSeconds`.
    ///
    /// # Errors
    /// Reason and message of the event that says why there can be none.
    fn due(&mut self, tree: &Value) -> Result<Option<i64>, (&'static str, String)> {
        let text_of = text(tree, "/spec/schedule");
        let schedule = Schedule::parse(text_of)
            .ok_or_else(|| ("UnparseableSchedule", format!("unparseable schedule: {text_of:?}")))?;
        let zone = match text(tree, "/spec/timeZone") {
            "" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| {
                ("UnknownTimeZone", format!("invalid timeZone: {name:?}: unknown time zone {name}"))
            })?,
        };
        let known = ["/status/lastScheduleTime", "/metadata/creationTimestamp"];
        let since = known.iter().find_map(|p| parse_time(text(tree, p))).unwrap_or(self.now_ms);
        let Some((at, count)) = schedule.last_run(since, self.now_ms, &zone) else { return Ok(None) };
        let deadline = int(tree, "/spec/startingDeadlineSeconds").map(|s| s.max(0).saturating_mul(1_000));
        if deadline.is_none() && count > TOO_MANY {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.tell_of(Kind::CronJob, tree, true, "TooManyMissedTimes", message);
        }
        if deadline.is_some_and(|within| self.now_ms - at > within) {
            // Told of at every look, as the controller does.
            let when = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
            let when = when.strftime("%Y-%m-%d %H:%M:%S +0000 UTC");
            return Err(("MissSchedule", format!("Missed scheduled time to start a job: {when}")));
        }
        Ok(Some(at))
    }

    fn jobs_of(&self, tree: &Value) -> Vec<Arc<Object>> {
        let uid = text(tree, "/metadata/uid");
        let namespace = text(tree, "/metadata/namespace");
        self.parts.store.page(Kind::Job, Some(namespace), None, usize::MAX, |o| &*o.owner == uid).objects
    }

    fn run_cron_job(&mut self, tree: &Value, at: i64) -> Result<(), ApiError> {
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let active: Vec<Arc<Object>> =
            self.jobs_of(tree).into_iter().filter(|j| !finished(&j.tree())).collect();
        match text(tree, "/spec/concurrencyPolicy") {
            "Forbid" if !active.is_empty() => {
                let message =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.tell_of(Kind::CronJob, tree, false, "JobAlreadyActive", message);
                return Ok(());
            }
            "Replace" => {
                for job in &active {
                    self.delete_job(tree, job);
                }
            }
            _ => {}
        }
        let job = job_name(name, at);
        self.parts.store.create(Kind::Job, make::job(tree, &job, at), self.now_ms)?;
        self.tell_of(Kind::CronJob, tree, false, "SuccessfulCreate", &format!("Created job {job}"));
        self.parts.store.edit(Kind::CronJob, namespace, name, |tree| {
            set(tree, "/status", "lastScheduleTime", time(at));
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn cron_job(&mut self, tree: &Value) -> Result<(), ApiError> {
        let (namespace, name) = (text(tree, "/metadata/namespace"), text(tree, "/metadata/name"));
        let jobs = self.jobs_of(tree);
        self.tell_of_ended(tree, &jobs);
        let active: Vec<Value> = jobs
            .iter()
            .filter(|j| !finished(&j.tree()))
            .map(|j| json!({"apiVersion": "batch/v1", "kind": "Job", "name": &*j.name, "namespace": namespace, "uid": &*j.uid}))
            .collect();
        let last = jobs.iter().filter_map(|j| parse_time(text(&j.tree(), "/status/completionTime"))).max();
        self.parts.store.edit(Kind::CronJob, namespace, name, |tree| {
            set(tree, "/status", "active", active);
            if let Some(last) = last {
                let known = parse_time(text(tree, "/status/lastSuccessfulTime")).unwrap_or(0);
                set(tree, "/status", "lastSuccessfulTime", time(last.max(known)));
            }
            Ok(())
        })?;
        self.limit_history(tree, jobs);
        Ok(())
    }

    /// Tells of the Jobs that were active when it was last looked at and have ended.
    fn tell_of_ended(&mut self, tree: &Value, jobs: &[Arc<Object>]) {
        let was_active = |job: &Object| list(tree, "/status/active").iter().any(|a| a["uid"] == *job.uid);
        for job in jobs.iter().filter(|j| was_active(j) && finished(&j.tree())) {
            let failed = list(&job.tree(), "/status/conditions").iter().any(|c| c["type"] == "Failed");
            let condition = if failed { "Failed" } else { "Complete" };
            let message = format!("Saw completed job: {}, condition: {condition}", job.name);
            self.tell_of(Kind::CronJob, tree, false, "SawCompletedJob", &message);
        }
    }

    fn limit_history(&mut self, tree: &Value, jobs: Vec<Arc<Object>>) {
        for (limit, default, kind) in
            [("successfulJobsHistoryLimit", 3, "Complete"), ("failedJobsHistoryLimit", 1, "Failed")]
        {
            let keep = int(tree, &format!("/spec/{limit}")).unwrap_or(default).max(0) as usize;
            let mut done: Vec<(String, &Arc<Object>)> = jobs
                .iter()
                .filter(|j| list(&j.tree(), "/status/conditions").iter().any(|c| c["type"] == kind))
                .map(|j| (text(&j.tree(), "/status/startTime").to_owned(), j))
                .collect();
            done.sort_by(|a, b| a.0.cmp(&b.0));
            for (_, job) in done.iter().take(done.len().saturating_sub(keep)) {
                self.delete_job(tree, job);
            }
        }
    }

    fn delete_job(&mut self, tree: &Value, job: &Object) {
        self.parts.store.remove(Kind::Job, &job.namespace, &job.name);
        self.tell_of(Kind::CronJob, tree, false, "SuccessfulDelete", &format!("Deleted job {}", job.name));
    }
}
