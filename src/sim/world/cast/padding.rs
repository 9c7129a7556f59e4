//! The rest of a big cluster: other teams' workloads that are there, complete, and quiet.
//! Their pods are made from one text with gaps, so that thousands cost little.

use std::sync::Arc;

use serde_json::json;

use super::{App, DAY_MS, Stage};
use crate::sim::cluster::json::{set, text, time};
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::object::Object;
use crate::sim::cluster::status::ApiError;
use crate::sim::world::make;
use crate::sim::world::pod::{PodRun, State};

const PODS_A_DEPLOYMENT: usize = 50;
const DEPLOYMENTS_A_NAMESPACE: usize = 4;
/// What stands in the gaps of the prototype; no real value contains it.
const GAPS: [&str; 5] = ["@name@", "@uid@", "@version@", "@node@", "@ip@"];

pub fn set_up(stage: &mut Stage, pods: usize) -> Result<(), ApiError> {
    let mut left = pods;
    let mut n = 0;
    while left > 0 {
        let namespace = format!("team-{:03}", n / DEPLOYMENTS_A_NAMESPACE);
        if n % DEPLOYMENTS_A_NAMESPACE == 0 {
            stage.namespace(&namespace)?;
        }
        let name = ["gateway", "orders", "search", "mailer"][n % DEPLOYMENTS_A_NAMESPACE];
        let replicas = left.min(PODS_A_DEPLOYMENT);
        deployment(stage, &namespace, name, replicas, n)?;
        left -= replicas;
        n += 1;
    }
    Ok(())
}

fn deployment(
    stage: &mut Stage,
    namespace: &str,
    name: &str,
    replicas: usize,
    n: usize,
) -> Result<(), ApiError> {
    let image = format!("registry.example.com/{namespace}/{name}:1.{}.{}", n % 30, n % 7);
    let app = App {
        namespace,
        name,
        container: name,
        image: &image,
        // None of its own: the pods are added from the prototype below.
        replicas: 0,
        port: 8080,
        health: "/health",
        env: vec![],
        requests: ("50m", "64Mi"),
        limits: ("200m", "128Mi"),
        since_ms: (1 + n as i64 % 40) * DAY_MS,
    };
    stage.deployment(&app, 1 + n as i64 % 9, &[])?;
    for kind in [Kind::Deployment, Kind::ReplicaSet] {
        let found =
            stage.store.page(kind, Some(namespace), None, usize::MAX, |o| o.label("app") == Some(name));
        for object in found.objects {
            stage.store.edit(kind, namespace, &object.name, |tree| {
                set(tree, "/spec", "replicas", replicas);
                let mut fields = vec!["replicas", "readyReplicas", "availableReplicas"];
                match kind {
                    Kind::Deployment => fields.push("updatedReplicas"),
                    _ => fields.push("fullyLabeledReplicas"),
                }
                for field in fields {
                    set(tree, "/status", field, replicas);
                }
                set(tree, "/status", "observedGeneration", 2);
                Ok(())
            })?;
            if kind == Kind::ReplicaSet {
                fill(stage, &object, replicas, stage.now_ms - app.since_ms);
            }
        }
    }
    Ok(())
}

fn fill(stage: &mut Stage, owner: &Object, replicas: usize, since_ms: i64) {
    let tree = owner.tree();
    let mut pod = make::pod(&tree, &tree["spec"]["template"], GAPS[0]);
    set(&mut pod, "/metadata", "uid", GAPS[1]);
    set(&mut pod, "/metadata", "resourceVersion", GAPS[2]);
    set(&mut pod, "/metadata", "creationTimestamp", time(since_ms));
    set(&mut pod, "/spec", "nodeName", GAPS[3]);
    let mut run = PodRun::of(&pod, since_ms);
    run.state = State::Running { since_ms };
    run.ready = true;
    run.ip = GAPS[4].to_owned();
    run.host_ip = make::node_ip(0);
    pod["status"] = run.status();
    let prototype = json!(pod).to_string();
    let pieces = split(&prototype);
    let like = Object::from_tree(Kind::Pod, 0, pod);
    let namespace: Arc<str> = text(&tree, "/metadata/namespace").into();
    let prefix = text(&tree, "/metadata/name").to_owned();
    let serial = stage.serial;
    stage.serial += replicas;
    let names: Vec<String> = (0..replicas).map(|_| format!("{prefix}-{}", stage.store.suffix(5))).collect();
    stage.store.pad(&like, replicas, |i, version, uid| {
        let node = serial + i;
        let values = [
            names[i].clone(),
            uid,
            version.to_string(),
            make::node_name(node),
            make::pod_ip(node, serial + i),
        ];
        let mut json = String::with_capacity(prototype.len() + 64);
        for (text, gap) in &pieces {
            json.push_str(text);
            if let Some(gap) = gap {
                json.push_str(&values[*gap]);
            }
        }
        (namespace.clone(), names[i].as_str().into(), json)
    });
}

/// The prototype cut at its gaps: a text, and the gap that follows it.
fn split(prototype: &str) -> Vec<(&str, Option<usize>)> {
    let mut out = Vec::new();
    let mut rest = prototype;
    loop {
        let next = GAPS.iter().enumerate().filter_map(|(i, gap)| rest.find(gap).map(|at| (at, i))).min();
        let Some((at, gap)) = next else {
            out.push((rest, None));
            return out;
        };
        out.push((&rest[..at], Some(gap)));
        rest = &rest[at + GAPS[gap].len()..];
    }
}
