//! The API server's front door: faults, authentication, authorization, and the way from
//! a path to the handler. There is no route per kind: the table of kinds decides.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, Method, header};
use percent_encoding::percent_decode_str;

use super::auth::{Auth, attributes};
use super::kinds::Kind;
use super::request::{Request, Target, parse_query};
use super::served::{Call, Served};
use super::status::ApiError;
use super::store::Store;
use super::{
    autoscaling_v1, control, delete, discovery, eviction, list, logs, openapi, proxy, reply, scale, stream,
    usage, watch, write,
};
use crate::sim::clock::Clock;
use crate::sim::fault::{Faults, Verdict, WriteFault};
use crate::sim::redis::Redis;
use crate::sim::world::World;

/// `etcd`'s default limit for a request is 1.5 MiB; the API server's for a body is 3 MiB.
const BODY_LIMIT_BYTES: usize = 3 * 1024 * 1024;
/// Requests remembered for tests.
const RECORD_LIMIT: usize = 10_000;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRecord {
    pub user: String,
    /// `get`, `list`, `watch`, `create` …; empty for paths that are not resources.
    pub verb: String,
    /// `pods`, `deployments.apps/scale`; empty for paths that are not resources.
    pub resource: String,
    pub path: String,
    /// As it came, still encoded.
    pub query: String,
    /// Asked with `dryRun=All`: nothing was changed by it.
    pub dry_run: bool,
    pub code: u16,
}

/// What the handlers share.
pub struct Api {
    pub store: Arc<Store>,
    pub clock: Clock,
    pub auth: Arc<Auth>,
    pub faults: Arc<Faults>,
    pub served: Arc<Served>,
    pub world: Arc<Mutex<World>>,
    pub prometheus: Router,
    pub alertmanager: Router,
    pub redis: Arc<Redis>,
    pub requests: Mutex<VecDeque<RequestRecord>>,
}

/// The API server as a router.
pub fn router(api: Arc<Api>) -> Router {
    Router::new().fallback(serve).with_state(api)
}

