//! The watch for the outcome: until the rollout is complete by kubectl's rules, has failed, or
//! its time is over.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::act::command;
use super::record::later;
use super::review::happened;
use super::run::Running;
use super::{Hand, Task};
use crate::actions::plan::KubeWrite;
use crate::actions::reader::list_in;
use crate::actions::{Expect, Reader, Write};
use crate::journal::{Entry, Phase};
use crate::model::Clean;
use crate::model::action::{ActionId, ObjectKind, Progress, Request, Subject};
use crate::model::workload::Rollout;
use crate::sources::kubernetes::api;
use crate::sources::kubernetes::trouble::Trouble;

/// The kind of end: done, failed, or not known.
pub type Outcome = fn(Clean) -> Progress;

/// What the server has taken, to be watched.
pub struct Acted {
    task: Task,
    entry: Entry,
    /// The generations that the writes made; 0 where the answer does not say.
    generations: Vec<i64>,
    course: Course,
}

/// How it is known what comes of it.
enum Course {
    /// By looking at the objects.
    Looked,
    /// It was seen already.
    Seen(Outcome, String),
    /// It runs here.
    Running(Box<Running>),
}

/// The end of an operation, to be recorded and shown.
pub struct Ended {
    entry: Entry,
    progress: Progress,
}

impl Ended {
    pub fn new(entry: Entry, progress: Outcome, words: &str) -> Self {
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
    /// Nothing moves until something else is done.
    Stuck(String, Box<Request>),
    Done(String),
    Failed(String),
    NotYet(String),
}

impl Acted {
    /// `answers` are the objects as the server gave them back.
    pub fn new(task: Task, entry: Entry, answers: &[Value]) -> Self {
        // That of `/scale` counts for its object.
        let generations = answers.iter().map(|a| a["metadata"]["generation"].as_i64().unwrap_or(0)).collect();
        Self { task, entry, generations, course: Course::Looked }
    }

    /// What is over already.
    pub fn seen(task: Task, entry: Entry, progress: Outcome, words: String) -> Self {
        Self { task, entry, generations: Vec::new(), course: Course::Seen(progress, words) }
    }

    /// A command of the team's own.
    pub fn running(task: Task, entry: Entry, running: Box<Running>) -> Self {
        Self { task, entry, generations: Vec::new(), course: Course::Running(running) }
    }

    pub fn entry(&self) -> Entry {
        self.entry.clone()
    }

    pub async fn watch(mut self, hand: &Hand<'_>) -> Ended {
        match std::mem::replace(&mut self.course, Course::Looked) {
            Course::Seen(outcome, words) => self.end(outcome, &words),
            Course::Running(running) => {
                let finished = command::finish(hand, *running).await;
                let entry = later(&self.entry, Phase::Outcome, &finished.recorded);
                Ended::new(entry, finished.outcome, &finished.told)
            }
            Course::Looked if self.task.writes.iter().any(|w| matches!(w, Write::Run(_))) => {
                let words =
                    "midwatch ended while it ran, and how it ended is not known: see what it has done";
                self.end(Progress::Unknown, words)
            }
            Course::Looked => self.watch_objects(hand).await,
        }
    }

    async fn watch_objects(self, hand: &Hand<'_>) -> Ended {
        let start = Instant::now();
        let deadline = start + Duration::from_secs(self.task.deadline_s);
        let mut last = String::new();
        loop {
            let seen = self.look(hand).await;
            let elapsed = clock(start.elapsed());
            match seen {
                Seen::Done(words) => return self.end(Progress::Done, &format!("{words} after {elapsed}")),
                Seen::Failed(words) => {
                    return self.end(Progress::Failed, &format!("{words} after {elapsed}"));
                }
                Seen::NotYet(words) if Instant::now() >= deadline => {
                    return self.end(Progress::Failed, &format!("not complete after {elapsed}: {words}"));
                }
                Seen::Stuck(words, _) if Instant::now() >= deadline => {
                    return self.end(Progress::Failed, &format!("not complete after {elapsed}: {words}"));
                }
                Seen::Stuck(words, next) => {
                    let words = format!("{words}, {elapsed}");
                    if words != last {
                        hand.told.tell(Progress::Stuck(Clean::new(&words), next)).await;
                        last = words;
                    }
                }
                Seen::NotYet(words) => {
                    let words = format!("{words}, {elapsed}");
                    if words != last {
                        hand.told.tell(Progress::Watching(Clean::new(&words))).await;
                        last = words;
                    }
                }
            }
            tokio::time::sleep(hand.pace.look_every).await;
        }
    }

