//! Roll back: the pod template of an older revision, as `kubectl rollout undo --to-revision`
//! would set it (`polymorphichelpers/rollback.go`), with tests that nobody has deployed since.

use serde_json::{Map, Value, json};

use super::ask::Asked;
use super::plan::KubeWrite;
use super::{Expect, Plan, Reader, Stop, Write, restart, template};
use crate::model::action::{ActionId, Answers, Check, Choice, ObjectKind, Subject};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::kubernetes::template_hash;

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Annotations that belong to the Deployment and not to a revision (`annotationsToSkip`).
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let revisions = revisions(read, subject, &object).await?;
    let now = current(&object, &revisions);
    let (options, chosen) = options(read, subject, &object, &revisions, now)?;
    let label = format!("back from revision {}, to", now.map_or("?".to_owned(), |n| n.to_string()));
    let gone = |answer: &str| nothing(subject, &format!("revision {answer} is not there any more"));
    if let Some(answer) = answers.get("revision").filter(|a| options.iter().all(|o| o.value != **a)) {
        return Err(gone(answer).into());
    }
    let answer = Asked { key: "revision", label: &label, hint: "" }.pick(answers, options, chosen)?;
    let chosen = revisions.iter().find(|r| r.number.to_string() == answer).ok_or_else(|| gone(&answer))?;
    Ok(back_to(read, subject, &object, now, chosen).await)
}

/// A revision that can be gone back to.
struct Revision {
    number: u64,
    created: String,
    cause: Option<String>,
    template: Value,
    annotations: Map<String, Value>,
}

/// The revisions of a workload, the newest first.
async fn revisions(read: &Reader<'_>, subject: &Subject, object: &Value) -> Result<Vec<Revision>, Failure> {
    let plural = if subject.kind == ObjectKind::Deployment { "replicasets" } else { "controllerrevisions" };
    let uid = &object["metadata"]["uid"];
    let owned = |r: &Value| {
        let references = r["metadata"]["ownerReferences"].as_array();
        references.is_some_and(|all| all.iter().any(|o| o["controller"] == true && o["uid"] == *uid))
    };
    let all = read.list("apps", plural, &subject.namespace).await?;
    let mut found: Vec<Revision> = all.iter().filter(|r| owned(r)).filter_map(revision).collect();
    found.sort_by_key(|r| std::cmp::Reverse(r.number));
    Ok(found)
}

