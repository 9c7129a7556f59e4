//! What the kubelet knows of one pod: where its containers are in their life, and the
//! `status` that follows from it.

use serde_json::{Value, json};

use super::images;
use crate::sim::cluster::json::{list, parse_time, quantity, text, time};

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub exit_code: i64,
    /// `Error`, `OOMKilled`, `Completed`.
    pub reason: &'static str,
    pub message: String,
    pub started_ms: i64,
    pub finished_ms: i64,
}

/// Where the pod's container is in its life.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// No node yet.
    Pending,
    /// The image is pulled and the container made; it starts at the given time.
    Creating {
        until_ms: i64,
    },
    /// An image can't be pulled; tried again at the given time.
    NoImage {
        tries: u32,
        /// It was tried just now: no back-off yet.
        fresh: bool,
        until_ms: i64,
    },
    Running {
        since_ms: i64,
    },
    /// Crashed; started anew at the given time.
    BackOff {
        until_ms: i64,
    },
    /// Ended for good, well or not.
    Done,
}

/// One pod as its kubelet sees it.
#[derive(Clone, Debug)]
pub struct PodRun {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub node: String,
    pub ip: String,
    pub host_ip: String,
    pub containers: Vec<(String, String)>,
    pub state: State,
    pub ready: bool,
    pub ready_since_ms: i64,
    pub created_ms: i64,
    pub restarts: u32,
    pub last: Option<Ended>,
    /// When it turns ready, if it is running and not yet ready.
    pub ready_at_ms: Option<i64>,
    /// When its container will end by itself, and how (jobs, crashes).
    pub ends: Option<Ended>,
    /// When it is gone, once deletion was asked for.
    pub gone_at_ms: Option<i64>,
    /// The Job's pods are not restarted.
    pub restarts_allowed: bool,
    pub cpu_request: f64,
    pub cpu_limit: f64,
    pub memory_request: f64,
    pub memory_limit: f64,
    /// Measured now: cores.
    pub cpu: f64,
    /// Measured now: bytes.
    pub memory: f64,
    /// Bytes leaked since the container's start.
    pub leaked: f64,
    /// When a pod without a node is looked at again.
    pub retry_at_ms: i64,
    /// Why there is no node for it.
    pub unschedulable: String,
    /// How warm a cache's memory is: 0 (just started) to 1.
    pub warm: f64,
    /// Share of a cache's broken entries that are still in its memory.
    pub poison: f64,
    /// Crashes in a row; a container that has run for ten minutes starts anew at 0.
    pub level: u32,
    /// Whether this pod of a bad image crashes; decided at its first start.
    pub crasher: Option<bool>,
    /// Kind and name of its controller.
    pub owner: (String, String),
    /// CPU seconds used since the pod's start.
    pub cpu_seconds: f64,
    pub throttled_periods: f64,
    pub periods: f64,
}

impl PodRun {
    /// A pod that has just been made; everything else happens to it later.
    pub fn of(tree: &Value, created_ms: i64) -> Self {
        let spec = &tree["spec"];
        let sum = |kind: &str, what: &str| -> f64 {
            list(spec, "/containers")
                .iter()
                .map(|c| quantity(text(c, &format!("/resources/{kind}/{what}"))))
                .sum()
        };
        Self {
            namespace: text(tree, "/metadata/namespace").to_owned(),
            name: text(tree, "/metadata/name").to_owned(),
            uid: text(tree, "/metadata/uid").to_owned(),
            node: text(spec, "/nodeName").to_owned(),
            ip: String::new(),
            host_ip: String::new(),
            containers: list(spec, "/containers")
                .iter()
                .map(|c| (text(c, "/name").to_owned(), text(c, "/image").to_owned()))
                .collect(),
            state: State::Pending,
            ready: false,
            ready_since_ms: created_ms,
            created_ms,
            restarts: 0,
            last: None,
            ready_at_ms: None,
            ends: None,
            gone_at_ms: None,
            restarts_allowed: !matches!(text(spec, "/restartPolicy"), "Never" | "OnFailure"),
            cpu_request: sum("requests", "cpu"),
            cpu_limit: sum("limits", "cpu"),
            memory_request: sum("requests", "memory"),
            memory_limit: sum("limits", "memory"),
            cpu: 0.0,
            memory: 0.0,
            leaked: 0.0,
            retry_at_ms: 0,
            unschedulable: String::new(),
            warm: 1.0,
            poison: 0.0,
            level: 0,
            crasher: None,
            owner: owner(tree),
            cpu_seconds: 0.0,
            throttled_periods: 0.0,
            periods: 0.0,
        }
    }

