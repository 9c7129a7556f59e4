//! Server-side apply: what a manager sends is merged by the types, what it no longer sends is
//! removed, and what others have set otherwise is a conflict, unless it is forced.

use serde_json::{Value, json};

use super::managers::{self, Entry};
use super::schema::owned::{self, Paths};
use super::schema::{Field, Merge, Message, Shape};
use super::status::ApiError;

/// Applies `wanted` to `tree` (null: there is no such object yet).
///
/// # Errors
/// 409 with a cause for each field that another manager has set otherwise.
pub fn apply(
    ty: &'static Message,
    tree: &mut Value,
    wanted: &Value,
    by: &Entry,
    force: bool,
) -> Result<(), ApiError> {
    let mut entries = managers::read(tree);
    let mine =
        |e: &Entry| e.manager == by.manager && e.operation == "Apply" && e.subresource == by.subresource;
    let sent = owned::paths(ty, wanted);
    let mut conflicts: Vec<(String, Entry)> = Vec::new();
    for entry in entries.iter_mut().filter(|e| !mine(e)) {
        let taken: Paths = sent
            .iter()
            .filter(|p| entry.paths.contains(*p) && !p.last().is_some_and(|s| s.starts_with("k:")))
            .filter(|p| owned::get(ty, tree, p) != owned::get(ty, wanted, p))
            .cloned()
            .collect();
        conflicts.extend(taken.iter().map(|p| (owned::words(p), entry.clone())));
        if force {
            entry.paths.retain(|p| !taken.contains(p));
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(refusal(&conflicts));
    }
    let before = entries.iter().find(|e| mine(e)).map(|e| e.paths.clone()).unwrap_or_default();
    merge(ty, tree, wanted);
    // An element before what it holds: without its keys it could not be found.
    for gone in before.difference(&sent) {
        let kept = |e: &Entry| e.paths.iter().any(|p| p.starts_with(gone));
        if !entries.iter().any(|e| !mine(e) && kept(e)) && !sent.iter().any(|p| p.starts_with(gone)) {
            owned::remove(ty, tree, gone);
        }
    }
    managers::put(&mut entries, by, |paths| *paths = sent);
    managers::write(tree, &entries);
    Ok(())
}

fn refusal(conflicts: &[(String, Entry)]) -> ApiError {
    let message = match conflicts {
        [(path, entry)] => format!("Apply failed with 1 conflict: conflict with {}: {path}", entry.words()),
        all => {
            let mut text = format!("Apply failed with {} conflicts:", all.len());
            let mut managers: Vec<String> = all.iter().map(|(_, e)| e.words()).collect();
            managers.dedup();
            for manager in managers {
                text += &format!(" conflicts with {manager}:");
                for (path, _) in all.iter().filter(|(_, e)| e.words() == manager) {
                    text += &format!("\n- {path}");
                }
            }
            text
        }
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(path, entry)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {}", entry.words()), "field": path})
        })
        .collect();
    let mut error = ApiError::new(409, "Conflict", message);
    error.details = Some(json!({"causes": causes}));
    error
}

/// Merges by the types: structs by field, maps by key, lists by their elements' keys.
fn merge(ty: &'static Message, tree: &mut Value, wanted: &Value) {
    let Some(sent) = wanted.as_object() else { return };
    if !tree.is_object() {
        *tree = json!({});
    }
    let Some(map) = tree.as_object_mut() else { return };
    for (name, value) in sent.iter().filter(|(name, _)| *name != "status") {
        match ty.field(name) {
            Some(field) => merge_field(field, map.entry(name.clone()).or_insert(Value::Null), value),
            None => drop(map.insert(name.clone(), value.clone())),
        }
    }
}

fn merge_field(field: &'static Field, slot: &mut Value, value: &Value) {
    if field.merge == Some(Merge::Atomic) {
        *slot = value.clone();
        return;
    }
    match (field.shape, value) {
        (Shape::One, Value::Object(_)) => match field.message() {
            Some(ty) => merge(ty, slot, value),
            None => *slot = value.clone(),
        },
        (Shape::Map, Value::Object(sent)) => {
            if !slot.is_object() {
                *slot = json!({});
            }
            slot.as_object_mut().into_iter().for_each(|m| m.extend(sent.clone()));
        }
        (Shape::List, Value::Array(items)) => merge_list(field, slot, items),
        _ => *slot = value.clone(),
    }
}