async fn serve(State(api): State<Arc<Api>>, raw: axum::extract::Request) -> Response {
    let call = Call::of(raw.method(), raw.uri());
    let control = raw.uri().path().starts_with("/_sim/");
    let verdict = if control { Verdict::Pass } else { api.faults.judge().await };
    let mut response = match verdict {
        Verdict::Pass => match api.faults.current().writes.filter(|_| !control && changes(&raw)) {
            Some(fault) => spoiled(&api, raw, fault).await,
            None => api.answer(raw).await,
        },
        Verdict::TooMany { retry_after_s } => reply::error(&ApiError::too_many_requests(retry_after_s)),
        Verdict::Fail => reply::error(&ApiError::internal("etcdserver: request timed out")),
        Verdict::Cut => cut(),
    };
    if !control && verdict != Verdict::Cut {
        api.served.count(Call { code: response.status().as_u16(), ..call });
    }
    if !control && let Some(pause) = api.faults.stalls_body() {
        response = reply::stalled(response, pause).await;
    }
    let skew = jiff::SignedDuration::from_secs(api.faults.current().skew_s);
    let date = api
        .clock
        .now()
        .saturating_add(skew)
        .unwrap_or(api.clock.now())
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Closes the connection instead of an answer.
fn cut() -> Response {
    let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    reply::with_type(503, "text/plain", Body::from_stream(futures::stream::iter([Err::<&str, _>(cut)])))
}

/// Whether a request is one that changes something.
fn changes(raw: &axum::extract::Request) -> bool {
    let question = raw.uri().path().starts_with("/apis/auth");
    let dry = raw.uri().query().is_some_and(|q| q.contains("dryRun=All"));
    raw.method() != Method::GET && !question && !dry
}

async fn spoiled(api: &Arc<Api>, raw: axum::extract::Request, fault: WriteFault) -> Response {
    match fault {
        WriteFault::Refuse(code) => {
            reply::error(&ApiError::new(code, "Refused", format!("refused by a fault ({code})")))
        }
        WriteFault::LoseRequest => cut(),
        WriteFault::LoseAnswer => {
            drop(api.answer(raw).await);
            cut()
        }
        WriteFault::Stall => {
            drop(api.answer(raw).await);
            std::future::pending().await
        }
    }
}

impl Api {
    /// The world, locked: for a moment only, and never across an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Plays the world up to the clock.
    pub async fn catch_up(&self) {
        let (world, now_ms) = (self.world.clone(), self.clock.now_ms());
        let play = move || world.lock().unwrap_or_else(|e| e.into_inner()).step(now_ms);
        if let Err(error) = tokio::task::spawn_blocking(play).await {
            tracing::error!(%error, "the simulated world has stopped");
        }
    }

    async fn answer(self: &Arc<Self>, raw: axum::extract::Request) -> Response {
        let (mut parts, body) = raw.into_parts();
        let authorization =
            parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let fault = self.faults.current();
        let control = parts.uri.path().starts_with("/_sim/");
        let Some(user) = self.auth.user(authorization).filter(|_| control || !fault.expired_token) else {
            return reply::error(&ApiError::unauthorized());
        };
        if fault.compact && !control {
            self.store.compact();
        }
        let Ok(body) = to_bytes(body, BODY_LIMIT_BYTES).await else {
            let text = format!("Request entity too large: limit is {BODY_LIMIT_BYTES}");
            return reply::error(&ApiError::new(413, "RequestEntityTooLarge", text));
        };
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let mut request = Request {
            method: parts.method,
            path: percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned(),
            query: parse_query(&raw_query),
            raw_query,
            headers: parts.headers,
            body,
            user: user.to_owned(),
            upgrade: Mutex::new(parts.extensions.remove()),
        };
        let v1 = request.path.starts_with("/apis/autoscaling/v1/");
        if v1 && let Err(error) = autoscaling(&mut request) {
            return reply::error(&error);
        }
        let target = Target::parse(&request.path);
        let result = match &target {
            Some(target) => self.resource(&request, target).await,
            None if request.path.starts_with("/_sim/") => control::answer(self, &request).await,
            None => self.other(&request),
        };
        let response = result.unwrap_or_else(|e| reply::error(&e));
        let response = if v1 { reply::edited(response, autoscaling_v1::from_stored).await } else { response };
        let response = reply::negotiated(request.header("accept"), response).await;
        let response = reply::compressed(request.header("accept-encoding"), response).await;
        self.record(&request, target.as_ref(), response.status().as_u16());
        response
    }

    fn record(&self, request: &Request, target: Option<&Target>, code: u16) {
        let resource = target.map(|t| {
            let sub = if t.subresource.is_empty() { String::new() } else { format!("/{}", t.subresource) };
            format!("{}{sub}", t.kind.info().resource())
        });
        let record = RequestRecord {
            user: request.user.clone(),
            verb: target.map(|t| request.verb(t)).unwrap_or_default().to_owned(),
            resource: resource.unwrap_or_default(),
            path: request.path.clone(),
            query: request.raw_query.clone(),
            dry_run: request.raw_query.contains("dryRun=All"),
            code,
        };
        let mut requests = self.requests.lock().unwrap_or_else(|e| e.into_inner());
        if requests.len() >= RECORD_LIMIT {
            requests.pop_front();
        }
        requests.push_back(record);
    }

    /// Paths that name no object: health, version, discovery, reviews.
    fn other(&self, request: &Request) -> Result<Response, ApiError> {
        let path = request.path.trim_end_matches('/');
        if let Some(plural) = path
            .strip_prefix("/apis/authorization.k8s.io/v1/")
            .or_else(|| path.strip_prefix("/apis/authentication.k8s.io/v1/"))
        {
            return self.review(plural, request);
        }
        if request.method != Method::GET {
            return Err(ApiError::no_such_path());
        }
        match path {
            "/healthz" | "/livez" | "/readyz" => {
                let lines = "[+]ping ok\n[+]etcd ok\n[+]informer-sync ok\n";
                let verbose = request.query.contains_key("verbose");
                let name = path.trim_start_matches('/');
                let text = if verbose { format!("{lines}{name} check passed\n") } else { "ok".to_owned() };
                return Ok(reply::text(200, text));
            }
            "/version" => return Ok(reply::value(200, &discovery::version())),
            _ => {}
        }
        if let Some(found) = openapi::answer(path) {
            return Ok(reply::value(200, &found));
        }
        let aggregated = request.header("accept").contains("as=APIGroupDiscoveryList");
        let found = discovery::answer(path, aggregated).ok_or_else(ApiError::no_such_path)?;
        let content_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let mut response = reply::value(200, &found);
        if found["kind"] == "APIGroupDiscoveryList" {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Ok(response)
    }

    fn review(&self, plural: &str, request: &Request) -> Result<Response, ApiError> {
        if request.method != Method::POST {
            return Err(ApiError::method_not_allowed());
        }
        let body = write::body(request)?;
        let answer = self.auth.review(plural, &request.user, &body).ok_or_else(ApiError::no_such_path)?;
        Ok(reply::value(201, &answer))
    }

    async fn resource(self: &Arc<Self>, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let verb = request.verb(target);
        if verb.is_empty() {
            return Err(ApiError::method_not_allowed());
        }
        let asked = attributes(verb, target.kind, &target.namespace, &target.name, &target.subresource);
        self.auth.check(&request.user, &asked)?;
        if target.subresource == "status" && !target.kind.info().subresources.contains(&"status") {
            return Err(ApiError::no_such_path());
        }
        let now_ms = self.clock.now_ms() + self.faults.current().skew_s.saturating_mul(1_000);
        let store = &self.store;
        let named = !target.name.is_empty();
        match (target.subresource.as_str(), verb) {
            ("", "list" | "get") if !target.kind.info().stored => {
                usage::answer(&self.world(), store, request, target, now_ms)
            }
            _ if !target.kind.info().stored => Err(ApiError::method_not_allowed()),
            ("", "list") => list::list(store, request, target, now_ms),
            ("", "watch") => watch::watch(store, &self.faults, request, target),
            ("", "get") if request.flag("watch") => watch::watch(store, &self.faults, request, target),
            ("" | "status", "get") => self.get(request, target, now_ms),
            ("", "create") if !named => write::create(store, request, target, now_ms),
            ("" | "status", "update") if named => write::update(store, request, target, now_ms),
            ("" | "status", "patch") if named => write::patch(store, request, target, now_ms),
            ("", "delete") => delete::delete(store, request, target, now_ms),
            ("", "deletecollection") => delete::delete_all(store, request, target, now_ms),
            ("scale", "get" | "update" | "patch") if scalable(target.kind) => {
                scale::scale(store, request, target, verb, now_ms)
            }
            ("eviction", "create") if target.kind == Kind::Pod => {
                eviction::evict(store, request, target, now_ms)
            }
            ("attach" | "exec" | "portforward", "get" | "create") if target.kind == Kind::Pod => {
                stream::answer(self, request, target)
            }
            ("log", "get") if target.kind == Kind::Pod => logs::log(self, request, target),
            ("proxy", _) if target.kind == Kind::Service => proxy::pass(self, request, target).await,
            ("", _) => Err(ApiError::method_not_allowed()),
            _ => Err(ApiError::no_such_path()),
        }
    }

    fn get(&self, request: &Request, target: &Target, now_ms: i64) -> Result<Response, ApiError> {
        let object = self
            .store
            .get(target.kind, &target.namespace, &target.name)
            .ok_or_else(|| ApiError::not_found(target.kind, &target.name))?;
        if request.wants_table() {
            let metadata = serde_json::json!({"resourceVersion": object.version.to_string()});
            let table =
                super::table::table(target.kind, &[object], metadata, now_ms, request.param("includeObject"));
            return Ok(reply::value(200, &table));
        }
        Ok(reply::json(200, object.json().to_string()))
    }
}

/// Takes a request for `autoscaling/v1` to the version that is stored.
fn autoscaling(request: &mut Request) -> Result<(), ApiError> {
    request.path = request.path.replacen("/v1/", "/v2/", 1);
    if request.body.is_empty() {
        return Ok(());
    }
    let json_patch = request.header("content-type").starts_with("application/json-patch");
    let mut tree = if json_patch { return Ok(()) } else { write::body(request)? };
    autoscaling_v1::to_stored(&mut tree);
    request.body = tree.to_string().into();
    if request.header("content-type").starts_with(super::schema::encode::MEDIA) {
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(())
}

/// The kinds that have `spec.replicas` behind `/scale`.
pub fn scalable(kind: Kind) -> bool {
    kind.info().subresources.contains(&"scale")
}
