//! What the cluster has to offer: its Prometheus, Alertmanager and Redis services, found by the
//! labels and names that the usual installations give them, each with how it was found.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Session;
use super::http::Endpoint;
use super::kubernetes::api;
use super::kubernetes::trouble::Ask;
use crate::config::{Config, ServiceRef};
use crate::model::{Clean, Failure, FailureKind};

/// Services come and go rarely, and permissions too; other failures are over in a moment, and are
/// kept only for those who ask at the same time.
const KEEP: Duration = Duration::from_secs(300);
const KEEP_DENIED: Duration = Duration::from_secs(60);
const KEEP_FAILED: Duration = Duration::from_secs(1);

/// Between tries of a list that was shed or failed.
const TRY_AGAIN: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(900)];

/// Where monitoring is usually installed: looked at when the whole cluster may not be listed.
const USUAL_NAMESPACES: [&str; 4] = ["monitoring", "observability", "prometheus", "kube-prometheus-stack"];

/// A cluster with more services is asked by namespace instead.
const MOST: usize = 10_000;

/// What a service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Prometheus,
    Alertmanager,
    Redis,
}

impl Role {
    pub fn noun(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Redis => "redis",
        }
    }
}

/// A Service of the cluster, and why it was taken for what it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FoundService {
    pub role: Role,
    pub service: ServiceRef,
    /// 'named prometheus-server', 'labelled app.kubernetes.io/name=prometheus'.
    pub how: Clean,
    pub headless: bool,
    /// What speaks for it over others of its role; higher is better.
    #[serde(skip)]
    rank: u32,
}

/// Everything that was found, the best of each role first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub services: Vec<FoundService>,
    /// Where was looked: 'the whole cluster', or namespaces.
    pub looked_in: String,
    /// What could not be looked at.
    pub denied: Vec<Failure>,
}

impl Found {
    pub fn best(&self, role: Role) -> Option<&FoundService> {
        self.services.iter().find(|s| s.role == role)
    }
}

impl Found {
    /// As `config init` writes it down.
    pub fn findings(&self, service: Option<String>) -> crate::config::Findings {
        let of = |role| {
            let services = self.services.iter().filter(|s| s.role == role);
            services.map(|s| (s.service.to_string(), s.how.to_string())).collect()
        };
        crate::config::Findings {
            service,
            prometheus: of(Role::Prometheus),
            alertmanager: of(Role::Alertmanager),
            redis: of(Role::Redis),
            looked_in: self.looked_in.clone(),
            refused: self.denied.iter().map(|f| format!("{}: {}", f.tried, f.happened)).collect(),
        }
    }
}

/// The result of the last search, shared by the sources of one scope.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Last>>);

/// When it was searched, and what was found.
type Last = Option<(Instant, Arc<Found>)>;

impl Shared {
    /// The last result, or a new search; those who ask meanwhile wait for the same one.
    pub async fn get(&self, session: &Session) -> Arc<Found> {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = last.as_ref() {
            let keep = match found.denied.iter().find(|failure| is_passing(failure)) {
                Some(_) => KEEP_FAILED,
                None if found.denied.is_empty() => KEEP,
                None => KEEP_DENIED,
            };
            if at.elapsed() < keep {
                return found.clone();
            }
        }
        let found = Arc::new(discover(session).await);
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

#[derive(Deserialize)]
struct ServiceList {
    #[serde(default)]
    items: Vec<Wire>,
}

#[derive(Deserialize)]
struct Wire {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(rename = "clusterIP", default)]
    cluster_ip: Option<String>,
    #[serde(default)]
    ports: Vec<Port>,
}

#[derive(Deserialize)]
struct Port {
    #[serde(default)]
    name: Option<String>,
    port: u16,
}

/// Looks through the cluster's Services, or through the namespaces that may be looked at.
pub async fn discover(session: &Session) -> Found {
    let mut found = Found { looked_in: "the whole cluster".into(), ..Found::default() };
    let mut services = match list(session, None).await {
        Ok(services) => services,
        Err(failure) if failure.kind == FailureKind::Denied => {
            let own = session.scope.namespace.as_deref();
            let mut namespaces: Vec<&str> = own.into_iter().chain(USUAL_NAMESPACES).collect();
            namespaces.dedup();
            found.looked_in = format!("the namespaces {}", namespaces.join(", "));
            let lists = namespaces.iter().map(|namespace| list(session, Some(namespace)));
            let mut services = Vec::new();
            for result in futures::future::join_all(lists).await {
                match result {
                    Ok(some) => services.extend(some),
                    Err(failure) => found.denied.push(failure),
                }
            }
            services
        }
        Err(failure) => {
            found.denied.push(failure);
            Vec::new()
        }
    };
    services.truncate(MOST);
    found.services = services.iter().flat_map(recognise).collect();
    let own = session.scope.namespace.as_deref().unwrap_or("");
    found.services.sort_by_key(|s| {
        // Another team's instance in its own namespace comes after the shared ones and ours.
        let near = s.service.namespace == own || USUAL_NAMESPACES.contains(&s.service.namespace.as_str());
        // A headless Service may stand before several instances that differ.
        (s.role, !near, s.headless, std::cmp::Reverse(s.rank), s.service.to_string())
    });
    found
}

/// Whether it may be over in a moment.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Unreachable | FailureKind::Throttled | FailureKind::ServerError)
}

