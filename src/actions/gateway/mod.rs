//! The one way to write: plan → check → preview → confirm → record → act → watch → record.
//!
//! Each step takes what the step before it gave, and only that step can make it: [`Checked`],
//! [`Confirmed`], [`Recorded`], [`Acted`]. Nothing acts that was not recorded, nothing is
//! recorded that was not confirmed, and a plan is used up by its confirmation.

mod act;
mod approval;
mod check;
mod confirm;
mod guardrails;
mod record;
mod review;
pub mod run;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Expect, Reader, Stop, Write};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{Journal, Phase};
use crate::model::action::{Confirmed as Answer, Planned, Preview, Progress, Recovered, Request};
use crate::model::command::OutputLine;
use crate::model::{Clean, Failure, FailureKind};
use crate::msg::Msg;
use crate::sources::Session;
pub use approval::OpenPlan;
use check::Checked;
pub use confirm::Given;
use confirm::Not;
use record::Scribe;
use run::{Ran, Run};

/// How often what was done is looked at, and for how long a lost answer is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub look_every: Duration,
    pub look_for: Duration,
    /// Admission webhooks may take 10 s each by default.
    pub answer_within: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let (look_every, look_for) = (Duration::from_secs(1), Duration::from_secs(30));
        Self { look_every, look_for, answer_within: Duration::from_secs(25) }
    }
}

/// A dialog is open for 60 s; what is confirmed much later was not confirmed by who read it.
const EXPIRES_AFTER: Duration = Duration::from_secs(75);
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
    pace: Pace,
    scribe: Scribe,
    out: mpsc::Sender<Msg>,
    /// Each with the time at which it was shown, by a clock that is never set.
    shown: Mutex<HashMap<String, (Duration, Checked)>>,
    /// What stops an operation that can be stopped.
    running: Mutex<HashMap<String, CancellationToken>>,
}

/// What carries an operation out, and tells of it.
pub(super) struct Hand<'a> {
    pub session: &'a Session,
    pub config: &'a Config,
    pub told: &'a Told,
    pub pace: Pace,
}

