//! How objects are made from others: a pod from its template, a ReplicaSet from its
//! Deployment, an owner reference from its owner.

use serde_json::{Value, json};

use super::pod::fnv;
use crate::sim::cluster::json::{set, text, time};
use crate::sim::cluster::store::ALPHABET;

/// How many nodes the cluster has.
pub const NODES: usize = 12;

pub fn node_name(i: usize) -> String {
    format!("node-{:02}", i % NODES + 1)
}

/// The address of a node, which is the `hostIP` of its pods.
pub fn node_ip(i: usize) -> String {
    format!("10.0.0.{}", i % NODES + 11)
}

/// The index of a node by its name, if it is one of ours.
pub fn node_index(name: &str) -> Option<usize> {
    let n: usize = name.strip_prefix("node-")?.parse().ok()?;
    (1..=NODES).contains(&n).then(|| n - 1)
}

/// A pod address on a node; `serial` tells the pods apart.
pub fn pod_ip(node: usize, serial: usize) -> String {
    format!("10.{}.{}.{}", 244 + node / 256, (node % NODES) * 20 + (serial / 250) % 20, serial % 250 + 2)
}

/// The controller reference to `owner`.
pub fn owner(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    })
}

/// A pod of `template`, owned by `by`, not yet on a node.
pub fn pod(by: &Value, template: &Value, name: &str) -> Value {
    let mut tree = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template["spec"], "status": {"phase": "Pending"},
    });
    if let Some(metadata) = tree["metadata"].as_object_mut() {
        metadata.remove("creationTimestamp");
    }
    set(&mut tree, "/metadata", "name", name);
    set(&mut tree, "/metadata", "generateName", format!("{}-", text(by, "/metadata/name")));
    set(&mut tree, "/metadata", "namespace", text(by, "/metadata/namespace"));
    set(&mut tree, "/metadata", "ownerReferences", json!([owner(by)]));
    let defaults = [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("serviceAccountName", json!("default")),
        ("priority", json!(0)),
    ];
    for (key, value) in defaults {
        if tree["spec"].get(key).is_none() {
            set(&mut tree, "/spec", key, value);
        }
    }
    tree
}

/// The hash that tells the templates of a Deployment apart, in the alphabet of names.
/// The label that it is itself stored under is left out.
pub fn template_hash(template: &Value) -> String {
    let text = serde_json::to_string(&plain_template(template)).unwrap_or_default();
    let mut n = fnv(&text);
    (0..10)
        .map(|_| {
            let c = ALPHABET[(n % ALPHABET.len() as u64) as usize] as char;
            n /= ALPHABET.len() as u64;
            c
        })
        .collect()
}

/// A template without what controllers add to it and without empty fields.
pub fn plain_template(template: &Value) -> Value {
    let mut plain = template.clone();
    if let Some(labels) = plain.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    if let Some(metadata) = plain.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, v| !v.is_null() && v.as_object().is_none_or(|m| !m.is_empty()));
    }
    plain
}

/// A ReplicaSet for a template of a Deployment.
pub fn replica_set(deployment: &Value, template: &Value, revision: i64, replicas: i64) -> Value {
    let hash = template_hash(template);
    let mut template = plain_template(template);
    set(&mut template, "/metadata/labels", "pod-template-hash", hash.clone());
    let mut selector = deployment["spec"]["selector"].clone();
    set(&mut selector, "/matchLabels", "pod-template-hash", hash.clone());
    let name = text(deployment, "/metadata/name");
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{name}-{hash}"), "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": {
                "deployment.kubernetes.io/revision": revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": deployment["spec"]["replicas"].to_string(),
            },
            "ownerReferences": [owner(deployment)],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template,
            "minReadySeconds": deployment["spec"]["minReadySeconds"].as_i64().unwrap_or(0)},
        "status": {"replicas": 0},
    })
}

/// A Job of a CronJob's template, for the run that was due at `scheduled_ms`.
pub fn job(cron_job: &Value, name: &str, scheduled_ms: i64) -> Value {
    let template = &cron_job["spec"]["jobTemplate"];
    let mut tree = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template["spec"], "status": {},
    });
    set(&mut tree, "/metadata", "name", name);
    set(&mut tree, "/metadata", "namespace", text(cron_job, "/metadata/namespace"));
    set(&mut tree, "/metadata", "ownerReferences", json!([owner(cron_job)]));
    set(
        &mut tree,
        "/metadata/annotations",
        "batch.kubernetes.io/cronjob-scheduled-timestamp",
        time(scheduled_ms),
    );
    tree
}

/// The pod of a Job.
pub fn job_pod(job: &Value, name: &str) -> Value {
    let mut tree = pod(job, &job["spec"]["template"], name);
    for key in ["job-name", "batch.kubernetes.io/job-name"] {
        set(&mut tree, "/metadata/labels", key, text(job, "/metadata/name"));
    }
    for key in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
        set(&mut tree, "/metadata/labels", key, text(job, "/metadata/uid"));
    }
    tree
}

fn job_condition(kind: &str, at_ms: i64, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": message,
        "lastProbeTime": time(at_ms), "lastTransitionTime": time(at_ms)})
}

/// The status of a Job that has succeeded.
pub fn job_complete(start_ms: i64, end_ms: i64, succeeded: i64) -> Value {
    let (reason, message) = ("CompletionsReached", "Reached expected number of succeeded pods");
    json!({"startTime": time(start_ms), "completionTime": time(end_ms), "succeeded": succeeded, "ready": 0, "conditions": [
        job_condition("SuccessCriteriaMet", end_ms, reason, message), job_condition("Complete", end_ms, reason, message)]})
}

/// The status of a Job that has failed.
pub fn job_failed(start_ms: i64, end_ms: i64, failed: i64, reason: &str, message: &str) -> Value {
    json!({"startTime": time(start_ms), "failed": failed, "ready": 0, "conditions": [
        job_condition("FailureTarget", end_ms, reason, message), job_condition("Failed", end_ms, reason, message)]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_the_template_alone() {
        let a = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"image": "a:1"}]}});
        let mut hashed = a.clone();
        set(&mut hashed, "/metadata/labels", "pod-template-hash", "abc");
        set(&mut hashed, "/metadata", "creationTimestamp", Value::Null);
        assert_eq!(template_hash(&a), template_hash(&hashed));
        let mut b = a.clone();
        b["spec"]["containers"][0]["image"] = "a:2".into();
        assert_ne!(template_hash(&a), template_hash(&b));
    }

    #[test]
    fn nodes_by_name() {
        assert_eq!(node_index(&node_name(3)), Some(3));
        assert_eq!(node_index("node-99"), None);
    }
}
