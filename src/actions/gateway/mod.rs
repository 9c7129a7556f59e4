//! The one way to write: plan → check → preview → confirm → record → act → watch → record.
//!
//! Each step takes what the step before it gave, and only that step can make it: [`Checked`],
//! [`Confirmed`], [`Recorded`], [`Acted`]. Nothing acts that was not recorded, nothing is
//! recorded that was not confirmed, and a plan is used up by its confirmation.

mod act;
mod check;
mod confirm;
mod guardrails;
mod record;
mod review;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::{Reader, Step, action};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{Journal, Phase};
use crate::model::action::{Confirmed as Answer, Planned, Preview, Progress, Request};
use crate::model::{Clean, Failure, FailureKind};
use crate::msg::Msg;
use crate::sources::Session;
use check::Checked;
pub use confirm::Given;
use record::Scribe;

/// A dialog is open for 60 s; what is confirmed much later was not confirmed by who read it.
const EXPIRES_AFTER: SignedDuration = SignedDuration::from_secs(75);
/// Plans that were shown and neither confirmed nor left: more than dialogs can be open.
const MOST_PLANS: usize = 16;

/// Plans, asks, records, acts and watches.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<Config>,
    read_only: bool,
    clock: Clock,
    scribe: Scribe,
    out: mpsc::Sender<Msg>,
    shown: Mutex<HashMap<String, Checked>>,
}

impl Gateway {
    /// `journal` is the audit log, or why there is none: then nothing can be done.
    pub fn new(
        config: Arc<Config>,
        read_only: bool,
        clock: Clock,
        journal: Result<Journal, String>,
        out: mpsc::Sender<Msg>,
    ) -> Self {
        let scribe = Scribe::new(journal, clock.clone());
        Self { inner: Arc::new(Inner { config, read_only, clock, scribe, out, shown: Mutex::default() }) }
    }

    /// What the dialog shows: a question, or the plan with all that was checked.
    ///
    /// # Errors
    /// What was tried, what happened, what to do next.
    pub async fn plan(&self, session: &Session, request: &Request) -> Result<Planned, Failure> {
        match self.checked(session, request, self.inner.clock.now()).await? {
            Ok(checked) => Ok(Planned::Preview(Box::new(self.show(session, checked).await))),
            Err(question) => Ok(Planned::Ask(question)),
        }
    }

    /// Does what was shown, if it still is what would be done. The answer and what is seen of it
    /// afterwards come as messages.
    pub async fn confirm(self, session: Arc<Session>, dialog: u64, plan: String, given: Given) {
        let decided = self.decide(&session, &plan, given).await;
        let (answer, recorded) = match decided {
            Ok(recorded) => (Answer::Started(recorded.operation().to_owned()), Some(recorded)),
            Err(answer) => (answer, None),
        };
        drop(self.inner.out.send(Msg::Confirmed { dialog, answer: Box::new(answer) }).await);
        if let Some(recorded) = recorded {
            self.carry_out(&session, recorded).await;
        }
    }

    async fn decide(&self, session: &Session, plan: &str, given: Given) -> Result<record::Recorded, Answer> {
        let scribe = &self.inner.scribe;
        let shown =
            self.inner.take(plan).ok_or_else(|| Answer::Refused(expired("the plan is not open any more")))?;
        if self.inner.clock.now().duration_since(shown.at()) > EXPIRES_AFTER {
            scribe.note(session, &shown, Phase::Cancelled, "the dialog's time was over").await;
            return Err(Answer::Refused(expired("it was shown more than a minute ago")));
        }
        // The same objects give the same plan; another plan means that something has moved.
        let again = match self.checked(session, shown.request(), shown.at()).await {
            Ok(Ok(again)) => again,
            Ok(Err(_)) => return Err(Answer::Refused(expired("it asks for more than before"))),
            Err(failure) => {
                scribe.note(session, &shown, Phase::Refused, &failure.happened).await;
                return Err(Answer::Refused(failure));
            }
        };
        if again.hash() != shown.hash() {
            let moved = again.moved_since(&shown);
            scribe.note(session, &shown, Phase::Refused, &format!("not done: {moved}")).await;
            return Err(Answer::Changed(Clean::new(&moved), Box::new(self.show(session, again).await)));
        }
        let confirmed = match again.confirm(given) {
            Ok(confirmed) => confirmed,
            Err(refusal) => {
                let (checked, why) = *refusal;
                scribe.note(session, &checked, Phase::Refused, &why).await;
                return Err(Answer::Refused(refused(&why)));
            }
        };
        scribe.record(session, confirmed).await.map_err(|error| Answer::Refused(unrecorded(&error)))
    }

