//! How the world's instrumentations name requests and latencies, as data, and the detection of
//! the one that measures this namespace's service.
//!
//! Names and labels: Prometheus' naming practices and client libraries, OpenTelemetry's HTTP
//! semantic conventions 1.23, Istio's standard metrics, and the metrics pages of ingress-nginx,
//! Traefik and Linkerd.

use super::client::Client;
use super::promql::{quoted, regex_quoted, selector};
use crate::model::Failure;

/// In order of preference: what the application says of itself before what a mesh or an ingress
/// sees of it.
pub static CONVENTIONS: &[Convention] = &[
    Convention {
        name: "generic",
        requests: "http_requests_total",
        latency: "http_request_duration_seconds_bucket",
        scale: 1.0,
        fixed: "",
        errors: &[
            ("code", r#"code=~"5..""#),
            ("status", r#"status=~"5..""#),
            ("status_code", r#"status_code=~"5..""#),
        ],
        namespace: OWN_NAMESPACE,
        service: OWN_SERVICE,
        routes: &["route", "path", "handler", "uri", "endpoint"],
    },
    Convention {
        name: "OpenTelemetry",
        requests: "http_server_request_duration_seconds_count",
        latency: "http_server_request_duration_seconds_bucket",
        scale: 1.0,
        fixed: "",
        errors: &[
            ("http_response_status_code", r#"http_response_status_code=~"5..""#),
            ("error_type", r#"error_type!="""#),
        ],
        namespace: &[
            ("k8s_namespace_name", "k8s_namespace_name=$ns"),
            ("namespace", "namespace=$ns"),
            ("service_namespace", "service_namespace=$ns"),
        ],
        service: &["service_name=$svc", "job=$svc", "service=$svc", "app=$svc"],
        routes: &["http_route", "url_path"],
    },
    Convention {
        name: "Istio",
        requests: "istio_requests_total",
        latency: "istio_request_duration_milliseconds_bucket",
        scale: 0.001,
        // Client and server both count a request; the server's view includes callers without a sidecar.
        fixed: r#"reporter="destination""#,
        errors: &[("response_code", r#"response_code=~"5..""#)],
        namespace: &[("destination_workload_namespace", "destination_workload_namespace=$ns")],
        service: &[
            "destination_service_name=$svc",
            "destination_canonical_service=$svc",
            "destination_workload=$svc",
        ],
        routes: &["request_operation", "destination_service_name"],
    },
    Convention {
        name: "Linkerd",
        requests: "response_total",
        latency: "response_latency_ms_bucket",
        scale: 0.001,
        fixed: r#"direction="inbound""#,
        errors: &[
            ("status_code", r#"classification="failure""#),
            ("classification", r#"classification="failure""#),
        ],
        namespace: &[("namespace", "namespace=$ns")],
        service: &["deployment=$svc", "statefulset=$svc", "service=$svc"],
        routes: &["rt_route", "route_name"],
    },
    Convention {
        name: "ingress-nginx",
        requests: "nginx_ingress_controller_requests",
        latency: "nginx_ingress_controller_request_duration_seconds_bucket",
        scale: 1.0,
        fixed: "",
        errors: &[("status", r#"status=~"5..""#)],
        // The scrape's own namespace label is the controller's where the metric's was moved away.
        namespace: &[("exported_namespace", "exported_namespace=$ns"), ("namespace", "namespace=$ns")],
        service: &["exported_service=$svc", "service=$svc", "ingress=$svc"],
        routes: &["path", "ingress"],
    },
    Convention {
        name: "Traefik",
        requests: "traefik_service_requests_total",
        latency: "traefik_service_request_duration_seconds_bucket",
        scale: 1.0,
        fixed: "",
        errors: &[("code", r#"code=~"5..""#)],
        // 'shop-api-80@kubernetes': namespace, service and port in one.
        namespace: &[("exported_service", "exported_service=~$~ns-.+"), ("service", "service=~$~ns-.+")],
        service: &["exported_service=~$~ns-$~svc-.+", "service=~$~ns-$~svc-.+"],
        routes: &["exported_service", "service"],
    },
];

const OWN_NAMESPACE: &[(&str, &str)] = &[
    ("namespace", "namespace=$ns"),
    ("kubernetes_namespace", "kubernetes_namespace=$ns"),
    ("exported_namespace", "exported_namespace=$ns"),
];
const OWN_SERVICE: &[&str] =
    &["service=$svc", "app=$svc", "job=$svc", "deployment=$svc", "app_kubernetes_io_name=$svc"];

/// One instrumentation. `$ns` and `$svc` stand for the quoted names, `$~ns-…` for a quoted regex.
pub struct Convention {
    pub name: &'static str,
    pub requests: &'static str,
    pub latency: &'static str,
    /// From the histogram's unit to seconds.
    pub scale: f64,
    fixed: &'static str,
    /// The label that says how it ended, and the matcher of failures; the first that exists.
    errors: &'static [(&'static str, &'static str)],
    /// The label that holds the namespace, and its matcher.
    namespace: &'static [(&'static str, &'static str)],
    service: &'static [&'static str],
    routes: &'static [&'static str],
}

/// What is looked at, in Prometheus' terms.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    pub namespace: Option<String>,
    pub service: Option<String>,
    /// Of the configuration; in every selector.
    pub matchers: Vec<String>,
}

/// A metric that measures the service, and how its series are labelled.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub convention: &'static str,
    pub metric: &'static str,
    pub scale: f64,
    pub matchers: Vec<String>,
    /// The label of the result, and the matcher of failures.
    pub errors: Option<(&'static str, &'static str)>,
    /// The labels that make up a route: the method, where there is one, and the route.
    pub route: Vec<&'static str>,
    /// What should be known of it: 'not scoped to the namespace …'.
    pub note: Option<String>,
}

/// What was found out of a Prometheus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detected {
    pub requests: Option<Measured>,
    pub latency: Option<Measured>,
    /// The matchers of the namespace's pods, or of the service's where they can be told apart.
    pub pods: Vec<String>,
    /// The configuration's matchers, for what has no namespace.
    pub common: Vec<String>,
    /// The time between two samples, in seconds.
    pub interval_s: u32,
}

/// Prometheus' default.
const DEFAULT_INTERVAL_S: u32 = 60;

/// # Errors
/// When Prometheus can't be asked.
pub async fn detect(client: &Client, focus: &Focus) -> Result<Detected, Failure> {
    let names: Vec<&str> = CONVENTIONS.iter().flat_map(|c| [c.requests, c.latency]).collect();
    let all = [vec![format!("__name__=~\"{}\"", names.join("|"))], focus.matchers.clone()].concat();
    let answer = client.query(&format!("count by (__name__) ({})", selector("", &all))).await?;
    let exists =
        |name: &str| answer.series.iter().any(|s| s.labels.get("__name__").is_some_and(|n| n == name));
    let mut detected =
        Detected { interval_s: DEFAULT_INTERVAL_S, common: focus.matchers.clone(), ..Detected::default() };
    for convention in CONVENTIONS {
        if detected.requests.is_none() && exists(convention.requests) {
            detected.requests = measure(client, convention, convention.requests, focus).await?;
        }
        if detected.latency.is_none() && exists(convention.latency) {
            detected.latency = measure(client, convention, convention.latency, focus).await?;
        }
    }
    if let Some(measured) = detected.requests.as_ref().or(detected.latency.as_ref()) {
        detected.interval_s = interval(client, measured).await?;
    }
    detected.pods = pods(client, focus).await?;
    Ok(detected)
}

/// Whether `metric` measures the namespace, and by which labels. None: it is of other namespaces.
async fn measure(
    client: &Client,
    convention: &'static Convention,
    metric: &'static str,
    focus: &Focus,
) -> Result<Option<Measured>, Failure> {
    let mut matchers = focus.matchers.clone();
    matchers.extend((!convention.fixed.is_empty()).then(|| convention.fixed.to_owned()));
    let mut note = None;
    if let Some(namespace) = &focus.namespace {
        let ours = convention.namespace.iter().map(|(_, template)| fill(template, focus));
        let any = convention.namespace.iter().map(|(label, _)| format!("{label}!=\"\""));
        let candidates: Vec<String> = ours.chain(any).collect();
        let present = present(client, metric, &matchers, &candidates).await?;
        let (ours, any) = present.split_at(convention.namespace.len());
        match ours.iter().position(|p| *p) {
            Some(i) => matchers.push(candidates[i].clone()),
            None if any.contains(&true) => return Ok(None),
            None => note = Some(format!("{metric} has no namespace label: this is not only {namespace}")),
        }
    }
    let services: Vec<String> = match focus.service {
        Some(_) => convention.service.iter().map(|template| fill(template, focus)).collect(),
        None => Vec::new(),
    };
    let labels = convention.errors.iter().map(|(label, _)| *label).chain(convention.routes.iter().copied());
    let candidates: Vec<String> =
        services.iter().cloned().chain(labels.chain(["method"]).map(|l| format!("{l}!=\"\""))).collect();
    let present = present(client, metric, &matchers, &candidates).await?;
    let (service, rest) = present.split_at(services.len());
    let (errors, rest) = rest.split_at(convention.errors.len());
    let (routes, method) = rest.split_at(convention.routes.len());
    // A service of several workloads has no series of its own name: then the namespace is it.
    matchers.extend(service.iter().position(|p| *p).map(|i| services[i].clone()));
    let route = routes.iter().position(|p| *p).map(|i| convention.routes[i]);
    let method = method.contains(&true).then_some("method");
    Ok(Some(Measured {
        convention: convention.name,
        metric,
        scale: convention.scale,
        matchers,
        errors: errors.iter().position(|p| *p).map(|i| convention.errors[i]),
        route: route.map(|route| method.into_iter().chain([route]).collect()).unwrap_or_default(),
        note,
    }))
}

/// Which of `candidates` select anything of `metric`, in one query.
async fn present(
    client: &Client,
    metric: &str,
    matchers: &[String],
    candidates: &[String],
) -> Result<Vec<bool>, Failure> {
    let mut found = vec![false; candidates.len()];
    if candidates.is_empty() {
        return Ok(found);
    }
    let parts: Vec<String> = candidates
        .iter()
        .enumerate()
        .map(|(i, candidate)| {
            let selector = selector(metric, &[matchers, std::slice::from_ref(candidate)].concat());
            format!("label_replace(count({selector}), \"candidate\", \"{i}\", \"\", \"\")")
        })
        .collect();
    let answer = client.query(&parts.join(" or ")).await?;
    for series in &answer.series {
        let index = series.labels.get("candidate").and_then(|i| i.parse::<usize>().ok());
        if let Some(slot) = index.and_then(|i| found.get_mut(i)) {
            *slot = true;
        }
    }
    Ok(found)
}

/// From how many samples a series has in ten minutes; scrapes are between 1 s and 2 min apart.
async fn interval(client: &Client, measured: &Measured) -> Result<u32, Failure> {
    let selector = selector(measured.metric, &measured.matchers);
    let answer = client.query(&format!("max(count_over_time({selector}[10m]))")).await?;
    let samples = answer.series.first().and_then(|s| s.points.last()).map(|p| p.v);
    Ok(samples
        .filter(|n| *n >= 2.0)
        .map_or(DEFAULT_INTERVAL_S, |n| (600.0 / n).round().clamp(1.0, 120.0) as u32))
}

async fn pods(client: &Client, focus: &Focus) -> Result<Vec<String>, Failure> {
    let mut matchers = focus.matchers.clone();
    matchers.extend(focus.namespace.as_ref().map(|_| fill("namespace=$ns", focus)));
    if focus.service.is_some() {
        let own = fill("pod=~$~svc-.+", focus);
        let metric = "container_memory_working_set_bytes";
        if present(client, metric, &matchers, std::slice::from_ref(&own)).await?.contains(&true) {
            matchers.push(own);
        }
    }
    Ok(matchers)
}

/// The template with the names in it. Names come from outside: they are quoted for PromQL, and
/// for a regular expression where one is meant.
fn fill(template: &str, focus: &Focus) -> String {
    let namespace = focus.namespace.as_deref().unwrap_or("");
    let service = focus.service.as_deref().unwrap_or("");
    match template.split_once("=~") {
        Some((label, pattern)) => {
            // Traefik's names begin with the namespace; over all namespaces that is anything.
            let namespace = if namespace.is_empty() { ".+".to_owned() } else { regex_quoted(namespace) };
            let pattern = pattern.replace("$~ns", &namespace).replace("$~svc", &regex_quoted(service));
            format!("{label}=~{}", quoted(&pattern))
        }
        None => template.replace("$ns", &quoted(namespace)).replace("$svc", &quoted(service)),
    }
}
