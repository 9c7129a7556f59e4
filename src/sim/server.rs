//! The simulation as a whole: its sockets, its tokens, its kubeconfig, and the task that
//! keeps its time.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::header::AUTHORIZATION;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use base64::Engine;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::cluster::auth::{ADMIN, Auth, VIEWER};
use super::cluster::http::{self, Api, RequestRecord};
use super::cluster::json::time;
use super::cluster::kinds::Kind;
use super::cluster::reply;
use super::cluster::status::ApiError;
use super::cluster::store::Store;
use super::fault::{Fault, Faults};
use super::metrics::{Metrics, RuleError};
use super::redis::{self, Redis};
use super::scenario::Scenario;
use super::slow::{Waiting, slowed};
use super::tls::TlsListener;
use super::world::cast::SHOP;
use super::world::{Parts, World};

/// The alert rules that the simulated Prometheus evaluates.
pub(super) const RULES: &str = include_str!("../../assets/scenarios/rules.toml");
/// How often the world is looked after when nobody changes anything, in simulated time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Churn comes in bursts, as from kubelets that report.
const CHURNS_PER_S: u32 = 20;
/// However fast simulated time runs, the machine has other things to do.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// How a simulation is started.
#[derive(Clone, Debug)]
pub struct Options {
    pub scenario: Scenario,
    pub seed: u64,
    /// Simulated seconds per second.
    pub speed: f64,
    /// Pads the cluster with quiet workloads until it has this many pods.
    pub pods: Option<usize>,
    /// The simulated instant at the start.
    pub origin: Timestamp,
}

/// Why the simulation cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("cannot listen on 127.0.0.1: {0}; is the limit of open files reached?")]
    Listen(#[from] std::io::Error),
    #[error("the simulated cluster cannot be set up: {0}; this is a fault in midwatch, please report it")]
    Stage(#[from] ApiError),
    #[error(
        "the alert rules of the simulated cluster cannot be read: {0}; this is a fault in midwatch, please report it"
    )]
    Rules(#[from] RuleError),
}

/// A running simulation. Dropping it stops it.
pub struct Sim {
    pub(super) api: Arc<Api>,
    kube: SocketAddr,
    /// PEM; the API server's own authority.
    certificate: String,
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
    redis: SocketAddr,
    redis_password: SecretString,
    waiting: (Arc<Waiting>, Arc<Waiting>),
    tasks: Vec<JoinHandle<()>>,
}

/// Starts the simulation: four sockets on loopback and the world behind them.
///
/// # Errors
/// When no socket can be had.
pub async fn start(options: Options) -> Result<Sim, SimError> {
    let (admin, viewer) = (token("a"), token("b"));
    let origin_ms = options.origin.as_millisecond();
    let clock = Clock::new(options.origin, options.speed);
    let faults = Arc::new(Faults::new(options.seed, clock));
    let parts = Parts {
        store: Arc::new(Store::new(options.seed)),
        metrics: Metrics::new(clock),
        auth: Arc::new(Auth::new(admin, viewer, &options.scenario.rights, faults.clone())),
        faults,
        served: Arc::default(),
    };
    parts.metrics.load_rules(RULES)?;
    let own = parts.clone();
    let world = tokio::task::spawn_blocking(move || {
        World::new(own, &options.scenario, options.seed, origin_ms, options.pods)
    })
    .await
    .map_err(|e| ApiError::internal(e.to_string()))??;
    let world = Arc::new(Mutex::new(world));
    let (redis_password, redis_viewer) = (token("c"), token("d"));
    parts.store.create(Kind::Secret, cache_secret(&redis_password, &redis_viewer), origin_ms)?;
    let redis = Arc::new(Redis::new(world.clone(), clock, redis_password.clone(), redis_viewer));
    let waiting: (Arc<Waiting>, Arc<Waiting>) = Default::default();
    let (prometheus, alertmanager) = (parts.metrics.prometheus(), parts.metrics.alertmanager());
    let faults = parts.faults.clone();
    let api = Arc::new(Api {
        store: parts.store,
        clock,
        auth: parts.auth,
        faults: parts.faults,
        served: parts.served,
        world,
        redis: redis.clone(),
        prometheus: slowed(prometheus, faults.clone(), |f| f.prometheus_ms, waiting.0.clone()),
        alertmanager: slowed(alertmanager, faults, |f| f.alertmanager_ms, waiting.1.clone()),
        requests: Mutex::new(VecDeque::new()),
    });
    let mut tasks = vec![tokio::spawn(keep_time(api.clone())), tokio::spawn(churn(api.clone()))];
    let (listener, certificate) = TlsListener::bind(api.faults.clone()).await?;
    let kube = axum::serve::Listener::local_addr(&listener)?;
    spawn(listener, http::router(api.clone()), &mut tasks);
    let prometheus = serve(guarded(api.clone(), api.prometheus.clone()), &mut tasks).await?;
    let alertmanager = serve(guarded(api.clone(), api.alertmanager.clone()), &mut tasks).await?;
    let (redis, listening) = redis::listen(redis).await?;
    tasks.push(listening);
    Ok(Sim { api, kube, certificate, prometheus, alertmanager, redis, redis_password, waiting, tasks })
}

