//! Services of many installations, and who may list them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::sources::testing::{context, serve, session};

fn service(namespace: &str, name: &str, labels: Value, ports: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"clusterIP": "10.0.0.1", "ports": ports}})
}

fn services() -> Vec<Value> {
    let port = |number: u16| json!([{"name": "http-web", "port": number}]);
    let named = |value: &str| json!({"app.kubernetes.io/name": value});
    let mut operated = service(
        "monitoring",
        "prometheus-operated",
        named("prometheus"),
        json!([{"name": "web", "port": 9090}]),
    );
    operated["spec"]["clusterIP"] = json!("None");
    vec![
        operated,
        service(
            "monitoring",
            "kps-kube-prometheus-stack-prometheus",
            json!({"app": "kube-prometheus-stack-prometheus"}),
            port(9090),
        ),
        service("monitoring", "kps-prometheus-node-exporter", named("prometheus-node-exporter"), port(9100)),
        service("team-x", "prometheus", json!({}), port(9090)),
        service("monitoring", "am", named("alertmanager"), json!([{"name": "https-web", "port": 9093}])),
        service("shop", "cart-redis-master", json!({}), json!([{"name": "tcp-redis", "port": 6379}])),
        service("shop", "redis-exporter", named("redis"), json!([{"name": "metrics", "port": 9121}])),
        json!({"metadata": {"name": "odd"}}),
    ]
}

/// Serves the services, cluster-wide only where that is allowed.
async fn cluster(everywhere: bool) -> String {
    let forbidden = || {
        let status =
            json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "services is forbidden"});
        (StatusCode::FORBIDDEN, Json(status)).into_response()
    };
    let all = move |State(()): State<()>| async move {
        if everywhere { Json(json!({"items": services()})).into_response() } else { forbidden() }
    };
    let some = move |Path(namespace): Path<String>| async move {
        let ours = |s: &Value| s["metadata"]["namespace"] == json!(namespace);
        let response: Response = match namespace.as_str() {
            "shop" | "monitoring" => {
                Json(json!({"items": services().into_iter().filter(ours).collect::<Vec<_>>()}))
                    .into_response()
            }
            _ => forbidden(),
        };
        response
    };
    serve(
        Router::new()
            .route("/api/v1/services", get(all))
            .route("/api/v1/namespaces/{namespace}/services", get(some))
            .with_state(()),
    )
    .await
}

fn names(found: &Found, role: Role) -> Vec<String> {
    found.services.iter().filter(|s| s.role == role).map(|s| s.service.to_string()).collect()
}

#[tokio::test]
async fn services_are_known_by_name_label_and_port() {
    let found = discover(&session(&cluster(true).await)).await;
    assert_eq!(
        names(&found, Role::Prometheus),
        [
            "monitoring/kps-kube-prometheus-stack-prometheus:9090",
            "monitoring/prometheus-operated:9090",
            "team-x/prometheus:9090"
        ]
    );
    assert_eq!(names(&found, Role::Alertmanager), ["monitoring/https:am:9093"]);
    assert_eq!(names(&found, Role::Redis), ["shop/cart-redis-master:6379"]);
    assert!(found.denied.is_empty() && found.looked_in == "the whole cluster");
    assert_eq!(
        found.best(Role::Alertmanager).unwrap().how.as_str(),
        "labelled app.kubernetes.io/name=alertmanager"
    );
}

#[tokio::test]
async fn where_the_cluster_may_not_be_listed_the_usual_namespaces_are() {
    let found = discover(&session(&cluster(false).await)).await;
    assert!(found.best(Role::Prometheus).is_some() && found.best(Role::Redis).is_some());
    assert_eq!(found.denied.len(), 3, "{:?}", found.denied);
    assert!(found.looked_in.starts_with("the namespaces shop, monitoring"), "{}", found.looked_in);
}

#[tokio::test]
async fn nothing_found_is_told_apart_from_not_allowed_and_not_reached() {
    let kind = |url: String| async move {
        let (context, ..) = context("");
        let opened = open(Role::Prometheus, &session(&url), &context.config, &context.found).await;
        opened.map(|_| ()).unwrap_err().kind
    };
    let empty = Router::new().route("/api/v1/services", get(|| async { Json(json!({"items": []})) }));
    assert_eq!(kind(serve(empty).await).await, FailureKind::NotConfigured);
    let deny =
        || async { (StatusCode::FORBIDDEN, Json(json!({"kind": "Status", "code": 403, "message": "no"}))) };
    assert_eq!(kind(serve(Router::new().fallback(deny)).await).await, FailureKind::Denied);
    assert_eq!(kind("http://127.0.0.1:1".into()).await, FailureKind::Unreachable);
}