    /// The dialog was left.
    pub async fn cancel(&self, session: &Session, plan: &str, why: &str) {
        if let Some(shown) = self.inner.take(plan) {
            self.inner.scribe.note(session, &shown, Phase::Cancelled, why).await;
        }
    }

    async fn carry_out(&self, session: &Session, recorded: record::Recorded) {
        let told = Told { operation: recorded.operation().to_owned(), out: self.inner.out.clone() };
        told.tell(Progress::Acting).await;
        let scribe = &self.inner.scribe;
        let mut act = recorded.act(session).await;
        if let act::Act::Lost(lost) = act {
            drop(scribe.write(session, lost.entry()).await);
            act = lost.look(session).await;
        }
        let ended = match act {
            act::Act::Taken(acted) => {
                drop(scribe.write(session, acted.entry()).await);
                acted.watch(session, &self.inner.config, &told).await
            }
            act::Act::Over(ended) => ended,
            act::Act::Lost(lost) => lost.given_up(),
        };
        let progress = match scribe.write(session, ended.entry()).await {
            Ok(()) => ended.progress(),
            Err(error) => {
                let text = format!("{}; the audit log could not be told: {error}", ended.entry().words);
                Progress::Unknown(Clean::new(&text))
            }
        };
        told.tell(progress).await;
    }

    async fn checked(
        &self,
        session: &Session,
        request: &Request,
        at: Timestamp,
    ) -> Result<Result<Checked, crate::model::action::Question>, Failure> {
        let Some(action) = action(request.action) else {
            return Err(refused("there is no such action"));
        };
        let reader = Reader { session, config: &self.inner.config, at };
        match action.plan(&reader, &request.subject, &request.answers).await? {
            Step::Ask(question) => Ok(Err(question)),
            Step::Plan(plan) => {
                let rules = guardrails::Rules { config: &self.inner.config, read_only: self.inner.read_only };
                Ok(Ok(check::check(*plan, request.clone(), session, &rules, at).await))
            }
        }
    }

    /// Keeps a plan for its confirmation, and notes that it was shown.
    async fn show(&self, session: &Session, checked: Checked) -> Preview {
        let preview = checked.preview().clone();
        self.inner.scribe.note(session, &checked, Phase::Planned, "").await;
        let mut shown = self.inner.shown.lock().unwrap_or_else(|e| e.into_inner());
        if shown.len() >= MOST_PLANS {
            shown.clear();
        }
        shown.insert(checked.hash(), checked);
        preview
    }
}

/// Where the progress of an operation is told.
struct Told {
    operation: String,
    out: mpsc::Sender<Msg>,
}

impl Told {
    async fn tell(&self, progress: Progress) {
        drop(self.out.send(Msg::Operation { id: self.operation.clone(), progress }).await);
    }
}

impl Inner {
    fn take(&self, plan: &str) -> Option<Checked> {
        self.shown.lock().unwrap_or_else(|e| e.into_inner()).remove(plan)
    }
}

fn failure(kind: FailureKind, tried: &str, happened: &str, next: &str) -> Failure {
    Failure { kind, tried: Clean::new(tried), happened: Clean::new(happened), next: Clean::new(next) }
}

fn expired(what: &str) -> Failure {
    failure(FailureKind::Absent, "confirm", what, "nothing was done; begin anew, and look at the plan again")
}

fn refused(what: &str) -> Failure {
    failure(FailureKind::Denied, "confirm", what, "nothing was done")
}

fn unrecorded(what: &str) -> Failure {
    let next = "nothing was done: what can't be recorded is not done; mend the log, then try again";
    failure(FailureKind::ServerError, "write the intent to the audit log", what, next)
}
