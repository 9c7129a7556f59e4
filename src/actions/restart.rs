//! Restart: every pod of a workload is replaced, by the rules of its rolling update. The same
//! annotation as `kubectl rollout restart` writes.

use serde_json::{Value, json};

use super::plan::KubeWrite;
use super::{Expect, Plan, Reader, Stop, Write, template};
use crate::model::action::{ActionId, Check, Subject};
use crate::model::workload::{Rollout, Workload};

/// kubectl's own (`polymorphichelpers/objectrestarter.go`).
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

pub async fn plan(read: &Reader<'_>, subject: &Subject) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let object = &object;
    let workload = read.workload(subject.kind, object);
    let pods = workload.as_ref().map_or(0, |w| w.wanted);
    let at = read.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let annotations = &object["spec"]["template"]["metadata"]["annotations"];
    let operation = if annotations.is_object() {
        let key = RESTARTED_AT.replace('/', "~1");
        json!({"op": "add", "path": format!("/spec/template/metadata/annotations/{key}"), "value": at})
    } else {
        json!({"op": "add", "path": "/spec/template/metadata/annotations", "value": {RESTARTED_AT: at}})
    };
    let before = annotations[RESTARTED_AT].as_str().unwrap_or("never").to_owned();
    let write = Write::Kube(KubeWrite::patch(subject, object, vec![operation]));
    Ok(Plan {
        lasts: template::lasts(read, subject, object, pods).await,
        touches: format!("{pods} pods, {}", template::at_once(object, pods)),
        undo: "no: the old pods are gone; rolling back would only restart them again".to_owned(),
        checks: workload.iter().flat_map(rollout_checks).collect(),
        expect: Expect::Rollout,
        deadline_s: deadline_s(object),
        ..Plan::new(ActionId::Restart, subject, vec![write]).changing("restarted-at", before, at)
    })
}

/// How long the rollout may take: the progress deadline, and what comes on top of it until the
/// controller has said so.
pub fn deadline_s(object: &Value) -> u64 {
    object["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600).min(86_400) + 60
}

/// What stands in the way of a new rollout.
pub fn rollout_checks(workload: &Workload) -> Vec<Check> {
    let mut checks = Vec::new();
    if workload.paused {
        checks.push(Check::blocks(
            "paused",
            "its rollouts are paused: resume it first, nothing would happen until then",
        ));
    }
    if workload.on_delete {
        let words = "its update strategy is OnDelete: pods change only when they are deleted";
        checks.push(Check::warning("strategy", words));
    }
    match workload.rollout() {
        Rollout::Progressing(words) => {
            checks.push(Check::warning("rollout", &format!("one is in progress: {words}")));
        }
        Rollout::Failed(words) => {
            checks.push(Check::warning("rollout", &format!("the last one has failed: {words}")))
        }
        Rollout::Complete | Rollout::Paused | Rollout::None => {}
    }
    if let Some(manager) = &workload.managed_by {
        let words = format!("{manager}: it may revert this change");
        checks.push(Check::warning("managed by", &words));
    }
    checks
}
