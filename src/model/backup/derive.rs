//! From what the sources tell (CronJobs and their Jobs, Velero's objects, records, and what the
//! configuration expects) to one list of backups with their runs, age, next run and RPO.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Backup, BackupExpectation, BackupOrigin, BackupRecord, CronJob, JobRun, Run, RunOutcome, VeleroBackup,
    VeleroSchedule,
};
use crate::model::Clean;
use crate::model::cron::Schedule;

/// As many as the panel shows marks.
const RUNS: usize = 14;

/// What a run may take longer, or begin later, before a derived RPO is broken: two hours for a
/// daily backup, and never more than the interval again.
const ALLOWANCE: SignedDuration = SignedDuration::from_hours(2);

/// The controller starts Jobs within seconds; this allows for one that was just restarted.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// A record's run and a Job's are one where the first began this close to the second.
const SAME_RUN: SignedDuration = SignedDuration::from_mins(10);

/// What is derived from.
pub struct Sources<'a, C, J, B, S, R>
where
    C: IntoIterator<Item = &'a CronJob>,
    J: IntoIterator<Item = &'a JobRun>,
    B: IntoIterator<Item = &'a VeleroBackup>,
    S: IntoIterator<Item = &'a VeleroSchedule>,
    R: IntoIterator<Item = &'a BackupRecord>,
{
    pub cronjobs: C,
    pub jobs: J,
    pub velero_backups: B,
    pub velero_schedules: S,
    pub records: R,
}

/// Every backup that is known or expected, by name.
pub fn derive<'a, C, J, B, S, R>(
    sources: Sources<'a, C, J, B, S, R>,
    expectations: &[BackupExpectation],
    now: Timestamp,
) -> Vec<Backup>
where
    C: IntoIterator<Item = &'a CronJob>,
    J: IntoIterator<Item = &'a JobRun>,
    B: IntoIterator<Item = &'a VeleroBackup>,
    S: IntoIterator<Item = &'a VeleroSchedule>,
    R: IntoIterator<Item = &'a BackupRecord>,
{
    let mut runs: BTreeMap<(&str, &str), Vec<Run>> = BTreeMap::new();
    for job in sources.jobs {
        if let Some(cronjob) = &job.cronjob {
            runs.entry((&job.namespace, cronjob)).or_default().push(job.run.clone());
        }
    }
    let mut all = Vec::new();
    for cronjob in sources.cronjobs {
        let expected = expectations.iter().any(|e| is_of(&e.name, &cronjob.namespace, &cronjob.name));
        if cronjob.is_backup || expected {
            let runs = runs.remove(&(&*cronjob.namespace, &*cronjob.name)).unwrap_or_default();
            all.push(of_cronjob(cronjob, runs, now));
        }
    }
    all.extend(of_velero(sources.velero_backups, sources.velero_schedules, now));
    for record in sources.records {
        match all.iter_mut().find(|b| is_of(&record.name, &b.namespace, &b.name)) {
            Some(known) => merge(known, record),
            None => {
                all.push(Backup {
                    runs: record.runs.clone(),
                    ..named(&record.name, "", BackupOrigin::Record)
                });
            }
        }
    }
    for expectation in expectations {
        expect(&mut all, expectation, now);
    }
    all.iter_mut().for_each(settle);
    all.sort_by(|a, b| (&a.name, &a.namespace).cmp(&(&b.name, &b.namespace)));
    all
}

/// `written` is `name` or `namespace/name`.
fn is_of(written: &str, namespace: &str, name: &str) -> bool {
    match written.split_once('/') {
        Some((ns, n)) => ns == namespace && n == name,
        None => written == name,
    }
}

fn named(name: &str, namespace: &str, origin: BackupOrigin) -> Backup {
    Backup {
        name: Clean::new(name),
        namespace: Clean::new(namespace),
        origin,
        schedule: None,
        suspended: false,
        runs: Vec::new(),
        last_success: None,
        next: None,
        rpo: None,
        rpo_source: Clean::default(),
        missed: 0,
        verified_at: None,
        expected: None,
    }
}

