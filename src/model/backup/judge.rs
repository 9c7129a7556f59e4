//! What a backup's state means, in a word and a sentence. Only a backup that is young enough, ran
//! when it should, and was proved by a restore or a check is green.

use jiff::{SignedDuration, Timestamp};

use super::{Backup, BackupOrigin, RunOutcome};
use crate::model::Health;

/// The verdict, worst reason first: '31 h old, RPO 26 h'.
pub fn health(backup: &Backup, now: Timestamp) -> (Health, String) {
    let mut findings: Vec<(Health, String)> = Vec::new();
    findings.extend(age(backup, now));
    findings.extend(last_run(backup));
    if backup.suspended {
        findings.push((Health::Warning, "suspended".into()));
    }
    if backup.missed > 0 {
        let runs = if backup.missed == 1 { "run" } else { "runs" };
        findings.push((Health::Warning, format!("{} {runs} missed", backup.missed)));
    }
    // Whether what does not exist can be restored is not the question.
    if backup.last_success.is_some() {
        findings.push(verification(backup, now));
    }
    // Stable: among equals the age comes first.
    findings.sort_by_key(|(health, _)| std::cmp::Reverse(*health));
    let worst = findings.first().map_or(Health::Unknown, |(health, _)| *health);
    let words: Vec<String> = findings.into_iter().map(|(_, words)| words).collect();
    (worst, words.join(", "))
}

fn age(backup: &Backup, now: Timestamp) -> Option<(Health, String)> {
    let Some(last) = &backup.last_success else {
        return Some(match (backup.origin, backup.runs.iter().any(|r| r.outcome != RunOutcome::Running)) {
            (BackupOrigin::Expected, _) => {
                (Health::Critical, "expected by the configuration, but there is no such backup".into())
            }
            (_, true) => (Health::Critical, "never succeeded".into()),
            (_, false) if backup.missed > 0 => (Health::Critical, "never succeeded".into()),
            (_, false) => (Health::Unknown, "has not run yet".into()),
        });
    };
    let age = now.duration_since(last.start);
    let unsure = if last.reason.as_deref().is_some_and(|r| r.starts_with("start not known")) {
        " since its end"
    } else {
        ""
    };
    let old = format!("{} old{unsure}", span(age));
    Some(match backup.rpo {
        Some(rpo) if age > rpo => (Health::Critical, format!("{old}, RPO {}", span(rpo))),
        Some(rpo) => (Health::Ok, format!("{old}, RPO {}", span(rpo))),
        None => (Health::Unknown, format!("{old}, no RPO to judge it by")),
    })
}

/// What the newest run that has ended says, where it is no success.
fn last_run(backup: &Backup) -> Option<(Health, String)> {
    let last = backup.runs.iter().find(|r| r.outcome != RunOutcome::Running)?;
    let why = last.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    match last.outcome {
        RunOutcome::Failed => Some((Health::Warning, format!("last run failed{why}"))),
        RunOutcome::Partial => Some((Health::Warning, format!("last run is only partial{why}"))),
        RunOutcome::Unknown => Some((Health::Unknown, format!("the last run's outcome is not known{why}"))),
        RunOutcome::Succeeded | RunOutcome::Running => None,
    }
}

fn verification(backup: &Backup, now: Timestamp) -> (Health, String) {
    let wanted = backup.expected.as_ref().and_then(|e| e.verified_within);
    match (backup.verified_at.map(|at| now.duration_since(at)), wanted) {
        (None, Some(within)) => (Health::Warning, format!("unverified, wanted every {}", span(within))),
        (None, None) => (Health::Unknown, "unverified".into()),
        (Some(age), Some(within)) if age > within => {
            (Health::Warning, format!("verified {} ago, wanted every {}", span(age), span(within)))
        }
        (Some(age), _) => (Health::Ok, format!("verified {} ago", span(age))),
    }
}

