//! The simulation as clients see it: over its sockets, with reqwest, kube, and kubectl
//! where the machine has it.

mod alerts;

use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::core::v1::Pod;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;

async fn sim(scenario: &str) -> Sim {
    let origin = "2026-11-20T03:12:00Z".parse().unwrap();
    let scenario = Scenario::named(scenario).unwrap();
    // Time stands still but for `advance`.
    start(Options { scenario, seed: 3, speed: 0.0, pods: None, origin }).await.unwrap()
}

struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    fn of(sim: &Sim) -> Self {
        let ca = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
        Self { http, base: sim.kube_url(), token: sim.token().expose_secret().to_owned() }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.request("GET", path).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn send(&self, method: &str, path: &str, content_type: &str, body: Value) -> (StatusCode, Value) {
        let request = self.request(method, path).header("content-type", content_type).body(body.to_string());
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn watch(&self, path: &str) -> Lines {
        let response = self.request("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Lines { response, rest: String::new() }
    }
}

struct Lines {
    response: reqwest::Response,
    rest: String,
}

impl Lines {
    /// The next event; `None` when the stream has ended or was cut.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let event = serde_json::from_str(line).unwrap();
                self.rest = rest.to_owned();
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await.unwrap();
            self.rest.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }
}

const PODS: &str = "/api/v1/namespaces/shop/pods";
const API: &str = "/apis/apps/v1/namespaces/shop/deployments/api";
const MERGE: &str = "application/merge-patch+json";

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let sim = sim("calm").await;
    let mut client = Client::of(&sim);
    client.token = "guess".to_owned();
    let (code, status) = client.get(PODS).await;
    assert_eq!((code.as_u16(), status["reason"].as_str()), (401, Some("Unauthorized")));
    let bare = reqwest::get(format!("{}/api/v1/query?query=up", sim.prometheus_url())).await.unwrap();
    assert_eq!(bare.status(), 401);
    let bare = reqwest::get(format!("{}/api/v2/alerts", sim.alertmanager_url())).await.unwrap();
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn lists_come_in_pages_and_say_when_their_time_is_over() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let (_, first) = client.get(&format!("{PODS}?limit=30")).await;
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    let (_, second) = client.get(&format!("{PODS}?limit=30&continue={token}")).await;
    let count = |v: &Value| v["items"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&second)), (30, 20));
    assert!(second["metadata"].get("continue").is_none());
    assert_eq!(first["metadata"]["remainingItemCount"], 20);
    assert!(second["metadata"].get("remainingItemCount").is_none());
    let (_, some) =
        client.get(&format!("{PODS}?labelSelector=app%3Dcache&fieldSelector=metadata.name%3Dcache-0")).await;
    assert_eq!(count(&some), 1);
    assert_eq!(client.get(&format!("{PODS}?continue=nonsense")).await.0, 400);
    client.send("PATCH", API, MERGE, json!({"metadata": {"annotations": {"a": "b"}}})).await;
    sim.compact();
    let (_, fresh) = client.get(&format!("{PODS}?limit=30&resourceVersion=0")).await;
    assert_eq!(count(&fresh), 50, "the watch cache knows no limit");
    let (code, status) = client.get(&format!("{PODS}?limit=30&continue={token}")).await;
    assert_eq!((code.as_u16(), status["reason"].as_str()), (410, Some("Expired")));
    let token = status["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = client.get(&format!("{PODS}?limit=30&continue={token}")).await;
    assert_eq!(count(&rest), 20);
    let (code, status) = client.get(&format!("{PODS}?resourceVersion=99999999")).await;
    assert_eq!((code.as_u16(), status["reason"].as_str()), (504, Some("Timeout")));
    let (code, status) = client.get(&format!("{PODS}/nobody")).await;
    assert_eq!((code.as_u16(), status["message"].as_str()), (404, Some("pods \"nobody\" not found")));
}

