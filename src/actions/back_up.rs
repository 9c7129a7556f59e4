//! Run a backup now: a Job from its CronJob, as `kubectl create job --from` makes it, or a Backup
//! from its Velero Schedule, as `velero backup create --from-schedule` does.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::plan::{Body, KubeWrite};
use super::{Expect, Plan, Reader, Stop, Write};
use crate::model::action::{ActionId, Check, ObjectKind, Subject};

/// Names of Jobs end up in labels, which hold 63 characters; the stamp takes 15 of them.
const NAME_CHARS: usize = 63 - 15;
/// A backup that says nothing of its length may take this long, seconds.
const DEADLINE_S: u64 = 6 * 3600;

pub async fn plan(read: &Reader<'_>, subject: &Subject) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    // Of the moment at which the dialog was opened: confirmed twice, it is the same name, and the
    // second is refused.
    let stamp = read.at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string();
    let stem: String = subject.name.chars().take(NAME_CHARS).collect();
    let name = format!("{}-{stamp}", stem.trim_end_matches(['-', '.']));
    Ok(match subject.kind {
        ObjectKind::VeleroSchedule => velero(subject, &object, &name),
        _ => job(read, subject, &object, &name).await,
    })
}

async fn job(read: &Reader<'_>, subject: &Subject, object: &Value, name: &str) -> Plan {
    let template = &object["spec"]["jobTemplate"];
    let mut annotations = template["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), json!("manual"));
    let labels = template["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let owner = json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": subject.name.as_str(),
        "uid": subject.uid.as_str(), "controller": true});
    let mut metadata = Map::from_iter([
        ("name".to_owned(), json!(name)),
        ("namespace".to_owned(), json!(subject.namespace.as_str())),
        ("annotations".to_owned(), Value::Object(annotations)),
        ("ownerReferences".to_owned(), json!([owner])),
    ]);
    if !labels.is_empty() {
        metadata.insert("labels".to_owned(), Value::Object(labels));
    }
    let made =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]});
    let mut checks = vec![running(read, subject, object).await];
    if object["spec"]["suspend"] == true {
        checks.push(Check::warning(
            "schedule",
            "the CronJob is suspended: this run changes nothing about that",
        ));
    }
    let words =
        "a run by hand counts as the last success: a dead schedule is hidden by it until the next RPO";
    checks.push(Check::warning("freshness", words));
    let limit = template["spec"]["activeDeadlineSeconds"].as_u64();
    let (labels, deadline_s) = (images(template), limit.map_or(DEADLINE_S, |s| s + 60));
    create(subject, ObjectKind::Job, name, made, checks, &labels, Expect::Job, deadline_s)
}

/// `concurrencyPolicy` is not enforced for Jobs made by hand.
async fn running(read: &Reader<'_>, subject: &Subject, object: &Value) -> Check {
    let about = "running";
    let policy = object["spec"]["concurrencyPolicy"].as_str().unwrap_or("Allow");
    match read.list("batch", "jobs", &subject.namespace).await {
        Err(failure) => Check::warning(about, &format!("not known: {}: {}", failure.tried, failure.happened)),
        Ok(jobs) => {
            let ours = |j: &&Value| {
                let owners = j["metadata"]["ownerReferences"].as_array();
                owners.is_some_and(|all| all.iter().any(|o| o["uid"] == subject.uid.as_str()))
            };
            let active = |j: &&Value| j["status"]["active"].as_u64().unwrap_or(0) > 0;
            match jobs.iter().filter(ours).find(active) {
                None => Check::ok(about, "none of its Jobs runs now"),
                Some(job) => {
                    let name = job["metadata"]["name"].as_str().unwrap_or_default();
                    let words = format!("{name} runs now");
                    match policy {
                        "Allow" => Check::warning(about, &format!("{words}: two would run at once")),
                        _ => Check::blocks(about, &format!("{words}, and concurrencyPolicy is {policy}")),
                    }
                }
            }
        }
    }
}

fn images(template: &Value) -> String {
    let containers = template["spec"]["template"]["spec"]["containers"].as_array();
    let images = containers.into_iter().flatten().filter_map(|c| c["image"].as_str());
    images.collect::<Vec<_>>().join(", ")
}

fn velero(subject: &Subject, object: &Value, name: &str) -> Plan {
    let mut labels = object["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("velero.io/schedule-name".to_owned(), json!(subject.name.as_str()));
    let made = json!({"apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {"name": name, "namespace": subject.namespace.as_str(), "labels": labels},
        "spec": object["spec"]["template"]});
    let mut checks = Vec::new();
    if object["spec"]["paused"] == true {
        checks
            .push(Check::warning("schedule", "the Schedule is paused: this run changes nothing about that"));
    }
    let scope = object["spec"]["template"]["includedNamespaces"].as_array();
    let scope = scope.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    let scope = format!("namespaces {}", scope.unwrap_or_else(|| "*".to_owned()));
    create(subject, ObjectKind::VeleroBackup, name, made, checks, &scope, Expect::Backup, DEADLINE_S)
}

#[expect(clippy::too_many_arguments, reason = "the two kinds of backups differ in all of them")]
fn create(
    subject: &Subject,
    kind: ObjectKind,
    name: &str,
    made: Value,
    checks: Vec<Check>,
    of: &str,
    expect: Expect,
    deadline_s: u64,
) -> Plan {
    let write = KubeWrite {
        resource: kind.into(),
        namespace: subject.namespace.to_string(),
        name: name.to_owned(),
        subresource: "".into(),
        body: Body::Create(made),
    };
    Plan {
        touches: format!("a new {} {name}: {of}", kind.noun()),
        undo: format!("no; it can be stopped by deleting {} {name}", kind.noun()),
        checks,
        expect,
        deadline_s,
        ..Plan::new(ActionId::BackUp, subject, vec![Write::Kube(write)]).changing(
            "run",
            "by its schedule",
            name,
        )
    }
}