    /// One of the quiet pods, as it was found in the store.
    pub fn quiet(tree: &Value, now_ms: i64) -> Self {
        let created_ms = parse_time(text(tree, "/metadata/creationTimestamp")).unwrap_or(now_ms);
        let mut run = Self::of(tree, created_ms);
        if text(tree, "/status/phase") == "Running" {
            run.state = State::Running { since_ms: created_ms };
            run.ready = true;
            run.ip = text(tree, "/status/podIP").to_owned();
            run.host_ip = text(tree, "/status/hostIP").to_owned();
        }
        run
    }

    pub fn running_since(&self) -> Option<i64> {
        match self.state {
            State::Running { since_ms } => Some(since_ms),
            _ => None,
        }
    }

    pub fn phase(&self) -> &'static str {
        match (&self.state, &self.last) {
            (State::Done, Some(end)) if end.exit_code != 0 => "Failed",
            (State::Done, _) => "Succeeded",
            (State::Pending | State::Creating { .. } | State::NoImage { .. }, _) => "Pending",
            _ => "Running",
        }
    }

    pub fn terminating(&self) -> bool {
        self.gone_at_ms.is_some()
    }

    /// Whether requests reach it.
    pub fn serving(&self) -> bool {
        self.ready && !self.terminating()
    }

    /// The pod's `status` object.
    pub fn status(&self) -> Value {
        let containers: Vec<Value> =
            self.containers.iter().map(|(name, image)| self.container(name, image)).collect();
        let scheduled = !self.node.is_empty();
        let ready = if self.ready { "True" } else { "False" };
        let reason = match self.state {
            State::Done => "PodCompleted",
            _ => "ContainersNotReady",
        };
        let condition = |kind: &str, status: &str, at: i64| {
            let mut c = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": time(at)});
            if status == "False" {
                c["reason"] = reason.into();
                if reason == "ContainersNotReady" {
                    let names: Vec<&str> = self.containers.iter().map(|(n, _)| n.as_str()).collect();
                    c["message"] = format!("containers with unready status: [{}]", names.join(" ")).into();
                }
            }
            c
        };
        if !scheduled {
            let mut c = condition("PodScheduled", "False", self.created_ms);
            c["reason"] = "Unschedulable".into();
            c["message"] = self.unschedulable.clone().into();
            return json!({"phase": "Pending", "conditions": [c], "qosClass": "Burstable"});
        }
        let started = if matches!(self.state, State::Creating { .. }) { "False" } else { "True" };
        let mut status = json!({
            "phase": self.phase(),
            "conditions": [
                condition("PodReadyToStartContainers", started, self.created_ms),
                condition("Initialized", "True", self.created_ms),
                condition("Ready", ready, self.ready_since_ms),
                condition("ContainersReady", ready, self.ready_since_ms),
                condition("PodScheduled", "True", self.created_ms),
            ],
            "hostIP": self.host_ip, "hostIPs": [{"ip": self.host_ip}],
            "startTime": time(self.created_ms), "containerStatuses": containers, "qosClass": "Burstable",
        });
        if !self.ip.is_empty() && started == "True" {
            status["podIP"] = self.ip.clone().into();
            status["podIPs"] = json!([{"ip": self.ip}]);
        }
        status
    }

    fn container(&self, name: &str, image: &str) -> Value {
        let id = |n: u32| format!("containerd://{:016x}{:048x}", fnv(&format!("{}/{name}/{n}", self.uid)), n);
        let ended = |end: &Ended, n: u32| {
            let mut t = json!({
                "exitCode": end.exit_code, "reason": end.reason, "startedAt": time(end.started_ms),
                "finishedAt": time(end.finished_ms), "containerID": id(n),
            });
            if !end.message.is_empty() {
                t["message"] = end.message.clone().into();
            }
            json!({"terminated": t})
        };
        let (state, running) = match (&self.state, &self.last) {
            (State::Pending | State::Creating { .. }, _) => {
                (json!({"waiting": {"reason": "ContainerCreating"}}), false)
            }
            (State::NoImage { fresh, .. }, _) => (no_image(image, *fresh), false),
            (State::Running { since_ms }, _) => (json!({"running": {"startedAt": time(*since_ms)}}), true),
            (State::Done, Some(end)) => (ended(end, self.restarts), false),
            (State::Done, None) => (json!({}), false),
            // The first crash is followed by a restart at once: no back-off to tell of.
            (State::BackOff { .. }, Some(end)) if self.level <= 1 => (ended(end, self.restarts), false),
            (State::BackOff { .. }, _) => {
                let message = format!(
                    "back-off {} restarting failed container={name} pod={}_{}({})",
                    back_off_text(self.level),
                    self.name,
                    self.namespace,
                    self.uid
                );
                (json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}), false)
            }
        };
        let last = match (&self.last, &self.state) {
            (Some(end), State::Running { .. } | State::BackOff { .. }) => {
                ended(end, self.restarts.saturating_sub(1))
            }
            _ => json!({}),
        };
        let mut out = json!({
            "name": name, "image": image, "ready": self.ready, "started": running,
            "imageID": format!("{}@sha256:{:016x}{:048x}", image.split(':').next().unwrap_or_default(), fnv(image), 7),
            "restartCount": self.restarts, "state": state, "lastState": last,
        });
        if !matches!(self.state, State::Pending | State::Creating { .. } | State::NoImage { .. }) {
            out["containerID"] = id(self.restarts).into();
        }
        out
    }
}

