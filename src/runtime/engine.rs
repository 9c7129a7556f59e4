//! Performs effects: connects, starts the sources, reads logs, and reports back in messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::effect::Effect;
use crate::model::log::LogRequest;
use crate::model::scope::Target;
use crate::model::{Batch, Clean, Failure, FailureKind, Key};
use crate::msg::Msg;
use crate::sources::{self, Context, SOURCES, Session, Wants};

/// Batches that wait for the loop; sources that are faster wait in turn.
const FEED_QUEUE: usize = 64;
/// A kubeconfig that can't be used is looked at again: someone may be mending it.
const RECONNECT: Duration = Duration::from_secs(10);

pub struct Engine {
    messages: mpsc::Sender<Msg>,
    config: Arc<Config>,
    clock: Clock,
    wants: watch::Sender<Wants>,
    /// Ends everything of the scope that is looked at.
    scope: CancellationToken,
    session: watch::Sender<Option<Arc<Session>>>,
    log: CancellationToken,
}

impl Engine {
    pub fn new(messages: mpsc::Sender<Msg>, config: Arc<Config>, clock: Clock, window: Duration) -> Self {
        Self {
            messages,
            config,
            clock,
            wants: watch::Sender::new(Wants { window, refresh: 0 }),
            scope: CancellationToken::new(),
            session: watch::Sender::new(None),
            log: CancellationToken::new(),
        }
    }

    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { epoch, target } => self.connect(epoch, target),
            Effect::Wants { window_s, refresh } => {
                self.wants.send_replace(Wants { window: Duration::from_secs(window_s), refresh });
            }
            Effect::Describe { epoch, key } => self.describe(epoch, key),
            Effect::ReadLog { id, request } => self.read_log(id, request),
            Effect::StopLog => self.log.cancel(),
            Effect::ListContexts { target } => {
                let messages = self.messages.clone();
                tokio::task::spawn_blocking(move || {
                    let contexts = sources::session::contexts(&target);
                    drop(messages.blocking_send(Msg::Contexts(contexts)));
                });
            }
            Effect::ListNamespaces { epoch } => self.ask(move |session| async move {
                let names = sources::session::namespaces(&*session?).await;
                Some(Msg::Namespaces { epoch, names })
            }),
            // The loop's own.
            Effect::Quit | Effect::Suspend | Effect::Repaint => {}
        }
    }

    /// Leaves the scope and enters another.
    fn connect(&mut self, epoch: u32, target: Target) {
        self.scope.cancel();
        self.log.cancel();
        self.scope = CancellationToken::new();
        self.session.send_replace(None);
        let stop = self.scope.clone();
        let (messages, config, clock) = (self.messages.clone(), self.config.clone(), self.clock.clone());
        let (wants, session) = (self.wants.subscribe(), self.session.clone());
        let work = async move {
            loop {
                match sources::session::connect(&target).await {
                    Ok(opened) => {
                        let opened = Arc::new(opened);
                        let scope = opened.scope.clone();
                        session.send_replace(Some(opened.clone()));
                        drop(messages.send(Msg::Connected { epoch, scope }).await);
                        start_sources(epoch, opened, config, clock, messages, wants).await;
                        return;
                    }
                    Err(failure) => {
                        drop(messages.send(Msg::ConnectFailed { epoch, failure }).await);
                        tokio::time::sleep(RECONNECT).await;
                    }
                }
            }
        };
        tokio::spawn(async move {
            tokio::select! { () = stop.cancelled() => {}, () = work => {} }
        });
    }

    fn ask<F>(&self, f: impl FnOnce(Option<Arc<Session>>) -> F)
    where
        F: Future<Output = Option<Msg>> + Send + 'static,
    {
        let asked = f(self.session.borrow().clone());
        let (messages, stop) = (self.messages.clone(), self.scope.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                Some(msg) = asked => drop(messages.send(msg).await),
                else => {}
            }
        });
    }

    fn describe(&self, epoch: u32, key: Key) {
        self.ask(move |session| async move {
            let detail = match session {
                Some(session) => {
                    sources::kubernetes::detail::describe(&session, &key.namespace, &key.name).await
                }
                None => Err(no_session(&format!("get pod {}", key.name))),
            };
            Some(Msg::Detail { epoch, key, detail: Box::new(detail) })
        });
    }

    fn read_log(&mut self, id: u64, request: LogRequest) {
        self.log.cancel();
        self.log = CancellationToken::new();
        let stop = self.log.clone();
        let messages = self.messages.clone();
        let Some(session) = self.session.borrow().clone() else {
            let failure = no_session(&format!("read the log of {}", request.pod));
            drop(messages.try_send(Msg::Log { id, event: crate::model::log::LogEvent::Failed(failure) }));
            return;
        };
        let (out, mut events) = mpsc::channel(16);
        tokio::spawn(async move { sources::kubernetes::logs::follow(&session, request, out, stop).await });
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if messages.send(Msg::Log { id, event }).await.is_err() {
                    return;
                }
            }
        });
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.scope.cancel();
        self.log.cancel();
    }
}

/// Runs every source until the future is dropped with its scope.
async fn start_sources(
    epoch: u32,
    session: Arc<Session>,
    config: Arc<Config>,
    clock: Clock,
    messages: mpsc::Sender<Msg>,
    wants: watch::Receiver<Wants>,
) {
    let (out, mut batches) = mpsc::channel::<Batch>(FEED_QUEUE);
    let stop = CancellationToken::new();
    let ends = stop.clone().drop_guard();
    let found = sources::discover::Shared::default();
    for source in SOURCES {
        let context = Context {
            epoch,
            session: session.clone(),
            config: config.clone(),
            out: out.clone(),
            stop: stop.clone(),
            wants: wants.clone(),
            found: found.clone(),
        };
        tokio::spawn(source.run(context));
    }
    drop(out);
    while let Some(mut batch) = batches.recv().await {
        // Observed as it arrives, by the clock that ages are counted with.
        batch.at = clock.now();
        if messages.send(Msg::Batch(batch)).await.is_err() {
            break;
        }
    }
    drop(ends);
}

fn no_session(tried: &str) -> Failure {
    Failure {
        kind: FailureKind::Unreachable,
        tried: tried.into(),
        happened: Clean::new("no connection to a cluster yet"),
        next: Clean::new("wait for the connection, or see midwatch doctor"),
    }
}