/// A token that nobody else on the machine can guess, whatever the seed.
fn token(salt: &str) -> SecretString {
    let mut rng = StdRng::from_rng(&mut rand::rng());
    format!("sim-{salt}{:016x}{:016x}", rng.random::<u64>(), rng.random::<u64>()).into()
}

/// Where the cache's pods and whoever may look for it find the passwords.
fn cache_secret(password: &SecretString, viewer: &SecretString) -> Value {
    let encoded = |s: &SecretString| base64::engine::general_purpose::STANDARD.encode(s.expose_secret());
    json!({
        "metadata": {"name": "cache-auth", "namespace": SHOP, "uid": "5ec2e7ca-c4e0-4a17-a001-000000000001"},
        "type": "Opaque", "data": {"password": encoded(password), "viewer-password": encoded(viewer)},
    })
}

/// Lets the world follow the clock, and answer at once when a client has changed something.
async fn keep_time(api: Arc<Api>) {
    let mut changed = api.store.subscribe();
    loop {
        changed.borrow_and_update();
        api.catch_up().await;
        let pause = api.clock.real(LOOK_EVERY).max(SHORTEST_PAUSE);
        tokio::select! {
            _ = changed.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Writes the status of pods anew, as many as the fault in force asks for.
async fn churn(api: Arc<Api>) {
    let mut fault = api.faults.subscribe();
    let mut after = (String::new(), String::new());
    let mut pace = tokio::time::interval(Duration::from_secs(1) / CHURNS_PER_S);
    loop {
        let (per_s, restarts) = {
            let fault = fault.borrow_and_update();
            (usize::try_from(fault.churn_per_s).unwrap_or(0), fault.churn_restarts)
        };
        let each = per_s.div_ceil(CHURNS_PER_S as usize);
        if each == 0 {
            if fault.changed().await.is_err() {
                return;
            }
            continue;
        }
        let now = time(api.clock.now_ms());
        let page = api.store.page(Kind::Pod, None, Some((&after.0, &after.1)), each, |_| true);
        for pod in &page.objects {
            // It may be gone by now.
            let _ = api.store.rewrite(Kind::Pod, &pod.namespace, &pod.name, |tree| {
                if let Some(condition) = tree.pointer_mut("/status/conditions/0") {
                    condition["lastProbeTime"] = now.clone().into();
                }
                if restarts && let Some(container) = tree.pointer_mut("/status/containerStatuses/0") {
                    restart(container, &now);
                }
            });
        }
        after =
            page.objects.last().map(|p| (p.namespace.to_string(), p.name.to_string())).unwrap_or_default();
        pace.tick().await;
    }
}

/// The container has failed, and runs again.
fn restart(container: &mut Value, now: &str) {
    container["restartCount"] = (container["restartCount"].as_u64().unwrap_or(0) + 1).into();
    container["lastState"] = json!({"terminated": {
        "exitCode": 1, "reason": "Error", "finishedAt": now, "message": "the connection was lost",
    }});
}

/// Lets only those through who have the token.
fn guarded(api: Arc<Api>, router: Router) -> Router {
    let check = move |request: Request, next: Next| {
        let authorization =
            request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let known =
            api.auth.user(authorization).or_else(|| api.auth.user(&from_basic(authorization)?)).is_some();
        async move { if known { next.run(request).await } else { reply::text(401, "Unauthorized\n") } }
    };
    router.layer(middleware::from_fn(check))
}

/// The same credentials for clients that know no bearer tokens, such as promtool with
/// `http://user:TOKEN@…`: the token as a password.
fn from_basic(authorization: &str) -> Option<String> {
    let decoded =
        base64::engine::general_purpose::STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(format!("Bearer {password}"))
}

async fn serve(router: Router, tasks: &mut Vec<JoinHandle<()>>) -> Result<SocketAddr, SimError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    spawn(listener, router, tasks);
    Ok(address)
}

fn spawn<L>(listener: L, router: Router, tasks: &mut Vec<JoinHandle<()>>)
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    tasks.push(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "a socket of the simulation has closed");
        }
    }));
}

