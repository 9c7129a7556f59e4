//! Delete a pod: with its grace period and its UID as a precondition. PodDisruptionBudgets are
//! not asked by the API server; the dialog says what they would have said.

use serde_json::Value;

use super::plan::{Body, KubeWrite};
use super::{Expect, Plan, Reader, Stop, Write};
use crate::model::Failure;
use crate::model::action::{ActionId, Check, Subject};

pub async fn plan(read: &Reader<'_>, subject: &Subject) -> Result<Plan, Stop> {
    let pod = read.subject(subject).await?;
    let budgets = read.list("policy", "poddisruptionbudgets", &subject.namespace).await;
    let write = KubeWrite::of(subject, Body::Delete { uid: subject.uid.to_string() });
    let mut plan = ending(ActionId::DeletePod, subject, &pod, write);
    let budget = match budget(&pod, budgets) {
        Budget::Allows(words) => Check::ok("budget", &words),
        Budget::Forbids(words) => {
            Check::warning("budget", &format!("{words}; a deletion does not ask it: evict it to heed it"))
        }
        Budget::Unknown(words) => Check::warning("budget", &words),
    };
    plan.checks.push(budget);
    Ok(Plan { high_risk: true, ..plan })
}

/// A plan that ends a pod.
pub fn ending(action: ActionId, subject: &Subject, pod: &Value, write: KubeWrite) -> Plan {
    let owner =
        pod["metadata"]["ownerReferences"].as_array().into_iter().flatten().find(|r| r["controller"] == true);
    let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
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
    let phase = pod["status"]["phase"].as_str().unwrap_or("unknown");
    Plan {
        touches: format!("this pod; it has {grace} s to end"),
        undo,
        checks,
        expect: Expect::Gone,
        deadline_s: grace + 60,
        ..Plan::new(action, subject, vec![Write::Kube(write)]).changing("phase", phase, "deleted")
    }
}

/// What the disruption budget over a pod has to say.
pub enum Budget {
    Allows(String),
    Forbids(String),
    Unknown(String),
}

pub fn budget(pod: &Value, budgets: Result<Vec<Value>, Failure>) -> Budget {
    let budgets = match budgets {
        Ok(budgets) => budgets,
        Err(failure) => {
            return Budget::Unknown(format!("not known: {}: {}", failure.tried, failure.happened));
        }
    };
    let labels = &pod["metadata"]["labels"];
    let covers = |b: &&Value| {
        let wanted = b["spec"]["selector"]["matchLabels"].as_object();
        wanted.is_some_and(|w| !w.is_empty() && w.iter().all(|(k, v)| labels[k] == *v))
    };
    let covering: Vec<&Value> = budgets.iter().filter(covers).collect();
    let name = |b: &Value| b["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    match covering.as_slice() {
        [] => Budget::Allows("no PodDisruptionBudget covers it".to_owned()),
        [b] => match b["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) {
            0 => Budget::Forbids(format!("{} allows no disruption now", name(b))),
            n => Budget::Allows(format!("{} allows {n} now", name(b))),
        },
        // The API server evicts no pod that more than one covers.
        several => {
            let names: Vec<String> = several.iter().map(|b| name(b)).collect();
            Budget::Forbids(format!("more than one budget covers it ({})", names.join(", ")))
        }
    }
}
