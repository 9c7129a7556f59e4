//! Changes: create, update and patch, with the preconditions, conflicts and dry runs that
//! clients count on.

use axum::response::Response;
use serde_json::Value;

use super::json::{set, text, time};
use super::kinds::Kind;
use super::request::{Request, Target};
use super::status::ApiError;
use super::store::Store;
use super::{apply, delete, managers, patch, reply, schema, validate};

/// The body as a tree.
///
/// # Errors
/// 400 for what is no object.
pub fn body(request: &Request) -> Result<Value, ApiError> {
    if request.header("content-type").starts_with(schema::encode::MEDIA) {
        return schema::decode::object(&request.body).map_err(ApiError::bad_request);
    }
    let value: Value = if request.header("content-type").contains("yaml") {
        let text = std::str::from_utf8(&request.body).unwrap_or_default();
        serde_saphyr::from_str(text)
            .map_err(|e| ApiError::bad_request(format!("error decoding YAML: {e}")))?
    } else {
        serde_json::from_slice(&request.body)
            .map_err(|e| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {e}")))?
    };
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
    let told = typed(target, request, &mut tree, None)?;
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        if let Some(metadata) = tree["metadata"].as_object_mut() {
            metadata.remove(field);
        }
    }
    validate::defaults(target.kind, &mut tree);
    validate::check(target.kind, None, &tree)?;
    if let Some(ty) = schema::of(info) {
        let by = managers::asking(request, "Update", "", info.api_version(), now_ms);
        managers::updated(ty, None, &mut tree, &by);
    }
    made(store, request, target, tree, &told, now_ms)
}

/// Stores a new object, or says what would be stored.
fn made(
    store: &Store,
    request: &Request,
    target: &Target,
    mut tree: Value,
    told: &[String],
    now_ms: i64,
) -> Result<Response, ApiError> {
    if request.dry_run()? {
        let name = text(&tree, "/metadata/name").to_owned();
        if store.get(target.kind, &target.namespace, &name).is_some() {
            return Err(ApiError::already_exists(target.kind, &name));
        }
        set(&mut tree, "/metadata", "creationTimestamp", time(now_ms));
        return Ok(reply::warning(reply::value(201, &tree), told));
    }
    let made = store.create(target.kind, tree, now_ms)?;
    Ok(reply::warning(reply::json(201, made.json().to_string()), told))
}

/// Holds what was sent against its type: what is unknown is taken away, and refused or told as
/// `fieldValidation` asks for (`Warn` when it doesn't).
fn typed(
    target: &Target,
    request: &Request,
    tree: &mut Value,
    before: Option<&Value>,
) -> Result<Vec<String>, ApiError> {
    let info = target.kind.info();
    let Some(ty) = schema::of(info) else { return Ok(Vec::new()) };
    let mut found = schema::fields::check(ty, tree);
    if let Some(before) = before {
        // What was there before was not sent now.
        let known = schema::fields::check(ty, &mut before.clone());
        found.unknown.retain(|u| !known.unknown.contains(u));
    }
    let cannot = |why: &str| {
        let (kind, version) = (info.kind, info.version);
        ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
    };
    if let Some(wrong) = found.wrong {
        return Err(cannot(&wrong));
    }
    let words: Vec<String> = found.unknown.iter().map(|u| format!("unknown field \"{u}\"")).collect();
    match request.param("fieldValidation") {
        "Strict" if !words.is_empty() => {
            let all = format!("strict decoding error: {}", words.join(", "));
            Err(if before.is_none() { cannot(&all) } else { ApiError::bad_request(all) })
        }
        "Ignore" | "Strict" => Ok(Vec::new()),
        "" | "Warn" => Ok(words),
        other => Err(ApiError::bad_request(format!(
            "fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
        ))),
    }
}

