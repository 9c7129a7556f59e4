//! Which caches there are, and the instances of each: those of the configuration, else the pods of
//! the namespace that look like one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Reach;
use crate::config::secret::SecretSource;
use crate::config::{CacheKind, CachePlace, CacheSpec, Config, PlaceRef, Via};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::kubernetes::api;
use crate::sources::kubernetes::trouble::Ask;

/// More instances than this are asked by nobody in the time that a dialog has.
const MOST_INSTANCES: usize = 24;
/// One page; a namespace with more pods has its caches in the configuration.
const MOST_PODS: u32 = 500;

/// One cache: everything that shares its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    pub namespace: String,
    pub name: String,
    pub kind: CacheKind,
    pub username: Option<String>,
    pub password: Option<SecretSource>,
    pub database: u32,
    /// 'of the configuration', 'port 6379 of its pods'.
    pub how: String,
    pub instances: Vec<Instance>,
    /// Instances beyond those that are asked.
    pub left_out: usize,
}

/// One process of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub reach: Reach,
    /// The pod's, by which the nodes of a cluster name it; empty outside.
    pub ip: String,
    /// The pod's UID: another pod of the same name is another.
    pub uid: String,
    pub pod_name: String,
}

/// A cache by its name, before anybody has looked where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub namespace: String,
    pub name: String,
}

/// Every cache that can be meant in this namespace, or, without one, anywhere.
///
/// # Errors
/// As the API server has it, where the pods had to be listed.
pub async fn names(
    client: &kube::Client,
    config: &Config,
    namespace: Option<&str>,
) -> Result<Vec<Named>, Failure> {
    if config.caches.is_empty() {
        let found = found_among(&list(client, namespace, "").await?);
        return Ok(found.into_iter().map(|c| Named { namespace: c.namespace, name: c.name }).collect());
    }
    let of = |spec: &CacheSpec| {
        let own = match &spec.place {
            CachePlace::Url(_) => None,
            CachePlace::Service(place) | CachePlace::Pod(place) => place.namespace.clone(),
        };
        let namespace = own.or_else(|| namespace.map(str::to_owned)).unwrap_or_default();
        Named { namespace, name: spec.name.clone() }
    };
    Ok(config.caches.iter().map(of).collect())
}

/// The cache of that name, with its instances.
///
/// # Errors
/// When there is none, or as the API server has it.
pub async fn cache(
    client: &kube::Client,
    config: &Config,
    namespace: &str,
    name: &str,
) -> Result<Cache, Failure> {
    if let Some(spec) = config.caches.iter().find(|spec| spec.name == name) {
        return configured(client, spec, namespace).await;
    }
    let found = match config.caches.is_empty() {
        true => found_among(&list(client, Some(namespace), "").await?),
        false => Vec::new(),
    };
    found.into_iter().find(|cache| cache.name == name).ok_or_else(|| {
        absent(&format!("find the cache {name}"), "it is not there any more", "name it with [[cache]]")
    })
}

async fn configured(client: &kube::Client, spec: &CacheSpec, scope: &str) -> Result<Cache, Failure> {
    let mut instances = match &spec.place {
        CachePlace::Url(url) => vec![Instance {
            reach: Reach::Tcp {
                host: url.host.clone(),
                port: url.port,
                tls: url.tls,
                ca_file: spec.ca_file.clone(),
            },
            ip: String::new(),
            uid: String::new(),
            pod_name: String::new(),
        }],
        CachePlace::Pod(place) => {
            let namespace = place.namespace.as_deref().unwrap_or(scope);
            let pod = get(client, namespace, "pods", &place.name).await?;
            instance(&pod, spec.kind, spec.via, place.port.as_deref()).into_iter().collect()
        }
        CachePlace::Service(place) => of_service(client, spec, place, scope).await?,
    };
    let left_out = instances.len().saturating_sub(MOST_INSTANCES);
    instances.truncate(MOST_INSTANCES);
    Ok(Cache {
        namespace: scope.to_owned(),
        name: spec.name.clone(),
        kind: spec.kind,
        username: spec.username.clone(),
        password: spec.password.clone(),
        database: spec.database,
        how: "of the configuration".to_owned(),
        instances,
        left_out,
    })
}

