//! Suspend and resume a CronJob: a suspended one starts no Jobs; those that run go on.

use serde_json::json;

use super::plan::KubeWrite;
use super::{Plan, Reader, Stop, Write};
use crate::model::action::{ActionId, Check, Subject};

pub async fn plan(read: &Reader<'_>, subject: &Subject, suspend: bool) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let suspended = object["spec"]["suspend"] == true;
    let operation = json!({"op": "add", "path": "/spec/suspend", "value": suspend});
    let (action, other) = if suspend {
        (ActionId::Suspend, ActionId::Unsuspend)
    } else {
        (ActionId::Unsuspend, ActionId::Suspend)
    };
    let mut checks = Vec::new();
    if suspend == suspended {
        let word = if suspended { "suspended" } else { "not suspended" };
        checks.push(Check::blocks("state", &format!("it is {word}")));
    }
    if suspend {
        let words = "nothing starts it again by itself: its next runs are missed until it is resumed";
        checks.push(Check::warning("schedule", words));
    } else if object["spec"]["startingDeadlineSeconds"].is_null() {
        let words = "without startingDeadlineSeconds a run that was missed starts at once";
        checks.push(Check::warning("schedule", words));
    }
    let running = object["status"]["active"].as_array().map_or(0, Vec::len);
    let schedule = object["spec"]["schedule"].as_str().unwrap_or_default();
    let write = Write::Kube(KubeWrite::patch(subject, &object, vec![operation]));
    Ok(Plan {
        touches: match running {
            0 => format!("the schedule {schedule}; no Job runs now"),
            n => format!("the schedule {schedule}; {n} running Jobs go on"),
        },
        checks,
        ..Plan::new(action, subject, vec![write]).changing("suspend", suspended, suspend).undone_by(
            other.title(),
            other,
            &[],
        )
    })
}
