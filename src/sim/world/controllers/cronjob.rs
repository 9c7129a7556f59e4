//! The CronJob controller: runs on schedule, what is active, what succeeded last, and the
//! limits of its history.

use std::sync::Arc;

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

impl World {
    /// Starts what was due between two minutes.
    pub(in crate::sim::world) fn run_cron_jobs(&mut self, from_ms: i64, to_ms: i64) {
        for object in self.parts.store.list(Kind::CronJob, None) {
            let tree = object.tree();
            if tree["spec"]["suspend"] == true {
                continue;
            }
            let Some(schedule) = Schedule::parse(text(&tree, "/spec/schedule")) else { continue };
            for at in schedule.runs(from_ms, to_ms) {
                if let Err(error) = self.run_cron_job(&tree, at) {
                    tracing::debug!(%error, cronjob = %object.name, "a scheduled run was not started");
                }
            }
        }
        if let Err(error) = self.verify_backups() {
            tracing::debug!(%error, "backups were not verified");
        }
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
                    self.parts.store.remove(Kind::Job, namespace, &job.name);
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
                self.parts.store.remove(Kind::Job, &job.namespace, &job.name);
            }
        }
    }
}
