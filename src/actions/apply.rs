//! Apply a manifest that the configuration names: server-side, as field manager midwatch, without
//! taking fields away from others. What it would change is shown line by line.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::plan::{Body, KubeWrite, Resource};
use super::scale::MOST;
use super::{Expect, Plan, Reader, Stop, Write, template};
use crate::model::action::{ActionId, Check, Difference, Subject};
use crate::model::command::ManifestSpec;
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::kubernetes::api;

/// An object is at most 1.5 MiB; a manifest with more than a few is no switch of an on-call engineer.
const LARGEST: u64 = 1 << 20;
const MOST_OBJECTS: usize = 20;
/// A rollout that it sets off may take this long, seconds.
const DEADLINE_S: u64 = 660;

pub async fn plan(read: &Reader<'_>, subject: &Subject) -> Result<Plan, Stop> {
    let spec = read.config.manifests.iter().find(|m| *m.name == *subject.name.as_str());
    let spec = spec.ok_or_else(|| failed(&subject.name, "the configuration does not name it any more"))?;
    let mut plan = Plan { expect: Expect::Rollout, ..Plan::new(ActionId::Apply, subject, Vec::new()) };
    let mut touched = Vec::new();
    for object in objects(spec).await? {
        let (write, present) = planned(read, spec, object).await?;
        let Body::Apply(wanted) = &write.body else { continue };
        let title = format!("{} {}", wanted["kind"].as_str().unwrap_or_default(), write.name);
        let lines = match &present {
            Some(present) => template::difference(present, &overlay(present, wanted)),
            None => template::difference(&Value::Null, wanted),
        };
        let generation = |o: &Value| format!("{} of it", o["metadata"]["generation"].as_u64().unwrap_or(1));
        let before = present.as_ref().map_or("not there".to_owned(), generation);
        let after = if lines.is_empty() { "as it is" } else { "as the manifest says" };
        plan = plan.changing(&title, before, after);
        let scaled = wanted["spec"]["replicas"].as_u64().map(|n| u32::try_from(n).unwrap_or(MOST));
        plan.replicas = plan.replicas.max(scaled);
        if present.is_some() && !lines.is_empty() || present.is_none() {
            touched.push(title.clone());
        }
        plan.change.push(Difference::Same(Clean::new(&title)));
        plan.change.extend(lines);
        plan.writes.push(Write::Kube(write));
    }
    if touched.is_empty() {
        plan.checks.push(Check::blocks("difference", "all is as the manifest says already"));
    }
    Ok(Plan {
        touches: if touched.is_empty() { "nothing".to_owned() } else { touched.join(", ") },
        undo: "by applying a manifest that says what was before".to_owned(),
        high_risk: true,
        deadline_s: DEADLINE_S,
        ..plan
    })
}

fn failed(name: &str, happened: &str) -> Failure {
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new(&format!("read the manifest {name}")),
        happened: Clean::new(happened),
        next: Clean::new("mend its [[manifest]] or the file, then try again"),
    }
}

/// The documents of the file; Lists are taken apart.
async fn objects(spec: &ManifestSpec) -> Result<Vec<Value>, Failure> {
    let place = spec.file.display();
    let bad = |what: String| failed(&spec.name, &format!("{place}: {what}"));
    let file = spec.file.clone();
    let read = tokio::task::spawn_blocking(move || contents(&file)).await.map_err(|e| bad(e.to_string()))?;
    let text = read.map_err(|e| bad(e.to_string()))?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|e| bad(e.to_string()))?;
    let mut found = Vec::new();
    for document in documents.into_iter().filter(|d| !d.is_null()) {
        match document["items"].as_array() {
            Some(items) if document["kind"].as_str().is_some_and(|k| k.ends_with("List")) => {
                found.extend(items.iter().cloned());
            }
            _ => found.push(document),
        }
    }
    for (i, object) in found.iter().enumerate() {
        let named = |v: &Value| v.as_str().is_some_and(|t| !t.is_empty());
        if !named(&object["apiVersion"]) || !named(&object["kind"]) || !named(&object["metadata"]["name"]) {
            return Err(bad(format!("object {} has no apiVersion, kind or metadata.name", i + 1)));
        }
    }
    match found.len() {
        0 => Err(bad("there is no object in it".to_owned())),
        n if n > MOST_OBJECTS => Err(bad(format!("{n} objects, more than {MOST_OBJECTS}"))),
        _ => Ok(found),
    }
}

fn contents(file: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(file)?.len();
    if size > LARGEST {
        return Err(std::io::Error::other(format!("{size} bytes, more than {LARGEST}")));
    }
    std::fs::read_to_string(file)
}