#[tokio::test]
async fn a_streaming_list_ends_with_its_bookmark_and_goes_on_as_a_watch() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let query =
        "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut lines = client.watch(&format!("{PODS}?{query}&labelSelector=app%3Dcache")).await;
    for _ in 0..4 {
        assert_eq!(lines.next().await.unwrap()["type"], "ADDED");
    }
    let bookmark = lines.next().await.unwrap();
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let patch = json!({"metadata": {"labels": {"app": "other"}}});
    client.send("PATCH", &format!("{PODS}/cache-1"), MERGE, patch).await;
    let left = lines.next().await.unwrap();
    assert_eq!(
        (left["type"].as_str(), left["object"]["metadata"]["name"].as_str()),
        (Some("DELETED"), Some("cache-1"))
    );
}

#[tokio::test]
async fn watches_end_in_time_and_old_versions_are_gone() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let mut lines = client.watch(&format!("{PODS}?watch=1&resourceVersion=5")).await;
    let event = lines.next().await.unwrap();
    assert_eq!((event["type"].as_str(), event["object"]["code"].as_i64()), (Some("ERROR"), Some(410)));
    assert!(lines.next().await.is_none());
    let (_, list) = client.get(PODS).await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("{PODS}?watch=1&resourceVersion={version}&timeoutSeconds=1&allowWatchBookmarks=true");
    let mut lines = client.watch(&path).await;
    assert_eq!(lines.next().await.unwrap()["type"], "BOOKMARK");
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn changes_keep_to_versions_preconditions_and_dry_runs() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let (_, deployment) = client.get(API).await;
    let mut stale = deployment.clone();
    stale["spec"]["replicas"] = 21.into();
    let patch = json!({"metadata": {"annotations": {"a": "b"}}});
    assert_eq!(client.send("PATCH", API, MERGE, patch).await.0, 200);
    let (code, status) = client.send("PUT", API, "application/json", stale).await;
    assert_eq!((code.as_u16(), status["reason"].as_str()), (409, Some("Conflict")));
    let dry = json!({"spec": {"replicas": 3}});
    let (_, would) = client.send("PATCH", &format!("{API}?dryRun=All"), MERGE, dry).await;
    assert_eq!(would["spec"]["replicas"], 3);
    assert_eq!(client.get(API).await.1["spec"]["replicas"], 20);
    let test = json!([{"op": "test", "path": "/spec/replicas", "value": 19}]);
    assert_eq!(client.send("PATCH", API, "application/json-patch+json", test).await.0, 422);
    let (code, status) = client.send("PATCH", API, MERGE, json!({"spec": {"replicas": -1}})).await;
    assert_eq!((code.as_u16(), status["reason"].as_str()), (422, Some("Invalid")));
    assert_eq!(client.send("PATCH", API, "text/plain", json!({})).await.0, 415);
    let wrong = json!({"preconditions": {"uid": "another"}});
    assert_eq!(client.send("DELETE", &format!("{PODS}/cache-0"), "application/json", wrong).await.0, 409);
}

#[tokio::test]
async fn scaling_and_deleting_take_effect() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let (_, mut scale) = client.get(&format!("{API}/scale")).await;
    assert_eq!(scale["status"]["replicas"], 20);
    scale["spec"]["replicas"] = 23.into();
    assert_eq!(client.send("PUT", &format!("{API}/scale"), "application/json", scale).await.0, 200);
    let (_, gone) = client.send("DELETE", &format!("{PODS}/cache-2"), "application/json", json!({})).await;
    let uid = gone["metadata"]["uid"].clone();
    assert!(gone["metadata"]["deletionTimestamp"].is_string());
    sim.advance(Duration::from_secs(60)).await;
    let (_, deployment) = client.get(API).await;
    assert_eq!(deployment["status"]["readyReplicas"], 23);
    let (_, again) = client.get(&format!("{PODS}/cache-2")).await;
    assert_ne!(again["metadata"]["uid"], uid);
    assert_eq!(again["status"]["phase"], "Running");
}

