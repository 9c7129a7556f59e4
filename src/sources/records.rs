//! Backup records: what a script says of its backups, in a file or behind a URL.
//!
//! The format, small enough for any script to write:
//! ```json
//! {"version": 1, "backups": [{"name": "full", "runs": [
//!   {"start": "2026-11-20T02:00:00Z", "end": "2026-11-20T02:41:00Z", "outcome": "succeeded",
//!    "size_bytes": 44238573568, "verified_at": "2026-11-20T04:00:00Z", "reason": null}]}]}
//! ```
//! `outcome` is succeeded, partial, failed or running; only `name`, `start` and `outcome` are needed.

use std::path::Path;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;

use super::http::Endpoint;
use super::pace::Pace;
use super::{Context, Finding, Source};
use crate::config::RecordSource;
use crate::model::backup::{BackupRecord, Run, RunOutcome};
use crate::model::{Change, Clean, Failure, FailureKind, FeedId, Health, Observation};

/// How often a file's time and size are looked at.
const FILE_EVERY: Duration = Duration::from_secs(5);

const URL_EVERY: Duration = Duration::from_secs(60);

/// Years of hourly runs.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
const MOST_BACKUPS: usize = 1_000;
const MOST_RUNS: usize = 100;
const MOST_CHARS: usize = 500;

pub struct BackupRecords;

impl Source for BackupRecords {
    fn noun(&self) -> &'static str {
        "backup records"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::BackupRecords]
    }

    fn run(&self, context: Context) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let stop = context.stop.clone();
            tokio::select! { () = stop.cancelled() => {}, () = run(context) => {} }
        })
    }

    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>> {
        Box::pin(
            async move { futures::future::join_all(context.config.backup_records.iter().map(check)).await },
        )
    }
}

#[derive(Deserialize)]
struct Wire {
    version: u32,
    backups: Vec<WireBackup>,
}

#[derive(Deserialize)]
struct WireBackup {
    name: String,
    #[serde(default)]
    runs: Vec<WireRun>,
}

#[derive(Deserialize)]
struct WireRun {
    start: Timestamp,
    #[serde(default)]
    end: Option<Timestamp>,
    outcome: WireOutcome,
    #[serde(default)]
    size_bytes: Option<u64>,
    #[serde(default)]
    verified_at: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireOutcome {
    Succeeded,
    Partial,
    Failed,
    Running,
}

/// What was last read of one source, and of what state of the file.
#[derive(Default)]
struct Kept {
    seen: Option<(SystemTime, u64)>,
    records: Vec<BackupRecord>,
}

async fn run(context: Context) {
    let sources = &context.config.backup_records;
    if sources.is_empty() {
        let failure = Failure {
            kind: FailureKind::NotConfigured,
            tried: Clean::new("read backup records"),
            happened: Clean::new("none are configured"),
            next: Clean::new("add [[backup_record]] file or url to midwatch.toml"),
        };
        context.send(FeedId::BackupRecords, vec![Change::Failed(failure)]).await;
        return;
    }
    let mut pace = Pace::default();
    let mut kept: Vec<Kept> = sources.iter().map(|_| Kept::default()).collect();
    let every =
        if sources.iter().all(|s| matches!(s, RecordSource::File(_))) { FILE_EVERY } else { URL_EVERY };
    loop {
        let seen = context.refresh();
        let mut failure = None;
        for (source, kept) in sources.iter().zip(&mut kept) {
            if let Err(why) = refresh(source, kept).await {
                failure = Some(why);
            }
        }
        let (change, wait) = match failure {
            // The feed is one: where one source is broken, its age must show.
            Some(failure) => {
                let wait = pace.after(failure.kind).max(FILE_EVERY);
                (vec![Change::Failed(failure)], wait)
            }
            None => {
                pace.reset();
                let all = kept.iter().flat_map(|k| &k.records).cloned();
                let told = all.map(|r| Change::Upsert(Observation::BackupRecord(Box::new(r))));
                ([Change::Reset].into_iter().chain(told).chain([Change::Ready]).collect(), every)
            }
        };
        if !context.send(FeedId::BackupRecords, change).await || !context.pause(wait, seen).await {
            return;
        }
    }
}

/// Reads the source again, unless it is a file that has not changed.
async fn refresh(source: &RecordSource, kept: &mut Kept) -> Result<(), Failure> {
    match source {
        RecordSource::File(path) => {
            let seen = stat(path)?;
            if kept.seen != Some(seen) {
                kept.records = read_file(path)?;
                kept.seen = Some(seen);
            }
        }
        RecordSource::Url { url, http } => {
            let endpoint = Endpoint::direct("backup_record", url, http).await?;
            let reply = endpoint.visit().await?;
            if !reply.status.is_success() {
                return Err(endpoint.refused("backup records", &reply));
            }
            kept.records = parse(&reply.body, endpoint.place())?;
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => FailureKind::Absent,
        std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
        _ => FailureKind::Unreachable,
    };
    Failure {
        kind,
        tried: Clean::new(&format!("read backup records of {}", path.display())),
        happened: Clean::new(&error.to_string()),
        next: Clean::new("check [[backup_record]] file, and that the backup script writes it"),
    }
}

fn stat(path: &Path) -> Result<(SystemTime, u64), Failure> {
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if metadata.len() > MAX_BYTES {
        return Err(unreadable(path, &std::io::Error::other("it is larger than 16 MiB")));
    }
    Ok((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len()))
}

fn read_file(path: &Path) -> Result<Vec<BackupRecord>, Failure> {
    let bytes = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    parse(&bytes, &path.display().to_string())
}

/// # Errors
/// What is wrong, with line and column: half a record could hide a failed run.
fn parse(bytes: &[u8], from: &str) -> Result<Vec<BackupRecord>, Failure> {
    let failure = |happened: String, next: &str| Failure {
        kind: FailureKind::ServerError,
        tried: Clean::new(&format!("read backup records of {from}")),
        happened: Clean::new(&happened),
        next: Clean::new(next),
    };
    let wire: Wire = serde_json::from_slice(bytes).map_err(|e| {
        failure(
            format!("{from}:{}:{}: {e}", e.line(), e.column()),
            "correct what writes it; write to a new file and rename it",
        )
    })?;
    if wire.version != 1 {
        let happened = format!("its version is {}, and 1 is what is known", wire.version);
        return Err(failure(happened, "write version 1, or update midwatch"));
    }
    Ok(wire.backups.into_iter().take(MOST_BACKUPS).map(record).collect())
}

fn record(wire: WireBackup) -> BackupRecord {
    let bounded = |text: &str| Clean::new(&text.chars().take(MOST_CHARS).collect::<String>());
    let mut runs: Vec<Run> = wire
        .runs
        .into_iter()
        .map(|run| Run {
            start: run.start,
            end: run.end,
            outcome: match run.outcome {
                WireOutcome::Succeeded => RunOutcome::Succeeded,
                WireOutcome::Partial => RunOutcome::Partial,
                WireOutcome::Failed => RunOutcome::Failed,
                WireOutcome::Running => RunOutcome::Running,
            },
            reason: run.reason.as_deref().filter(|r| !r.is_empty()).map(bounded),
            size_bytes: run.size_bytes,
            verified_at: run.verified_at,
        })
        .collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.start));
    runs.truncate(MOST_RUNS);
    BackupRecord { name: bounded(&wire.name), runs }
}

