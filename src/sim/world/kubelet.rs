//! The kubelets: starting, readiness, crashes with their back-off, and the
//! end of a pod.

use super::World;
use super::cast::{NO_SPACE, SHOP, backup_duration_s};
use super::pod::{Ended, PodRun, State, back_off_s};
use super::script::is_full;
use crate::sim::cluster::json::{list, parse_time, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;

/// A container that has run so long has its back-off forgotten (the kubelet's rule).
const BACK_OFF_RESET_MS: i64 = 600_000;

pub type PodKey = (String, String);

impl World {
    /// Takes notice of a pod that was made or changed.
    pub(super) fn adopt(&mut self, object: &Object) {
        let key = (object.namespace.to_string(), object.name.to_string());
        let tree = object.tree();
        let deleted = !text(&tree, "/metadata/deletionTimestamp").is_empty();
        if self.pods.get(&key).is_none_or(|p| *p.uid != *object.uid) {
            // A quiet pod that somebody has touched is running already.
            let run = PodRun::quiet(&tree, self.now_ms);
            self.pods.insert(key.clone(), run);
        }
        let grace = tree["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(30);
        let linger = self.between(2_000, 5_000).min(grace * 1_000);
        let now = self.now_ms;
        let Some(run) = self.pods.get_mut(&key) else { return };
        if deleted && run.gone_at_ms.is_none() {
            run.gone_at_ms = Some(now + linger);
            let names: Vec<String> = run.containers.iter().map(|(n, _)| n.clone()).collect();
            for name in names {
                self.tell_pod(&key, false, "Killing", &format!("Stopping container {name}"));
            }
        }
    }

    /// Does what is due; says whether anything moved.
    pub(super) fn run_kubelets(&mut self) -> bool {
        let due: Vec<PodKey> =
            self.pods.iter().filter(|(_, p)| is_due(p, self.now_ms)).map(|(k, _)| k.clone()).collect();
        for key in &due {
            self.advance(key);
        }
        !due.is_empty()
    }

    fn advance(&mut self, key: &PodKey) {
        let Some(run) = self.pods.get(key) else { return };
        let now = self.now_ms;
        if run.gone_at_ms.is_some_and(|at| at <= now) {
            self.pods.remove(key);
            self.parts.store.remove(Kind::Pod, &key.0, &key.1);
            return;
        }
        match run.state.clone() {
            State::Pending => self.schedule(key),
            State::Creating { until_ms } | State::NoImage { until_ms, .. }
                if until_ms <= now && self.waits_for_image(key) => {}
            State::Creating { until_ms } | State::NoImage { until_ms, .. } | State::BackOff { until_ms }
                if until_ms <= now =>
            {
                self.start(key);
            }
            State::Running { .. } => self.run_on(key),
            _ => {}
        }
        self.write_status(key);
    }

    fn start(&mut self, key: &PodKey) {
        let now = self.now_ms;
        let ready_after = self.between(5_000, 9_000);
        let Some(run) = self.pods.get_mut(key) else { return };
        let restarted = matches!(run.state, State::BackOff { .. });
        if restarted {
            run.restarts += 1;
        }
        run.state = State::Running { since_ms: now };
        run.leaked = 0.0;
        run.warm = 0.0;
        run.poison = 0.0;
        let is_job = run.owner.0 == "Job";
        run.ready_at_ms = Some(now + if is_job { 1_000 } else { ready_after });
        let containers = run.containers.clone();
        let ends = self.fate(key, now);
        if let Some(run) = self.pods.get_mut(key) {
            run.ends = ends;
        }
        for (name, image) in containers {
            let text = format!("Container image \"{image}\" already present on machine");
            self.tell_pod(key, false, "Pulled", &text);
            self.tell_pod(key, false, "Created", &format!("Created container: {name}"));
            self.tell_pod(key, false, "Started", &format!("Started container {name}"));
        }
    }

    /// How the container that starts now will end by itself, if it will.
    fn fate(&mut self, key: &PodKey, now: i64) -> Option<Ended> {
        let run = self.pods.get(key)?;
        let (kind, owner) = run.owner.clone();
        if kind == "Job" {
            return Some(self.fate_of_job(&key.0, &owner, now));
        }
        let image = run.containers.first()?.1.clone();
        let first = run.restarts == 0;
        let crasher = run.crasher;
        let bad = self.bad_images.get(&image)?.clone();
        if bad.crash_ratio <= 0.0 || self.is_cured(key, &bad.needs_env) {
            return None;
        }
        let crasher = crasher.unwrap_or_else(|| {
            // Every so-manieth pod, not a throw of dice: 0.3 of 20 pods are 6.
            let n = self.bad_starts.entry(image).or_default();
            *n += 1;
            (*n as f64 * bad.crash_ratio).floor() > ((*n - 1) as f64 * bad.crash_ratio).floor()
        });
        if let Some(run) = self.pods.get_mut(key) {
            run.crasher = Some(crasher);
        }
        // It comes up and serves; what it lacks it misses at its first payment. After a
        // restart that payment is tried again at once.
        let lasts = if first { self.between(45_000, 75_000) } else { self.between(2_000, 4_000) };
        crasher.then(|| Ended {
            exit_code: bad.exit_code,
            reason: "Error",
            message: bad.message,
            started_ms: now,
            finished_ms: now + lasts,
        })
    }

    /// Whether the pod has the variable that its image needs to be well.
    pub(super) fn is_cured(&self, key: &PodKey, variable: &str) -> bool {
        if variable.is_empty() {
            return false;
        }
        self.parts.store.get(Kind::Pod, &key.0, &key.1).is_some_and(|pod| {
            let tree = pod.tree();
            list(&tree, "/spec/containers")
                .iter()
                .flat_map(|c| list(c, "/env"))
                .any(|e| text(e, "/name") == variable && !text(e, "/value").is_empty())
        })
    }

    fn fate_of_job(&self, namespace: &str, job: &str, now: i64) -> Ended {
        let object = self.parts.store.get(Kind::Job, namespace, job);
        let tree = object.map(|o| o.tree());
        let cronjob = tree
            .as_ref()
            .and_then(|t| list(t, "/metadata/ownerReferences").first().map(|r| text(r, "/name").to_owned()))
            .unwrap_or_default();
        let retention = tree
            .iter()
            .flat_map(|t| list(t, "/spec/template/spec/containers"))
            .flat_map(|c| list(c, "/env"))
            .find(|e| text(e, "/name") == "RETENTION_DAYS")
            .and_then(|e| text(e, "/value").parse().ok());
        let full = namespace == SHOP && cronjob == "backup-full" && retention.is_some_and(is_full);
        // Counted from the Job's start, which for one under way at the beginning is earlier.
        let start = tree.and_then(|t| parse_time(text(&t, "/status/startTime"))).unwrap_or(now);
        let finished_ms = (start + backup_duration_s(&cronjob, job) * 1_000).max(now + 1_000);
        Ended {
            exit_code: i64::from(full),
            reason: if full { "Error" } else { "Completed" },
            message: if full { NO_SPACE.to_owned() } else { String::new() },
            started_ms: now,
            finished_ms,
        }
    }

    /// A running container: it turns ready, or it ends.
    fn run_on(&mut self, key: &PodKey) {
        let now = self.now_ms;
        let Some(run) = self.pods.get_mut(key) else { return };
        if run.ready_at_ms.is_some_and(|at| at <= now) {
            run.ready_at_ms = None;
            run.ready = true;
            run.ready_since_ms = now;
        }
        if let Some(end) = run.ends.clone()
            && end.finished_ms <= now
        {
            self.end(key, end);
        }
    }

    /// The container has ended: for good, or to be started anew after a while.
    pub(super) fn end(&mut self, key: &PodKey, end: Ended) {
        let now = self.now_ms;
        let Some(run) = self.pods.get_mut(key) else { return };
        let ran = run.running_since().map_or(0, |since| now - since);
        let never_ready = !run.ready && run.restarts_allowed;
        let ip = run.ip.clone();
        run.ready = false;
        run.ready_since_ms = now;
        run.ready_at_ms = None;
        run.ends = None;
        run.cpu = 0.0;
        run.memory = 0.0;
        run.last = Some(end.clone());
        if !run.restarts_allowed {
            run.state = State::Done;
            return;
        }
        run.level = if ran >= BACK_OFF_RESET_MS { 1 } else { run.level + 1 };
        let level = run.level;
        run.state = State::BackOff { until_ms: now + back_off_s(level) * 1_000 };
        let (name, uid) = (run.containers.first().map(|c| c.0.clone()).unwrap_or_default(), run.uid.clone());
        if never_ready {
            let text = format!("Readiness probe failed: dial tcp {ip}:8080: connect: connection refused");
            self.tell_pod(key, true, "Unhealthy", &text);
        }
        if level > 1 {
            let text =
                format!("Back-off restarting failed container {name} in pod {}_{}({uid})", key.1, key.0);
            self.tell_pod(key, true, "BackOff", &text);
        }
    }

    /// Writes what became of the pod, if that is news.
    pub(super) fn write_status(&mut self, key: &PodKey) {
        let Some(status) = self.pods.get(key).map(PodRun::status) else { return };
        let _ = self.parts.store.edit(Kind::Pod, &key.0, &key.1, |tree| {
            tree["status"] = status;
            Ok(())
        });
    }
}

fn is_due(run: &PodRun, now: i64) -> bool {
    let at = |t: Option<i64>| t.is_some_and(|t| t <= now);
    if at(run.gone_at_ms) {
        return true;
    }
    match &run.state {
        State::Pending => run.retry_at_ms <= now,
        State::Creating { until_ms } | State::BackOff { until_ms } | State::NoImage { until_ms, .. } => {
            *until_ms <= now
        }
        State::Running { .. } => at(run.ready_at_ms) || at(run.ends.as_ref().map(|e| e.finished_ms)),
        State::Done => false,
    }
}
