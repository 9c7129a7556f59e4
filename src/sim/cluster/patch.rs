//! Patches: JSON Patch, merge patch, and the strategic merge patch that kubectl prefers, with
//! the merge keys of the types.

use serde_json::{Map, Value};

use super::kinds::Kind;
use super::schema::{self, Field, Message};
use super::status::ApiError;

/// Applies a patch of the given content type to `tree`.
///
/// # Errors
/// 400 for a body that is no such patch, 415 for a type that is not served, 422 when a JSON
/// Patch does not apply (a failed `test` among them).
pub fn apply(kind: Kind, content_type: &str, body: &[u8], tree: &mut Value) -> Result<(), ApiError> {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let bad = |e: serde_json::Error| ApiError::bad_request(format!("error decoding patch: {e}"));
    match media {
        "application/json-patch+json" => {
            let patch: json_patch::Patch = serde_json::from_slice(body).map_err(bad)?;
            json_patch::patch(tree, &patch).map_err(|_| {
                let text = "the server rejected our request due to an error in our request";
                ApiError::new(422, "Invalid", text)
            })
        }
        "application/merge-patch+json" => {
            let patch: Value = serde_json::from_slice(body).map_err(bad)?;
            json_patch::merge(tree, &patch);
            Ok(())
        }
        // Custom resources have no schema to merge lists by, and refuse it.
        "application/strategic-merge-patch+json" if !kind.info().group.contains('.') || is_builtin(kind) => {
            let patch: Value = serde_json::from_slice(body).map_err(bad)?;
            strategic(tree, &patch, schema::of(kind.info()));
            Ok(())
        }
        _ => Err(ApiError::unsupported_media_type()),
    }
}

fn is_builtin(kind: Kind) -> bool {
    !matches!(kind, Kind::Certificate | Kind::Backup | Kind::Schedule)
}

/// Merges `patch` into `target` by the rules of strategic merge patches.
///
/// `ty` is the type of `target`; what has none is merged by field and its lists are replaced.
pub fn strategic(target: &mut Value, patch: &Value, ty: Option<&'static Message>) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("delete") => {
            *target = Value::Null;
            return;
        }
        Some("replace") => {
            *target = Value::Object(without_directives(patch));
            return;
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    retain_keys(map, patch);
    for (field, value) in patch {
        let of = ty.and_then(|ty| ty.field(field));
        let inner = of.and_then(Field::message);
        if let Some(list) = field.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(items) = map.get_mut(list).and_then(Value::as_array_mut) {
                items.retain(|i| !gone.contains(i));
            }
        } else if field.starts_with('$') {
            // Orders and markers, not data.
        } else if value.is_null() {
            map.remove(field);
        } else if let Value::Array(items) = value {
            let slot = map.entry(field.clone()).or_insert_with(|| Value::Array(Vec::new()));
            merge_list(of, slot, items);
        } else {
            let slot = map.entry(field.clone()).or_insert(Value::Null);
            strategic(slot, value, inner);
            if value.get("$patch").and_then(Value::as_str) == Some("delete") {
                map.remove(field);
            }
        }
    }
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    patch.iter().filter(|(k, _)| !k.starts_with('$')).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// `$retainKeys`: of this object only these fields are kept (a strategy changes its type).
fn retain_keys(map: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(keys) = patch.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|k, _| keys.iter().any(|key| key == k));
    }
}

fn merge_list(field: Option<&'static Field>, slot: &mut Value, items: &[Value]) {
    // `patchMergeKey` in the API types; empty for lists of plain values.
    let key = match field.and_then(|f| f.patch_key) {
        None => {
            *slot = Value::Array(items.to_vec());
            return;
        }
        Some("") => {
            if !slot.is_array() {
                *slot = Value::Array(Vec::new());
            }
            let list = slot.as_array_mut().into_iter();
            list.for_each(|list| {
                let new: Vec<Value> = items.iter().filter(|i| !list.contains(i)).cloned().collect();
                list.extend(new);
            });
            return;
        }
        Some(key) => key,
    };
    let inner = field.and_then(Field::message);
    if items.iter().any(|i| i.get("$patch").and_then(Value::as_str) == Some("replace")) {
        let kept = items.iter().filter(|i| i.get("$patch").is_none()).cloned().collect();
        *slot = Value::Array(kept);
        return;
    }
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    let Some(list) = slot.as_array_mut() else { return };
    for item in items {
        let at = list.iter().position(|old| old.get(key).is_some() && old.get(key) == item.get(key));
        let gone = item.get("$patch").and_then(Value::as_str) == Some("delete");
        match at {
            Some(at) if gone => {
                list.remove(at);
            }
            Some(at) => strategic(&mut list[at], item, inner),
            None if gone => {}
            None => {
                let mut new = Value::Null;
                strategic(&mut new, item, inner);
                list.push(new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn deployment() -> Value {
        json!({"spec": {"replicas": 3, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
            {"name": "api", "image": "x:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"name": "side", "image": "y:1"}]}}}})
    }

    #[test]
    fn strategic_merges_lists_by_their_keys() {
        let mut tree = deployment();
        let patch = json!({"spec": {"template": {
            "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
            "spec": {"$setElementOrder/containers": [{"name": "api"}], "containers": [{"name": "api", "image": "x:2",
                "env": [{"name": "A", "$patch": "delete"}, {"name": "C", "value": "3"}]}]}}}});
        strategic(&mut tree, &patch, schema::of(Kind::Deployment.info()));
        let containers = &tree["spec"]["template"]["spec"]["containers"];
        assert_eq!(containers[0]["image"], "x:2");
        assert_eq!(containers[0]["env"], json!([{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]));
        assert_eq!(containers[1]["image"], "y:1");
        assert_eq!(tree["spec"]["template"]["metadata"]["labels"]["a"], "b");
        assert!(tree["spec"]["template"]["spec"].get("$setElementOrder/containers").is_none());
    }

    #[test]
    fn replace_and_null() {
        let mut tree = deployment();
        strategic(
            &mut tree,
            &json!({"spec": {"replicas": null, "template": {"$patch": "replace", "spec": {"x": 1}}}}),
            None,
        );
        assert_eq!(tree, json!({"spec": {"template": {"spec": {"x": 1}}}}));
    }

    #[test]
    fn json_patch_and_its_test() {
        let mut tree = deployment();
        let ty = "application/json-patch+json";
        let patch = br#"[{"op":"test","path":"/spec/replicas","value":3},{"op":"replace","path":"/spec/replicas","value":5}]"#;
        apply(Kind::Deployment, ty, patch, &mut tree).unwrap();
        assert_eq!(tree["spec"]["replicas"], 5);
        assert_eq!(apply(Kind::Deployment, ty, patch, &mut tree).unwrap_err().code, 422);
        assert_eq!(apply(Kind::Deployment, ty, b"{", &mut tree).unwrap_err().code, 400);
        assert_eq!(apply(Kind::Deployment, "text/plain", b"{}", &mut tree).unwrap_err().code, 415);
        let strategic = "application/strategic-merge-patch+json";
        assert_eq!(apply(Kind::Certificate, strategic, b"{}", &mut tree).unwrap_err().code, 415);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a-z$/]{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                "[a-z]{1,3}",
                Just("containers".to_owned()),
                Just("ports".to_owned()),
                Just("$patch".to_owned()),
                Just("name".to_owned())
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn never_panics(mut target in any_json(), patch in any_json()) {
            strategic(&mut target, &patch, schema::of(Kind::Pod.info()));
        }
    }
}