/// What a container that waits for its image shows.
fn no_image(image: &str, fresh: bool) -> Value {
    let (reason, message) = match (images::exists(image), fresh) {
        (true, _) => ("ContainerCreating", String::new()),
        (false, true) => ("ErrImagePull", images::why(image)),
        (false, false) => (
            "ImagePullBackOff",
            format!("Back-off pulling image \"{image}\": ErrImagePull: {}", images::why(image)),
        ),
    };
    let mut waiting = json!({"reason": reason});
    if !message.is_empty() {
        waiting["message"] = message.into();
    }
    json!({"waiting": waiting})
}

/// Seconds before a container is started anew after its `level`th crash in a row, as
/// the kubelet counts them: at once, then 10 s, doubled each time, at most 5 minutes.
pub fn back_off_s(level: u32) -> i64 {
    match level {
        0 | 1 => 1,
        n => (10_i64 << (n - 2).min(5)).min(300),
    }
}

/// The back-off as Go prints a duration.
pub fn back_off_text(level: u32) -> String {
    let s = back_off_s(level);
    if s < 60 { format!("{s}s") } else { format!("{}m{}s", s / 60, s % 60) }
}

fn owner(tree: &Value) -> (String, String) {
    let controller = list(tree, "/metadata/ownerReferences").iter().find(|r| r["controller"] == true);
    controller.map(|r| (text(r, "/kind").to_owned(), text(r, "/name").to_owned())).unwrap_or_default()
}

/// FNV-1a, 64 bits: stable ids for what the real cluster hashes.
pub fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::cluster::pod_status::summary;

    fn run() -> PodRun {
        let tree = json!({"metadata": {"name": "a", "namespace": "shop", "uid": "u"},
            "spec": {"nodeName": "n", "containers": [{"name": "api", "image": "x:1",
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}}]}});
        PodRun::of(&tree, 0)
    }

    fn shown(run: &PodRun) -> (String, String) {
        let tree = json!({"metadata": {}, "spec": {"containers": [{}]}, "status": run.status()});
        let s = summary(&tree, 60_000);
        (s.ready, s.status)
    }

    #[test]
    fn states_show_as_kubectl_words_them() {
        let mut run = run();
        run.state = State::Creating { until_ms: 0 };
        assert_eq!(shown(&run), ("0/1".into(), "ContainerCreating".into()));
        run.state = State::Running { since_ms: 0 };
        run.ready = true;
        assert_eq!(shown(&run), ("1/1".into(), "Running".into()));
        run.ready = false;
        run.level = 2;
        run.state = State::BackOff { until_ms: 0 };
        assert_eq!(shown(&run), ("0/1".into(), "CrashLoopBackOff".into()));
        run.state = State::Done;
        let (reason, message) = ("Error", String::new());
        run.last = Some(Ended { exit_code: 1, reason, message, started_ms: 0, finished_ms: 1 });
        assert_eq!(shown(&run), ("0/1".into(), "Error".into()));
    }

    #[test]
    fn back_off_doubles_up_to_five_minutes() {
        let all: Vec<i64> = (1..9).map(back_off_s).collect();
        assert_eq!(all, [1, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(back_off_text(6), "2m40s");
        assert!((run().cpu_request - 0.5).abs() < 1e-9);
    }
}