async fn list(session: &Session, namespace: Option<&str>) -> Result<Vec<Wire>, Failure> {
    for pause in TRY_AGAIN {
        match list_once(session, namespace).await {
            Err(failure) if matches!(failure.kind, FailureKind::Throttled | FailureKind::ServerError) => {
                tokio::time::sleep(pause.mul_f64(rand::random_range(1.0..=1.5))).await;
            }
            result => return result,
        }
    }
    list_once(session, namespace).await
}

async fn list_once(session: &Session, namespace: Option<&str>) -> Result<Vec<Wire>, Failure> {
    let path = match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{namespace}/services?limit={MOST}"),
        None => format!("/api/v1/services?limit={MOST}"),
    };
    let ask = Ask { verb: "list", resource: "services".into(), namespace: namespace.map(str::to_owned) };
    let list: ServiceList =
        api::json(&session.client, &path).await.map_err(|trouble| trouble.failure(&ask))?;
    Ok(list.items)
}

/// The names by which the usual installations go; the earlier the surer. Those of a role's other
/// components (exporters, operators, gateways) are told apart by their ports.
const NAMES: [(Role, &[&str]); 3] = [
    (
        Role::Prometheus,
        &[
            "prometheus",
            "prometheus-server",
            "prometheus-k8s",
            "kube-prometheus-stack-prometheus",
            "thanos-query",
            "thanos-query-frontend",
            "thanos-querier",
            "vmselect",
            "vmsingle",
            "victoria-metrics",
            "mimir-query-frontend",
            "mimir-nginx",
            "mimir-gateway",
            "cortex-query-frontend",
            "prometheus-operated",
        ],
    ),
    (
        Role::Alertmanager,
        &[
            "alertmanager",
            "prometheus-alertmanager",
            "alertmanager-main",
            "kube-prometheus-stack-alertmanager",
            "vmalertmanager",
            "alertmanager-operated",
        ],
    ),
    (Role::Redis, &["redis", "redis-master", "valkey", "valkey-master", "cache"]),
];

const LABELS: [&str; 4] = ["app.kubernetes.io/name", "app.kubernetes.io/component", "app", "component"];

/// Their HTTP API's port, by number; Redis' own protocol by its.
fn ports(role: Role) -> &'static [u16] {
    match role {
        Role::Prometheus => &[9090, 9091, 8481, 8428, 8429, 10902, 8080, 80],
        Role::Alertmanager => &[9093, 9094, 80],
        Role::Redis => &[6379],
    }
}

fn recognise(wire: &Wire) -> Vec<FoundService> {
    let name = wire.metadata.name.as_str();
    NAMES.iter().filter_map(|(role, names)| recognise_as(wire, name, *role, names)).collect()
}