/// The write of one object, and the object as it is now.
async fn planned(
    read: &Reader<'_>,
    spec: &ManifestSpec,
    mut wanted: Value,
) -> Result<(KubeWrite, Option<Value>), Failure> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (version, kind, name) =
        (text(&wanted["apiVersion"]), text(&wanted["kind"]), text(&wanted["metadata"]["name"]));
    let (resource, namespaced) = discovered(read, spec, &version, &kind).await?;
    let namespace = match (namespaced, wanted["metadata"]["namespace"].as_str()) {
        (false, _) => String::new(),
        (true, Some(namespace)) => namespace.to_owned(),
        (true, None) => read.session.scope.namespace.as_deref().unwrap_or("default").to_owned(),
    };
    let body = Body::Apply(Value::Null);
    let mut write = KubeWrite { resource, namespace, name, subresource: "".into(), body };
    let present = match api::json::<Value>(&read.session.client, &write.object_path()).await {
        Ok(object) => Some(object),
        Err(trouble) if trouble.code() == Some(404) => None,
        Err(trouble) => {
            let what = crate::actions::gateway::words_of(&trouble);
            return Err(failed(&spec.name, &format!("{kind} {} can't be read: {what}", write.name)));
        }
    };
    if let Some(present) = &present {
        // Another object of the same name is not the one that was shown.
        wanted["metadata"]["uid"] = present["metadata"]["uid"].clone();
    }
    write.body = Body::Apply(wanted);
    Ok((write, present))
}

/// Where a kind is served, and whether in namespaces.
async fn discovered(
    read: &Reader<'_>,
    spec: &ManifestSpec,
    version: &str,
    kind: &str,
) -> Result<(Resource, bool), Failure> {
    #[derive(Deserialize)]
    struct Served {
        #[serde(default)]
        resources: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        name: String,
        kind: String,
        #[serde(default)]
        namespaced: bool,
    }
    let (group, plain) = version.split_once('/').unwrap_or(("", version));
    let root = if group.is_empty() {
        format!("/api/{}", api::escape(plain))
    } else {
        format!("/apis/{}/{}", api::escape(group), api::escape(plain))
    };
    let served: Served = api::json(&read.session.client, &root).await.map_err(|trouble| {
        let what = crate::actions::gateway::words_of(&trouble);
        failed(&spec.name, &format!("{version} is not served here: {what}"))
    })?;
    let found = served.resources.into_iter().find(|r| r.kind == kind && !r.name.contains('/'));
    let found = found.ok_or_else(|| failed(&spec.name, &format!("{version} has no kind {kind} here")))?;
    let (group, version, plural) = (group.to_owned().into(), plain.to_owned().into(), found.name.into());
    Ok((Resource { group, version, plural }, found.namespaced))
}

/// The object with what is wanted laid over it, lists by the names of their items.
fn overlay(present: &Value, wanted: &Value) -> Value {
    match (present, wanted) {
        (Value::Object(present), Value::Object(wanted)) => {
            let mut all = present.clone();
            for (key, value) in wanted {
                let laid = present.get(key).map_or_else(|| value.clone(), |p| overlay(p, value));
                all.insert(key.clone(), laid);
            }
            Value::Object(all)
        }
        (Value::Array(present), Value::Array(wanted))
            if wanted.iter().all(|w| w["name"].is_string()) && !wanted.is_empty() =>
        {
            let name = |v: &Value| v["name"].as_str().unwrap_or_default().to_owned();
            let over: BTreeMap<String, &Value> = wanted.iter().map(|w| (name(w), w)).collect();
            let kept =
                present.iter().map(|p| over.get(&name(p)).map_or_else(|| p.clone(), |w| overlay(p, w)));
            let known: Vec<String> = present.iter().map(name).collect();
            let new = wanted.iter().filter(|w| !known.contains(&name(w))).cloned();
            kept.chain(new).collect()
        }
        (_, wanted) => wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_manifest_says_is_a_difference() {
        let present = json!({"metadata": {"name": "web", "uid": "1"}, "spec": {"replicas": 3, "template": {"spec":
            {"containers": [{"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}]}, {"name": "log", "image": "log:1"}]}}}});
        let wanted = json!({"spec": {"template": {"spec": {"containers": [{"name": "web",
            "env": [{"name": "MAINTENANCE", "value": "on"}]}]}}}});
        let lines = template::difference(&present, &overlay(&present, &wanted));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(matches!(&lines[0], Difference::Added(line) if line.contains("MAINTENANCE")), "{lines:?}");
        assert_eq!(overlay(&present, &json!({"spec": {"replicas": 3}})), present);
    }

    #[tokio::test]
    async fn what_is_no_manifest_is_told_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("m.yaml");
        let spec = ManifestSpec { name: "m".into(), title: None, file: file.clone() };
        let told = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let spec = spec.clone();
            async move { objects(&spec).await.map_err(|f| f.happened.to_string()) }
        };
        assert!(objects(&spec).await.unwrap_err().happened.contains("m.yaml: No such file"));
        assert!(told("a: [").await.unwrap_err().contains("m.yaml: "));
        assert!(told("---\n").await.unwrap_err().contains("no object"));
        assert!(told("kind: ConfigMap\n").await.unwrap_err().contains("object 1 has no apiVersion"));
        let two = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n";
        assert_eq!(told(two).await.unwrap().len(), 2);
    }
}
