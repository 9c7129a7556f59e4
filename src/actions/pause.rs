//! Pause and resume: a paused Deployment takes changes and rolls none of them out.

use serde_json::json;

use super::plan::KubeWrite;
use super::{Expect, Plan, Reader, Stop, Write, restart};
use crate::model::action::{ActionId, Check, Subject};

pub async fn plan(read: &Reader<'_>, subject: &Subject, pause: bool) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let paused = object["spec"]["paused"] == true;
    // kubectl leaves the field away when it is false.
    let operation = match (pause, paused) {
        (true, _) => json!({"op": "add", "path": "/spec/paused", "value": true}),
        (false, true) => json!({"op": "remove", "path": "/spec/paused"}),
        (false, false) => json!({"op": "test", "path": "/spec/paused", "value": true}),
    };
    let word = |paused: bool| if paused { "paused" } else { "rolling out" };
    let mut checks = Vec::new();
    if pause == paused {
        checks.push(Check::blocks("state", &format!("it is {} already", word(paused))));
    }
    let workload = read.workload(subject.kind, &object);
    if let Some(manager) = workload.as_ref().and_then(|w| w.managed_by.as_ref()) {
        checks.push(Check::warning("managed by", &format!("{manager}: it may revert this change")));
    }
    let (action, other) =
        if pause { (ActionId::Pause, ActionId::Resume) } else { (ActionId::Resume, ActionId::Pause) };
    let write = Write::Kube(KubeWrite::patch(subject, &object, vec![operation]));
    Ok(Plan {
        touches: match pause {
            true => "no pod: those that are there stay, of the old and of the new revision".to_owned(),
            false => "what was changed while it was paused is rolled out".to_owned(),
        },
        checks,
        expect: if pause { Expect::Accepted } else { Expect::Rollout },
        deadline_s: restart::deadline_s(&object),
        ..Plan::new(action, subject, vec![write]).changing("paused", paused, pause).undone_by(
            other.name(),
            other,
            &[],
        )
    })
}