async fn check(source: &RecordSource) -> Finding {
    let mut kept = Kept::default();
    if let Err(failure) = refresh(source, &mut kept).await {
        return Finding::of_failure("backup records", &failure);
    }
    let runs: usize = kept.records.iter().map(|r| r.runs.len()).sum();
    Finding {
        health: if kept.records.is_empty() { Health::Unknown } else { Health::Ok },
        subject: "backup records".into(),
        tried: match source {
            RecordSource::File(path) => format!("read {}", path.display()),
            RecordSource::Url { .. } => "read the configured URL".to_owned(),
        },
        found: format!("{} backups with {runs} runs", kept.records.len()),
        next: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::testing::{context, serve};

    const RECORD: &str = r#"{"version": 1, "backups": [{"name": "full", "runs": [
        {"start": "2026-11-19T02:00:00Z", "outcome": "failed", "reason": "no space\u001b[2J left"},
        {"start": "2026-11-20T02:00:00+01:00", "end": "2026-11-20T02:41:00+01:00", "outcome": "succeeded",
         "size_bytes": 44238573568, "verified_at": "2026-11-20T04:00:00Z"}]}]}"#;

    #[test]
    fn records_are_read_newest_run_first() {
        let records = parse(RECORD.as_bytes(), "r.json").unwrap();
        let runs = &records[0].runs;
        assert_eq!(runs[0].start.to_string(), "2026-11-20T01:00:00Z");
        assert_eq!((runs[0].outcome, runs[0].size_bytes), (RunOutcome::Succeeded, Some(44_238_573_568)));
        assert_eq!(runs[1].reason.as_deref(), Some("no space left"));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, wanted) in [
            ("{\"version\": 1,\n \"backups\": [{\"nam\": 1}]}", "r.json:2:"),
            ("", "r.json:1:0: EOF"),
            ("{\"version\": 2, \"backups\": []}", "version is 2"),
            (
                "{\"version\":1,\"backups\":[{\"name\":\"x\",\"runs\":[{\"start\":\"today\",\"outcome\":\"failed\"}]}]}",
                "r.json:1:",
            ),
            (
                "{\"version\":1,\"backups\":[{\"name\":\"x\",\"runs\":[{\"start\":\"2026-11-20T02:00:00Z\",\"outcome\":\"fine\"}]}]}",
                "unknown variant `fine`",
            ),
        ] {
            let failure = parse(text.as_bytes(), "r.json").unwrap_err();
            assert!(failure.happened.contains(wanted), "{text}: {failure:?}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        let config = format!("[[backup_record]]\nfile = '{}'", path.display());
        let (context, mut batches, wants) = context(&config);
        tokio::spawn(BackupRecords.run(context));
        let Change::Failed(failure) = &batches.recv().await.unwrap().changes[0] else { panic!() };
        assert_eq!(failure.kind, FailureKind::Absent);
        std::fs::write(&path, RECORD).unwrap();
        wants.send_modify(|w| w.refresh += 1);
        let changes = batches.recv().await.unwrap().changes;
        assert!(
            matches!(&changes[1], Change::Upsert(Observation::BackupRecord(r)) if r.runs.len() == 2),
            "{changes:?}"
        );
        std::fs::write(&path, r#"{"version": 1, "backups": []}"#).unwrap();
        wants.send_modify(|w| w.refresh += 1);
        assert_eq!(batches.recv().await.unwrap().changes, [Change::Reset, Change::Ready]);
    }

    #[tokio::test]
    async fn a_url_is_read_too() {
        let app = axum::Router::new().route("/r.json", axum::routing::get(|| async { RECORD }));
        let url = serve(app).await;
        let (context, _batches, _wants) = context(&format!(
            "[[backup_record]]\nurl = '{url}/r.json'\n[[backup_record]]\nurl = '{url}/none'"
        ));
        let findings = BackupRecords.check(context).await;
        assert_eq!(findings[0].found, "1 backups with 2 runs");
        assert!(findings[1].found.starts_with("404"), "{findings:?}");
    }
}