async fn of_service(
    client: &kube::Client,
    spec: &CacheSpec,
    place: &PlaceRef,
    scope: &str,
) -> Result<Vec<Instance>, Failure> {
    let namespace = place.namespace.as_deref().unwrap_or(scope);
    let service = get(client, namespace, "services", &place.name).await?;
    let selector = service["spec"]["selector"].as_object();
    let selector: Vec<String> = selector
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    if selector.is_empty() {
        return Err(absent(
            &format!("find the pods behind service/{}", place.name),
            "it selects none: it stands for something outside of the cluster",
            "name that with url = \"redis://…\" in its [[cache]]",
        ));
    }
    let ports = service["spec"]["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = |p: &&Value| match &place.port {
        Some(port) => p["name"] == port.as_str() || p["port"].as_u64() == port.parse().ok(),
        None => p["port"] == spec.kind.port() || ports.len() == 1,
    };
    let target = ports.iter().find(wanted).map(|p| match &p["targetPort"] {
        Value::String(name) => name.clone(),
        Value::Number(n) => n.to_string(),
        _ => p["port"].to_string(),
    });
    let target = target.or_else(|| place.port.clone());
    let pods = list(client, Some(namespace), &selector.join(",")).await?;
    Ok(pods.iter().filter_map(|pod| instance(pod, spec.kind, spec.via, target.as_deref())).collect())
}

/// The pods that look like a cache, by what owns them.
fn found_among(pods: &[Value]) -> Vec<Cache> {
    let mut all: BTreeMap<(String, String), Cache> = BTreeMap::new();
    for pod in pods {
        let Some((kind, how)) = looks_like(pod) else { continue };
        // Where only the container has the password, the way in is through it.
        let via = if has_password(pod) { Via::Exec } else { Via::PortForward };
        let Some(instance) = instance(pod, kind, via, None) else { continue };
        let (namespace, name) = (text(&pod["metadata"]["namespace"]), owner(pod));
        let cache = all.entry((namespace.clone(), name.clone())).or_insert_with(|| Cache {
            namespace,
            name,
            kind,
            username: None,
            password: None,
            database: 0,
            how,
            instances: Vec::new(),
            left_out: 0,
        });
        if cache.instances.len() < MOST_INSTANCES {
            cache.instances.push(instance);
        } else {
            cache.left_out += 1;
        }
    }
    all.into_values().collect()
}

/// Programs around a cache, in images of the same name.
const AROUND: [&str; 6] = ["exporter", "sentinel", "operator", "insight", "commander", "proxy"];

fn containers(pod: &Value) -> &[Value] {
    pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// By the image's name, else by the port.
fn looks_like(pod: &Value) -> Option<(CacheKind, String)> {
    containers(pod).iter().find_map(kind_of)
}

fn kind_of(container: &Value) -> Option<(CacheKind, String)> {
    let image = container["image"].as_str().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let program = last.split([':', '@']).next().unwrap_or_default();
    if AROUND.iter().any(|word| program.contains(word)) {
        return None;
    }
    let redis = ["redis", "valkey", "keydb", "dragonfly"].iter().any(|known| program.starts_with(known));
    let by_image = match program {
        _ if redis => Some(CacheKind::Redis),
        _ if program.starts_with("memcached") => Some(CacheKind::Memcached),
        _ => None,
    };
    if let Some(kind) = by_image {
        return Some((kind, format!("image {program}")));
    }
    let has = |port: u16| ports(container).any(|p| p["containerPort"] == port);
    let kind = [CacheKind::Redis, CacheKind::Memcached].into_iter().find(|kind| has(kind.port()))?;
    Some((kind, format!("port {} of its pods", kind.port())))
}

fn ports(container: &Value) -> impl Iterator<Item = &Value> {
    container["ports"].as_array().into_iter().flatten()
}

/// redis-cli takes it from there.
fn has_password(pod: &Value) -> bool {
    let env = containers(pod).iter().flat_map(|c| c["env"].as_array().into_iter().flatten());
    env.into_iter().any(|e| e["name"] == "REDISCLI_AUTH")
}

/// The StatefulSet, the Deployment behind a ReplicaSet, or the pod itself.
fn owner(pod: &Value) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let mut owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let Some(owner) = owners.find(|o| o["controller"] == true) else { return name.to_owned() };
    let name = owner["name"].as_str().unwrap_or(name);
    let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str();
    let base = hash.and_then(|hash| name.strip_suffix(hash)).and_then(|n| n.strip_suffix('-'));
    base.unwrap_or(name).to_owned()
}