#[tokio::test]
async fn logs_reviews_usage_and_what_lies_behind_services() {
    let sim = sim("bad-deploy").await;
    let client = Client::of(&sim);
    let (_, pods) = client.get(&format!("{PODS}?labelSelector=app%3Dapi")).await;
    let crashed = pods["items"].as_array().unwrap().iter();
    let mut crashed = crashed.filter(|p| p["status"]["containerStatuses"][0]["state"]["waiting"].is_object());
    let name = crashed.next().unwrap()["metadata"]["name"].as_str().unwrap();
    let log = |query: &str| client.request("GET", &format!("{PODS}/{name}/log?{query}")).send();
    let text = log("previous=true&tailLines=5").await.unwrap().text().await.unwrap();
    assert!(text.lines().count() <= 5 && text.contains("missing PAYMENT_URL"), "{text}");
    let (code, _) = client.get(&format!("{PODS}/cache-0/log?previous=true")).await;
    assert_eq!(code, 400);
    let (_, usage) = client.get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/cache-0").await;
    assert!(usage["containers"][0]["usage"]["cpu"].as_str().unwrap().ends_with('n'));
    let proxy = "/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy/api/v1/query";
    let ratio = "sum(rate(http_requests_total{code=~%225..%22}[2m]))/sum(rate(http_requests_total[2m]))";
    let (_, answer) = client.get(&format!("{proxy}?query={ratio}")).await;
    let value: f64 = answer["data"]["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((0.07..0.09).contains(&value), "{answer}");
    let (_, alerts) =
        client.get("/api/v1/namespaces/monitoring/services/alertmanager:9093/proxy/api/v2/alerts").await;
    let names: Vec<_> =
        alerts.as_array().unwrap().iter().map(|a| a["labels"]["alertname"].as_str().unwrap()).collect();
    assert!(names.contains(&"HighErrorRate") && names.contains(&"PodCrashLooping"), "{names:?}");
    let (code, _) = client.get("/api/v1/namespaces/shop/services/web:80/proxy/health").await;
    assert_eq!(code, 200);
    let review =
        json!({"spec": {"resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": "shop"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(client.send("POST", path, "application/json", review).await.1["status"]["allowed"], true);
}

#[tokio::test]
async fn a_dead_api_server_cuts_everything_and_comes_back() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let mut lines = client.watch(&format!("{PODS}?watch=1")).await;
    assert!(lines.next().await.is_some());
    sim.set_fault(Fault { down: true, ..Fault::default() });
    while lines.next().await.is_some() {}
    assert!(client.request("GET", PODS).send().await.is_err());
    let (code, _) = {
        sim.set_fault(Fault { too_many_ratio: 1.0, retry_after_s: 7, ..Fault::default() });
        let response = client.request("GET", PODS).send().await.unwrap();
        (response.status(), assert_eq!(response.headers()["retry-after"], "7"))
    };
    assert_eq!(code, 429);
    let (code, _) = client.send("POST", "/_sim/fault", "application/json", json!({})).await;
    assert_eq!(code, 200);
    assert_eq!(client.get(PODS).await.0, 200);
    assert!(sim.requests().iter().any(|r| r.verb == "watch" && r.resource == "pods" && r.code == 200));
}

#[tokio::test]
async fn faults_on_demand_and_their_end() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let fault = async |body: Value| client.send("POST", "/_sim/fault", "application/json", body).await;
    let (_, first) = client.get(&format!("{PODS}?limit=30")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    client.send("PATCH", API, MERGE, json!({"metadata": {"annotations": {"a": "b"}}})).await;
    assert_eq!(client.get(&format!("{PODS}?limit=30&continue={token}")).await.0, 200);
    fault(json!({"compact": true})).await;
    assert_eq!(client.get(&format!("{PODS}?limit=30&continue={token}")).await.0, 410);

    fault(json!({"expired_token": true})).await;
    let (code, status) = client.get(PODS).await;
    assert_eq!((code.as_u16(), status["reason"].as_str()), (401, Some("Unauthorized")));

    let denied =
        json!({"deny": [{"verbs": ["patch"], "resources": ["deployments"], "namespaces": ["shop"]}]});
    let (_, shown) = fault(denied).await;
    assert_eq!(shown["fault"]["deny"][0]["verbs"], json!(["patch"]));
    assert_eq!(client.send("PATCH", API, MERGE, json!({})).await.0, 403);
    assert_eq!(client.get(API).await.0, 200);

    fault(json!({"skew_s": -7200})).await;
    let response = client.request("GET", "/version").send().await.unwrap();
    assert_eq!(response.headers()["date"], "Fri, 20 Nov 2026 01:12:00 GMT");

    fault(json!({"stall_body_ratio": 1.0, "stall_ms": [300, 300]})).await;
    let mut response = client.request("GET", PODS).send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap().len();
    let rest: usize = {
        let mut sum = 0;
        while let Some(chunk) = response.chunk().await.unwrap() {
            sum += chunk.len();
        }
        sum
    };
    assert!(first > 0 && rest > 0, "{first} and {rest}");

    let (code, status) = fault(json!({"latency": 5})).await;
    assert!(
        code == 400 && status["message"].as_str().unwrap().contains("unknown field `latency`"),
        "{status}"
    );
    assert_eq!(fault(json!({})).await.1["fault"]["compact"], false);
    assert_eq!(client.send("PATCH", API, MERGE, json!({})).await.0, 200);
}

#[tokio::test]
async fn kube_lists_typed_pods() {
    let sim = sim("calm").await;
    let config = kube::config::Kubeconfig::from_yaml(&sim.kubeconfig_yaml()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
    assert_eq!(config.default_namespace, "shop");
    let client = kube::Client::try_from(config).unwrap();
    let pods: kube::Api<Pod> = kube::Api::default_namespaced(client.clone());
    let list = pods.list(&Default::default()).await.unwrap();
    assert_eq!(list.items.len(), 50);
    assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
    let groups = kube::discovery::Discovery::new(client).run().await.unwrap();
    assert!(groups.groups().any(|g| g.name() == "velero.io"));
    sim.stop().await;
}

#[tokio::test]
async fn hostile_requests_get_an_error_and_no_panic() {
    let sim = sim("calm").await;
    let client = Client::of(&sim);
    let paths = [
        "/api/v1/namespaces//pods",
        "/apis/%00/x",
        "/api/v1/pods?labelSelector=((",
        "/apis/apps/v1/namespaces/shop/deployments/api/nothing",
        "/_sim/advance",
        "/api/v1/namespaces/shop/services/:::/proxy/x",
        "/api/v1/namespaces/shop/pods/cache-0/log?tailLines=-1&sinceSeconds=99999999999999999",
    ];
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let request =
                client.request(method, path).header("content-type", "application/json").body("{\"a\":[1,");
            let code = request.send().await.unwrap().status();
            assert!(
                code.is_client_error() || code == 503 || (method == "GET" && code == 200),
                "{method} {path}: {code}"
            );
        }
    }
    let big = client.request("POST", PODS).body(vec![b' '; 4 * 1024 * 1024]).send().await;
    assert!(big.is_err() || big.unwrap().status() == 413);
    assert_eq!(client.request("GET", "/readyz").send().await.unwrap().status(), 200);
}

/// kubectl, where there is one.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_sees_and_cures() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        assert!(
            std::env::var_os("MIDWATCH_REQUIRE_SERVERS").is_none(),
            "kubectl is required and not installed"
        );
        eprintln!("skipped: kubectl is not installed");
        return;
    }
    let sim = sim("bad-deploy").await;
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("kubeconfig");
    std::fs::write(&config, sim.kubeconfig_yaml()).unwrap();
    let kubectl = |args: &str| {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", &config).env("HOME", dir.path()).args(args.split(' '));
        let out = tokio::task::block_in_place(|| command.output().unwrap());
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    };
    assert_eq!(kubectl("get pods").matches("CrashLoopBackOff").count(), 6);
    assert!(kubectl("get pods -A -o wide").contains("node-12"));
    assert!(kubectl("describe deployment api").contains("ScalingReplicaSet"));
    assert!(kubectl("--context prod-eu-1-viewer get nodes").contains("cannot list resource \"nodes\""));
    assert!(kubectl("rollout undo deployment/api").contains("rolled back"));
    sim.advance(Duration::from_secs(240)).await;
    assert!(kubectl("rollout status deployment/api --timeout=20s").contains("successfully rolled out"));
    assert_eq!(kubectl("get pods -l app=api").matches("1/1     Running").count(), 20);
    assert!(kubectl("scale deployment/worker --replicas=2").contains("scaled"));
    sim.advance(Duration::from_secs(30)).await;
    assert_eq!(kubectl("get pods -l app=worker --no-headers").lines().count(), 2);
    assert!(kubectl("logs deployment/web --tail=2").contains("route="));
    assert!(kubectl("top nodes").contains("node-03"));
}

