//! `/scale`: the number of pods of a workload, whatever its kind.

use axum::response::Response;
use serde_json::{Value, json};

use super::json::{int, set};
use super::kinds::Kind;
use super::request::{Request, Target};
use super::status::ApiError;
use super::store::Store;
use super::write::{body, preconditions};
use super::{managers, patch, reply, schema};

/// The `Scale` of a workload.
fn scale_of(tree: &Value) -> Value {
    let selector: Vec<String> =
        super::json::strings(tree, "/spec/selector/matchLabels").map(|(k, v)| format!("{k}={v}")).collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": tree["metadata"]["name"], "namespace": tree["metadata"]["namespace"], "uid": tree["metadata"]["uid"],
            "resourceVersion": tree["metadata"]["resourceVersion"], "creationTimestamp": tree["metadata"]["creationTimestamp"]},
        "spec": {"replicas": int(tree, "/spec/replicas").unwrap_or(1)},
        "status": {"replicas": int(tree, "/status/replicas").unwrap_or(0), "selector": selector.join(",")},
    })
}

/// `GET`, `PUT` and `PATCH` of `/scale`.
///
/// # Errors
/// As for objects.
pub fn scale(
    store: &Store,
    request: &Request,
    target: &Target,
    verb: &str,
    now_ms: i64,
) -> Result<Response, ApiError> {
    let (kind, name) = (target.kind, target.name.as_str());
    let object = store.get(kind, &target.namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
    if verb == "get" {
        return Ok(reply::value(200, &scale_of(&object.tree())));
    }
    let info = kind.info();
    let by = managers::asking(request, "Update", "scale", info.api_version(), now_ms);
    let apply = |tree: &mut Value| {
        let (before, stored) = (tree.clone(), scale_of(tree));
        let mut wanted = stored.clone();
        if verb == "update" {
            wanted = body(request)?;
        } else {
            patch::apply(Kind::Deployment, request.header("content-type"), &request.body, &mut wanted)?;
        }
        preconditions(kind, name, &stored, &wanted)?;
        let replicas = int(&wanted, "/spec/replicas").unwrap_or(0);
        if replicas < 0 {
            let cause =
                format!("spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0");
            return Err(ApiError::invalid(kind, name, &cause));
        }
        set(tree, "/spec", "replicas", replicas);
        if let Some(ty) = schema::of(info) {
            managers::updated(ty, Some(&before), tree, &by);
        }
        Ok(())
    };
    if request.dry_run()? {
        let mut tree = (*object.tree()).clone();
        apply(&mut tree)?;
        return Ok(reply::value(200, &scale_of(&tree)));
    }
    let changed = store.edit(kind, &target.namespace, name, apply)?;
    Ok(reply::value(200, &scale_of(&changed.tree())))
}