/// A running pod as an instance; `port` is a number or a name.
fn instance(pod: &Value, kind: CacheKind, via: Via, port: Option<&str>) -> Option<Instance> {
    let running = pod["status"]["phase"] == "Running" && !pod["metadata"]["deletionTimestamp"].is_string();
    if !running {
        return None;
    }
    let named =
        |p: &&Value, wanted: &str| p["name"] == wanted || p["containerPort"].as_u64() == wanted.parse().ok();
    let all = containers(pod);
    // The container that has the port, else the one that looks like it, else the first.
    let container = port
        .and_then(|wanted| all.iter().find(|c| ports(c).any(|p| named(&p, wanted))))
        .or_else(|| all.iter().find(|c| kind_of(c).is_some_and(|(k, _)| k == kind)))
        .or_else(|| all.first())?;
    let number = match port {
        Some(wanted) => match wanted.parse() {
            Ok(number) => number,
            Err(_) => port_of(ports(container).find(|p| named(p, wanted))?)?,
        },
        None => {
            let own = ports(container).find(|p| p["containerPort"] == kind.port());
            own.or_else(|| ports(container).next()).and_then(port_of).unwrap_or(kind.port())
        }
    };
    let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
    let reach = match via {
        Via::PortForward => Reach::Forward { namespace, pod: name.clone(), port: number },
        Via::Exec => {
            Reach::Exec { namespace, pod: name.clone(), container: text(&container["name"]), port: number }
        }
    };
    Some(Instance {
        reach,
        ip: text(&pod["status"]["podIP"]),
        uid: text(&pod["metadata"]["uid"]),
        pod_name: name,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn port_of(port: &Value) -> Option<u16> {
    u16::try_from(port["containerPort"].as_u64()?).ok()
}

async fn get(client: &kube::Client, namespace: &str, plural: &str, name: &str) -> Result<Value, Failure> {
    let uri = format!("/api/v1/namespaces/{}/{plural}/{}", api::escape(namespace), api::escape(name));
    let ask = Ask { verb: "get", resource: plural.to_owned(), namespace: Some(namespace.to_owned()) };
    api::json(client, &uri).await.map_err(|trouble| trouble.failure(&ask))
}

async fn list(client: &kube::Client, namespace: Option<&str>, selector: &str) -> Result<Vec<Value>, Failure> {
    let query =
        if selector.is_empty() { String::new() } else { format!("&labelSelector={}", api::escape(selector)) };
    let place = namespace.map(|n| format!("/namespaces/{}", api::escape(n))).unwrap_or_default();
    let uri = format!("/api/v1{place}/pods?limit={MOST_PODS}{query}");
    let ask = Ask { verb: "list", resource: "pods".to_owned(), namespace: namespace.map(str::to_owned) };
    let mut found: Value = api::json(client, &uri).await.map_err(|trouble| trouble.failure(&ask))?;
    let mut pods = found["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    // In the order of their names the plan is always the same.
    pods.sort_by(|a, b| a["metadata"]["name"].as_str().cmp(&b["metadata"]["name"].as_str()));
    Ok(pods)
}

/// Nothing is there that could be meant.
pub fn absent(tried: &str, happened: &str, next: &str) -> Failure {
    Failure {
        kind: FailureKind::Absent,
        tried: Clean::new(tried),
        happened: Clean::new(happened),
        next: Clean::new(next),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, owner: Value, containers: Value) -> Value {
        json!({"metadata": {"name": name, "namespace": "shop", "uid": "u", "ownerReferences": [owner],
                            "labels": {"pod-template-hash": "7c9f"}},
               "spec": {"containers": containers}, "status": {"phase": "Running", "podIP": "10.0.0.1"}})
    }

    #[test]
    fn caches_are_known_by_image_or_port_and_named_by_their_owner() {
        let set = json!({"kind": "StatefulSet", "name": "cache", "controller": true});
        let exporter = json!({"name": "metrics", "image": "oliver006/redis_exporter:v1"});
        let redis = json!({"name": "redis", "image": "reg:5000/library/redis:8.2@sha256:ab",
            "ports": [{"name": "tcp", "containerPort": 7000}], "env": [{"name": "REDISCLI_AUTH"}]});
        let replica_set = json!({"kind": "ReplicaSet", "name": "pages-7c9f", "controller": true});
        let own = json!([{"name": "x", "image": "ours/pages", "ports": [{"containerPort": 11211}]}]);
        let pods = [
            pod("cache-0", set.clone(), json!([exporter, redis])),
            pod("cache-1", set, json!([exporter, redis])),
            pod("pages-7c9f-abc", replica_set, own),
            pod("api", json!({}), json!([{"name": "api", "image": "ours/api"}])),
            pod("only-metrics", json!({}), json!([exporter])),
        ];
        let found = found_among(&pods);
        assert_eq!(found.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["cache", "pages"]);
        assert_eq!(found[0].instances.len(), 2);
        let exec = Reach::Exec {
            namespace: "shop".into(),
            pod: "cache-0".into(),
            container: "redis".into(),
            port: 7000,
        };
        assert_eq!(found[0].instances[0].reach, exec);
        let forward = Reach::Forward { namespace: "shop".into(), pod: "pages-7c9f-abc".into(), port: 11211 };
        assert_eq!((found[1].kind, &found[1].instances[0].reach), (CacheKind::Memcached, &forward));
    }

    #[test]
    fn a_pod_that_does_not_run_is_no_instance() {
        let mut one = pod("a", json!({}), json!([{"name": "redis", "image": "redis"}]));
        assert!(instance(&one, CacheKind::Redis, Via::PortForward, Some("6379")).is_some());
        assert!(instance(&one, CacheKind::Redis, Via::PortForward, Some("nowhere")).is_none());
        one["status"]["phase"] = json!("Pending");
        assert!(instance(&one, CacheKind::Redis, Via::PortForward, None).is_none());
    }
}
