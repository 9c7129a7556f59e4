//! The team's namespace: a shop with a front, an API, workers and a cache: 50 pods.

use serde_json::json;

use super::{App, DAY_MS, SHOP, Stage};
use crate::sim::cluster::json::time;
use crate::sim::cluster::kinds::Kind;
use crate::sim::cluster::status::ApiError;

fn image(name: &str, version: &str) -> String {
    format!("registry.example.com/shop/{name}:{version}")
}

/// Older versions with their age in days: one every `every` days, the newest last.
fn older(name: &str, versions: &[&str], newest: i64, every: i64) -> Vec<(String, i64)> {
    let n = versions.len() as i64;
    versions.iter().enumerate().map(|(i, v)| (image(name, v), newest + (n - 1 - i as i64) * every)).collect()
}

pub fn set_up(stage: &mut Stage) -> Result<(), ApiError> {
    api(stage)?;
    web(stage)?;
    worker(stage)?;
    cache(stage)?;
    for (name, data) in [
        ("api-config", json!({"LOG_LEVEL": "info", "POOL_SIZE": "100", "CACHE_TTL_SECONDS": "300"})),
        ("web-config", json!({"THEME": "spring", "CDN": "https://cdn.shop.example.com"})),
    ] {
        let created = time(stage.now_ms - 90 * DAY_MS);
        let metadata = json!({"name": name, "namespace": SHOP, "creationTimestamp": created});
        stage.add(Kind::ConfigMap, json!({"metadata": metadata, "data": data}))?;
    }
    for (name, app, most) in [("api", "api", "25%"), ("web", "web", "25%"), ("cache", "cache", "1")] {
        let tree = json!({
            "metadata": {"name": name, "namespace": SHOP, "creationTimestamp": time(stage.now_ms - 200 * DAY_MS)},
            "spec": {"maxUnavailable": most, "selector": {"matchLabels": {"app": app}}},
            "status": {"observedGeneration": 1},
        });
        stage.add(Kind::PodDisruptionBudget, tree)?;
    }
    Ok(())
}

fn api(stage: &mut Stage) -> Result<(), ApiError> {
    let current = image("api", "4.1.7");
    let app = App {
        namespace: SHOP,
        name: "api",
        container: "api",
        image: &current,
        replicas: 20,
        port: 8080,
        health: "/health",
        env: vec![
            ("DATABASE_URL", "postgres://db.internal:5432/shop"),
            ("CACHE_URL", "redis://cache-0.cache:6379/0"),
            ("PAYMENT_URL", "https://payments.internal/v2"),
        ],
        requests: ("500m", "512Mi"),
        limits: ("1", "768Mi"),
        since_ms: 3 * DAY_MS,
    };
    let versions = ["3.9.4", "3.9.5", "4.0.0", "4.0.1", "4.0.3", "4.1.0", "4.1.2", "4.1.3", "4.1.5", "4.1.6"];
    stage.deployment(&app, 16, &older("api", &versions, 8, 6))?;
    stage.service(&app, &[("http", 80)], false)
}

fn web(stage: &mut Stage) -> Result<(), ApiError> {
    let current = image("web", "2.9.1");
    let app = App {
        namespace: SHOP,
        name: "web",
        container: "web",
        image: &current,
        replicas: 20,
        port: 8000,
        health: "/health",
        env: vec![("API_URL", "http://api")],
        requests: ("250m", "256Mi"),
        limits: ("500m", "512Mi"),
        since_ms: 3 * DAY_MS + 7_200_000,
    };
    let versions = ["2.6.0", "2.7.0", "2.7.1", "2.8.0", "2.8.2", "2.8.3", "2.8.4", "2.9.0"];
    stage.deployment(&app, 9, &older("web", &versions, 10, 9))?;
    stage.service(&app, &[("http", 80)], false)?;
    let created = time(stage.now_ms - 120 * DAY_MS);
    let hpa = json!({
        "metadata": {"name": "web", "namespace": SHOP, "creationTimestamp": created},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 20, "maxReplicas": 30,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 70}}}],
        },
        "status": {"currentReplicas": 20, "desiredReplicas": 20},
    });
    stage.add(Kind::HorizontalPodAutoscaler, hpa).map(|_| ())
}

fn worker(stage: &mut Stage) -> Result<(), ApiError> {
    let current = image("worker", "1.14.0");
    let app = App {
        namespace: SHOP,
        name: "worker",
        container: "worker",
        image: &current,
        replicas: 6,
        port: 9000,
        health: "/health",
        env: vec![("QUEUE", "orders"), ("CONCURRENCY", "8")],
        requests: ("250m", "384Mi"),
        limits: ("500m", "512Mi"),
        since_ms: 3 * DAY_MS + 10_800_000,
    };
    stage.deployment(&app, 4, &older("worker", &["1.12.0", "1.13.0", "1.13.1"], 21, 30))
}

fn cache(stage: &mut Stage) -> Result<(), ApiError> {
    let app = App {
        namespace: SHOP,
        name: "cache",
        container: "redis",
        image: "docker.io/library/redis:8.2.3",
        replicas: 4,
        port: 6379,
        health: "",
        // redis-cli reads it, so that nobody has to type a password in a pod.
        env: vec![("REDISCLI_AUTH", "secret:cache-auth/password")],
        requests: ("250m", "1Gi"),
        limits: ("1", "2Gi"),
        since_ms: 12 * DAY_MS,
    };
    stage.stateful_set(&app, "cache", &[("docker.io/library/redis:8.2.1".to_owned(), 70)])?;
    stage.service(&app, &[("redis", 6379)], true)
}
