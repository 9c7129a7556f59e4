//! Delete a pod: with its grace period and its UID as a precondition. PodDisruptionBudgets are
//! not asked by the API server; the dialog says what they would have said.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Action, Body, Expect, Plan, Reader, Step, Write};
use crate::model::Failure;
use crate::model::action::{ActionId, Answers, Check, Subject};

pub struct DeletePod;

impl Action for DeletePod {
    fn id(&self) -> ActionId {
        ActionId::DeletePod
    }

    fn plan<'a>(
        &'a self,
        read: &'a Reader<'a>,
        subject: &'a Subject,
        _: &'a Answers,
    ) -> BoxFuture<'a, Result<Step, Failure>> {
        async move {
            let pod = read.subject(subject).await?;
            let budgets = read.list("policy", "poddisruptionbudgets", &subject.namespace).await;
            Ok(Step::Plan(Box::new(plan(subject, &pod, budgets))))
        }
        .boxed()
    }
}

fn plan(subject: &Subject, pod: &Value, budgets: Result<Vec<Value>, Failure>) -> Plan {
    let owner =
        pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().find(|r| r["controller"] == true);
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    let words = |field: &str| pod["status"][field].as_str().unwrap_or("unknown").to_owned();
    let undo = match owner {
        Some(o) => format!(
            "no; its {} makes another in its place",
            o["kind"].as_str().unwrap_or("controller").to_lowercase()
        ),
        None => "no, and nothing makes another".to_owned(),
    };
    let mut checks = Vec::new();
    if owner.is_none() {
        checks.push(Check::warning("owner", "no controller owns it: when it is gone it is gone"));
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        checks.push(Check::warning("state", "it is being deleted already"));
    }
    checks.push(budget(pod, budgets));
    Plan {
        action: ActionId::DeletePod,
        subject: subject.clone(),
        write: Write {
            kind: subject.kind,
            namespace: subject.namespace.to_string(),
            name: subject.name.to_string(),
            subresource: "",
            body: Body::Delete { uid: subject.uid.to_string() },
        },
        change: Vec::new(),
        before: BTreeMap::from([("phase".to_owned(), words("phase"))]),
        after: BTreeMap::from([("phase".to_owned(), "deleted".to_owned())]),
        touches: format!("this pod; it has {grace} s to end"),
        undo,
        high_risk: true,
        replicas: None,
        checks,
        expect: Expect::Gone,
        deadline_s: grace + 60,
    }
}

/// What the budget over the pod has to say.
fn budget(pod: &Value, budgets: Result<Vec<Value>, Failure>) -> Check {
    let about = "budget";
    let budgets = match budgets {
        Ok(budgets) => budgets,
        Err(failure) => {
            return Check::warning(about, &format!("not known: {}: {}", failure.tried, failure.happened));
        }
    };
    let labels = &pod["metadata"]["labels"];
    let covers = |b: &&Value| {
        let wanted = b["spec"]["selector"]["matchLabels"].as_object();
        wanted.is_some_and(|w| !w.is_empty() && w.iter().all(|(k, v)| labels[k] == *v))
    };
    match budgets.iter().find(covers) {
        None => Check::ok(about, "no PodDisruptionBudget covers it"),
        Some(b) => {
            let name = b["metadata"]["name"].as_str().unwrap_or_default();
            match b["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) {
                0 => Check::warning(
                    about,
                    &format!("{name} allows no disruption now; a deletion does not ask it"),
                ),
                n => Check::ok(about, &format!("{name} allows {n} now")),
            }
        }
    }
}
