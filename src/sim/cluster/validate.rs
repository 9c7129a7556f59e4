//! The little validation and defaulting without which a mistake would be accepted here
//! and refused by a real cluster.

use serde_json::{Value, json};

use super::json::{int, list, set, strings, text};
use super::kinds::Kind;
use super::status::ApiError;

/// Fills in what the API server fills in at creation.
pub fn defaults(kind: Kind, tree: &mut Value) {
    let defaults: &[(&str, Value)] = match kind {
        Kind::Deployment => &[
            ("replicas", json!(1)),
            (
                "strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
            ),
            ("revisionHistoryLimit", json!(10)),
            ("progressDeadlineSeconds", json!(600)),
        ],
        Kind::StatefulSet => &[
            ("replicas", json!(1)),
            ("podManagementPolicy", json!("OrderedReady")),
            ("updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
        ],
        Kind::Job => &[("backoffLimit", json!(6)), ("completions", json!(1)), ("parallelism", json!(1))],
        Kind::CronJob => &[
            ("concurrencyPolicy", json!("Allow")),
            ("suspend", json!(false)),
            ("successfulJobsHistoryLimit", json!(3)),
            ("failedJobsHistoryLimit", json!(1)),
        ],
        Kind::Pod => &[("restartPolicy", json!("Always")), ("terminationGracePeriodSeconds", json!(30))],
        _ => &[],
    };
    for (key, value) in defaults {
        if tree["spec"].get(*key).is_none() {
            set(tree, "/spec", key, value.clone());
        }
    }
    if kind == Kind::Pod {
        set(tree, "/status", "phase", "Pending");
    }
    if matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Job | Kind::CronJob) {
        tree["status"] = json!({});
    }
}

/// Checks a new or changed object.
///
/// # Errors
/// 422 in Kubernetes' words.
pub fn check(kind: Kind, before: Option<&Value>, tree: &Value) -> Result<(), ApiError> {
    let name = text(tree, "/metadata/name");
    let invalid = |cause: String| Err(ApiError::invalid(kind, name, &cause));
    if int(tree, "/spec/replicas").is_some_and(|n| n < 0) {
        let n = int(tree, "/spec/replicas").unwrap_or(0);
        return invalid(format!("spec.replicas: Invalid value: {n}: must be greater than or equal to 0"));
    }
    let workload = matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet);
    if workload {
        let wanted: Vec<_> = strings(tree, "/spec/selector/matchLabels").collect();
        if wanted.is_empty() && list(tree, "/spec/selector/matchExpressions").is_empty() {
            return invalid("spec.selector: Required value".to_owned());
        }
        let labels = &tree["spec"]["template"]["metadata"]["labels"];
        if wanted.iter().any(|(k, v)| labels[*k] != *v) {
            return invalid(format!(
                "spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`"
            ));
        }
        if before.is_some_and(|b| b["spec"]["selector"] != tree["spec"]["selector"]) {
            return invalid("spec.selector: Invalid value: field is immutable".to_owned());
        }
    }
    let containers = match kind {
        Kind::Pod => Some("/spec/containers"),
        Kind::CronJob => Some("/spec/jobTemplate/spec/template/spec/containers"),
        Kind::Job => Some("/spec/template/spec/containers"),
        _ if workload => Some("/spec/template/spec/containers"),
        _ => None,
    };
    if let Some(pointer) = containers {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        let all = list(tree, pointer);
        if all.is_empty() {
            return invalid(format!("{field}: Required value"));
        }
        if let Some(i) = all.iter().position(|c| text(c, "/name").is_empty()) {
            return invalid(format!("{field}[{i}].name: Required value"));
        }
        if let Some(i) = all.iter().position(|c| text(c, "/image").is_empty()) {
            return invalid(format!("{field}[{i}].image: Required value"));
        }
    }
    Ok(())
}
