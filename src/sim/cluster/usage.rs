//! `metrics.k8s.io`: what pods and nodes use now, worked out when it is asked for.

use axum::response::Response;
use serde_json::{Value, json};

use super::json::{list, strings, text, time};
use super::kinds::Kind;
use super::object::Object;
use super::request::{Request, Target};
use super::select::Selector;
use super::status::ApiError;
use super::store::Store;
use super::{reply, table};
use crate::sim::world::World;
use crate::sim::world::pod::fnv;

/// Cores and bytes.
type Usage = (f64, f64);

/// A quiet pod uses little, and always the same.
fn quiet(pod: &Object) -> Usage {
    let share = (fnv(&pod.uid) % 1_000) as f64 / 1_000.0;
    (0.010 + 0.030 * share, (40.0 + 40.0 * share) * 1_048_576.0)
}

fn usage(world: &World, pod: &Object) -> Option<Usage> {
    match world.pod(&pod.namespace, &pod.name) {
        Some(run) => run.running_since().map(|_| (run.cpu, run.memory)),
        None => Some(quiet(pod)),
    }
}

fn quantities((cpu, memory): Usage) -> Value {
    json!({"cpu": format!("{:.0}n", cpu * 1e9), "memory": format!("{:.0}Ki", memory / 1_024.0)})
}

fn pod_metrics(world: &World, pod: &Object, now_ms: i64) -> Option<Value> {
    let used = usage(world, pod)?;
    let tree = pod.tree();
    let container =
        list(&tree, "/spec/containers").first().map(|c| text(c, "/name").to_owned()).unwrap_or_default();
    Some(json!({
        "kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": &*pod.name, "namespace": &*pod.namespace, "creationTimestamp": time(now_ms), "labels": tree["metadata"]["labels"]},
        "timestamp": time(now_ms), "window": "15s",
        "containers": [{"name": container, "usage": quantities(used)}],
    }))
}

fn node_metrics(world: &World, store: &Store, node: &Object, now_ms: i64) -> Value {
    // What the system itself uses on each node.
    let mut sum: Usage = (0.35, 1.6e9);
    for run in world.pods().filter(|p| p.node == *node.name) {
        sum = (sum.0 + run.cpu, sum.1 + run.memory);
    }
    let quiet_pods = store.count(Kind::Pod).saturating_sub(world.pods().count()) as f64;
    let nodes = store.count(Kind::Node).max(1) as f64;
    sum = (sum.0 + 0.025 * quiet_pods / nodes, sum.1 + 60e6 * quiet_pods / nodes);
    let labels: Value = Value::Object(
        strings(&node.tree(), "/metadata/labels").map(|(k, v)| (k.to_owned(), v.into())).collect(),
    );
    json!({
        "kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": &*node.name, "creationTimestamp": time(now_ms), "labels": labels},
        "timestamp": time(now_ms), "window": "15s", "usage": quantities(sum),
    })
}

/// Answers get and list of PodMetrics and NodeMetrics.
///
/// # Errors
/// 404 for what does not run, 400 for bad selectors.
pub fn answer(
    world: &World,
    store: &Store,
    request: &Request,
    target: &Target,
    now_ms: i64,
) -> Result<Response, ApiError> {
    let source = if target.kind == Kind::PodMetrics { Kind::Pod } else { Kind::Node };
    let one = |object: &Object| match source {
        Kind::Pod => pod_metrics(world, object, now_ms),
        _ => Some(node_metrics(world, store, object, now_ms)),
    };
    if !target.name.is_empty() {
        let object = store.get(source, &target.namespace, &target.name);
        let found = object.and_then(|o| one(&o));
        return found
            .map(|v| reply::value(200, &v))
            .ok_or_else(|| ApiError::not_found(target.kind, &target.name));
    }
    let selector = Selector::parse(source, request.param("labelSelector"), request.param("fieldSelector"))?;
    let namespace = (!target.namespace.is_empty()).then_some(target.namespace.as_str());
    let page = store.page(source, namespace, None, usize::MAX, |o| selector.matches(o));
    let items: Vec<Value> = page.objects.iter().filter_map(|o| one(o)).collect();
    if request.wants_table() {
        let objects: Vec<_> =
            items.into_iter().map(|v| std::sync::Arc::new(Object::from_tree(target.kind, 0, v))).collect();
        return Ok(reply::value(
            200,
            &table::table(target.kind, &objects, json!({}), now_ms, request.param("includeObject")),
        ));
    }
    let info = target.kind.info();
    let body = json!({"kind": format!("{}List", info.kind), "apiVersion": info.api_version(), "metadata": {}, "items": items});
    Ok(reply::json(200, body.to_string()))
}
