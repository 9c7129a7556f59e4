//! The watch for the outcome: until the rollout is complete by kubectl's rules, has failed, or
//! its time is over.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Told;
use super::record::later;
use super::review::happened;
use crate::actions::{Expect, Plan, Reader};
use crate::config::Config;
use crate::journal::{Entry, Phase};
use crate::model::Clean;
use crate::model::action::Progress;
use crate::model::workload::Rollout;
use crate::sources::Session;
use crate::sources::kubernetes::api;
use crate::sources::kubernetes::trouble::Trouble;

/// One object, once a second, while an operation runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the server has taken, to be watched.
pub struct Acted {
    plan: Plan,
    entry: Entry,
    /// The generation that the write made; 0 where the answer does not say.
    generation: i64,
}

/// The end of an operation, to be recorded and shown.
pub struct Ended {
    entry: Entry,
    progress: Progress,
}

impl Ended {
    pub fn new(entry: Entry, progress: fn(Clean) -> Progress, words: &str) -> Self {
        Self { entry, progress: progress(Clean::new(words)) }
    }

    pub fn entry(&self) -> Entry {
        self.entry.clone()
    }

    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

enum Seen {
    Done(String),
    Failed(String),
    NotYet(String),
}

impl Acted {
    /// `answer` is the object as the server gave it back.
    pub fn new(plan: Plan, entry: Entry, answer: &Value) -> Self {
        let generation = answer["metadata"]["generation"].as_i64().unwrap_or(0);
        Self { plan, entry, generation }
    }

    pub fn entry(&self) -> Entry {
        self.entry.clone()
    }

    pub async fn watch(self, session: &Session, config: &Config, told: &Told) -> Ended {
        let start = Instant::now();
        let deadline = start + Duration::from_secs(self.plan.deadline_s);
        let mut last = String::new();
        loop {
            let seen = self.look(session, config).await;
            let elapsed = clock(start.elapsed());
            match seen {
                Seen::Done(words) => return self.end(Progress::Done, &format!("{words} after {elapsed}")),
                Seen::Failed(words) => {
                    return self.end(Progress::Failed, &format!("{words} after {elapsed}"));
                }
                Seen::NotYet(words) if Instant::now() >= deadline => {
                    return self.end(Progress::Failed, &format!("not complete after {elapsed}: {words}"));
                }
                Seen::NotYet(words) => {
                    let words = format!("{words}, {elapsed}");
                    if words != last {
                        told.tell(Progress::Watching(Clean::new(&words))).await;
                        last = words;
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn end(self, made: fn(Clean) -> Progress, words: &str) -> Ended {
        Ended::new(later(&self.entry, Phase::Outcome, words), made, words)
    }

    async fn look(&self, session: &Session, config: &Config) -> Seen {
        if self.plan.expect == Expect::Accepted {
            return Seen::Done("taken by the API server".to_owned());
        }
        let subject = &self.plan.subject;
        let path = crate::actions::Write { subresource: "", ..self.plan.write.clone() }.path();
        match api::json::<Value>(&session.client, &path).await {
            Ok(object) if object["metadata"]["uid"] != subject.uid.as_str() => self.gone(),
            Ok(object) => self.judge(session, config, &object),
            Err(Trouble::Status(refusal)) if refusal.code == 404 => self.gone(),
            Err(trouble) => Seen::NotYet(format!("can't be seen now ({})", happened(&trouble))),
        }
    }

    fn gone(&self) -> Seen {
        match self.plan.expect {
            Expect::Gone => Seen::Done("gone".to_owned()),
            Expect::Rollout | Expect::Accepted => Seen::Failed("somebody has deleted it".to_owned()),
        }
    }

    fn judge(&self, session: &Session, config: &Config, object: &Value) -> Seen {
        if self.plan.expect == Expect::Gone {
            return Seen::NotYet("ending".to_owned());
        }
        let reader = Reader { session, config, at: jiff::Timestamp::UNIX_EPOCH };
        let Some(workload) = reader.workload(self.plan.subject.kind, object) else {
            return Seen::NotYet("can't be read".to_owned());
        };
        if workload.observed_generation < self.generation {
            return Seen::NotYet("waiting for the controller".to_owned());
        }
        match workload.rollout() {
            Rollout::Complete | Rollout::None => {
                Seen::Done(format!("complete: {} of {} ready", workload.ready, workload.wanted))
            }
            Rollout::Failed(words) => Seen::Failed(words),
            Rollout::Paused => Seen::NotYet("paused".to_owned()),
            Rollout::Progressing(_) => {
                let old = workload.current.saturating_sub(workload.updated);
                let old = if old > 0 { format!(", {old} old ones left") } else { String::new() };
                Seen::NotYet(format!(
                    "{} of {} updated, {} available{old}",
                    workload.updated.min(workload.wanted),
                    workload.wanted,
                    workload.available
                ))
            }
        }
    }
}

/// '1:40'.
fn clock(elapsed: Duration) -> String {
    format!("{}:{:02}", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
}
