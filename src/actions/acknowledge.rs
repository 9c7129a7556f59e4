//! Acknowledge an alert: who has it, and until when. It is a Lease in the cluster
//! (coordination.k8s.io/v1), so that every responder sees it, with nothing of ours to run.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ask::Asked;
use super::gateway::user;
use super::plan::{Body, KubeWrite};
use super::silence::duration;
use super::{Expect, Plan, Reader, Stop, Write};
use crate::config::units::show_duration;
use crate::model::acknowledgement::{ALERT, KIND, LEASE_KIND, lease_name};
use crate::model::action::{ActionId, Answers, Check, ObjectKind, Subject};
use crate::model::{Clean, Failure, FailureKind};

/// The seeds' first responders report every half hour.
const USUAL: &str = "30m";

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let lease = lease(read, subject).await?;
    let hint = "as 30m or 2h; others see who has it until then";
    let lasts = Asked { key: "for", label: "for", hint }.text(answers, USUAL, duration)?;
    let me = user(read.session).await;
    if me.is_empty() {
        return Err(nobody(subject).into());
    }
    let until = read.at + lasts;
    let spec = json!({"holderIdentity": me, "leaseDurationSeconds": lasts.as_secs(),
        "acquireTime": micro(read.at), "renewTime": micro(read.at)});
    let target = target(read, subject);
    let mut checks = Vec::new();
    let (write, before) = match &lease {
        None => {
            let made = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": target.name.as_str(), "namespace": target.namespace.as_str(),
                    "labels": {KIND: LEASE_KIND}, "annotations": {ALERT: subject.name.as_str()}},
                "spec": spec});
            (KubeWrite::of(&target, Body::Create(made)), "nobody".to_owned())
        }
        Some(lease) => {
            let (holder, ends) = held(lease);
            if holder != me && ends > read.at {
                let left = show_duration(SignedDuration::from_mins(ends.duration_since(read.at).as_mins()));
                let words = format!("{holder} has it for another {left}: ask before you take it over");
                checks.push(Check::warning("holder", &words));
            }
            let operations = json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": lease["metadata"]["resourceVersion"]},
                {"op": "replace", "path": "/spec", "value": spec},
            ]);
            (KubeWrite::of(&target, Body::JsonPatch(operations)), words(holder, ends, read.at))
        }
    };
    Ok(Plan {
        touches: "no object but the lease: notifications go on, and others see who has it".to_owned(),
        checks,
        ..Plan::new(ActionId::Acknowledge, subject, vec![Write::Kube(write)])
            .changing("acknowledged by", before, format!("{me} for {}", show_duration(lasts)))
            .changing("until", "-", until.strftime("%H:%M:%SZ"))
            .undone_by("give it back", ActionId::Release, &[])
    })
}

/// Gives an acknowledgement back.
pub async fn release(read: &Reader<'_>, subject: &Subject) -> Result<Plan, Stop> {
    let Some(lease) = lease(read, subject).await? else {
        let happened = Clean::new("nobody has acknowledged it");
        return Err(Failure { kind: FailureKind::Absent, happened, ..nobody(subject) }.into());
    };
    let (holder, ends) = held(&lease);
    let uid = lease["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let mut checks = Vec::new();
    if holder != user(read.session).await {
        checks.push(Check::warning("holder", &format!("{holder} has it, not you")));
    }
    let write = KubeWrite::of(&target(read, subject), Body::Delete { uid });
    Ok(Plan {
        touches: "no object but the lease: others see that nobody has it".to_owned(),
        checks,
        expect: Expect::Gone,
        undo: "by acknowledging anew".to_owned(),
        ..Plan::new(ActionId::Release, subject, vec![Write::Kube(write)]).changing(
            "acknowledged by",
            words(holder, ends, read.at),
            "nobody",
        )
    })
}

fn words(holder: &str, ends: Timestamp, at: Timestamp) -> String {
    let state = if ends > at { "until" } else { "ended" };
    format!("{holder}, {state} {}", ends.strftime("%H:%M:%SZ"))
}

/// The lease of an alert, in its namespace or the one that is looked at.
fn target(read: &Reader<'_>, subject: &Subject) -> Subject {
    let namespace = match subject.namespace.as_str() {
        "" => read.session.scope.namespace.clone().unwrap_or_else(|| Clean::new("default")),
        _ => subject.namespace.clone(),
    };
    let name = Clean::new(&lease_name(&subject.uid));
    Subject { kind: ObjectKind::Lease, namespace, name, uid: Clean::default() }
}

async fn lease(read: &Reader<'_>, subject: &Subject) -> Result<Option<Value>, Failure> {
    let target = target(read, subject);
    match read.get(ObjectKind::Lease, &target.namespace, &target.name).await {
        Ok(lease) => Ok(Some(lease)),
        Err(failure) if failure.kind == FailureKind::Absent => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn held(lease: &Value) -> (&str, Timestamp) {
    let spec = &lease["spec"];
    let began: Option<Timestamp> = spec["renewTime"].as_str().and_then(|t| t.parse().ok());
    let lasts =
        SignedDuration::from_secs(spec["leaseDurationSeconds"].as_i64().unwrap_or(0).clamp(0, 1 << 31));
    (spec["holderIdentity"].as_str().unwrap_or_default(), began.map_or(Timestamp::UNIX_EPOCH, |t| t + lasts))
}

/// `MicroTime`: with six digits.
fn micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn nobody(subject: &Subject) -> Failure {
    Failure {
        kind: FailureKind::Denied,
        tried: Clean::new(&format!("acknowledge {}", subject.words())),
        happened: Clean::new("the API server does not say who you are (SelfSubjectReview)"),
        next: Clean::new("an acknowledgement without a name helps nobody; tell the others yourself"),
    }
}
