//! Evictions: deletions of pods that PodDisruptionBudgets may refuse, decided as
//! `pkg/registry/core/pod/storage/eviction.go` of Kubernetes decides them.

use axum::response::Response;
use serde_json::{Value, json};

use super::delete::{delete_one, is_going};
use super::json::{int, list, set, text, time};
use super::kinds::Kind;
use super::object::Object;
use super::reply;
use super::request::{Request, Target};
use super::select::Selector;
use super::status::ApiError;
use super::store::Store;
use super::write::body;

/// Answers `POST` to `pods/NAME/eviction`.
///
/// # Errors
/// 400 for another name, 404, 409 when a precondition does not hold, 429 when a budget is used
/// up, 500 when there are several budgets.
pub fn evict(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let asked = body(request)?;
    if text(&asked, "/metadata/name") != target.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    let pod = store.get(Kind::Pod, &target.namespace, &target.name);
    let pod = pod.ok_or_else(|| ApiError::not_found(Kind::Pod, &target.name))?;
    let mut options = asked["deleteOptions"].clone();
    if !options.is_object() {
        options = json!({});
    }
    let dry = request.dry_run()? || list(&options, "/dryRun").iter().any(|d| d == "All");
    options["dryRun"] = dry.into();
    let tree = pod.tree();
    if !may_go_anyway(&tree)
        && let Some(budget) = budget_of(store, &pod)?
    {
        let name = budget.name.clone();
        if dry {
            spend(&mut (*budget.tree()).clone(), &tree, now_ms)?;
        } else {
            store.edit(Kind::PodDisruptionBudget, &pod.namespace, &name, |b| spend(b, &tree, now_ms))?;
        }
    }
    delete_one(store, &pod, &options, now_ms)?;
    Ok(reply::value(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}

/// Pods that nothing is lost with: finished, not yet started, or on their way out already.
fn may_go_anyway(pod: &Value) -> bool {
    is_going(pod) || matches!(text(pod, "/status/phase"), "Succeeded" | "Failed" | "Pending")
}

/// The budget that a pod falls under.
fn budget_of(store: &Store, pod: &Object) -> Result<Option<std::sync::Arc<Object>>, ApiError> {
    let covers = |b: &Object| Selector::of_workload(&b.tree()["spec"]["selector"]).matches(pod);
    let page = store.page(Kind::PodDisruptionBudget, Some(&pod.namespace), None, usize::MAX, covers);
    let mut all = page.objects;
    match all.len() {
        0 | 1 => Ok(all.pop()),
        _ => Err(ApiError::internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        )),
    }
}

/// Takes one disruption from a budget, or refuses.
fn spend(budget: &mut Value, pod: &Value, now_ms: i64) -> Result<(), ApiError> {
    let name = text(budget, "/metadata/name").to_owned();
    let number = |pointer: &str| int(budget, pointer).unwrap_or(0);
    let (healthy, wanted) = (number("/status/currentHealthy"), number("/status/desiredHealthy"));
    let ready = list(pod, "/status/conditions").iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
    if !ready && (always || healthy >= wanted && wanted > 0) {
        return Ok(());
    }
    if number("/status/observedGeneration") < number("/metadata/generation") {
        let cause = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refusal(&cause, 10));
    }
    let left = number("/status/disruptionsAllowed");
    if left <= 0 {
        let cause =
            format!("The disruption budget {name} needs {wanted} healthy pods and has {healthy} currently");
        return Err(refusal(&cause, 0));
    }
    set(budget, "/status", "disruptionsAllowed", left - 1);
    set(budget, "/status/disruptedPods", text(pod, "/metadata/name"), time(now_ms));
    Ok(())
}

fn refusal(cause: &str, retry_after_s: u32) -> ApiError {
    let text = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut error = ApiError::new(429, "TooManyRequests", text);
    error.details = Some(json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]}));
    error.retry_after_s = (retry_after_s > 0).then_some(retry_after_s);
    if retry_after_s > 0
        && let Some(details) = &mut error.details
    {
        details["retryAfterSeconds"] = retry_after_s.into();
    }
    error
}
