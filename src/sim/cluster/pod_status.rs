//! A pod's READY, STATUS and RESTARTS as kubectl shows them: `printPod` of
//! `pkg/printers/internalversion/printers.go`, which the API server runs for Tables.

use serde_json::Value;

use super::json::{int, list, parse_time, text};
use super::table::human;

/// The three cells of a pod.
pub struct Summary {
    pub ready: String,
    pub status: String,
    pub restarts: String,
}

pub fn summary(pod: &Value, now_ms: i64) -> Summary {
    let total = list(pod, "/spec/containers").len();
    let mut status = text(pod, "/status/phase").to_owned();
    if !text(pod, "/status/reason").is_empty() {
        status = text(pod, "/status/reason").to_owned();
    }
    if list(pod, "/status/conditions")
        .iter()
        .any(|c| c["type"] == "PodScheduled" && c["reason"] == "SchedulingGated")
    {
        status = "SchedulingGated".to_owned();
    }
    let mut counts = Counts::default();
    let initializing = init_containers(pod, &mut status, &mut counts);
    let initialized = has_condition(pod, "Initialized");
    if !initializing || initialized {
        containers(pod, &mut status, &mut counts);
    }
    if !text(pod, "/metadata/deletionTimestamp").is_empty() {
        if text(pod, "/status/reason") == "NodeLost" {
            status = "Unknown".to_owned();
        } else if !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            status = "Terminating".to_owned();
        }
    }
    let restarts = match counts.last_restart {
        Some(at) if counts.restarts > 0 => format!("{} ({} ago)", counts.restarts, human(now_ms - at)),
        _ => counts.restarts.to_string(),
    };
    Summary { ready: format!("{}/{total}", counts.ready), status, restarts }
}

#[derive(Default)]
struct Counts {
    ready: usize,
    restarts: i64,
    last_restart: Option<i64>,
}

impl Counts {
    fn add_restarts(&mut self, container: &Value) {
        self.restarts += int(container, "/restartCount").unwrap_or(0);
        let finished = parse_time(text(container, "/lastState/terminated/finishedAt"));
        self.last_restart = self.last_restart.max(finished);
    }
}

fn has_condition(pod: &Value, kind: &str) -> bool {
    list(pod, "/status/conditions").iter().any(|c| c["type"] == kind && c["status"] == "True")
}

fn init_containers(pod: &Value, status: &mut String, counts: &mut Counts) -> bool {
    let total = list(pod, "/spec/initContainers").len();
    for (i, c) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        counts.add_restarts(c);
        let terminated = c.pointer("/state/terminated");
        if terminated.is_some_and(|t| t["exitCode"] == 0) {
            continue;
        }
        *status = match terminated {
            Some(t) => match (text(t, "/reason"), int(t, "/signal").unwrap_or(0)) {
                ("", 0) => format!("Init:ExitCode:{}", int(t, "/exitCode").unwrap_or(0)),
                ("", signal) => format!("Init:Signal:{signal}"),
                (reason, _) => format!("Init:{reason}"),
            },
            None => match text(c, "/state/waiting/reason") {
                "" | "PodInitializing" => format!("Init:{i}/{total}"),
                reason => format!("Init:{reason}"),
            },
        };
        return true;
    }
    false
}

fn containers(pod: &Value, status: &mut String, counts: &mut Counts) {
    // printPod starts the count anew here: init containers no longer matter.
    counts.restarts = 0;
    let mut running = false;
    let mut failure = None;
    for c in list(pod, "/status/containerStatuses").iter().rev() {
        counts.add_restarts(c);
        let waiting = text(c, "/state/waiting/reason");
        if !waiting.is_empty() {
            *status = waiting.to_owned();
        } else if let Some(t) = c.pointer("/state/terminated") {
            *status = match (text(t, "/reason"), int(t, "/signal").unwrap_or(0)) {
                ("", 0) => format!("ExitCode:{}", int(t, "/exitCode").unwrap_or(0)),
                ("", signal) => format!("Signal:{signal}"),
                (reason, _) => reason.to_owned(),
            };
            if int(t, "/exitCode").unwrap_or(0) != 0 {
                failure = Some(status.clone());
            }
        } else if c["ready"] == true && c.pointer("/state/running").is_some() {
            running = true;
            counts.ready += 1;
        }
    }
    if status == "Completed" {
        if let (Some(reason), false) = (failure, running) {
            *status = reason;
        } else if running {
            *status = if has_condition(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(phase: &str, statuses: Value) -> Value {
        json!({"metadata": {}, "spec": {"containers": [{"name": "a"}]},
            "status": {"phase": phase, "containerStatuses": statuses}})
    }

    #[test]
    fn a_crash_loop() {
        let waiting = json!([{"name": "a", "ready": false, "restartCount": 5,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "1970-01-01T00:00:00Z"}}}]);
        let s = summary(&pod("Running", waiting), 40_000);
        assert_eq!(
            (s.ready.as_str(), s.status.as_str(), s.restarts.as_str()),
            ("0/1", "CrashLoopBackOff", "5 (40s ago)")
        );
    }

    #[test]
    fn terminating_and_completed() {
        let running = json!([{"name": "a", "ready": true, "restartCount": 0, "state": {"running": {}}}]);
        let mut p = pod("Running", running);
        assert_eq!(summary(&p, 0).status, "Running");
        p["metadata"]["deletionTimestamp"] = "1970-01-01T00:00:00Z".into();
        assert_eq!(summary(&p, 0).status, "Terminating");
        let done = json!([{"name": "a", "ready": false, "restartCount": 0,
            "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}]);
        assert_eq!(summary(&pod("Succeeded", done), 0).status, "Completed");
    }

    #[test]
    fn init_containers_hide_the_rest() {
        let mut p =
            pod("Pending", json!([{"name": "a", "state": {"waiting": {"reason": "PodInitializing"}}}]));
        p["spec"]["initContainers"] = json!([{"name": "i"}]);
        p["status"]["initContainerStatuses"] = json!([{"name": "i", "state": {"running": {}}}]);
        assert_eq!(summary(&p, 0).status, "Init:0/1");
    }
}