impl Sim {
    /// The certificate that the API server is known by, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.certificate
    }

    pub fn kube_url(&self) -> String {
        format!("https://{}", self.kube)
    }

    pub fn prometheus_url(&self) -> String {
        format!("http://{}", self.prometheus)
    }

    pub fn alertmanager_url(&self) -> String {
        format!("http://{}", self.alertmanager)
    }

    /// The cache's master, with the password that was made at the start. The user is named
    /// because redis-cli takes none for an empty name.
    pub fn redis_url(&self) -> SecretString {
        format!("redis://default:{}@{}/0", self.redis_password.expose_secret(), self.redis).into()
    }

    /// The bearer token of the first context's user, for all three sockets.
    pub fn token(&self) -> SecretString {
        self.api.auth.tokens().0
    }

    /// A kubeconfig with two contexts: `prod-eu-1`, and `prod-eu-1-viewer` with few rights.
    pub fn kubeconfig_yaml(&self) -> String {
        let (admin, viewer) = self.api.auth.tokens();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod-eu-1\nclusters:\n- name: prod-eu-1\n  cluster:\n    \
             server: {}\n    certificate-authority-data: {}\ncontexts:\n- name: prod-eu-1\n  context: {{cluster: prod-eu-1, user: {ADMIN}, namespace: shop}}\n\
             - name: prod-eu-1-viewer\n  context: {{cluster: prod-eu-1, user: {VIEWER}, namespace: shop}}\nusers:\n\
             - name: {ADMIN}\n  user: {{token: {}}}\n- name: {VIEWER}\n  user: {{token: {}}}\n",
            self.kube_url(),
            base64::engine::general_purpose::STANDARD.encode(&self.certificate),
            admin.expose_secret(),
            viewer.expose_secret()
        )
    }

    /// Replaces the tokens: those of the kubeconfig so far are not taken any more.
    pub fn rotate_tokens(&self) {
        self.api.auth.replace_tokens(token("a"), token("b"));
    }

    /// The questions that wait for Prometheus.
    pub fn waiting_for_prometheus(&self) -> &Waiting {
        &self.waiting.0
    }

    /// The questions that wait for Alertmanager.
    pub fn waiting_for_alertmanager(&self) -> &Waiting {
        &self.waiting.1
    }

    /// The requests that the API server has answered, oldest first; the last ten thousand.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.api.requests.lock().unwrap_or_else(|e| e.into_inner()).iter().cloned().collect()
    }

    /// How many requests the API server has answered since the start.
    pub fn answered(&self) -> u64 {
        self.api.served.all().iter().map(|(_, count)| count).sum()
    }

    /// Makes the API server misbehave from now on; `Fault::default()` ends it.
    pub fn set_fault(&self, fault: Fault) {
        self.api.faults.set(fault);
    }

    /// Forgets the history of changes, as etcd's compaction does: what was asked for at an
    /// older version is gone.
    pub fn compact(&self) {
        self.api.store.compact();
    }

    /// Moves simulated time forward and plays what happens until then.
    pub async fn advance(&self, by: Duration) {
        self.api.clock.advance(by);
        self.api.catch_up().await;
    }

    /// Simulated time.
    pub fn clock(&self) -> &Clock {
        &self.api.clock
    }

    /// Stops the simulation and waits until its sockets are closed.
    pub async fn stop(mut self) {
        self.set_fault(Fault { down: true, ..Fault::default() });
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // Cuts the watches that are still open.
        self.set_fault(Fault { down: true, ..Fault::default() });
        for task in &self.tasks {
            task.abort();
        }
    }
}