fn merge_list(field: &'static Field, slot: &mut Value, items: &[Value]) {
    if !slot.is_array() {
        *slot = json!([]);
    }
    let Some(list) = slot.as_array_mut() else { return };
    match (&field.merge, field.message()) {
        (Some(Merge::Map(keys)), Some(ty)) => {
            for item in items {
                let key = owned::key_of(keys, item);
                match list.iter_mut().find(|old| owned::key_of(keys, old) == key) {
                    Some(old) => merge(ty, old, item),
                    None => list.push(item.clone()),
                }
            }
        }
        (Some(Merge::Set), _) => {
            let new: Vec<Value> = items.iter().filter(|i| !list.contains(i)).cloned().collect();
            list.extend(new);
        }
        _ => *list = items.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::cluster::schema;

    fn entry(manager: &str, operation: &str) -> Entry {
        Entry {
            manager: manager.into(),
            operation: operation.into(),
            subresource: String::new(),
            api_version: "apps/v1".into(),
            time: "2026-11-21T03:12:09Z".into(),
            paths: Paths::new(),
        }
    }

    fn wanted() -> Value {
        json!({"metadata": {"name": "api", "labels": {"app": "api"}}, "spec": {"replicas": 3, "template": {"spec":
            {"containers": [{"name": "api", "image": "api:1", "env": [{"name": "A", "value": "1"}]}]}}}})
    }

    #[test]
    fn what_is_sent_is_owned_and_what_is_no_longer_sent_goes() {
        let ty = schema::message("api.apps.v1.Deployment").unwrap();
        let mut tree = Value::Null;
        apply(ty, &mut tree, &wanted(), &entry("ops", "Apply"), false).unwrap();
        assert_eq!(tree["spec"]["replicas"], 3);
        let fields = &tree["metadata"]["managedFields"][0]["fieldsV1"];
        let container = r#"k:{"name":"api"}"#;
        assert!(
            fields["f:spec"]["f:template"]["f:spec"]["f:containers"][container]["f:image"].is_object(),
            "{fields}"
        );
        let mut less = wanted();
        less["spec"].as_object_mut().unwrap().remove("replicas");
        less["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("env");
        apply(ty, &mut tree, &less, &entry("ops", "Apply"), false).unwrap();
        assert!(tree["spec"].get("replicas").is_none());
        assert!(tree["spec"]["template"]["spec"]["containers"][0].get("env").is_none());
        assert_eq!(tree["spec"]["template"]["spec"]["containers"][0]["image"], "api:1");
    }

    #[test]
    fn what_others_have_set_otherwise_is_a_conflict() {
        let ty = schema::message("api.apps.v1.Deployment").unwrap();
        let mut tree = Value::Null;
        apply(ty, &mut tree, &wanted(), &entry("ops", "Apply"), false).unwrap();
        let before = tree.clone();
        tree["spec"]["replicas"] = 5.into();
        managers::updated(ty, Some(&before), &mut tree, &entry("kubectl", "Update"));
        let error = apply(ty, &mut tree.clone(), &wanted(), &entry("ops", "Apply"), false).unwrap_err();
        let text = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
        assert_eq!((error.code, error.message.as_str()), (409, text));
        apply(ty, &mut tree, &wanted(), &entry("ops", "Apply"), true).unwrap();
        assert_eq!(tree["spec"]["replicas"], 3);
        // The same value is no conflict: both own it.
        apply(ty, &mut tree, &json!({"spec": {"replicas": 3}}), &entry("other", "Apply"), false).unwrap();
        apply(ty, &mut tree, &json!({"spec": {}}), &entry("ops", "Apply"), false).unwrap();
        assert_eq!(tree["spec"]["replicas"], 3, "the other still has it");
        assert!(tree["spec"].get("template").is_none());
    }

    #[test]
    fn fields_come_back_as_they_were() {
        let ty = schema::message("api.apps.v1.Deployment").unwrap();
        let paths = owned::paths(ty, &wanted());
        assert_eq!(owned::from_fields(&owned::to_fields(&paths)), paths);
        let image = paths.iter().find(|p| p.last().unwrap() == "f:image").unwrap();
        assert_eq!(owned::words(image), ".spec.template.spec.containers[name=\"api\"].image");
    }
}