/// Refuses an update that was made from another version or another object.
pub fn preconditions(kind: Kind, name: &str, stored: &Value, sent: &Value) -> Result<(), ApiError> {
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
    by: &managers::Entry,
    change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
) -> Result<Response, ApiError> {
    let (kind, name) = (target.kind, target.name.as_str());
    let mut told = Vec::new();
    let apply = |tree: &mut Value| {
        let stored = tree.clone();
        change(tree)?;
        if !tree.is_object() {
            return Err(ApiError::bad_request("the object would no longer be an object"));
        }
        told = typed(target, request, tree, Some(&stored))?;
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
        if let Some(ty) = schema::of(kind.info()).filter(|_| by.operation == "Update") {
            managers::updated(ty, Some(&stored), tree, by);
        }
        validate::check(kind, Some(&stored), tree)
    };
    if request.dry_run()? {
        let object =
            store.get(kind, &target.namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
        let mut tree = (*object.tree()).clone();
        apply(&mut tree)?;
        return Ok(reply::warning(reply::value(200, &tree), &told));
    }
    let object = store.edit(kind, &target.namespace, name, apply)?;
    delete::finish(store, &object);
    Ok(reply::warning(reply::json(200, object.json().to_string()), &told))
}

fn has_status(kind: Kind) -> bool {
    kind.info().subresources.contains(&"status")
}

/// `PUT` of an object or of its status.
///
/// # Errors
/// 404, 409 when it has changed since, 422.
pub fn update(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let tree = body(request)?;
    let named = text(&tree, "/metadata/name");
    if named != target.name {
        let message =
            format!("the name of the object ({named}) does not match the name on the URL ({})", target.name);
        return Err(ApiError::bad_request(message));
    }
    let by =
        managers::asking(request, "Update", &target.subresource, target.kind.info().api_version(), now_ms);
    change(store, request, target, &by, |stored| {
        *stored = tree;
        Ok(())
    })
}

/// `PATCH` of an object or of its status.
///
/// # Errors
/// 400, 404, 409, 415, 422.
pub fn patch(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let (kind, content_type) = (target.kind, request.header("content-type").to_owned());
    if content_type.starts_with("application/apply-patch+yaml") {
        return server_side_apply(store, request, target, now_ms);
    }
    let by = managers::asking(request, "Update", &target.subresource, kind.info().api_version(), now_ms);
    change(store, request, target, &by, |tree| patch::apply(kind, &content_type, &request.body, tree))
}

/// `PATCH` with what one manager wants; makes the object when there is none.
fn server_side_apply(
    store: &Store,
    request: &Request,
    target: &Target,
    now_ms: i64,
) -> Result<Response, ApiError> {
    let (kind, info) = (target.kind, target.kind.info());
    let ty = schema::of(info).ok_or_else(ApiError::unsupported_media_type)?;
    if request.param("fieldManager").is_empty() {
        let cause = "fieldManager: Required value: is required for apply patch";
        let text = format!("PatchOptions.meta.k8s.io \"\" is invalid: {cause}");
        return Err(ApiError::new(422, "Invalid", text));
    }
    let mut wanted = body(request)?;
    if wanted["metadata"].get("managedFields").is_some_and(|m| !m.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let found = schema::fields::check(ty, &mut wanted);
    if let Some(unknown) = found.unknown.first() {
        let text = format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): .{unknown}: field not declared in schema",
            target.namespace,
            target.name,
            info.api_version(),
            info.kind
        );
        return Err(ApiError::new(500, "InternalError", text));
    }
    if let Some(wrong) = found.wrong {
        return Err(ApiError::bad_request(wrong));
    }
    let by = managers::asking(request, "Apply", &target.subresource, info.api_version(), now_ms);
    let force = request.flag("force");
    if store.get(kind, &target.namespace, &target.name).is_some() {
        return change(store, request, target, &by, |tree| apply::apply(ty, tree, &wanted, &by, force));
    }
    let mut tree = Value::Null;
    apply::apply(ty, &mut tree, &wanted, &by, force)?;
    set(&mut tree, "/metadata", "name", target.name.clone());
    if info.namespaced {
        set(&mut tree, "/metadata", "namespace", target.namespace.clone());
    }
    validate::defaults(kind, &mut tree);
    validate::check(kind, None, &tree)?;
    made(store, request, target, tree, &[], now_ms)
}