mod hostile {
    use axum::body::{Body, to_bytes};
    use proptest::prelude::*;
    use tower::ServiceExt;

    use super::*;
    use crate::sim::cluster::http::router;

    fn path() -> impl Strategy<Value = String> {
        let known = prop::sample::select(vec![
            "/api/v1/namespaces/shop/pods",
            "/api/v1/namespaces/shop/pods/cache-0",
            "/api/v1/namespaces/shop/pods/cache-0/eviction",
            "/api/v1/namespaces/shop/pods/cache-0/exec",
            "/api/v1/namespaces/shop/pods/cache-0/log",
            "/apis/apps/v1/namespaces/shop/deployments/api",
            "/apis/apps/v1/namespaces/shop/deployments/api/scale",
            "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/web",
            "/api/v1/namespaces/monitoring/services/prometheus/proxy/api/v1/query",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "/openapi/v3/apis/apps/v1",
            "/_sim/fault",
            "/_sim/advance",
        ]);
        prop_oneof![known.prop_map(str::to_owned), "(/[a-z0-9.%]{0,12}){1,7}"]
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[{}\\[\\]\":,a-z0-9 ]{0,60}".prop_map(String::into_bytes),
            Just(br#"{"metadata":{"name":7},"spec":[1],"status":null}"#.to_vec()),
            Just(br#"[{"op":"test","path":"/spec","value":null},{"op":"remove","path":"x"}]"#.to_vec()),
            Just(br#"{"metadata":{"name":"cache-0","labels":[]},"spec":{"replicas":-9e99}}"#.to_vec()),
            Just(b"k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\xff".to_vec()),
        ]
    }

    #[test]
    fn whatever_is_asked_the_server_answers_and_lives() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sim = runtime.block_on(sim("calm"));
        let token = format!("Bearer {}", sim.token().expose_secret());
        let types = [
            "application/json",
            "application/vnd.kubernetes.protobuf",
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "text/plain",
        ];
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let request =
            (path(), "[a-zA-Z=&%0-9]{0,30}", body(), 0..types.len(), 0..methods.len(), any::<bool>());
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(400)
        });
        let case = |(path, query, body, content_type, method, packed): (
            String,
            String,
            Vec<u8>,
            usize,
            usize,
            bool,
        )| {
            // A follower or a watch would have no end.
            let query = query.replace("follow", "").replace("watch", "");
            let accept = if packed { "application/vnd.kubernetes.protobuf, application/json" } else { "*/*" };
            let asked = ::http::Request::builder()
                .method(methods[method])
                .uri(format!("{path}?{query}"))
                .header("authorization", &token)
                .header("content-type", types[content_type])
                .header("accept", accept)
                .body(Body::from(body));
            // What is no URI never comes to a server.
            let Ok(asked) = asked else { return Ok(()) };
            let (code, text) = runtime.block_on(async {
                let response = router(sim.api.clone()).oneshot(asked).await.unwrap();
                let code = response.status().as_u16();
                (code, to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default())
            });
            prop_assert!(code != 500 || !String::from_utf8_lossy(&text).contains("panic"), "{code}");
            // A kubelet and what stands behind the proxy have words of their own.
            let others = path.contains("/proxy/") || path.ends_with("/exec");
            if path.starts_with("/api") && code >= 400 && !others && !packed {
                let status: Value = serde_json::from_slice(&text).unwrap_or_default();
                prop_assert_eq!(&status["kind"], "Status");
                prop_assert_eq!(status["code"].as_u64(), Some(u64::from(code)));
            }
            Ok(())
        };
        runner.run(&request, case).unwrap();
        sim.set_fault(Fault::default());
        let (code, _) = runtime.block_on(async { Client::of(&sim).get(PODS).await });
        assert_eq!(code, 200);
    }
}
