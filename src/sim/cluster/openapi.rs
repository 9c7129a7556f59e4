//! OpenAPI v3, as far as kubectl asks for it: `explain` reads the schemas, `apply` the merge
//! keys and whether `fieldValidation` is supported. Made from the types, a document a group.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::kinds::{KINDS, KindInfo, groups};
use super::schema::{self, Field, Merge, Message, Shape, Type};

/// Answers `/openapi/v3…`; none for any other path.
pub fn answer(path: &str) -> Option<Value> {
    let rest = path.strip_prefix("/openapi/v3")?.trim_matches('/');
    if rest.is_empty() {
        return Some(index());
    }
    let (group, version) = match rest.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => (String::new(), (*version).to_owned()),
        ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
        _ => return None,
    };
    groups().iter().any(|(g, v)| *g == group && *v == version).then(|| document(&group, &version))
}

/// Which documents there are. The types never change, so neither does the hash.
fn index() -> Value {
    let path = |(group, version): (&str, &str)| match group {
        "" => format!("api/{version}"),
        group => format!("apis/{group}/{version}"),
    };
    let entry = |at: (&'static str, &'static str)| {
        let path = path(at);
        let url = format!("/openapi/v3/{path}?hash=1");
        (path, json!({"serverRelativeURL": url}))
    };
    json!({"paths": groups().into_iter().map(entry).collect::<Map<_, _>>()})
}

fn document(group: &str, version: &str) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for (_, info) in KINDS.iter().filter(|(_, k)| k.group == group && k.version == version) {
        let name = root(info);
        for (path, item) in items(info, &name) {
            paths.insert(path, item);
        }
        match schema::of(info) {
            Some(ty) => {
                let mut seen = BTreeSet::new();
                collect(ty, &mut seen);
                for ty in seen.iter().filter_map(|name| schema::message(name)) {
                    schemas.entry(definition(ty.name)).or_insert_with(|| object(ty));
                }
            }
            None => drop(schemas.insert(name.clone(), custom())),
        }
        if let Some(Value::Object(schema)) = schemas.get_mut(&name) {
            schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk(info)]));
            if let Some(Value::Object(properties)) = schema.get_mut("properties") {
                for (field, words) in [("apiVersion", API_VERSION), ("kind", KIND)] {
                    properties.insert(field.to_owned(), json!({"type": "string", "description": words}));
                }
            }
        }
    }
    json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.0"}, "paths": paths,
        "components": {"schemas": schemas}})
}

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object.";
const KIND: &str = "Kind is a string value representing the REST resource this object represents.";

fn gvk(info: &KindInfo) -> Value {
    json!({"group": info.group, "version": info.version, "kind": info.kind})
}

/// The name of a message among the definitions.
fn definition(name: &str) -> String {
    format!("io.k8s.{name}")
}

fn root(info: &KindInfo) -> String {
    schema::of(info).map_or_else(
        || {
            format!(
                "{}.{}.{}",
                info.group.split('.').rev().collect::<Vec<_>>().join("."),
                info.version,
                info.kind
            )
        },
        |ty| definition(ty.name),
    )
}

/// A custom resource whose schema says nothing.
fn custom() -> Value {
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"type": "object", "properties": {"metadata": free, "spec": free, "status": free}})
}

/// The paths of a kind, with the parameters that kubectl looks for.
fn items(info: &KindInfo, name: &str) -> Vec<(String, Value)> {
    let place = if info.namespaced { "/namespaces/{namespace}" } else { "" };
    let base = match info.group {
        "" => format!("/api/{}{place}/{}", info.version, info.plural),
        group => format!("/apis/{group}/{}{place}/{}", info.version, info.plural),
    };
    let operation = |action: &str| {
        let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation"]
            .iter()
            .map(|p| json!({"name": p, "in": "query", "schema": {"type": "string", "uniqueItems": true}}))
            .collect();
        let answer = json!({"description": "OK", "content": {"application/json": {"schema":
            {"$ref": format!("#/components/schemas/{name}")}}}});
        json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk(info),
            "parameters": parameters, "responses": {"200": answer}})
    };
    vec![
        (base.clone(), json!({"get": operation("list"), "post": operation("post")})),
        (
            format!("{base}/{{name}}"),
            json!({"get": operation("get"), "put": operation("put"), "patch": operation("patch"),
                "delete": operation("delete")}),
        ),
    ]
}

/// The names of all messages that one reaches.
fn collect(ty: &'static Message, seen: &mut BTreeSet<&'static str>) {
    if !seen.insert(ty.name) {
        return;
    }
    for field in ty.flat() {
        if let Some(inner) = field.message() {
            collect(inner, seen);
        }
    }
}

fn object(ty: &'static Message) -> Value {
    let fields = ty.flat();
    let properties: Map<String, Value> = fields.iter().map(|f| (f.name.to_owned(), property(f))).collect();
    let required: Vec<&str> = fields.iter().filter(|f| f.required).map(|f| f.name).collect();
    let mut schema = json!({"type": "object", "description": ty.description, "properties": properties});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = match field.shape {
        Shape::One => single(field.ty),
        Shape::List => json!({"type": "array", "items": single(field.ty)}),
        Shape::Map => json!({"type": "object", "additionalProperties": single(field.ty)}),
    };
    if !field.description.is_empty() {
        schema["description"] = field.description.into();
    }
    match &field.merge {
        Some(Merge::Atomic) if field.shape != Shape::List => {
            schema["x-kubernetes-map-type"] = "atomic".into()
        }
        Some(Merge::Atomic) => schema["x-kubernetes-list-type"] = "atomic".into(),
        Some(Merge::Set) => schema["x-kubernetes-list-type"] = "set".into(),
        Some(Merge::Map(keys)) => {
            schema["x-kubernetes-list-type"] = "map".into();
            schema["x-kubernetes-list-map-keys"] = json!(keys);
        }
        None => {}
    }
    if let Some(key) = field.patch_key {
        schema["x-kubernetes-patch-strategy"] = "merge".into();
        if !key.is_empty() {
            schema["x-kubernetes-patch-merge-key"] = key.into();
        }
    }
    schema
}

fn single(ty: Type) -> Value {
    match ty {
        Type::String | Type::Quantity => json!({"type": "string"}),
        Type::Int32 => json!({"type": "integer", "format": "int32"}),
        Type::Int64 => json!({"type": "integer", "format": "int64"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Double => json!({"type": "number", "format": "double"}),
        Type::Bytes => json!({"type": "string", "format": "byte"}),
        Type::Time | Type::MicroTime => json!({"type": "string", "format": "date-time"}),
        Type::IntOrString => {
            json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"})
        }
        Type::Raw | Type::Fields => json!({"type": "object"}),
        Type::Strings => json!({"type": "array", "items": {"type": "string"}}),
        // A reference takes nothing beside it, a description least of all.
        Type::Message(name) => {
            json!({"allOf": [{"$ref": format!("#/components/schemas/{}", definition(name))}]})
        }
    }
}