fn revision(object: &Value) -> Option<Revision> {
    let annotations = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let (number, mut template) = match object["revision"].as_u64() {
        Some(number) => (number, object["data"]["spec"]["template"].clone()),
        None => (annotations.get(REVISION)?.as_str()?.parse().ok()?, object["spec"]["template"].clone()),
    };
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    template.as_object_mut()?.remove("$patch");
    let created = object["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
    let cause = annotations.get("kubernetes.io/change-cause").and_then(Value::as_str).map(str::to_owned);
    Some(Revision { number, created, cause, template, annotations })
}

/// The number of the revision that is wanted now.
fn current(object: &Value, revisions: &[Revision]) -> Option<u64> {
    let annotated = object["metadata"]["annotations"][REVISION].as_str().and_then(|n| n.parse().ok());
    annotated.or_else(|| {
        let now = template_hash(&object["spec"]["template"]);
        revisions.iter().find(|r| template_hash(&r.template) == now).map(|r| r.number)
    })
}

fn nothing(subject: &Subject, what: &str) -> Failure {
    Failure {
        kind: FailureKind::Absent,
        tried: Clean::new(&format!("find a revision of {} to go back to", subject.words())),
        happened: Clean::new(what),
        next: Clean::new("deploy a good version, or look at its history with kubectl rollout history"),
    }
}

/// The other revisions, and which of them to begin with: the newest that really differs.
fn options(
    read: &Reader<'_>,
    subject: &Subject,
    object: &Value,
    revisions: &[Revision],
    now: Option<u64>,
) -> Result<(Vec<Choice>, usize), Failure> {
    if object["spec"]["revisionHistoryLimit"] == 0 {
        return Err(nothing(subject, "revisionHistoryLimit is 0: no older revision is kept"));
    }
    let present = &object["spec"]["template"];
    let hash = template_hash(present);
    let older: Vec<&Revision> = revisions.iter().filter(|r| Some(r.number) != now).collect();
    if older.is_empty() {
        return Err(nothing(subject, "there is no other revision"));
    }
    // A restart makes a revision, too: going back to it would bring the same pods again.
    let differs = |r: &&Revision| template_hash(&r.template) != hash;
    let chosen = older.iter().position(differs).unwrap_or(0);
    let options = older.iter().map(|r| Choice {
        value: r.number.to_string(),
        label: Clean::new(&label(read, r, differs(r))),
        difference: template::difference(present, &r.template),
    });
    Ok((options.collect(), chosen))
}

/// '16  3 d old  api:4.1.7  cause'.
fn label(read: &Reader<'_>, revision: &Revision, differs: bool) -> String {
    let age = revision.created.parse::<jiff::Timestamp>().ok().map(|t| read.at.duration_since(t));
    let age = age.map_or(String::new(), |age| match age.as_hours() {
        ..1 => format!("{} min old", age.as_mins()),
        1..48 => format!("{} h old", age.as_hours()),
        hours => format!("{} d old", hours / 24),
    });
    let containers = revision.template["spec"]["containers"].as_array();
    let images: Vec<&str> = containers
        .into_iter()
        .flatten()
        .filter_map(|c| c["image"].as_str())
        .map(|image| image.rsplit('/').next().unwrap_or(image))
        .collect();
    let same = if differs { "" } else { "  the same but for a restart" };
    let cause = revision.cause.as_deref().map(|c| format!("  {c}")).unwrap_or_default();
    format!("{:<4} {age:<10} {}{same}{cause}", revision.number, images.join(" "))
}

async fn back_to(
    read: &Reader<'_>,
    subject: &Subject,
    object: &Value,
    now: Option<u64>,
    to: &Revision,
) -> Plan {
    let mut operations = vec![json!({"op": "replace", "path": "/spec/template", "value": to.template})];
    if subject.kind == ObjectKind::Deployment {
        operations.push(
            json!({"op": "replace", "path": "/metadata/annotations", "value": annotations(object, to)}),
        );
    }
    let workload = read.workload(subject.kind, object);
    let pods = workload.as_ref().map_or(0, |w| w.wanted);
    let from = now.map_or("?".to_owned(), |n| n.to_string());
    let mut checks = workload.iter().flat_map(restart::rollout_checks).collect::<Vec<_>>();
    for check in &mut checks {
        // The usual reason to be here: it must not keep anyone from going back.
        if check.about.as_str() == "rollout" {
            *check = Check::ok("rollout", &format!("{}; going back ends it", check.words));
        }
    }
    if template_hash(&to.template) == template_hash(&object["spec"]["template"]) {
        let words = "it differs from the present revision by a restart only: the same pods would come again";
        checks.push(Check::warning("difference", words));
    }
    if subject.kind == ObjectKind::StatefulSet && object["spec"]["podManagementPolicy"] != "Parallel" {
        let broken = workload.as_ref().is_some_and(|w| w.ready < w.current);
        if broken {
            let words = "OrderedReady waits for a pod that is not ready: delete that pod afterwards, or it stays stuck";
            checks.push(Check::warning("stuck pod", words));
        }
    }
    let write = Write::Kube(KubeWrite::patch(subject, object, operations));
    let plan = Plan::new(ActionId::RollBack, subject, vec![write]).changing("revision", &from, to.number);
    let plan = match now {
        Some(_) => plan.undone_by(
            &format!("roll forward to what revision {from} is now"),
            ActionId::RollBack,
            &[("revision", &from)],
        ),
        None => Plan { undo: "not by itself: the present revision has no number".to_owned(), ..plan },
    };
    Plan {
        change: template::difference(&object["spec"]["template"], &to.template),
        lasts: template::lasts(read, subject, object, pods).await,
        touches: format!("{pods} pods, {}", template::at_once(object, pods)),
        high_risk: true,
        checks,
        expect: Expect::Rollout,
        deadline_s: restart::deadline_s(object),
        ..plan
    }
}

/// The Deployment's own annotations, and the revision's for all else.
fn annotations(object: &Value, to: &Revision) -> Map<String, Value> {
    let own = object["metadata"]["annotations"].as_object();
    let own = own.into_iter().flatten().filter(|(k, _)| OWN_ANNOTATIONS.contains(&k.as_str()));
    let theirs = to.annotations.iter().filter(|(k, _)| !OWN_ANNOTATIONS.contains(&k.as_str()));
    own.chain(theirs).map(|(k, v)| (k.clone(), v.clone())).collect()
}
