//! Where the ports of a pod lead to.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::io::{DuplexStream, duplex};

use super::super::http::Api;
use super::super::json::text;
use super::super::logs::find;
use super::super::proxy::health;
use super::super::reply;
use super::super::request::{Request, Target};
use super::super::status::ApiError;
use super::Refusal;
use crate::sim::container::{Container, Role};
use crate::sim::redis;

/// One end of a connection into a pod.
pub type Pipe = DuplexStream;

const PIPE_BYTES: usize = 64 * 1024;
/// A request names no more ports than there are channels for.
const PORTS: usize = 100;

/// What is asked for.
pub struct Forward {
    container: Container,
    /// Named in the request, as WebSockets have it; with SPDY each stream names its own.
    pub ports: Vec<u16>,
}

impl Forward {
    /// Reads what is asked for.
    ///
    /// # Errors
    /// In the API server's words for bad ports, in the kubelet's for a pod that does not run.
    pub fn of(api: &Arc<Api>, request: &Request, target: &Target, pod: &Arc<Value>) -> Result<Self, Refusal> {
        if text(pod, "/spec/nodeName").is_empty() {
            return Err(
                ApiError::bad_request(format!("pod {} does not have a host assigned", target.name)).into()
            );
        }
        let pairs = form_urlencoded::parse(request.raw_query.as_bytes());
        let mut ports = Vec::new();
        for (_, value) in pairs.filter(|(k, _)| k == "ports") {
            for one in value.split(',').filter(|p| !p.is_empty()) {
                let port = one.parse::<u16>().ok().filter(|p| *p > 0 && ports.len() < PORTS);
                let port = port
                    .ok_or_else(|| ApiError::bad_request(format!("unable to parse \"{one}\" as a port")))?;
                ports.push(port);
            }
        }
        let run = find(api, &api.world(), target)?;
        if run.running_since().is_none() {
            return Err(Refusal::Kubelet(
                500,
                format!("pod not found (\"{}_{}\")", target.name, target.namespace),
            ));
        }
        let name = run.containers.first().map(|c| c.0.clone()).unwrap_or_default();
        Ok(Self { container: Container::new(api, run, &name, pod.clone(), false), ports })
    }

    /// Connects to a port of the pod.
    ///
    /// # Errors
    /// When nothing listens there, in the kubelet's words.
    pub fn connect(&self, port: u16) -> Result<Pipe, String> {
        let c = &self.container;
        let listens = c.port() == Some(port);
        let router = match (c.role(), c.app()) {
            (Role::Cache, _) if listens => return Ok(self.redis()),
            (Role::Monitoring, "prometheus") if listens => c.api.prometheus.clone(),
            (Role::Monitoring, _) if listens => c.api.alertmanager.clone(),
            (Role::Api, _) if listens => healthy(&c.api, "api"),
            (Role::Web, _) if listens => healthy(&c.api, "web"),
            _ => return Err(self.refused(port)),
        };
        let (ours, theirs) = duplex(PIPE_BYTES);
        tokio::spawn(async move {
            let service = TowerToHyperService::new(router);
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a forwarded connection has ended");
            }
        });
        Ok(ours)
    }

    fn redis(&self) -> Pipe {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let (redis, pod) = (self.container.api.redis.clone(), self.container.run.name.clone());
        tokio::spawn(async move { redis::serve(&redis, &pod, "127.0.0.1:48112".to_owned(), theirs).await });
        ours
    }

    fn refused(&self, port: u16) -> String {
        let c = &self.container;
        let sandbox = c.runtime_id("sandbox");
        let uid = &c.run.uid;
        format!(
            "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace \
             \"/var/run/netns/cni-{uid}\": failed to connect to localhost:{port} inside namespace \"{sandbox}\", IPv4: \
             dial tcp4 127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6 [::1]:{port}: connect: connection refused "
        )
    }
}

/// `/health` as the shop's own pods answer it.
fn healthy(api: &Arc<Api>, name: &'static str) -> Router {
    let api = api.clone();
    Router::new().route(
        "/health",
        get(move || async move {
            let (code, body) = health(&api, name);
            reply::value(code, &body)
        }),
    )
}
