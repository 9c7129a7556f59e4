//! Pause and resume: a paused Deployment takes changes and rolls none of them out.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::{Action, Expect, Plan, Reader, Step, Write, restart};
use crate::model::Failure;
use crate::model::action::{ActionId, Answers, Check, Subject};

pub struct Pause;
pub struct Resume;

impl Action for Pause {
    fn id(&self) -> ActionId {
        ActionId::Pause
    }

    fn plan<'a>(
        &'a self,
        read: &'a Reader<'a>,
        subject: &'a Subject,
        _: &'a Answers,
    ) -> BoxFuture<'a, Result<Step, Failure>> {
        plan(read, subject, true).boxed()
    }
}

impl Action for Resume {
    fn id(&self) -> ActionId {
        ActionId::Resume
    }

    fn plan<'a>(
        &'a self,
        read: &'a Reader<'a>,
        subject: &'a Subject,
        _: &'a Answers,
    ) -> BoxFuture<'a, Result<Step, Failure>> {
        plan(read, subject, false).boxed()
    }
}

async fn plan(read: &Reader<'_>, subject: &Subject, pause: bool) -> Result<Step, Failure> {
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
    let state = |paused: bool| BTreeMap::from([("paused".to_owned(), paused.to_string())]);
    let plan = Plan {
        action: if pause { ActionId::Pause } else { ActionId::Resume },
        subject: subject.clone(),
        write: Write::patch(subject, &object, vec![operation]),
        change: Vec::new(),
        before: state(paused),
        after: state(pause),
        touches: match pause {
            true => "no pod: those that are there stay, of the old and of the new revision".to_owned(),
            false => "what was changed while it was paused is rolled out".to_owned(),
        },
        undo: if pause { "yes: resume" } else { "yes: pause" }.to_owned(),
        high_risk: false,
        replicas: None,
        checks,
        expect: if pause { Expect::Accepted } else { Expect::Rollout },
        deadline_s: restart::deadline_s(&object),
    };
    Ok(Step::Plan(Box::new(plan)))
}
