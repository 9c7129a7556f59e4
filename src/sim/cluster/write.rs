//! Changes: create, update, patch and `scale`, with the preconditions, conflicts
//! and dry runs that clients count on.

use axum::response::Response;
use serde_json::{Value, json};

use super::json::{int, set, text, time};
use super::kinds::Kind;
use super::request::{Request, Target};
use super::status::ApiError;
use super::store::Store;
use super::{delete, patch, reply, validate};

/// The body as a tree.
///
/// # Errors
/// 400 for what is no object.
pub fn body(request: &Request) -> Result<Value, ApiError> {
    if request.header("content-type").starts_with("application/vnd.kubernetes.protobuf") {
        return Err(ApiError::unsupported_media_type());
    }
    let value: Value = serde_json::from_slice(&request.body)
        .map_err(|e| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {e}")))?;
    if value.is_object() { Ok(value) } else { Err(ApiError::bad_request("the body is not an object")) }
}

/// `POST` to a collection.
///
/// # Errors
/// 400, 404, 409, 422 as Kubernetes words them.
pub fn create(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let info = target.kind.info();
    let mut tree = body(request)?;
    let kind = text(&tree, "/kind");
    if !kind.is_empty() && kind != info.kind {
        let message = format!(
            "{kind} in version \"{}\" cannot be handled as a {}",
            text(&tree, "/apiVersion"),
            info.kind
        );
        return Err(ApiError::bad_request(message));
    }
    if info.namespaced {
        let named = text(&tree, "/metadata/namespace");
        if !named.is_empty() && named != target.namespace {
            let message =
                "the namespace of the provided object does not match the namespace sent on the request";
            return Err(ApiError::bad_request(message));
        }
        if store.get(Kind::Namespace, "", &target.namespace).is_none() {
            return Err(ApiError::not_found(Kind::Namespace, &target.namespace));
        }
        set(&mut tree, "/metadata", "namespace", target.namespace.clone());
    }
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
        if let Some(metadata) = tree["metadata"].as_object_mut() {
            metadata.remove(field);
        }
    }
    validate::defaults(target.kind, &mut tree);
    validate::check(target.kind, None, &tree)?;
    if request.dry_run()? {
        let name = text(&tree, "/metadata/name").to_owned();
        if store.get(target.kind, &target.namespace, &name).is_some() {
            return Err(ApiError::already_exists(target.kind, &name));
        }
        set(&mut tree, "/metadata", "creationTimestamp", time(now_ms));
        return Ok(reply::value(201, &tree));
    }
    let made = store.create(target.kind, tree, now_ms)?;
    Ok(reply::json(201, made.json().to_string()))
}

/// Refuses an update that was made from another version or another object.
fn preconditions(kind: Kind, name: &str, stored: &Value, sent: &Value) -> Result<(), ApiError> {
    let version = text(sent, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(stored, "/metadata/resourceVersion") {
        return Err(ApiError::conflict(kind, name));
    }
    let uid = text(sent, "/metadata/uid");
    if !uid.is_empty() && uid != text(stored, "/metadata/uid") {
        return Err(ApiError::precondition(kind, name, "UID", uid, text(stored, "/metadata/uid")));
    }
    Ok(())
}

/// Puts back what this path may not change: a status through the main path, all else
/// through `/status`.
fn keep_other_side(stored: &Value, tree: &mut Value, subresource: &str) {
    if subresource == "status" {
        let status = tree["status"].take();
        *tree = stored.clone();
        tree["status"] = status;
    } else if let Some(status) = stored.get("status") {
        tree["status"] = status.clone();
    } else if let Some(map) = tree.as_object_mut() {
        map.remove("status");
    }
}

/// Changes the stored object by `change`, or only says what would become of it.
fn change(
    store: &Store,
    request: &Request,
    target: &Target,
    change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
) -> Result<Response, ApiError> {
    let (kind, name) = (target.kind, target.name.as_str());
    let apply = |tree: &mut Value| {
        let stored = tree.clone();
        change(tree)?;
        if !tree.is_object() {
            return Err(ApiError::bad_request("the object would no longer be an object"));
        }
        preconditions(kind, name, &stored, tree)?;
        // Deletion is asked for by DELETE alone.
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            match stored["metadata"].get(field) {
                Some(value) => set(tree, "/metadata", field, value.clone()),
                None => {
                    tree["metadata"].as_object_mut().and_then(|m| m.remove(field));
                }
            }
        }
        if has_status(kind) {
            keep_other_side(&stored, tree, &target.subresource);
        }
        validate::check(kind, Some(&stored), tree)
    };
    if request.dry_run()? {
        let object =
            store.get(kind, &target.namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
        let mut tree = (*object.tree()).clone();
        apply(&mut tree)?;
        return Ok(reply::value(200, &tree));
    }
    let object = store.edit(kind, &target.namespace, name, apply)?;
    delete::finish(store, &object);
    Ok(reply::json(200, object.json().to_string()))
}

fn has_status(kind: Kind) -> bool {
    kind.info().subresources.contains(&"status")
}

/// `PUT` of an object or of its status.
///
/// # Errors
/// 404, 409 when it has changed since, 422.
pub fn update(store: &Store, request: &Request, target: &Target) -> Result<Response, ApiError> {
    let tree = body(request)?;
    let named = text(&tree, "/metadata/name");
    if named != target.name {
        let message =
            format!("the name of the object ({named}) does not match the name on the URL ({})", target.name);
        return Err(ApiError::bad_request(message));
    }
    change(store, request, target, |stored| {
        *stored = tree;
        Ok(())
    })
}

/// `PATCH` of an object or of its status.
///
/// # Errors
/// 400, 404, 409, 415, 422.
pub fn patch(store: &Store, request: &Request, target: &Target) -> Result<Response, ApiError> {
    let (kind, content_type) = (target.kind, request.header("content-type").to_owned());
    change(store, request, target, |tree| patch::apply(kind, &content_type, &request.body, tree))
}

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
pub fn scale(store: &Store, request: &Request, target: &Target, verb: &str) -> Result<Response, ApiError> {
    let (kind, name) = (target.kind, target.name.as_str());
    let object = store.get(kind, &target.namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
    if verb == "get" {
        return Ok(reply::value(200, &scale_of(&object.tree())));
    }
    let apply = |tree: &mut Value| {
        let stored = scale_of(tree);
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
