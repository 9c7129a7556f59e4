//! An endpoint that answers in every way, directly and behind the service proxy.

use axum::Router;
use axum::http::HeaderMap as Headers;
use axum::routing::{any, get};
use serde_json::{Value, json};

use super::*;
use crate::config::secret::SecretSource;
use crate::sources::testing::serve;

fn bearer(secret: &str) -> HttpAccess {
    let command = ["printf", "%s", secret].map(String::from).to_vec();
    HttpAccess { bearer: Some(SecretSource::Command(command)), ..HttpAccess::default() }
}

async fn open(url: &str, access: &HttpAccess) -> Endpoint {
    Endpoint::direct("prometheus", url, access).await.unwrap()
}

#[tokio::test]
async fn credentials_and_headers_are_sent_under_the_prefix() {
    let echo = |headers: Headers, uri: axum::http::Uri| async move {
        let header = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("").to_owned());
        axum::Json(json!([uri.to_string(), header("authorization"), header("x-scope-orgid")]))
    };
    let url = serve(Router::new().route("/prometheus/api/v1/query", get(echo))).await;
    let mut access = bearer("t0ken");
    access.plain_headers.push(("X-Scope-OrgID".into(), "shop".into()));
    let endpoint = open(&format!("{url}/prometheus/"), &access).await;
    let got: Value = endpoint.get_json("/api/v1/query", &[("query", "a{b=\"c d\"}")]).await.unwrap();
    assert_eq!(got, json!(["/prometheus/api/v1/query?query=a%7Bb%3D%22c+d%22%7D", "Bearer t0ken", "shop"]));
    let password = SecretSource::Command(["printf", "open sesame"].map(String::from).to_vec());
    let access = HttpAccess { basic: Some(("aladdin".into(), password)), ..HttpAccess::default() };
    let got: Value =
        open(&format!("{url}/prometheus"), &access).await.get_json("/api/v1/query", &[]).await.unwrap();
    assert_eq!(got[1], "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==", "the pair of RFC 7617");
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    let app = Router::new().route(
        "/{code}",
        any(|axum::extract::Path(code): axum::extract::Path<u16>| async move {
            let status = axum::http::StatusCode::from_u16(code).unwrap();
            let headers = [("retry-after", "7"), ("location", "https://login.example.com/?secret=x")];
            (status, headers, axum::Json(json!({"status": "error", "error": "no\u{1b}[2J such"})))
        }),
    );
    let endpoint = open(&serve(app).await, &bearer("t0ken")).await;
    for (code, kind, next) in [
        (401, FailureKind::Unauthenticated, "bearer"),
        (403, FailureKind::Denied, "credentials"),
        (404, FailureKind::Absent, "prefix"),
        (429, FailureKind::Throttled, "7 s"),
        (503, FailureKind::Unreachable, "pods"),
        (500, FailureKind::ServerError, "logs"),
        (302, FailureKind::ServerError, "login.example.com"),
    ] {
        let failure = endpoint.get_json::<Value>(&format!("/{code}"), &[]).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.next.contains(next), "{failure:?}");
        assert!(failure.happened.starts_with(&code.to_string()), "{failure:?}");
        let all = format!("{failure:?}");
        assert!(!all.contains("t0ken") && !all.contains('\x1b') && !all.contains("secret=x"), "{all}");
    }
}

#[tokio::test]
async fn a_moment_s_trouble_is_tried_through_and_an_answer_is_not() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(0));
    let count = move || asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let (shed, timed_out) = (count.clone(), count.clone());
    let status = |code: u16| axum::http::StatusCode::from_u16(code).unwrap();
    let app = Router::new()
        .route(
            "/shed",
            get(move || async move { (status(if shed() < 2 { 429 } else { 200 }), axum::Json(json!("ok"))) }),
        )
        .route(
            "/slow",
            get(move || async move {
                let _ = timed_out();
                (
                    status(503),
                    axum::Json(json!({"status": "error", "errorType": "timeout", "error": "too slow"})),
                )
            }),
        );
    let endpoint = open(&serve(app).await, &HttpAccess::default()).await;
    assert_eq!(endpoint.get_json::<String>("/shed", &[]).await.unwrap(), "ok");
    assert_eq!(count(), 3);
    assert!(endpoint.get_json::<Value>("/slow", &[]).await.is_err());
    assert_eq!(count(), 5, "a query that timed out is not asked for again");
}

#[tokio::test]
async fn no_answer_and_no_json_are_failures_without_the_url_s_query() {
    let closed = "http://127.0.0.1:1/base?token=hunter2";
    let failure = open(closed, &HttpAccess::default()).await.get_json::<Value>("/x", &[]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.happened.to_lowercase().contains("refused"), "{failure:?}");
    assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    let login = Router::new().route("/x", get(|| async { axum::response::Html("<html>Log in</html>") }));
    let endpoint = open(&serve(login).await, &HttpAccess::default()).await;
    let failure = endpoint.get_json::<Value>("/x", &[]).await.unwrap_err();
    assert!(failure.happened.contains("HTML"), "{failure:?}");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let chunk = axum::body::Bytes::from(vec![b'x'; 4 << 20]);
    let app = Router::new().route(
        "/x",
        get(move || async move {
            let endless = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
            axum::body::Body::from_stream(endless)
        }),
    );
    let endpoint = open(&serve(app).await, &HttpAccess::default()).await;
    let failure = endpoint.get_json::<Value>("/x", &[]).await.unwrap_err();
    assert!(failure.happened.contains("broke off"), "{failure:?}");
}

#[tokio::test]
async fn the_service_proxy_is_asked_with_get() {
    let app = Router::new().route(
        "/api/v1/namespaces/monitoring/services/https:prom:web/proxy/api/v1/query",
        any(|request: axum::extract::Request| async move {
            axum::Json(json!(format!("{} {}", request.method(), request.uri().query().unwrap_or(""))))
        }),
    );
    let config = kube::Config::new(serve(app).await.parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let service = "monitoring/https:prom:web".parse().unwrap();
    let endpoint = Endpoint::proxied("prometheus", client, &service, &HttpAccess::default()).await.unwrap();
    let reply = endpoint.post_form("/api/v1/query", &[("query", "up")]).await.unwrap();
    assert_eq!(endpoint.json::<String>("/api/v1/query", &reply).unwrap(), "GET query=up");
    let failure = endpoint.get_json::<Value>("/nothing", &[]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Absent);
    assert!(failure.tried.contains("monitoring/https:prom:web through the API server"), "{failure:?}");
}
