//! Performs effects: connects, starts the sources, reads logs, and reports back in messages.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::feeding::{Ended, Feeding};
use super::place;
use super::review::{self, Places};
use super::walks::Walks;
use crate::actions::gateway::{Gateway, Given};
use crate::clock::Clock;
use crate::config::Config;
use crate::effect::{Begins, Effect};
use crate::journal::Journal;
use crate::model::action::Request;
use crate::model::log::LogRequest;
use crate::model::scope::Target;
use crate::model::{Clean, Failure, FailureKind, Key};
use crate::msg::{Msg, WalkMsg};
use crate::sources::{self, Session, Wants};
use crate::state::Settings;

/// A kubeconfig that can't be used is looked at again: someone may be mending it.
const RECONNECT: Duration = Duration::from_secs(10);
/// Keys that were on their way when a plan came onto the screen were not meant for it.
const READING_TIME: Duration = Duration::from_millis(400);

/// Where what was done is kept.
pub struct Kept {
    /// The audit log, or why there is none: then nothing can be done.
    pub journal: Result<Journal, String>,
    /// Where walks are kept; none without a home.
    pub walks: Option<PathBuf>,
    /// Where the sign-offs of reviews are kept; none without a home.
    pub reviews: Option<PathBuf>,
    /// Where reports are written that were asked for by a key.
    pub reports: PathBuf,
    /// Where the place of this session is kept, and the session that is offered to be gone on with.
    pub session: Option<place::Session>,
    pub lost: Option<place::Session>,
}

impl Kept {
    /// Nothing is kept, and nothing can be done.
    pub fn nowhere(why: &str) -> Self {
        Self {
            journal: Err(why.to_owned()),
            walks: None,
            reviews: None,
            reports: PathBuf::from("."),
            session: None,
            lost: None,
        }
    }
}

pub struct Engine {
    messages: mpsc::Sender<Msg>,
    config: Arc<Config>,
    clock: Clock,
    wants: watch::Sender<Wants>,
    /// Ends everything of the scope that is looked at.
    scope: CancellationToken,
    session: watch::Sender<Option<Arc<Session>>>,
    log: CancellationToken,
    gateway: Gateway,
    walks: Arc<Walks>,
    places: Places,
    reports: PathBuf,
    own: Option<place::Keeper>,
    lost: Option<place::Session>,
}