fn of_cronjob(cronjob: &CronJob, mut runs: Vec<Run>, now: Timestamp) -> Backup {
    let newest_end = runs.iter().filter(|r| r.outcome == RunOutcome::Succeeded).filter_map(|r| r.end).max();
    // Its Job is gone, or was never seen: the CronJob remembers only when it ended.
    if let Some(ended) =
        cronjob.last_success.filter(|at| newest_end.is_none_or(|end| at.duration_since(end) > LATE))
    {
        runs.push(Run {
            start: ended,
            end: Some(ended),
            outcome: RunOutcome::Succeeded,
            reason: Some(Clean::new("start not known: its Job is gone, this is when it ended")),
            size_bytes: None,
            verified_at: None,
        });
    }
    let zone = cronjob.time_zone.as_deref();
    let mut backup = Backup { runs, ..named(&cronjob.name, &cronjob.namespace, BackupOrigin::CronJob) };
    backup.suspended = cronjob.suspended;
    backup.schedule = Some(match zone {
        Some(zone) => Clean::new(&format!("{} {zone}", cronjob.schedule)),
        None => cronjob.schedule.clone(),
    });
    let schedule = Schedule::parse(&cronjob.schedule, zone);
    scheduled(&mut backup, schedule.ok(), now);
    if let Ok(schedule) = Schedule::parse(&cronjob.schedule, zone)
        && !cronjob.suspended
        && cronjob.active == 0
    {
        let last = cronjob.last_schedule.unwrap_or(cronjob.created);
        backup.missed = schedule.missed(last, now - LATE);
    }
    backup
}

/// The next run and the RPO that follows from the schedule.
fn scheduled(backup: &mut Backup, schedule: Option<Schedule>, now: Timestamp) {
    let Some(schedule) = schedule else {
        backup.rpo_source = Clean::new("its schedule can't be read");
        return;
    };
    if !backup.suspended {
        backup.next = schedule.next(now);
    }
    if let Some(interval) = schedule.interval(now) {
        backup.rpo = Some(interval + interval.min(ALLOWANCE));
        backup.rpo_source =
            Clean::new(if interval > ALLOWANCE { "schedule + 2 h" } else { "twice the schedule" });
    }
}

/// Each schedule with its backups; those whose schedule is gone; and those made by hand, together.
fn of_velero<'a>(
    backups: impl IntoIterator<Item = &'a VeleroBackup>,
    schedules: impl IntoIterator<Item = &'a VeleroSchedule>,
    now: Timestamp,
) -> Vec<Backup> {
    let mut all: BTreeMap<(String, String), Backup> = BTreeMap::new();
    for schedule in schedules {
        let mut backup = named(&schedule.name, &schedule.namespace, BackupOrigin::Velero);
        backup.suspended = schedule.paused;
        backup.schedule = Some(schedule.schedule.clone());
        scheduled(&mut backup, Schedule::parse(&schedule.schedule, None).ok(), now);
        all.insert((schedule.namespace.to_string(), schedule.name.to_string()), backup);
    }
    for velero in backups {
        let name = velero.schedule.as_deref().unwrap_or("velero by hand");
        let key = (velero.namespace.to_string(), name.to_owned());
        all.entry(key)
            .or_insert_with(|| named(name, &velero.namespace, BackupOrigin::Velero))
            .runs
            .push(velero.run.clone());
    }
    all.into_values().collect()
}

/// A record adds to the runs of a backup that is known otherwise what only its script knows.
fn merge(backup: &mut Backup, record: &BackupRecord) {
    for run in &record.runs {
        let same = |known: &&mut Run| known.start.duration_since(run.start).abs() <= SAME_RUN;
        match backup.runs.iter_mut().find(same) {
            Some(known) => {
                known.size_bytes = run.size_bytes.or(known.size_bytes);
                known.verified_at = run.verified_at.max(known.verified_at);
                known.reason = known.reason.take().or_else(|| run.reason.clone());
            }
            None => backup.runs.push(run.clone()),
        }
    }
}

fn expect(all: &mut Vec<Backup>, expectation: &BackupExpectation, now: Timestamp) {
    let matching = |b: &Backup| is_of(&expectation.name, &b.namespace, &b.name);
    if !all.iter().any(matching) {
        let (namespace, name) = expectation.name.split_once('/').unwrap_or(("", &expectation.name));
        all.push(named(name, namespace, BackupOrigin::Expected));
    }
    for backup in all.iter_mut().filter(|b| matching(b)) {
        backup.expected = Some(expectation.clone());
        if let Some(rpo) = expectation.rpo {
            backup.rpo = Some(rpo);
            backup.rpo_source = Clean::new("configured");
        } else if let Some(every) = expectation.every {
            backup.rpo = Some(every + every.min(ALLOWANCE));
            backup.rpo_source = Clean::new("from 'every'");
        }
        // Without a schedule the next run can only be expected.
        if let (None, Some(every), false) = (&backup.schedule, expectation.every, backup.runs.is_empty()) {
            let last = backup.runs.iter().map(|r| r.start).max();
            backup.next = last.and_then(|last| last.checked_add(every).ok()).filter(|next| *next > now);
        }
    }
}

/// Newest first, and what follows from all runs before the oldest are dropped.
fn settle(backup: &mut Backup) {
    backup.runs.sort_by_key(|run| std::cmp::Reverse(run.start));
    backup.last_success = backup.runs.iter().find(|r| r.outcome == RunOutcome::Succeeded).cloned();
    backup.verified_at = backup.runs.iter().filter_map(|r| r.verified_at).max();
    backup.runs.truncate(RUNS);
}