    fn end(self, made: Outcome, words: &str) -> Ended {
        Ended::new(later(&self.entry, Phase::Outcome, words), made, words)
    }

    /// All that was written to; what is worst of it is told.
    async fn look(&self, hand: &Hand<'_>) -> Seen {
        let taken = self.task.writes.iter().map(Write::taken_by).next().unwrap_or_default();
        if self.task.expect == Expect::Accepted {
            return Seen::Done(taken.to_owned());
        }
        let (mut done, mut waiting) = (Vec::new(), Vec::new());
        for (at, write) in self.task.writes.iter().enumerate() {
            let Write::Kube(write) = write else { continue };
            let generation = self.generations.get(at).copied().unwrap_or(0);
            match look_at(hand, write, self.task.expect, generation).await {
                Seen::Failed(words) => return Seen::Failed(words),
                Seen::Stuck(words, next) => return Seen::Stuck(words, next),
                Seen::Done(words) => done.push(words),
                Seen::NotYet(words) => waiting.push(words),
            }
        }
        if waiting.is_empty() { Seen::Done(done.join("; ")) } else { Seen::NotYet(waiting.join("; ")) }
    }
}

async fn look_at(hand: &Hand<'_>, write: &KubeWrite, expect: Expect, generation: i64) -> Seen {
    let uid = match &write.body {
        crate::actions::plan::Body::Delete { uid } | crate::actions::plan::Body::Evict { uid } => {
            uid.as_str()
        }
        _ => "",
    };
    let gone = || match expect {
        Expect::Gone => Seen::Done("gone".to_owned()),
        _ => Seen::Failed("somebody has deleted it".to_owned()),
    };
    match api::json::<Value>(&hand.session.client, &write.object_path()).await {
        Ok(object) if !uid.is_empty() && object["metadata"]["uid"] != uid => gone(),
        Ok(object) => match expect {
            Expect::Gone => Seen::NotYet("ending".to_owned()),
            Expect::Job => job(&object),
            Expect::Backup => velero(&object),
            Expect::Rollout | Expect::Accepted => match rollout(hand, write, &object, generation) {
                Seen::NotYet(words) => stuck(hand, write, &object).await.unwrap_or(Seen::NotYet(words)),
                seen => seen,
            },
        },
        Err(Trouble::Status(refusal)) if refusal.code == 404 => gone(),
        Err(trouble) => Seen::NotYet(format!("can't be seen now ({})", happened(&trouble))),
    }
}

/// By kubectl's rules for `rollout status`.
fn rollout(hand: &Hand<'_>, write: &KubeWrite, object: &Value, generation: i64) -> Seen {
    let reader = Reader { session: hand.session, config: hand.config, at: jiff::Timestamp::UNIX_EPOCH };
    let workloads =
        [ObjectKind::Deployment, ObjectKind::StatefulSet, ObjectKind::DaemonSet, ObjectKind::ReplicaSet];
    let kind = workloads.into_iter().find(|k| k.plural() == write.resource.plural);
    if kind == Some(ObjectKind::ReplicaSet) {
        return replicas(object);
    }
    let Some(workload) = kind.and_then(|kind| reader.workload(kind, object)) else {
        // What is no workload has no rollout.
        return Seen::Done("taken by the API server".to_owned());
    };
    if workload.observed_generation < generation {
        return Seen::NotYet("waiting for the controller".to_owned());
    }
    match workload.rollout() {
        // kubectl calls a scale-down complete before a pod has ended; we wait for the number.
        Rollout::Complete | Rollout::None if workload.current > workload.wanted => {
            Seen::NotYet(format!("{} pods, {} are wanted", workload.current, workload.wanted))
        }
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

/// A StatefulSet under OrderedReady waits for its broken pod for ever, though that pod is of a
/// revision that is not wanted any more: it goes on once the pod is deleted
/// (kubernetes.io/docs, 'Forced rollback').
async fn stuck(hand: &Hand<'_>, write: &KubeWrite, object: &Value) -> Option<Seen> {
    let ordered = object["spec"]["podManagementPolicy"] != "Parallel";
    let wanted = object["status"]["updateRevision"].as_str()?;
    if write.resource.plural != ObjectKind::StatefulSet.plural() || !ordered {
        return None;
    }
    let pods = list_in(hand.session, "", "pods", Some(&write.namespace)).await.ok()?;
    let uid = &object["metadata"]["uid"];
    let owned = |p: &&Value| {
        p["metadata"]["ownerReferences"].as_array().is_some_and(|all| all.iter().any(|o| o["uid"] == *uid))
    };
    let is_ready = |p: &Value| {
        let all = p["status"]["conditions"].as_array();
        all.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    };
    let broken = pods.iter().filter(owned).find(|p| {
        let revision = &p["metadata"]["labels"]["controller-revision-hash"];
        !is_ready(p) && *revision != wanted && p["metadata"]["deletionTimestamp"].is_null() && is_broken(p)
    })?;
    let text = |k: &str| Clean::new(broken["metadata"][k].as_str().unwrap_or_default());
    let subject =
        Subject { kind: ObjectKind::Pod, namespace: text("namespace"), name: text("name"), uid: text("uid") };
    let words = format!("waits for {}, which is broken and of the old revision: delete it", subject.name);
    let request = Request { action: ActionId::DeletePod, subject, answers: Default::default() };
    Some(Seen::Stuck(words, Box::new(request)))
}

/// It does not come up by itself: it waits for something, or ends again and again.
fn is_broken(pod: &Value) -> bool {
    let containers = pod["status"]["containerStatuses"].as_array();
    let reason = |c: &Value| c["state"]["waiting"]["reason"].as_str().unwrap_or_default().to_owned();
    containers.into_iter().flatten().any(|c| {
        let failed = c["state"]["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0);
        failed || !matches!(reason(c).as_str(), "" | "ContainerCreating" | "PodInitializing")
    })
}

/// A ReplicaSet has no rollout: as many as are wanted, and all of them ready.
fn replicas(object: &Value) -> Seen {
    let number = |path: &str| object.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let (wanted, ready, there) =
        (number("/spec/replicas"), number("/status/readyReplicas"), number("/status/replicas"));
    let observed = number("/status/observedGeneration") >= number("/metadata/generation");
    if observed && ready == wanted && there == wanted {
        Seen::Done(format!("complete: {ready} of {wanted} ready"))
    } else {
        Seen::NotYet(format!("{ready} of {wanted} ready"))
    }
}

fn job(object: &Value) -> Seen {
    let condition = |kind: &str| {
        let all = object["status"]["conditions"].as_array();
        all.into_iter().flatten().find(|c| c["type"] == kind && c["status"] == "True").cloned()
    };
    let said = |c: &Value| {
        let text = |k: &str| c[k].as_str().unwrap_or_default().to_owned();
        [text("reason"), text("message")].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(": ")
    };
    if condition("Complete").is_some() {
        return Seen::Done("the Job has succeeded".to_owned());
    }
    if let Some(failed) = condition("Failed") {
        return Seen::Failed(format!("the Job has failed: {}", said(&failed)));
    }
    let count = |k: &str| object["status"][k].as_u64().unwrap_or(0);
    match (count("active"), count("failed")) {
        (0, 0) => Seen::NotYet("the Job is there, nothing runs yet".to_owned()),
        (active, 0) => Seen::NotYet(format!("{active} pod of the Job runs")),
        (active, failed) => Seen::NotYet(format!("{active} pod of the Job runs, {failed} failed")),
    }
}

/// Phases of `velero.io/v1` Backup.
fn velero(object: &Value) -> Seen {
    let phase = object["status"]["phase"].as_str().unwrap_or("New");
    let done = object["status"]["progress"]["itemsBackedUp"].as_u64();
    let items = done.map(|n| format!(", {n} items")).unwrap_or_default();
    match phase {
        "Completed" => Seen::Done(format!("Completed{items}")),
        "PartiallyFailed" | "Failed" | "FailedValidation" => Seen::Failed(format!("{phase}{items}")),
        phase => Seen::NotYet(format!("{phase}{items}")),
    }
}

/// '1:40'.
fn clock(elapsed: Duration) -> String {
    format!("{}:{:02}", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
}