fn recognise_as(wire: &Wire, name: &str, role: Role, names: &[&str]) -> Option<FoundService> {
    let named = names.iter().position(|known| *known == name);
    // Helm puts the release's name before it.
    let ends = names.iter().position(|known| name.ends_with(&format!("-{known}")));
    let labelled = LABELS.iter().find_map(|label| {
        let value = wire.metadata.labels.get(*label)?;
        names.contains(&value.as_str()).then(|| format!("labelled {label}={value}"))
    });
    let (how, rank) = match (named, labelled, ends) {
        (Some(i), ..) => (format!("named {name}"), 300 - i),
        (None, Some(label), _) => (label, 200),
        (None, None, Some(i)) => (format!("named {name}"), 100 - i),
        (None, None, None) => return None,
    };
    let (port, https) = port_of(wire, role)?;
    let namespace = wire.metadata.namespace.clone();
    let prefix = if name.contains("mimir") || name.contains("cortex") { "/prometheus" } else { "" };
    // A cluster's vmselect serves each tenant under a path of its own; 0 is the default one.
    let prefix = if name.ends_with("vmselect") { "/select/0/prometheus" } else { prefix };
    let service = ServiceRef { namespace, https, name: name.to_owned(), port, prefix: prefix.to_owned() };
    let headless = wire.spec.cluster_ip.as_deref() == Some("None");
    Some(FoundService { role, service, how: Clean::new(&how), headless, rank: rank as u32 })
}

/// The port by its usual number, else by its usual name. None: it is not that role's server.
fn port_of(wire: &Wire, role: Role) -> Option<(String, bool)> {
    let by_number = ports(role).iter().find_map(|wanted| wire.spec.ports.iter().find(|p| p.port == *wanted));
    let names: &[&str] = match role {
        Role::Prometheus | Role::Alertmanager => &["web", "http", "http-web", "https", "https-web"],
        Role::Redis => &["redis", "tcp-redis", "client"],
    };
    let named = |p: &&Port| p.name.as_deref().is_some_and(|n| names.contains(&n));
    let port = by_number.or_else(|| wire.spec.ports.iter().find(named))?;
    let https = port.name.as_deref().is_some_and(|n| n.starts_with("https")) || port.port == 443;
    Some((port.port.to_string(), https))
}

/// The role's endpoint: the configured one, else the best that was found. With it, how it was
/// come by.
///
/// # Errors
/// When there is none, or its secrets can't be read.
pub async fn open(
    role: Role,
    session: &Session,
    config: &Config,
    found: &Shared,
) -> Result<(Endpoint, String), Failure> {
    let (url, service, http) = configured(role, config);
    let noun = role.noun();
    if let Some(url) = url {
        return Ok((Endpoint::direct(noun, url, http).await?, "configured".into()));
    }
    let client = || session.client.clone();
    if let Some(service) = service {
        return Ok((Endpoint::proxied(noun, client(), service, http).await?, "configured".into()));
    }
    let found = found.get(session).await;
    match found.best(role) {
        Some(best) => Ok((
            Endpoint::proxied(noun, client(), &best.service, http).await?,
            format!("found: {}", best.how),
        )),
        None => Err(none(role, &found)),
    }
}

fn configured(
    role: Role,
    config: &Config,
) -> (Option<&String>, Option<&ServiceRef>, &crate::config::HttpAccess) {
    let (prometheus, alertmanager) = (&config.prometheus, &config.alertmanager);
    match role {
        Role::Alertmanager => (alertmanager.url.as_ref(), alertmanager.service.as_ref(), &alertmanager.http),
        _ => (prometheus.url.as_ref(), prometheus.service.as_ref(), &prometheus.http),
    }
}

/// Not found where everything could be looked at is no fault; a search that was refused or broke
/// off is.
fn none(role: Role, found: &Found) -> Failure {
    let noun = role.noun();
    let worst = found.denied.iter().find(|f| is_passing(f));
    let passing = worst.is_some();
    let (kind, happened) = match (worst, found.denied.first()) {
        (Some(failure), _) => (failure.kind, format!("{}: {}", failure.tried, failure.happened)),
        (None, Some(failure)) => (
            FailureKind::Denied,
            format!("none found in what may be seen; {}: {}", failure.tried, failure.happened),
        ),
        (None, None) => (FailureKind::NotConfigured, "no service of that name or label".to_owned()),
    };
    Failure {
        kind,
        tried: Clean::new(&format!("find {noun} among the services of {}", found.looked_in)),
        happened: Clean::new(&happened),
        next: Clean::new(&if passing {
            "midwatch keeps trying".to_owned()
        } else {
            format!("set [{noun}] url or service in midwatch.toml")
        }),
    }
}
