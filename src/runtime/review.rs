//! Asks what a review needs beside what the feeds tell, and keeps what is signed: Prometheus and
//! Alertmanager through the session, the audit log and the sign-offs on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::actions::gateway;
use crate::config::Config;
use crate::effect::ReviewWanted;
use crate::journal::{self, Phase, Record, Who, show};
use crate::model::{Clean, Failure, FailureKind};
use crate::msg::Msg;
use crate::review::asked::{Act, Asked, Drill, questions};
use crate::review::{Kind, SignOff, signoff, store};
use crate::runbook::walk::store::last_walked;
use crate::sources::{self, Session};

/// A second look on the same morning still looks back this far: rates need some time.
const LEAST: SignedDuration = SignedDuration::from_hours(1);
/// Acts that are told; a night with more has a report of its own.
const MOST_ACTS: usize = 500;
/// The shipped runbooks that are practised, whether only the quarter asks for them, and after how many
/// days again: disaster recovery and a restore by the month, the rest of what a bad night needs by the
/// quarter.
const DRILLS: [(&str, bool, i64); 4] = [
    ("disaster-recovery", false, 30),
    ("missed-backup", false, 30),
    ("incident-response", true, 90),
    ("failed-deployment", true, 90),
];
/// A review that is asked for at the start waits for the connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);

/// Where things are on this machine.
#[derive(Clone, Debug)]
pub struct Places {
    /// None: there is no home, so that nothing can be kept.
    pub sign_offs: Option<PathBuf>,
    /// Where walks are kept.
    pub walks: Option<PathBuf>,
    /// The audit log, or why there is none.
    pub audit: Result<PathBuf, String>,
}

/// Asks everything; what fails is told where it would have stood. The session is waited for.
pub async fn ask(
    mut session: watch::Receiver<Option<Arc<Session>>>,
    config: Arc<Config>,
    places: Places,
    wanted: ReviewWanted,
    now: Timestamp,
    out: mpsc::Sender<Msg>,
) -> Asked {
    let connected = tokio::time::timeout(CONNECTED_WITHIN, session.wait_for(Option::is_some)).await;
    let session = connected.ok().and_then(Result::ok).and_then(|s| s.clone());
    let scope = scope(session.as_deref(), &config, wanted.kind);
    let (baseline, complaints) = baseline(&places, &scope).await;
    let last = baseline.as_ref().map(|b| now.duration_since(b.reviewed));
    let back = wanted.since.or(last).unwrap_or(wanted.kind.window()).clamp(LEAST, wanted.kind.longest());
    // A sign-off is met to the instant, so that the title can name it.
    let exact =
        baseline.as_ref().filter(|b| wanted.since.is_none() && now.duration_since(b.reviewed) == back);
    let since = exact.map_or(now - back, |b| b.reviewed);
    let asks = questions(wanted.kind, since, now);
    let of = asks.len();
    let progress = |done| drop(out.try_send(Msg::Reviewing { id: wanted.id, done, of }));
    let (acts, drills) = tokio::join!(acts(&places, &scope, since), drills(&places, wanted.kind));
    let (answers, silences, user) = match &session {
        Some(session) => tokio::join!(
            sources::prometheus::review::ask(session, &config, &asks, progress),
            sources::silences::active(session, &config),
            gateway::user(session),
        ),
        None => {
            let failure = no_session();
            let answers = asks.iter().map(|a| (a.question, Err(failure.clone()))).collect();
            (answers, Err(failure), String::new())
        }
    };
    let who = signoff::signer(&Who::here(&user));
    Asked { scope, since, until: now, answers, silences, acts, drills, baseline, complaints, who }
}

/// What is reviewed, as sign-offs are filed.
fn scope(session: Option<&Session>, config: &Config, kind: Kind) -> signoff::Scope {
    let scope = session.map(|s| s.scope.clone()).unwrap_or_default();
    let service = scope.service.or_else(|| config.service.clone().map(Clean::from));
    signoff::Scope {
        context: scope.context,
        namespace: scope.namespace.unwrap_or_default(),
        service: service.unwrap_or_default(),
        kind,
    }
}

/// When the runbooks that are drills were last walked to their end.
async fn drills(places: &Places, kind: Kind) -> Result<Vec<Drill>, Clean> {
    let Some(directory) = places.walks.clone() else {
        return Err(Clean::new("there is no home directory: no walk is on record"));
    };
    let read = tokio::task::spawn_blocking(move || last_walked(&directory)).await;
    let walked = read.map_err(|e| Clean::from(e.to_string()))?;
    let due = DRILLS.iter().filter(|(_, rare, _)| kind == Kind::Quarterly || !rare);
    let drill = |(name, _, days): &(&str, bool, i64)| Drill {
        name: Clean::new(name),
        every: SignedDuration::from_hours(24 * days),
        last: walked.get(*name).copied(),
    };
    Ok(due.map(drill).collect())
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
