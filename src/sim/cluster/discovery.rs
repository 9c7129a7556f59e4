//! Discovery: which groups, versions and kinds there are, in the old form (a document a
//! group) and in the aggregated one that kubectl asks for first.

use serde_json::{Value, json};

use super::kinds::{KINDS, KindInfo, groups};

/// Answers a discovery path; `None` when it is not one. `aggregated` when the client
/// accepts `APIGroupDiscoveryList`.
pub fn answer(path: &str, aggregated: bool) -> Option<Value> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["api"] if aggregated => Some(aggregate(true)),
        ["apis"] if aggregated => Some(aggregate(false)),
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => {
            let all: Vec<Value> = groups().into_iter().filter(|(g, _)| !g.is_empty()).map(group).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": all}))
        }
        ["api", version] => resources("", version),
        ["apis", name] => groups().into_iter().find(|(g, _)| g == name).map(|found| {
            let mut value = group(found);
            value["kind"] = "APIGroup".into();
            value["apiVersion"] = "v1".into();
            value
        }),
        ["apis", name, version] => resources(name, version),
        _ => None,
    }
}

fn group((name, version): (&str, &str)) -> Value {
    let v = |version: &str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let mut versions = vec![v(version)];
    versions.extend(older(name).map(v));
    json!({"name": name, "versions": versions, "preferredVersion": v(version)})
}

/// A second version in which the kinds of a group are served as well.
fn older(group: &str) -> Option<&'static str> {
    (group == "autoscaling").then_some("v1")
}

fn members<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static KindInfo> + 'a {
    KINDS.iter().map(|(_, k)| k).filter(move |k| k.group == group && k.version == version)
}

fn sub_verbs(sub: &str) -> Value {
    match sub {
        "eviction" => json!(["create"]),
        "log" => json!(["get"]),
        "attach" | "exec" | "portforward" => json!(["create", "get"]),
        "proxy" => json!(["create", "delete", "get", "patch", "update"]),
        _ => json!(["get", "patch", "update"]),
    }
}

/// Group, version and kind of a subresource that is of another kind than its parent.
fn own_kind(sub: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match sub {
        "scale" => Some(("autoscaling", "v1", "Scale")),
        "eviction" => Some(("policy", "v1", "Eviction")),
        _ => None,
    }
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let mut list = Vec::new();
    let stored = groups().into_iter().find(|(g, _)| *g == group && older(g) == Some(version));
    for k in members(group, stored.map_or(version, |(_, v)| v)) {
        list.push(json!({
            "name": k.plural, "singularName": k.singular, "namespaced": k.namespaced, "kind": k.kind,
            "verbs": k.verbs(), "shortNames": k.short, "categories": k.categories(),
        }));
        for sub in k.subresources {
            let mut row = json!({
                "name": format!("{}/{sub}", k.plural), "singularName": "", "namespaced": k.namespaced,
                "kind": k.kind, "verbs": sub_verbs(sub),
            });
            if let Some((group, version, kind)) = own_kind(sub) {
                row["group"] = group.into();
                row["version"] = version.into();
                row["kind"] = kind.into();
            }
            list.push(row);
        }
    }
    if list.is_empty() {
        return None;
    }
    let gv = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": list}))
}

fn aggregate(core: bool) -> Value {
    let items: Vec<Value> = groups()
        .into_iter()
        .filter(|(g, _)| g.is_empty() == core)
        .map(|(g, version)| {
            let served = |as_version: &str| {
                let resources: Vec<Value> = members(g, version)
                    .map(|k| {
                        let mut resource = aggregated_resource(k);
                        resource["responseKind"]["version"] = as_version.into();
                        resource
                    })
                    .collect();
                json!({"version": as_version, "resources": resources, "freshness": "Current"})
            };
            let mut versions = vec![served(version)];
            versions.extend(older(g).map(served));
            json!({"metadata": {"name": g, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(k: &'static KindInfo) -> Value {
    let subs: Vec<Value> = k
        .subresources
        .iter()
        .map(|sub| {
            let (group, version, kind) = own_kind(sub).unwrap_or((k.group, k.version, k.kind));
            let kind = json!({"group": group, "version": version, "kind": kind});
            json!({"subresource": sub, "responseKind": kind, "verbs": sub_verbs(sub)})
        })
        .collect();
    json!({
        "resource": k.plural, "singularResource": k.singular, "shortNames": k.short, "verbs": k.verbs(),
        "categories": k.categories(),
        "responseKind": {"group": k.group, "version": k.version, "kind": k.kind},
        "scope": if k.namespaced { "Namespaced" } else { "Cluster" }, "subresources": subs,
    })
}

/// `/version`: what `kubectl version` and midwatch's header show.
pub fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "simulated", "gitTreeState": "clean",
        "buildDate": "2026-04-22T12:00:00Z", "goVersion": "go1.26.1", "compiler": "gc", "platform": "linux/amd64",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_through_its_group() {
        for (_, k) in KINDS {
            let path = if k.group.is_empty() {
                "/api/v1".to_owned()
            } else {
                format!("/apis/{}/{}", k.group, k.version)
            };
            let list = answer(&path, false).unwrap();
            let names: Vec<_> =
                list["resources"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
            assert!(names.contains(&json!(k.plural)), "{path} lacks {}", k.plural);
        }
        assert!(answer("/apis/unknown.io/v1", false).is_none());
        assert_eq!(answer("/apis", true).unwrap()["kind"], "APIGroupDiscoveryList");
    }
}
