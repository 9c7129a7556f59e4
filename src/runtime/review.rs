//! Asks what a review needs beside what the feeds tell, and keeps what is signed: Prometheus and
//! Alertmanager through the session, the audit log and the sign-offs on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use crate::actions::gateway;
use crate::config::Config;
use crate::effect::ReviewWanted;
use crate::journal::{self, Phase, Record, Who, show};
use crate::model::{Clean, Failure, FailureKind};
use crate::msg::Msg;
use crate::review::asked::{Act, Asked, questions};
use crate::review::{SignOff, signoff, store};
use crate::sources::{self, Session};

/// A second look on the same morning still looks back this far: rates need some time.
const LEAST: SignedDuration = SignedDuration::from_hours(1);
/// Acts that are told; a night with more has a report of its own.
const MOST_ACTS: usize = 500;

/// Where things are on this machine.
#[derive(Clone, Debug)]
pub struct Places {
    /// None: there is no home, so that nothing can be kept.
    pub sign_offs: Option<PathBuf>,
    /// The audit log, or why there is none.
    pub audit: Result<PathBuf, String>,
}

/// Asks everything; what fails is told where it would have stood.
pub async fn ask(
    session: Option<Arc<Session>>,
    config: Arc<Config>,
    places: Places,
    wanted: ReviewWanted,
    now: Timestamp,
    out: mpsc::Sender<Msg>,
) -> Asked {
    let (baseline, complaints) = baseline(&places, &wanted.scope).await;
    let kind = wanted.scope.kind;
    let last = baseline.as_ref().map(|b| now.duration_since(b.at));
    let back = wanted.since.or(last).unwrap_or(kind.window()).clamp(LEAST, kind.longest());
    // To the second: that is what the questions are asked in, and what is compared with sign-offs.
    let exact = baseline.as_ref().filter(|b| wanted.since.is_none() && now.duration_since(b.at) == back);
    let since = exact.map_or(now - back, |b| b.at);
    let asks = questions(kind, since, now);
    let of = asks.len();
    let progress = |done| drop(out.try_send(Msg::Reviewing { id: wanted.id, done, of }));
    let acts = acts(&places, &wanted.scope, since).await;
    let Some(session) = session else {
        let failure = no_session();
        let answers = asks.iter().map(|a| (a.question, Err(failure.clone()))).collect();
        return Asked {
            kind,
            since,
            until: now,
            answers,
            silences: Err(failure),
            acts,
            drills: Ok(Vec::new()),
            baseline,
            complaints,
            who: signoff::signer(&Who::here("")),
        };
    };
    let (answers, silences, user) = tokio::join!(
        sources::prometheus::review::ask(&session, &config, &asks, progress),
        sources::silences::active(&session, &config),
        gateway::user(&session),
    );
    let who = signoff::signer(&Who::here(&user));
    Asked {
        kind,
        since,
        until: now,
        answers,
        silences,
        acts,
        drills: Ok(Vec::new()),
        baseline,
        complaints,
        who,
    }
}

async fn baseline(places: &Places, scope: &signoff::Scope) -> (Option<SignOff>, Vec<Clean>) {
    let Some(directory) = places.sign_offs.clone() else {
        return (None, vec![Clean::new("there is no home directory: nothing can be kept, or compared with")]);
    };
    let scope = scope.clone();
    let read = tokio::task::spawn_blocking(move || store::last(&directory, &scope)).await;
    match read {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => (None, vec![Clean::from(error.to_string())]),
        Err(error) => (None, vec![Clean::from(error.to_string())]),
    }
}

async fn acts(places: &Places, scope: &signoff::Scope, since: Timestamp) -> Result<Vec<Act>, Clean> {
    let directory = places.audit.clone().map_err(Clean::from)?;
    let scope = scope.clone();
    let read = move || {
        let selection = show::Selection { since: Some(since), ..Default::default() };
        show::read(&directory, &selection).map(|records| of_scope(&records, &scope))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(acts)) => Ok(acts),
        Ok(Err(error)) => Err(Clean::from(error.to_string())),
        Err(error) => Err(Clean::from(error.to_string())),
    }
}

/// One act an operation that was confirmed, with the last that is known of it.
fn of_scope(records: &[Record], scope: &signoff::Scope) -> Vec<Act> {
    let ours = |r: &&Record| {
        let t = &r.entry.target;
        *t.context == *scope.context.as_str()
            && (scope.namespace.is_empty()
                || t.namespace.is_empty()
                || *t.namespace == *scope.namespace.as_str())
    };
    let act = |r: &Record| {
        let last = records.iter().rev().find(|l| l.entry.operation == r.entry.operation).unwrap_or(r);
        let t = &r.entry.target;
        let words = if last.entry.words.is_empty() { last.entry.phase.word() } else { &last.entry.words };
        Act {
            at: r.at,
            action: Clean::new(&r.entry.action),
            object: Clean::from(format!("{}/{}", t.kind, t.name)),
            namespace: Clean::new(&t.namespace),
            name: Clean::new(&t.name),
            who: signoff::signer(&r.who),
            words: Clean::new(&words.chars().take(200).collect::<String>()),
        }
    };
    records
        .iter()
        .filter(|r| r.entry.phase == Phase::Confirmed)
        .filter(ours)
        .take(MOST_ACTS)
        .map(act)
        .collect()
}

/// Signs as whoever the API server says we are, and keeps it.
///
/// # Errors
/// In words: there is no place for it, or it can't be written.
pub async fn sign(
    session: Option<Arc<Session>>,
    directory: Option<PathBuf>,
    mut signed: SignOff,
) -> Result<(SignOff, String), Clean> {
    let directory = directory.ok_or_else(|| Clean::new("there is no home directory to keep it in"))?;
    let user = match &session {
        Some(session) => gateway::user(session).await,
        None => String::new(),
    };
    signed.who = journal::Who::here(&user);
    let keep = move || store::keep(&directory, &signed).map(|path| (signed, path.display().to_string()));
    match tokio::task::spawn_blocking(keep).await {
        Ok(Ok(kept)) => Ok(kept),
        Ok(Err(error)) => Err(Clean::from(error.to_string())),
        Err(error) => Err(Clean::from(error.to_string())),
    }
}

/// Writes reports, each under a name that is free.
///
/// # Errors
/// In words, with the file.
pub fn write(directory: &Path, files: &[(String, String)]) -> Result<Vec<String>, Clean> {
    let mut written = Vec::new();
    for (name, text) in files {
        written.push(write_new(directory, name, text).map_err(|(path, error)| {
            Clean::from(format!("could not write {}: {error}; check the directory's rights", path.display()))
        })?);
    }
    Ok(written)
}

/// A report may hold names of the cluster: it is for the owner alone. Nothing is overwritten.
fn write_new(directory: &Path, name: &str, text: &str) -> Result<String, (PathBuf, std::io::Error)> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "txt"));
    for n in 1..100 {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        let path = directory.join(format!("{stem}{number}.{extension}"));
        let opened = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        match opened.and_then(|mut file| file.write_all(text.as_bytes())) {
            Ok(()) => return Ok(path.display().to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err((path, e)),
        }
    }
    Err((directory.join(name), std::io::ErrorKind::AlreadyExists.into()))
}

fn no_session() -> Failure {
    Failure {
        kind: FailureKind::Unreachable,
        tried: Clean::new("ask what the review needs"),
        happened: Clean::new("no connection to a cluster yet"),
        next: Clean::new("wait for the connection, or see midwatch doctor"),
    }
}
