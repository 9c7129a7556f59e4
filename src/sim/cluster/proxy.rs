//! The service proxy: how a bastion with nothing but a kubeconfig reaches Prometheus,
//! Alertmanager, and the shop's health endpoints.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Request as HttpRequest, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::http::Api;
use super::json::{int, list, text};
use super::kinds::Kind;
use super::reply;
use super::request::{Request, Target};
use super::status::ApiError;

/// Splits `[SCHEME:]NAME[:PORT]`.
fn split(name: &str) -> (&str, &str) {
    let parts: Vec<&str> = name.split(':').collect();
    match parts.as_slice() {
        [_, name, port] => (name, port),
        [name, port] => (name, port),
        _ => (name, ""),
    }
}

/// Passes a request on to what stands behind a Service.
///
/// # Errors
/// 404 without such a Service, 503 without a ready endpoint or such a port.
pub async fn pass(api: &Api, request: &Request, target: &Target) -> Result<Response, ApiError> {
    let (name, port) = split(&target.name);
    let service = api.store.get(Kind::Service, &target.namespace, name);
    let tree = service.ok_or_else(|| ApiError::not_found(Kind::Service, name))?.tree();
    let ports = list(&tree, "/spec/ports");
    let known = |p: &serde_json::Value| {
        text(p, "/name") == port || int(p, "/port").is_some_and(|n| n.to_string() == port)
    };
    if !(port.is_empty() && ports.len() == 1 || ports.iter().any(known)) {
        return Err(unavailable(format!("no service port \"{port}\" found for service \"{name}\"")));
    }
    let endpoints = api.store.get(Kind::Endpoints, &target.namespace, name).map(|e| e.tree());
    if endpoints.is_none_or(|e| list(&e, "/subsets/0/addresses").is_empty()) {
        return Err(unavailable(format!("no endpoints available for service \"{name}\"")));
    }
    match (target.namespace.as_str(), name) {
        ("monitoring", "prometheus") => forward(api.prometheus.clone(), request, target).await,
        ("monitoring", "alertmanager") => forward(api.alertmanager.clone(), request, target).await,
        ("shop", "web" | "api") if target.rest == "health" => {
            let (code, body) = health(api, name);
            Ok(reply::value(code, &body))
        }
        _ => Ok(reply::text(404, "404 page not found\n")),
    }
}

fn unavailable(message: String) -> ApiError {
    ApiError::new(503, "ServiceUnavailable", message)
}

/// The request as it arrives behind the proxy: without the path before it and without the
/// credentials, which the API server keeps to itself.
async fn forward(router: Router, request: &Request, target: &Target) -> Result<Response, ApiError> {
    let query = if request.raw_query.is_empty() { String::new() } else { format!("?{}", request.raw_query) };
    let mut builder =
        HttpRequest::builder().method(request.method.clone()).uri(format!("/{}{query}", path(&target.rest)));
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(value) = request.headers.get(&name) {
            builder = builder.header(name, value);
        }
    }
    let forwarded = builder
        .body(Body::from(request.body.clone()))
        .map_err(|e| ApiError::bad_request(format!("the path cannot be passed on: {e}")))?;
    match router.oneshot(forwarded).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// The path, encoded again where it must be.
fn path(rest: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(rest, KEEP).to_string()
}

/// `/health` of the shop: it looks at what it needs and says so.
pub fn health(api: &Api, name: &str) -> (u16, Value) {
    let flow = api.world().flow();
    let database = if flow.pool > 95.0 { "slow" } else { "ok" };
    let well = flow.errors < 0.5;
    let body = json!({"status": if well { "ok" } else { "failing" }, "service": name, "checks": {
        "database": database, "cache": if flow.hits > 0.5 { "ok" } else { "degraded" }}});
    (if well { 200 } else { 503 }, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services() {
        assert_eq!(split("http:prometheus:9090"), ("prometheus", "9090"));
        assert_eq!(split("prometheus:http"), ("prometheus", "http"));
        assert_eq!(split("prometheus"), ("prometheus", ""));
        assert_eq!(path("api/v1/label/a b/values"), "api/v1/label/a%20b/values");
    }
}
