//! STATUS, READY and RESTARTS exactly as `kubectl get pods` prints them: printPod in
//! pkg/printers/internalversion/printers.go, as of Kubernetes 1.36 (with PR 124766: an error is
//! not hidden behind another container's `Completed`).

use jiff::Timestamp;

use super::{ContainerStatus, PodWire, State, Terminated};
use crate::sources::kubernetes::meta::condition;

#[derive(Debug, PartialEq, Eq)]
pub struct Printed {
    pub status: String,
    pub ready: u16,
    pub containers: u16,
    pub restarts: u32,
    pub last_restart: Option<Timestamp>,
}

/// Set by the node lifecycle controller on pods of nodes that don't answer.
const NODE_LOST: &str = "NodeLost";

pub fn printed(pod: &PodWire) -> Printed {
    let status = &pod.status;
    let mut reason = if status.reason.is_empty() { &status.phase } else { &status.reason }.clone();
    if condition(&status.conditions, "PodScheduled").is_some_and(|c| c.reason == "SchedulingGated") {
        reason = "SchedulingGated".to_owned();
    }
    let sidecars = pod.spec.init_containers.iter().filter(|container| container.is_sidecar()).count();
    let mut tally = Tally::default();
    let initializing = init_containers(pod, &mut tally);
    let is_initializing = initializing.is_some();
    if let Some(initializing) = initializing {
        reason = initializing;
    }
    let initialized = condition(&status.conditions, "Initialized").is_some_and(|c| c.is_true());
    if !is_initializing || initialized {
        tally.restarts = tally.sidecar_restarts;
        tally.last_restart = tally.sidecar_last_restart;
        main_containers(pod, &mut tally, &mut reason);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason == NODE_LOST {
            reason = "Unknown".to_owned();
        } else if !matches!(status.phase.as_str(), "Failed" | "Succeeded") {
            reason = "Terminating".to_owned();
        }
    }
    let containers = pod.spec.containers.len() + sidecars;
    Printed {
        status: reason,
        ready: tally.ready,
        containers: u16::try_from(containers).unwrap_or(u16::MAX),
        restarts: tally.restarts,
        last_restart: tally.last_restart,
    }
}

#[derive(Default)]
struct Tally {
    ready: u16,
    restarts: u32,
    last_restart: Option<Timestamp>,
    sidecar_restarts: u32,
    sidecar_last_restart: Option<Timestamp>,
}

/// The reason while an init container is in the way; None once all are through.
fn init_containers(pod: &PodWire, tally: &mut Tally) -> Option<String> {
    for (index, container) in pod.status.init_container_statuses.iter().enumerate() {
        let ended = last_end(container);
        tally.restarts = tally.restarts.saturating_add(container.restart_count);
        tally.last_restart = tally.last_restart.max(ended);
        let spec = pod.spec.init_containers.iter().rfind(|spec| spec.name == container.name);
        let sidecar = spec.is_some_and(|spec| spec.is_sidecar());
        if sidecar {
            tally.sidecar_restarts = tally.sidecar_restarts.saturating_add(container.restart_count);
            tally.sidecar_last_restart = tally.sidecar_last_restart.max(ended);
        }
        let State { waiting, terminated, .. } = &container.state;
        match (terminated, waiting) {
            (Some(end), _) if end.exit_code == 0 => {}
            _ if sidecar && container.started => {
                tally.ready = tally.ready.saturating_add(u16::from(container.ready))
            }
            (Some(end), _) => return Some(format!("Init:{}", end_reason(end))),
            (None, Some(waiting)) if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" => {
                return Some(format!("Init:{}", waiting.reason));
            }
            _ => return Some(format!("Init:{index}/{}", pod.spec.init_containers.len())),
        }
    }
    None
}

/// In reverse, so that the first container's reason is the one that stays.
fn main_containers(pod: &PodWire, tally: &mut Tally, reason: &mut String) {
    let mut has_running = false;
    let mut error = None;
    for container in pod.status.container_statuses.iter().rev() {
        tally.restarts = tally.restarts.saturating_add(container.restart_count);
        tally.last_restart = tally.last_restart.max(last_end(container));
        let State { waiting, running, terminated } = &container.state;
        match (waiting, terminated) {
            (Some(waiting), _) if !waiting.reason.is_empty() => reason.clone_from(&waiting.reason),
            (_, Some(end)) => {
                *reason = end_reason(end);
                if end.exit_code != 0 {
                    error = Some(reason.clone());
                }
            }
            _ if container.ready && running.is_some() => {
                has_running = true;
                tally.ready = tally.ready.saturating_add(1);
            }
            _ => {}
        }
    }
    if reason != "Completed" {
        return;
    }
    let is_ready = condition(&pod.status.conditions, "Ready").is_some_and(|c| c.is_true());
    match error {
        _ if has_running && is_ready => "Running".clone_into(reason),
        Some(error) => *reason = error,
        None if has_running => "NotReady".clone_into(reason),
        None => {}
    }
}

fn last_end(container: &ContainerStatus) -> Option<Timestamp> {
    container.last_state.terminated.as_ref().and_then(|end| end.finished_at)
}

fn end_reason(end: &Terminated) -> String {
    match (end.reason.as_str(), end.signal) {
        ("", 0) => format!("ExitCode:{}", end.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}
