//! Scale: how many pods a workload has. A JSON Patch of `/scale` that tests UID and number: who
//! else has scaled in the meantime is not overruled.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{Action, Body, Expect, Plan, Reader, Step, Write, restart};
use crate::model::action::{ActionId, Answers, Check, Question, Subject};
use crate::model::{Clean, Failure, FailureKind};

/// Nothing that one types by accident at night is this large.
const MOST: u32 = 10_000;

pub struct Scale;

impl Action for Scale {
    fn id(&self) -> ActionId {
        ActionId::Scale
    }

    fn plan<'a>(
        &'a self,
        read: &'a Reader<'a>,
        subject: &'a Subject,
        answers: &'a Answers,
    ) -> BoxFuture<'a, Result<Step, Failure>> {
        async move {
            let object = read.subject(subject).await?;
            let now = u32::try_from(object["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap_or(u32::MAX);
            let autoscalers = read.list("autoscaling", "horizontalpodautoscalers", &subject.namespace).await;
            let unknown =
                autoscalers.as_ref().err().map(|f| format!("not known: {}: {}", f.tried, f.happened));
            let autoscaler = in_charge(subject, autoscalers);
            let Some(answer) = answers.get("replicas") else {
                let hint = autoscaler.as_ref().map(|a| a.words.clone()).unwrap_or_default();
                let (key, label) = ("replicas".to_owned(), "replicas".to_owned());
                return Ok(Step::Ask(Question::Number { key, label, now, hint }));
            };
            let wanted = number(answer)?;
            let mut plan = plan(read, subject, &object, (now, wanted), autoscaler);
            plan.checks.extend(unknown.map(|words| Check::warning("autoscaler", &words)));
            Ok(Step::Plan(Box::new(plan)))
        }
        .boxed()
    }
}

fn number(answer: &str) -> Result<u32, Failure> {
    answer.trim().parse::<u32>().ok().filter(|n| *n <= MOST).ok_or_else(|| Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("read the number of replicas"),
        happened: Clean::new(&format!("'{answer}' is not a whole number from 0 to {MOST}")),
        next: Clean::new("type a number"),
    })
}

fn plan(
    read: &Reader<'_>,
    subject: &Subject,
    object: &Value,
    (now, wanted): (u32, u32),
    autoscaler: Option<InCharge>,
) -> Plan {
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": subject.uid.as_str()},
        {"op": "test", "path": "/spec/replicas", "value": now},
        {"op": "replace", "path": "/spec/replicas", "value": wanted},
    ]);
    let write = Write {
        kind: subject.kind,
        namespace: subject.namespace.to_string(),
        name: subject.name.to_string(),
        subresource: "scale",
        body: Body::JsonPatch(operations),
    };
    let touches = match wanted.checked_sub(now) {
        Some(0) => "nothing: it has as many already".to_owned(),
        Some(more) => format!("{more} pods more"),
        None if wanted == 0 => format!("all {now} pods: nothing is left to serve"),
        None => format!("{} of {now} pods end", now - wanted),
    };
    let mut checks: Vec<Check> = autoscaler.iter().map(|a| a.check(wanted)).collect();
    if wanted == now {
        checks.push(Check::blocks("replicas", &format!("it has {now} already")));
    }
    let workload = read.workload(subject.kind, object);
    // A paused Deployment can be scaled.
    checks.extend(workload.iter().flat_map(restart::rollout_checks).filter(|c| c.about.as_str() != "paused"));
    let replicas = |n: u32| BTreeMap::from([("replicas".to_owned(), n.to_string())]);
    Plan {
        action: ActionId::Scale,
        subject: subject.clone(),
        write,
        change: Vec::new(),
        before: replicas(now),
        after: replicas(wanted),
        touches,
        undo: format!("yes: scale to {now}"),
        high_risk: wanted == 0,
        replicas: Some(wanted),
        checks,
        expect: Expect::Rollout,
        deadline_s: restart::deadline_s(object),
    }
}

/// An autoscaler that sets the same number.
struct InCharge {
    name: String,
    min: u64,
    max: u64,
    words: Clean,
}

impl InCharge {
    fn check(&self, wanted: u32) -> Check {
        let Self { name, min, max, .. } = self;
        let about = "autoscaler";
        match u64::from(wanted) {
            0 => Check::warning(about, &format!("0 replicas turn {name} off until someone scales up again")),
            n if n < *min || n > *max => Check::blocks(
                about,
                &format!("{name} keeps it between {min} and {max} and would reset it at once"),
            ),
            _ => Check::warning(
                about,
                &format!("{name} ({min} to {max}) decides by its metrics, and may set it anew"),
            ),
        }
    }
}

fn in_charge(subject: &Subject, autoscalers: Result<Vec<Value>, Failure>) -> Option<InCharge> {
    let wanted = subject.kind.noun();
    autoscalers.ok()?.into_iter().find_map(|a| {
        let target = &a["spec"]["scaleTargetRef"];
        let same = target["name"] == subject.name.as_str()
            && target["kind"].as_str().is_some_and(|k| k.eq_ignore_ascii_case(wanted));
        let (name, spec) = (a["metadata"]["name"].as_str().unwrap_or_default().to_owned(), &a["spec"]);
        let (min, max) =
            (spec["minReplicas"].as_u64().unwrap_or(1), spec["maxReplicas"].as_u64().unwrap_or(0));
        let words = Clean::new(&format!("the autoscaler {name} keeps it between {min} and {max}"));
        same.then_some(InCharge { name, min, max, words })
    })
}
