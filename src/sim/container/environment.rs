//! The environment of a container, as its kubelet makes it from the pod's spec.

use base64::Engine;
use serde_json::Value;

use super::{Container, Role};
use crate::sim::cluster::json::{int, list, text};
use crate::sim::cluster::kinds::Kind;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Names and values, in the order in which `env` prints them.
pub fn of(container: &Container) -> Vec<(String, String)> {
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    let home = match container.role() {
        Role::Cache => "/data",
        Role::Api | Role::Web | Role::Worker => "/home/node",
        _ => "/root",
    };
    let mut env = vec![pair("PATH", PATH), pair("HOSTNAME", &container.run.name)];
    if container.role() == Role::Cache {
        let version = container.image.rsplit(':').next().unwrap_or_default();
        env.push(pair("REDIS_VERSION", version));
    }
    let spec = container.spec();
    for from in spec.map(|s| list(s, "/envFrom")).unwrap_or_default() {
        env.extend(all_of(container, from));
    }
    for variable in spec.map(|s| list(s, "/env")).unwrap_or_default() {
        if let Some(value) = value(container, variable) {
            put(&mut env, text(variable, "/name"), value);
        }
    }
    env.extend(cluster(container));
    env.push(pair("HOME", home));
    env
}

/// Sets a variable; a later value replaces an earlier one.
pub fn put(env: &mut Vec<(String, String)>, name: &str, value: String) {
    match env.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = value,
        None => env.push((name.to_owned(), value)),
    }
}

fn value(container: &Container, variable: &Value) -> Option<String> {
    if let Some(plain) = variable.get("value") {
        return plain.as_str().map(str::to_owned);
    }
    let from = variable.get("valueFrom")?;
    let key = |at: &str| {
        (text(from, &format!("{at}/name")).to_owned(), text(from, &format!("{at}/key")).to_owned())
    };
    if from.get("secretKeyRef").is_some() {
        let (name, key) = key("/secretKeyRef");
        return secret(container, &name, &key);
    }
    if from.get("configMapKeyRef").is_some() {
        let (name, key) = key("/configMapKeyRef");
        let tree = object(container, Kind::ConfigMap, &name)?;
        return tree["data"].get(&key)?.as_str().map(str::to_owned);
    }
    let field = match text(from, "/fieldRef/fieldPath") {
        "metadata.name" => &container.run.name,
        "metadata.namespace" => &container.run.namespace,
        "metadata.uid" => &container.run.uid,
        "spec.nodeName" => &container.run.node,
        "status.podIP" => &container.run.ip,
        "status.hostIP" => &container.run.host_ip,
        _ => return None,
    };
    Some(field.clone())
}

fn object(container: &Container, kind: Kind, name: &str) -> Option<std::sync::Arc<Value>> {
    container.api.store.get(kind, &container.run.namespace, name).map(|o| o.tree())
}

fn decoded(value: &Value) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

fn secret(container: &Container, name: &str, key: &str) -> Option<String> {
    let tree = object(container, Kind::Secret, name)?;
    decoded(tree["data"].get(key)?)
}

/// All of a ConfigMap or a Secret.
fn all_of(container: &Container, from: &Value) -> Vec<(String, String)> {
    let prefix = text(from, "/prefix");
    let (kind, name, encoded) = match text(from, "/configMapRef/name") {
        "" => (Kind::Secret, text(from, "/secretRef/name"), true),
        name => (Kind::ConfigMap, name, false),
    };
    let Some(tree) = object(container, kind, name) else { return Vec::new() };
    let data = tree["data"].as_object();
    let value = |v: &Value| if encoded { decoded(v) } else { v.as_str().map(str::to_owned) };
    data.into_iter().flatten().filter_map(|(k, v)| Some((format!("{prefix}{k}"), value(v)?))).collect()
}

/// Where the API is, and the Services of the namespace, as docker links once told it.
fn cluster(container: &Container) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let services =
        container.api.store.page(Kind::Service, Some(&container.run.namespace), None, 50, |_| true);
    let mut tell = |name: &str, ip: &str, port: i64| {
        let upper = name.to_ascii_uppercase().replace('-', "_");
        out.push((format!("{upper}_SERVICE_HOST"), ip.to_owned()));
        out.push((format!("{upper}_SERVICE_PORT"), port.to_string()));
        out.push((format!("{upper}_PORT"), format!("tcp://{ip}:{port}")));
    };
    tell("kubernetes", "10.96.0.1", 443);
    for service in services.objects {
        let tree = service.tree();
        let (ip, port) = (text(&tree, "/spec/clusterIP"), int(&tree, "/spec/ports/0/port"));
        if let (false, Some(port)) = (ip.is_empty() || ip == "None", port) {
            tell(&service.name, ip, port);
        }
    }
    out
}