/// '45 min', '31 h', '3 d': whole units, rounded down as ages are said.
fn span(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    match minutes {
        0..120 => format!("{minutes} min"),
        120..4320 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    const NOW: &str = "2026-11-21T09:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn run(start: &str, outcome: RunOutcome) -> Run {
        let start = at(start);
        let end = (outcome != RunOutcome::Running).then(|| start + SignedDuration::from_mins(40));
        Run { start, end, outcome, reason: None, size_bytes: Some(1), verified_at: None }
    }

    fn job(start: &str, outcome: RunOutcome) -> JobRun {
        let (namespace, cronjob) = ("shop".into(), Some("backup-full".into()));
        let name = Clean::new(&format!("backup-full-{start}"));
        JobRun { namespace, name, cronjob, run: run(start, outcome), is_backup: true }
    }

    fn cronjob() -> CronJob {
        CronJob {
            namespace: "shop".into(),
            name: "backup-full".into(),
            uid: "u".into(),
            schedule: "0 2 * * *".into(),
            time_zone: None,
            suspended: false,
            active: 0,
            last_schedule: Some(at("2026-11-21T02:00:00Z")),
            last_success: None,
            created: at("2026-01-01T00:00:00Z"),
            is_backup: true,
        }
    }

    fn all(
        cronjobs: &[CronJob],
        jobs: &[JobRun],
        records: &[BackupRecord],
        expected: &[BackupExpectation],
    ) -> Vec<Backup> {
        let sources = Sources { cronjobs, jobs, velero_backups: &[], velero_schedules: &[], records };
        derive(sources, expected, at(NOW))
    }

    fn one(cronjob: CronJob, jobs: &[JobRun]) -> (Backup, Health, String) {
        let backup = all(&[cronjob], jobs, &[], &[]).pop().unwrap();
        let (health, words) = health(&backup, at(NOW));
        (backup, health, words)
    }

    fn verified(mut job: JobRun) -> JobRun {
        job.run.verified_at = Some(at("2026-11-21T05:00:00Z"));
        job
    }

    use RunOutcome::{Failed, Partial, Running, Succeeded};

    #[test]
    fn a_daily_backup() {
        let (backup, health, words) = one(cronjob(), &[verified(job("2026-11-21T02:00:00Z", Succeeded))]);
        assert_eq!((health, words.as_str()), (Health::Ok, "7 h old, RPO 26 h, verified 4 h ago"));
        assert_eq!(backup.next, Some(at("2026-11-22T02:00:00Z")));
        assert_eq!((backup.rpo_source.as_str(), backup.missed), ("schedule + 2 h", 0));
    }

    #[test]
    fn the_night_s_run_failed_and_the_rpo_is_broken() {
        let mut failed = job("2026-11-21T02:00:00Z", Failed);
        failed.run.reason = Some("no space left on device".into());
        let (_, health, words) = one(cronjob(), &[job("2026-11-20T02:00:00Z", Succeeded), failed.clone()]);
        assert_eq!(health, Health::Critical);
        assert!(words.starts_with("31 h old, RPO 26 h, last run failed: no space left on device"), "{words}");
        // The same run an hour after the schedule is a warning: the RPO still holds.
        let backup =
            all(&[cronjob()], &[job("2026-11-20T02:00:00Z", Succeeded), failed], &[], &[]).pop().unwrap();
        let (early, words) = super::health(&backup, at("2026-11-21T03:00:00Z"));
        assert_eq!(early, Health::Warning, "{words}");
    }

    #[test]
    fn states_that_are_not_green() {
        let good = [job("2026-11-21T02:00:00Z", Succeeded)];
        let suspended = CronJob { suspended: true, ..cronjob() };
        let behind = CronJob { last_schedule: Some(at("2026-11-19T02:00:00Z")), ..cronjob() };
        let new = CronJob { created: at("2026-11-21T08:00:00Z"), last_schedule: None, ..cronjob() };
        let odd = CronJob { schedule: "whenever".into(), ..cronjob() };
        for (cronjob, jobs, health, words) in [
            (cronjob(), &good[..], Health::Unknown, "unverified, 7 h old, RPO 26 h"),
            (suspended, &good, Health::Warning, "suspended, unverified, 7 h old, RPO 26 h"),
            (behind.clone(), &good, Health::Warning, "2 runs missed, unverified, 7 h old, RPO 26 h"),
            (
                cronjob(),
                &[job("2026-11-21T02:00:00Z", Failed)],
                Health::Critical,
                "never succeeded, last run failed",
            ),
            (new, &[], Health::Unknown, "has not run yet"),
            (behind, &[], Health::Critical, "never succeeded, 2 runs missed"),
            (odd, &good, Health::Unknown, "7 h old, no RPO to judge it by, unverified"),
            (
                cronjob(),
                &[job("2026-11-20T02:00:00Z", Succeeded), job("2026-11-21T02:00:00Z", Partial)],
                Health::Critical,
                "31 h old, RPO 26 h, last run is only partial, unverified",
            ),
            (
                cronjob(),
                &[job("2026-11-20T20:00:00Z", Succeeded), job("2026-11-21T02:00:00Z", Running)],
                Health::Unknown,
                "unverified, 13 h old, RPO 26 h",
            ),
        ] {
            let (_, got, said) = one(cronjob, jobs);
            assert_eq!((got, said.as_str()), (health, words));
        }
    }

    #[test]
    fn without_its_job_the_end_of_the_last_success_must_do() {
        let remembered = CronJob { last_success: Some(at("2026-11-21T02:40:00Z")), ..cronjob() };
        let (backup, _, words) = one(remembered.clone(), &[]);
        assert!(words.contains("6 h old since its end"), "{words}");
        assert!(backup.last_success.unwrap().reason.unwrap().contains("not known"));
        let (backup, ..) = one(remembered, &[job("2026-11-21T02:00:00Z", Succeeded)]);
        assert_eq!(backup.runs.len(), 1, "the Job is that run");
    }

    #[test]
    fn runs_are_newest_first_and_bounded() {
        let jobs: Vec<JobRun> =
            (1..=20).map(|day| job(&format!("2026-11-{day:02}T02:00:00Z"), Succeeded)).collect();
        let (backup, ..) = one(cronjob(), &jobs);
        assert_eq!(backup.runs.len(), 14);
        assert_eq!(backup.runs[0].start, at("2026-11-20T02:00:00Z"));
    }

    #[test]
    fn the_configuration_s_expectations_come_first() {
        let expected = BackupExpectation {
            name: "shop/backup-full".into(),
            rpo: Some(SignedDuration::from_hours(6)),
            verified_within: Some(SignedDuration::from_hours(24)),
            ..BackupExpectation::default()
        };
        let other = BackupExpectation { name: "offsite".into(), ..BackupExpectation::default() };
        let mut hidden = cronjob();
        hidden.is_backup = false;
        let backups = all(&[hidden], &[job("2026-11-21T02:00:00Z", Succeeded)], &[], &[expected, other]);
        let judged: Vec<(Health, String)> = backups.iter().map(|b| health(b, at(NOW))).collect();
        assert_eq!(judged[0], (Health::Critical, "7 h old, RPO 6 h, unverified, wanted every 24 h".into()));
        assert_eq!(backups[0].rpo_source.as_str(), "configured");
        assert_eq!(judged[1].0, Health::Critical, "{judged:?}");
        assert!(judged[1].1.contains("no such backup"));
    }

    #[test]
    fn a_record_adds_what_only_its_script_knows() {
        let mut told = run("2026-11-21T02:03:00Z", Succeeded);
        told.verified_at = Some(at("2026-11-21T06:00:00Z"));
        told.size_bytes = Some(42);
        let record = |name: &str| BackupRecord { name: Clean::new(name), runs: vec![told.clone()] };
        let backups = all(
            &[cronjob()],
            &[job("2026-11-21T02:00:00Z", Succeeded)],
            &[record("backup-full"), record("elsewhere")],
            &[],
        );
        assert_eq!((backups.len(), backups[0].runs.len()), (2, 1));
        assert_eq!(backups[0].runs[0].size_bytes, Some(42));
        assert_eq!(health(&backups[0], at(NOW)).0, Health::Ok);
        assert_eq!(backups[1].origin, BackupOrigin::Record);
        assert_eq!(health(&backups[1], at(NOW)).0, Health::Unknown, "no RPO is known");
    }

    #[test]
    fn velero_s_partial_failure_is_no_success() {
        let backup = |name: &str, schedule: Option<&str>, start: &str, outcome| VeleroBackup {
            namespace: "velero".into(),
            name: Clean::new(name),
            schedule: schedule.map(Clean::new),
            phase: "x".into(),
            run: run(start, outcome),
        };
        let backups = [
            backup("a", Some("nightly"), "2026-11-20T02:00:00Z", Succeeded),
            backup("b", Some("nightly"), "2026-11-21T02:00:00Z", Partial),
            backup("c", None, "2026-11-21T02:00:00Z", Succeeded),
        ];
        let schedules = [VeleroSchedule {
            namespace: "velero".into(),
            name: "nightly".into(),
            uid: "s1".into(),
            schedule: "@daily".into(),
            paused: false,
        }];
        let sources = Sources {
            cronjobs: &[],
            jobs: &[],
            velero_backups: &backups,
            velero_schedules: &schedules,
            records: &[],
        };
        let derived = derive(sources, &[], at(NOW));
        assert_eq!(
            derived.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
            ["nightly", "velero by hand"]
        );
        let (verdict, words) = health(&derived[0], at(NOW));
        assert_eq!(verdict, Health::Critical);
        assert!(words.starts_with("31 h old, RPO 26 h, last run is only partial"), "{words}");
    }
}
