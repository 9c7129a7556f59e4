//! A scripted API server for the tests of the engine and of what is asked for on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures::StreamExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::{Batch, Change};
use crate::sources::session::{NamespaceChoice, connect};
use crate::sources::{Context, Target, Wants};

/// What one request is answered with.
pub enum Reply {
    Json(u16, serde_json::Value),
    Headers(u16, Vec<(&'static str, String)>, serde_json::Value),
    /// Pieces of a stream, each sent as it is.
    Stream(Vec<Piece>),
    /// With its content type and its encoding, if it has any.
    Bytes(&'static str, &'static str, Vec<u8>),
    /// The reply comes once the gate is opened.
    After(Arc<Notify>, Box<Reply>),
}

pub enum Piece {
    Text(String),
    /// The connection stays open and silent.
    Silence,
    /// What follows is sent once the gate is opened.
    Gate(Arc<Notify>),
    /// The connection breaks; what was not yet written is lost.
    Break,
}

/// A request's path and query, and how many of the same path and kind came before it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: HashMap<String, String>,
    pub accept: String,
    pub before: usize,
}

impl Asked {
    pub fn is_watch(&self) -> bool {
        self.query.contains_key("watch")
    }

    pub fn get(&self, key: &str) -> &str {
        self.query.get(key).map(String::as_str).unwrap_or_default()
    }
}

pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `/version` is answered by itself, with 1.`minor`.
    pub async fn start(minor: u32, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, minor, script)
    }

    pub fn serve(
        listener: tokio::net::TcpListener,
        minor: u32,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (asked.clone(), Arc::new(script));
        let handler = move |request: Request| -> BoxFuture<'static, Response> {
            let (seen, script) = (seen.clone(), script.clone());
            Box::pin(async move {
                if request.uri().path() == "/version" {
                    let version = json!({"major": "1", "minor": minor.to_string(), "gitVersion": format!("v1.{minor}.0")});
                    return respond(Reply::Json(200, version)).await;
                }
                let asked = note(&seen, &request);
                respond(script(&asked)).await
            })
        };
        let app = axum::Router::new().fallback(handler);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, asked, task }
    }

    /// Everything that was asked, `/version` aside.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub async fn session(&self) -> crate::sources::Session {
        session(self.port, NamespaceChoice::Named("shop".into())).await
    }

    /// A context for a source, and what it says.
    pub async fn context(&self) -> (Context, Said) {
        context(self.session().await)
    }
}

fn note(seen: &Mutex<Vec<Asked>>, request: &Request) -> Asked {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<HashMap<_, _>>();
    let path = request.uri().path().to_owned();
    let mut seen = seen.lock().unwrap();
    let same = |other: &&Asked| other.path == path && other.is_watch() == query.contains_key("watch");
    let accept = request.headers().get("accept").map_or("", |value| value.to_str().unwrap()).to_owned();
    let before = seen.iter().filter(same).count();
    let asked = Asked { before, path: path.clone(), query: query.clone(), accept };
    seen.push(asked.clone());
    asked
}

async fn respond(reply: Reply) -> Response {
    match reply {
        Reply::Json(code, body) => {
            Response::builder().status(code).body(Body::from(body.to_string())).unwrap()
        }
        Reply::Headers(code, headers, body) => {
            let builder = headers
                .into_iter()
                .fold(Response::builder().status(code), |builder, (name, value)| builder.header(name, value));
            builder.body(Body::from(body.to_string())).unwrap()
        }
        Reply::Bytes(content_type, encoding, bytes) => {
            let builder = Response::builder().header("content-type", content_type);
            let builder = match encoding {
                "" => builder,
                encoding => builder.header("content-encoding", encoding),
            };
            builder.body(Body::from(bytes)).unwrap()
        }
        Reply::Stream(pieces) => {
            let stream = futures::stream::iter(pieces).then(|piece| async move {
                match piece {
                    Piece::Text(text) => Ok(text),
                    Piece::Silence => std::future::pending().await,
                    Piece::Gate(gate) => {
                        gate.notified().await;
                        Ok(String::new())
                    }
                    Piece::Break => Err(std::io::Error::other("broken on purpose")),
                }
            });
            Response::new(Body::from_stream(stream))
        }
        Reply::After(gate, reply) => {
            gate.notified().await;
            Box::pin(respond(*reply)).await
        }
    }
}

pub async fn session(port: u16, namespace: NamespaceChoice) -> crate::sources::Session {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let text = format!(
        "current-context: test\ncontexts: [{{name: test, context: {{cluster: c}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    connect(&Target { kubeconfig: Some(path), namespace, ..Target::default() }).await.unwrap()
}

pub fn context(session: crate::sources::Session) -> (Context, Said) {
    let (out, batches) = mpsc::channel(64);
    let (want, wants) = watch::channel(Wants { window: Duration::from_secs(3600), refresh: 0 });
    let stop = CancellationToken::new();
    let context = Context {
        epoch: 7,
        session: Arc::new(session),
        config: Arc::new(Config::default()),
        out,
        stop,
        wants,
        found: Default::default(),
    };
    (context, Said { batches, want })
}

/// What a source said so far.
pub struct Said {
    pub batches: mpsc::Receiver<Batch>,
    pub want: watch::Sender<Wants>,
}

impl Said {
    /// The changes up to the first that fits. The deadline only ends a test that would hang.
    pub async fn until(&mut self, fits: impl Fn(&Change) -> bool) -> Vec<Change> {
        let mut all = Vec::new();
        let gather = async {
            loop {
                let batch = self.batches.recv().await.expect("the source ended");
                assert_eq!(batch.epoch, 7);
                let done = batch.changes.iter().any(&fits);
                all.extend(batch.changes);
                if done {
                    return;
                }
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(20), gather).await;
        assert!(outcome.is_ok(), "it never came; so far: {all:#?}");
        all
    }

    pub async fn ready(&mut self) -> Vec<Change> {
        self.until(|change| matches!(change, Change::Ready)).await
    }

    pub async fn failed(&mut self) -> crate::model::Failure {
        let changes = self.until(|change| matches!(change, Change::Failed(_))).await;
        changes
            .into_iter()
            .find_map(|change| if let Change::Failed(failure) = change { Some(failure) } else { None })
            .unwrap()
    }
}
