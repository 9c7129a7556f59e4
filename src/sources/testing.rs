//! What the sources' tests share: a server of their own on a free port of the loopback, and a
//! context to run in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Context, Scope, Session, Target, Wants};
use crate::config::Config;
use crate::model::{Batch, Clean};

/// Serves `app` until the test's runtime ends; its base URL.
pub async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// A session in the namespace `shop` of the cluster at `url`.
pub fn session(url: &str) -> Session {
    let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
    let scope = Scope { namespace: Some(Clean::new("shop")), ..Scope::default() };
    Session::new(client, scope, Target::default())
}

/// A context with this configuration and a cluster that can't be reached.
pub fn context(config: &str) -> (Context, mpsc::Receiver<Batch>, watch::Sender<Wants>) {
    let config = Config::parse(config, Path::new("/etc/midwatch.toml")).unwrap();
    let (out, batches) = mpsc::channel(100);
    let (wants, wanted) = watch::channel(Wants { window: Duration::from_secs(3600), refresh: 0 });
    let context = Context {
        epoch: 7,
        session: Arc::new(session("http://127.0.0.1:1")),
        config: Arc::new(config),
        out,
        stop: CancellationToken::new(),
        wants: wanted,
        found: super::discover::Shared::default(),
    };
    (context, batches, wants)
}
