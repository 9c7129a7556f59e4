//! Deletions: preconditions, dry runs, grace, finalizers and propagation.

use axum::response::Response;
use serde_json::{Value, json};

use super::json::{int, list, set, text, time};
use super::kinds::{KINDS, Kind};
use super::object::Object;
use super::reply;
use super::request::{Request, Target};
use super::select::Selector;
use super::status::ApiError;
use super::store::Store;
use super::write::body;

/// What waits until everything that the object owns is gone.
pub const FOREGROUND: &str = "foregroundDeletion";

/// `DELETE` of an object.
///
/// # Errors
/// 404, 409 when a precondition does not hold.
pub fn delete(store: &Store, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
    let (kind, name) = (target.kind, target.name.as_str());
    let object = store.get(kind, &target.namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
    let options = delete_options(request)?;
    delete_one(store, &object, &options, now_ms)?;
    // What goes on for a while is shown as it is, and so is a pod.
    let left =
        store.get(kind, &target.namespace, name).filter(|o| o.uid == object.uid && is_going(&o.tree()));
    if left.is_some() || kind == Kind::Pod {
        return Ok(reply::json(200, left.unwrap_or(object).json().to_string()));
    }
    let info = kind.info();
    let details = json!({"name": name, "group": info.group, "kind": info.plural, "uid": &*object.uid});
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Ok(reply::value(200, &status))
}

/// `DELETE` of a collection.
///
/// # Errors
/// 400 for bad selectors.
pub fn delete_all(
    store: &Store,
    request: &Request,
    target: &Target,
    now_ms: i64,
) -> Result<Response, ApiError> {
    let selector =
        Selector::parse(target.kind, request.param("labelSelector"), request.param("fieldSelector"))?;
    let namespace = (!target.namespace.is_empty()).then_some(target.namespace.as_str());
    let page = store.page(target.kind, namespace, None, usize::MAX, |o| selector.matches(o));
    let options = delete_options(request)?;
    for object in &page.objects {
        delete_one(store, object, &options, now_ms)?;
    }
    let items: Vec<Value> = page.objects.iter().map(|o| (*o.tree()).clone()).collect();
    let info = target.kind.info();
    let metadata = json!({"resourceVersion": store.version().to_string()});
    Ok(reply::value(
        200,
        &json!({"kind": format!("{}List", info.kind), "apiVersion": info.api_version(), "metadata": metadata, "items": items}),
    ))
}

fn delete_options(request: &Request) -> Result<Value, ApiError> {
    let mut options = if request.body.is_empty() { json!({}) } else { body(request)? };
    check_options(&options)?;
    for key in ["gracePeriodSeconds", "propagationPolicy"] {
        match request.param(key) {
            "" => {}
            number if key == "gracePeriodSeconds" => {
                let seconds = number.parse::<i64>();
                options[key] = seconds
                    .map_err(|_| ApiError::bad_request(format!("invalid gracePeriodSeconds: {number}")))?
                    .into();
            }
            word => options[key] = word.into(),
        }
    }
    let dry = request.dry_run()? || list(&options, "/dryRun").iter().any(|d| d == "All");
    options["dryRun"] = dry.into();
    Ok(options)
}

/// What the API server refuses in `DeleteOptions`.
fn check_options(options: &Value) -> Result<(), ApiError> {
    let policy = text(options, "/propagationPolicy");
    let cause = if !matches!(policy, "" | "Foreground" | "Background" | "Orphan") {
        format!(
            "propagationPolicy: Unsupported value: \"{policy}\": supported values: \"Foreground\", \"Background\", \
             \"Orphan\", \"nil\""
        )
    } else if !policy.is_empty() && options["orphanDependents"].is_boolean() {
        "propagationPolicy: Invalid value: orphanDependents and deletionPropagation cannot be both set"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(ApiError::new(422, "Invalid", format!("DeleteOptions.meta.k8s.io \"\" is invalid: {cause}")))
}

/// Deletes one object as the options (a `DeleteOptions`, `dryRun` as a boolean) say.
///
/// # Errors
/// 409 when a precondition does not hold.
pub fn delete_one(store: &Store, object: &Object, options: &Value, now_ms: i64) -> Result<(), ApiError> {
    let (kind, namespace, name) = (object.kind, &object.namespace, &object.name);
    let uid = text(options, "/preconditions/uid");
    if !uid.is_empty() && *uid != *object.uid {
        return Err(ApiError::precondition(kind, name, "UID", uid, &object.uid));
    }
    let version = text(options, "/preconditions/resourceVersion");
    let found = object.version.to_string();
    if !version.is_empty() && version != found {
        return Err(ApiError::precondition(kind, name, "ResourceVersion", version, &found));
    }
    if options["dryRun"] == true {
        return Ok(());
    }
    let policy = text(options, "/propagationPolicy");
    if policy == "Orphan" || options["orphanDependents"] == true {
        orphan(store, object);
    }
    let foreground = policy == "Foreground" && kind != Kind::Pod;
    let tree = object.tree();
    let held = foreground || !list(&tree, "/metadata/finalizers").is_empty();
    let grace = grace(kind, &tree, options);
    if !held && grace == 0 {
        store.remove(kind, namespace, name);
        return Ok(());
    }
    store.edit(kind, namespace, name, |tree| {
        begin(tree, grace, foreground, now_ms);
        Ok(())
    })?;
    Ok(())
}

/// Seconds that the object has to end. A pod that runs is asked to; its kubelet takes it away.
fn grace(kind: Kind, tree: &Value, options: &Value) -> i64 {
    if kind != Kind::Pod || matches!(text(tree, "/status/phase"), "Succeeded" | "Failed") {
        return 0;
    }
    let asked = int(options, "/gracePeriodSeconds").or(int(tree, "/spec/terminationGracePeriodSeconds"));
    asked.unwrap_or(30).max(0)
}

/// Marks an object as on its way out.
pub fn begin(tree: &mut Value, grace: i64, foreground: bool, now_ms: i64) {
    let end = now_ms + grace * 1_000;
    // A second deletion can shorten the time, not lengthen it.
    if int(tree, "/metadata/deletionGracePeriodSeconds").is_none_or(|before| grace < before) {
        set(tree, "/metadata", "deletionTimestamp", time(end));
        set(tree, "/metadata", "deletionGracePeriodSeconds", grace);
    }
    if foreground {
        let mut finalizers = list(tree, "/metadata/finalizers").to_vec();
        if !finalizers.iter().any(|f| f == FOREGROUND) {
            finalizers.push(FOREGROUND.into());
        }
        set(tree, "/metadata", "finalizers", finalizers);
    }
}

/// Whether an object is on its way out.
pub fn is_going(tree: &Value) -> bool {
    !text(tree, "/metadata/deletionTimestamp").is_empty()
}

/// Takes an object away whose deletion nothing holds up any longer. Pods are their kubelet's.
pub fn finish(store: &Store, object: &Object) {
    let tree = object.tree();
    if object.kind != Kind::Pod && is_going(&tree) && list(&tree, "/metadata/finalizers").is_empty() {
        store.remove(object.kind, &object.namespace, &object.name);
    }
}

/// Takes the owner reference to `owner` from everything it owns.
fn orphan(store: &Store, owner: &Object) {
    for kind in KINDS.iter().filter(|(_, k)| k.namespaced && k.stored).map(|(kind, _)| kind) {
        for child in
            store.page(*kind, Some(&owner.namespace), None, usize::MAX, |o| o.owner == owner.uid).objects
        {
            let _ = store.edit(*kind, &child.namespace, &child.name, |tree| {
                if let Some(refs) = tree["metadata"]["ownerReferences"].as_array_mut() {
                    refs.retain(|r| text(r, "/uid") != &*owner.uid);
                }
                Ok(())
            });
        }
    }
}
