//! The gateway's hand on the audit log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::approval::OpenPlan;
use super::check::Checked;
use super::confirm::Confirmed;
use super::review;
use crate::actions::Plan;
use crate::clock::Clock;
use crate::journal::{Entry, Journal, Phase, Record, Target, Who, show};
use crate::model::scope::Scope;
use crate::sources::Session;

/// Writes what the gateway does, by the cluster's name for the user.
pub struct Scribe {
    journal: Result<Journal, String>,
    clock: Clock,
    count: AtomicU64,
}

/// A confirmation that is on disk: the only thing that can act, and only once. Only
/// [`Scribe::record`] makes it.
pub struct Recorded {
    plan: Plan,
    entry: Entry,
}

impl Recorded {
    pub fn operation(&self) -> &str {
        &self.entry.operation
    }

    pub fn into_parts(self) -> (Plan, Entry) {
        (self.plan, self.entry)
    }
}

impl Scribe {
    pub fn new(journal: Result<Journal, String>, clock: Clock) -> Self {
        Self { journal, clock, count: AtomicU64::new(0) }
    }

    /// Writes the intent to the disk before it is acted upon.
    pub async fn record(&self, session: &Session, confirmed: Confirmed) -> Result<Recorded, String> {
        let mut entry = self.entry(session, confirmed.checked(), Phase::Confirmed, "");
        entry.approver = confirmed.approver().to_owned();
        entry.reason = confirmed.reason().to_owned();
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        entry.operation = format!("{}-{}-{n}", self.clock.now().as_millisecond(), std::process::id());
        entry.task = confirmed.checked().plan().task();
        self.append(session, entry.clone()).await?;
        Ok(Recorded { plan: confirmed.into_plan(), entry })
    }

    /// Writes what becomes of an approval by this user.
    pub async fn approve(
        &self,
        session: &Session,
        plan: &OpenPlan,
        phase: Phase,
        words: &str,
    ) -> Result<(), String> {
        let entry = Entry {
            phase,
            action: "approve".to_owned(),
            target: Target {
                cluster: session.scope.cluster.to_string(),
                context: session.scope.context.to_string(),
                namespace: plan.namespace.clone(),
                kind: "plan".to_owned(),
                name: plan.title.to_string(),
                uid: String::new(),
            },
            operation: format!("approve-{}-{}", plan.hash, std::process::id()),
            plan: plan.hash.clone(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
            reason: String::new(),
            approver: String::new(),
            words: words.to_owned(),
            task: serde_json::Value::Null,
        };
        self.append(session, entry).await
    }

    /// Notes what became of a plan that was not carried out, as well as can be.
    pub async fn note(&self, session: &Session, checked: &Checked, phase: Phase, words: &str) {
        let entry = self.entry(session, checked, phase, words);
        drop(self.write(session, entry).await);
    }

    /// Writes where an operation stands.
    pub async fn write(&self, session: &Session, entry: Entry) -> Result<(), String> {
        let written = self.append(session, entry).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "the audit log could not be written");
        }
        written
    }

    /// What processes that are gone were doing in this cluster.
    pub async fn left_behind(&self, scope: &Scope) -> Vec<Record> {
        let Ok(journal) = self.journal.clone() else { return Vec::new() };
        let read = move || show::left_behind(journal.directory());
        let found = tokio::task::spawn_blocking(read).await.ok().and_then(Result::ok).unwrap_or_default();
        let here = |r: &Record| {
            let target = &r.entry.target;
            *target.cluster == *scope.cluster && *target.context == *scope.context
        };
        found.into_iter().filter(here).collect()
    }

    async fn append(&self, session: &Session, entry: Entry) -> Result<(), String> {
        let journal = self.journal.clone()?;
        let who = Who::here(session.user_or_ask(|| review::user(session)).await);
        let at = self.clock.now();
        let written = tokio::task::spawn_blocking(move || journal.append(at, &who, entry)).await;
        written.map_err(|e| e.to_string())?.map(drop).map_err(|e| e.to_string())
    }

    fn entry(&self, session: &Session, checked: &Checked, phase: Phase, words: &str) -> Entry {
        let plan = checked.plan();
        let subject = &plan.subject;
        Entry {
            phase,
            action: plan.action.name().to_owned(),
            target: Target {
                cluster: session.scope.cluster.to_string(),
                context: session.scope.context.to_string(),
                namespace: subject.namespace.to_string(),
                kind: subject.kind.noun().to_owned(),
                name: subject.name.to_string(),
                uid: subject.uid.to_string(),
            },
            operation: String::new(),
            plan: checked.hash(),
            before: plan.before.clone(),
            after: plan.after.clone(),
            reason: String::new(),
            approver: String::new(),
            words: words.to_owned(),
            task: serde_json::Value::Null,
        }
    }
}

/// The next record of the same operation.
pub fn later(entry: &Entry, phase: Phase, words: &str) -> Entry {
    let (before, after) = (BTreeMap::new(), BTreeMap::new());
    let task = serde_json::Value::Null;
    Entry { phase, words: words.to_owned(), before, after, task, reason: String::new(), ..entry.clone() }
}