/// What was confirmed, as far as it takes to send it, to look for it, and to watch it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub writes: Vec<Write>,
    pub expect: Expect,
    pub deadline_s: u64,
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
        let (shown, running, pace) = Default::default();
        Self { inner: Arc::new(Inner { config, read_only, clock, pace, scribe, out, shown, running }) }
    }

    /// The same with another patience; before anything is planned.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.pace = pace;
        }
        self
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
        let (since, shown) =
            self.inner.take(plan).ok_or_else(|| Answer::Refused(expired("the plan is not open any more")))?;
        if self.inner.clock.running().saturating_sub(since) > EXPIRES_AFTER {
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
        let confirmed = match again.confirm(session, given).await {
            Ok(confirmed) => confirmed,
            Err(not) => {
                let (checked, why) = *not;
                return Err(self.not_confirmed(session, &checked, why).await);
            }
        };
        scribe.record(session, confirmed).await.map_err(|error| Answer::Refused(unrecorded(&error)))
    }

    async fn not_confirmed(&self, session: &Session, checked: &Checked, why: Not) -> Answer {
        let (scribe, now) = (&self.inner.scribe, self.inner.clock.now());
        match why {
            Not::Refused(why) => {
                scribe.note(session, checked, Phase::Refused, &why).await;
                Answer::Refused(refused(&why))
            }
            Not::NeedsApproval(why) => match approval::ask(session, scribe, checked, &why, now).await {
                Ok(next) => Answer::Asked(Clean::new(&next)),
                Err(failure) => Answer::Refused(failure),
            },
        }
    }

    /// The plans of a namespace that wait for an approval.
    ///
    /// # Errors
    /// As the API server has it.
    pub async fn open_plans(&self, session: &Session, namespace: &str) -> Result<Vec<OpenPlan>, Failure> {
        approval::open_plans(session, namespace, self.inner.clock.now()).await
    }

    /// Consents to somebody else's plan.
    ///
    /// # Errors
    /// When it is one's own, nothing may be changed from here, or it can't be written.
    pub async fn approve(&self, session: &Session, plan: &OpenPlan) -> Result<(), Failure> {
        if self.inner.read_only {
            return Err(refused("read-only: nothing can be approved from here"));
        }
        approval::approve(session, &self.inner.scribe, plan, self.inner.clock.now()).await
    }

    /// The dialog was left.
    pub async fn cancel(&self, session: &Session, plan: &str, why: &str) {
        if let Some((_, shown)) = self.inner.take(plan) {
            self.inner.scribe.note(session, &shown, Phase::Cancelled, why).await;
        }
    }

    async fn carry_out(&self, session: &Session, recorded: record::Recorded) {
        let told = self.inner.told(recorded.operation());
        told.tell(Progress::Acting).await;
        let hand = self.hand(session, &told);
        let mut act = recorded.act(&hand).await;
        if let act::Act::Lost(lost) = act {
            drop(self.inner.scribe.write(session, lost.entry()).await);
            act = lost.look(&hand).await;
        }
        self.follow(&hand, act).await;
    }

    fn hand<'a>(&'a self, session: &'a Session, told: &'a Told) -> Hand<'a> {
        Hand { session, config: &self.inner.config, told, pace: self.inner.pace }
    }

    /// Sees an operation to its end.
    async fn follow(&self, hand: &Hand<'_>, act: act::Act) {
        let scribe = &self.inner.scribe;
        let ended = match act {
            act::Act::Taken(acted) => {
                drop(scribe.write(hand.session, acted.entry()).await);
                acted.watch(hand).await
            }
            act::Act::Over(ended) => ended,
            act::Act::Lost(lost) => lost.given_up(),
        };
        let progress = match scribe.write(hand.session, ended.entry()).await {
            Ok(()) => ended.progress(),
            Err(error) => {
                let text = format!("{}; the audit log could not be told: {error}", ended.entry().words);
                Progress::Unknown(Clean::new(&text))
            }
        };
        hand.told.tell(progress).await;
        self.inner.running().remove(&hand.told.operation);
    }

    /// Looks up what another process was doing here when it ended, and sees it to its end.
    pub async fn recover(self, session: Arc<Session>) {
        for left in self.inner.scribe.left_behind(&session.scope).await {
            let Ok(task) = serde_json::from_value::<Task>(left.entry.task.clone()) else { continue };
            let id = left.entry.operation.clone();
            let told = self.inner.told(&id);
            drop(self.inner.out.send(Msg::Recovered(Box::new(Recovered::of(&left)))).await);
            let hand = self.hand(&session, &told);
            let mut act = match left.entry.phase {
                Phase::Acted => act::Act::Taken(watch::Acted::new(task, left.entry, &[])),
                _ => act::Lost::left_behind(task, left.entry).look_once(&hand).await,
            };
            if let act::Act::Lost(lost) = act {
                act = lost.look(&hand).await;
            }
            self.follow(&hand, act).await;
        }
    }

    /// Runs a command that only looks, as its risk says; what it writes is told as it comes.
    ///
    /// # Errors
    /// Why it could not be started.
    pub async fn look(
        &self,
        run: &Run,
        live: mpsc::Sender<OutputLine>,
        stop: CancellationToken,
    ) -> Result<Ran, String> {
        act::command::look(run, live, stop).await
    }

    /// Asks an operation that can be stopped to stop.
    pub fn stop(&self, operation: &str) {
        if let Some(stop) = self.inner.running().get(operation) {
            stop.cancel();
        }
    }

    async fn checked(
        &self,
        session: &Session,
        request: &Request,
        at: Timestamp,
    ) -> Result<Result<Checked, crate::model::action::Question>, Failure> {
        let reader = Reader { session, config: &self.inner.config, at };
        match super::plan(&reader, request).await {
            Err(Stop::Ask(question)) => Ok(Err(question)),
            Err(Stop::Failed(failure)) => Err(failure),
            Ok(mut plan) => {
                plan.cluster = session.scope.cluster.to_string();
                let rules = guardrails::Rules {
                    config: &self.inner.config,
                    read_only: self.inner.read_only,
                    running: self.inner.running().len(),
                    at: self.inner.clock.now(),
                };
                let times = (at, self.inner.clock.now());
                Ok(Ok(check::check(plan, request.clone(), session, &rules, times).await))
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
        shown.insert(checked.hash(), (self.inner.clock.running(), checked));
        preview
    }
}

impl Recovered {
    fn of(left: &crate::journal::Record) -> Self {
        let (entry, target) = (&left.entry, &left.entry.target);
        Self {
            operation: entry.operation.clone(),
            title: Clean::new(&format!("{} {}/{}", entry.action.replace('-', " "), target.kind, target.name)),
            namespace: Clean::new(&target.namespace),
            since: left.at,
            plan: entry.plan.clone(),
        }
    }
}

/// Where the progress of an operation is told, and how it is stopped.
pub(super) struct Told {
    operation: String,
    out: mpsc::Sender<Msg>,
    pub stop: CancellationToken,
}

impl Told {
    async fn tell(&self, progress: Progress) {
        drop(self.out.send(Msg::Operation { id: self.operation.clone(), progress }).await);
    }

    /// What a command has written: more of it, or all that was kept.
    async fn output(&self, lines: Vec<OutputLine>, is_all: bool) {
        drop(self.out.send(Msg::Output { id: self.operation.clone(), lines, is_all }).await);
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn told(&self, operation: &str) -> Told {
        let stop = CancellationToken::new();
        self.running().insert(operation.to_owned(), stop.clone());
        Told { operation: operation.to_owned(), out: self.out.clone(), stop }
    }

    fn take(&self, plan: &str) -> Option<(Duration, Checked)> {
        self.shown.lock().unwrap_or_else(|e| e.into_inner()).remove(plan)
    }
}

/// What came instead of an answer, in one line.
pub(super) fn words_of(trouble: &crate::sources::kubernetes::trouble::Trouble) -> String {
    review::happened(trouble)
}

/// Who the API server says we are; empty where it does not say.
pub(crate) async fn user(session: &Session) -> String {
    session.user_or_ask(async || review::user(session).await).await.to_owned()
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