impl Engine {
    pub fn new(
        messages: mpsc::Sender<Msg>,
        settings: &Settings,
        clock: Clock,
        window: Duration,
        kept: Kept,
    ) -> Self {
        let Kept { journal, walks, reviews, reports, session: own, lost } = kept;
        let audit = journal.as_ref().map(|j| j.directory().to_owned()).map_err(Clone::clone);
        let places = Places { sign_offs: reviews, walks: walks.clone(), audit };
        let config = settings.config.clone();
        let gateway =
            Gateway::new(config.clone(), settings.read_only, clock.clone(), journal, messages.clone());
        let session = watch::Sender::new(None);
        let walks = Walks::start(
            walks,
            config.clone(),
            clock.clone(),
            messages.clone(),
            session.subscribe(),
            gateway.clone(),
        );
        Self {
            gateway,
            walks: Arc::new(walks),
            places,
            reports,
            own: own.map(place::Keeper::start),
            lost,
            session,
            messages,
            config,
            clock,
            wants: watch::Sender::new(Wants { window, refresh: 0 }),
            scope: CancellationToken::new(),
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
            Effect::ListSubjects { epoch, action } => {
                let config = self.config.clone();
                self.ask(move |session| async move {
                    let found = crate::actions::subjects::find(&*session?, &config, action).await;
                    Some(Msg::Subjects { epoch, action, found })
                });
            }
            Effect::Ask { epoch, ask } => {
                let (config, gateway) = (self.config.clone(), self.gateway.clone());
                self.ask(move |session| async move {
                    let answer = match session {
                        Some(session) => super::asking::answer(&session, &config, &gateway, &ask).await,
                        None => Err(no_session("ask what a check needs")),
                    };
                    Some(Msg::Answered { epoch, ask, answer: Box::new(answer) })
                });
            }
            Effect::Stop { operation } => self.gateway.stop(&operation),
            Effect::Plan { dialog, request } => self.plan(dialog, request),
            Effect::Arm { dialog } => {
                let messages = self.messages.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(READING_TIME).await;
                    drop(messages.send(Msg::Armed { dialog }).await);
                });
            }
            Effect::Confirm { dialog, plan, typed_name, reason, begins } => {
                self.confirm(dialog, plan, Given { typed_name, reason }, begins);
            }
            Effect::Walk(effect) => self.walks.perform(effect),
            Effect::Abandon { plan, why } => {
                let gateway = self.gateway.clone();
                if let Some(session) = self.session.borrow().clone() {
                    tokio::spawn(async move { gateway.cancel(&session, &plan, why).await });
                }
            }
            Effect::Review(wanted) => {
                let (config, places) = (self.config.clone(), self.places.clone());
                let (now, out, session) = (self.clock.now(), self.messages.clone(), self.session.subscribe());
                self.ask(move |_| async move {
                    let id = wanted.id;
                    let asked = review::ask(session, config, places, wanted, now, out).await;
                    Some(Msg::Reviewed { id, asked: Box::new(asked) })
                });
            }
            Effect::SignOff { id, signed } => {
                let (session, messages) = (self.session.borrow().clone(), self.messages.clone());
                let directory = self.places.sign_offs.clone();
                // It is kept though the scope be left.
                tokio::spawn(async move {
                    let kept = Box::new(review::sign(session, directory, *signed).await);
                    drop(messages.send(Msg::SignedOff { id, kept }).await);
                });
            }
            Effect::Report { files } => {
                let (messages, directory) = (self.messages.clone(), self.reports.clone());
                tokio::task::spawn_blocking(move || {
                    let written = review::write(&directory, &files);
                    drop(messages.blocking_send(Msg::Reported(written)));
                });
            }
            Effect::Keep(place) => {
                if let Some(own) = &self.own {
                    own.keep(place.map(|place| *place));
                }
            }
            Effect::Settled => {
                if let Some(lost) = self.lost.take() {
                    lost.forget();
                }
            }
            // The loop's own.
            Effect::Quit | Effect::Suspend | Effect::Repaint | Effect::Copy(_) => {}
        }
    }

    fn confirm(&self, dialog: u64, plan: String, given: Given, begins: Option<Begins>) {
        let (gateway, walks, messages) = (self.gateway.clone(), self.walks.clone(), self.messages.clone());
        let Some(session) = self.session.borrow().clone() else { return };
        // It goes on when the scope is left: what was confirmed is seen to its end.
        tokio::spawn(async move {
            if let Some(begins) = begins
                && let Err(failure) = walks.begin(begins, plan.clone()).await
            {
                gateway.cancel(&session, &plan, "the walk could not write it down").await;
                let msg = WalkMsg::NotBegun { dialog, failure };
                drop(messages.send(Msg::Walk(Box::new(msg))).await);
                return;
            }
            gateway.confirm(session, dialog, plan, given).await;
        });
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
        let gateway = self.gateway.clone();
        let work = async move {
            let mut before: Option<Arc<Session>> = None;
            loop {
                let opening = match &before {
                    Some(before) => before.again().await,
                    None => sources::session::connect(&target).await,
                };
                let opened = match opening {
                    Ok(opened) => Arc::new(opened),
                    Err(failure) => {
                        drop(messages.send(Msg::ConnectFailed { epoch, failure }).await);
                        tokio::time::sleep(RECONNECT).await;
                        continue;
                    }
                };
                let scope = opened.scope.clone();
                session.send_replace(Some(opened.clone()));
                drop(messages.send(Msg::Connected { epoch, scope }).await);
                if before.is_none() {
                    tokio::spawn(gateway.clone().recover(opened.clone()));
                }
                let (config, clock) = (config.clone(), clock.clone());
                let (messages, wants) = (messages.clone(), wants.clone());
                let feeding = Feeding { epoch, session: opened.clone(), config, clock, messages, wants };
                if feeding.run().await == Ended::Left {
                    return;
                }
                before = Some(opened);
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

    fn plan(&self, dialog: u64, request: Request) {
        let gateway = self.gateway.clone();
        self.ask(move |session| async move {
            let planned = match session {
                Some(session) => gateway.plan(&session, &request).await,
                None => Err(no_session(&format!("plan: {}", request.action.title()))),
            };
            Some(Msg::Planned { dialog, planned: Box::new(planned) })
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

fn no_session(tried: &str) -> Failure {
    Failure {
        kind: FailureKind::Unreachable,
        tried: tried.into(),
        happened: Clean::new("no connection to a cluster yet"),
        next: Clean::new("wait for the connection, or see midwatch doctor"),
    }
}
