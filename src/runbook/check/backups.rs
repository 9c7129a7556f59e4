//! Backups that are young enough, and proved to be restorable.

use jiff::SignedDuration;

use super::parameter::Slot;
use super::read::{self, Keys};
use super::{Judge, told, verdict};
use crate::config::units::show_duration;
use crate::model::backup::{self, BackupOrigin};
use crate::model::{FeedId, Verdict};
use crate::state::State;
use crate::ui::human;

#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// None: all of them.
    name: Option<String>,
    /// How old the last success may be; None: as its recovery point objective says.
    within: Option<SignedDuration>,
    /// How old the last proof of a restore may be.
    verified_within: Option<SignedDuration>,
}

impl Backup {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = read::all_or_name(keys, "backup");
        let within = read::value(keys, "within", |text| match text.trim() {
            "rpo" => Ok(None),
            other => crate::config::units::parse_duration(other).map(Some),
        });
        let verified_within = read::duration(keys, "verified_within");
        Some(Self { name: name?, within: within.flatten(), verified_within })
    }

    fn is_meant(&self, backup: &backup::Backup) -> bool {
        self.name.as_ref().is_none_or(|name| match name.split_once('/') {
            Some((namespace, name)) => *backup.namespace == *namespace && *backup.name == *name,
            None => *backup.name == **name,
        })
    }

    /// Whether one backup is as wanted: what was measured, and the limit.
    ///
    /// # Errors
    /// Why it can't be said.
    fn judge(&self, state: &State, backup: &backup::Backup) -> Result<(bool, String, String), String> {
        let name = &backup.name;
        if backup.origin == BackupOrigin::Expected {
            return Ok((
                false,
                format!("{name}: there is no such backup"),
                "expected by the configuration".into(),
            ));
        }
        let limit = self.within.or(backup.rpo);
        let Some(limit) = limit else { return Err(format!("{name} has no RPO to judge it by")) };
        let (mut holds, mut measured) = match backup.age(state.now) {
            Some(age) => (age <= limit, format!("{name} {} old", human::span(age))),
            None => (false, format!("{name} never succeeded")),
        };
        let word = if self.within.is_some() { "at most" } else { "RPO" };
        let mut limits = format!("{word} {}", human::span(limit));
        if let Some(wanted) = self.verified_within {
            let age = backup.verified_at.map(|at| state.now.duration_since(at));
            holds &= age.is_some_and(|age| age <= wanted);
            measured +=
                &age.map_or(", unverified".into(), |age| format!(", verified {} ago", human::span(age)));
            limits += &format!(", verified within {}", human::span(wanted));
        }
        Ok((holds, measured, limits))
    }
}

/// What must be known before a backup of this origin can be judged.
fn feeds(origin: BackupOrigin) -> &'static [FeedId] {
    match origin {
        BackupOrigin::CronJob => &[FeedId::CronJobs, FeedId::Jobs],
        BackupOrigin::Velero => &[FeedId::VeleroBackups, FeedId::VeleroSchedules],
        BackupOrigin::Record => &[FeedId::BackupRecords],
        BackupOrigin::Expected => &[FeedId::CronJobs, FeedId::Jobs],
    }
}

impl Judge for Backup {
    fn words(&self) -> String {
        let which = self.name.as_ref().map_or("every backup".to_owned(), |name| format!("backup {name}"));
        let mut words = match self.within {
            Some(within) => format!("{which} at most {} old", show_duration(within)),
            None => format!("{which} within its RPO"),
        };
        if let Some(within) = self.verified_within {
            words += &format!(", verified within {}", show_duration(within));
        }
        words
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let meant: Vec<_> =
            state.derived.backups.iter().map(|(b, ..)| b).filter(|b| self.is_meant(b)).collect();
        if meant.is_empty() {
            // Where the feeds are silent, that is why nothing is known.
            if let Err(verdict) = told(state, &[FeedId::CronJobs, FeedId::Jobs]) {
                return verdict;
            }
            let what = self
                .name
                .as_ref()
                .map_or("no backup is known".to_owned(), |n| format!("there is no backup {n}"));
            return Verdict::could_not(&what);
        }
        let mut oldest = state.now;
        let (mut failed, mut well, mut unknown) = (Vec::new(), Vec::new(), None);
        for backup in meant {
            match told(state, feeds(backup.origin)) {
                Ok(at) => oldest = oldest.min(at),
                Err(verdict) => {
                    unknown = unknown.or(Some(verdict));
                    continue;
                }
            }
            match self.judge(state, backup) {
                Ok((true, measured, limit)) => well.push((measured, limit)),
                Ok((false, measured, limit)) => failed.push((measured, limit)),
                Err(why) => {
                    let verdict = Verdict { at: Some(oldest), ..Verdict::could_not(&why) };
                    unknown = unknown.or(Some(verdict));
                }
            }
        }
        // What is known to be wrong is said even where something else is not known.
        let at = Some(oldest);
        match (failed.as_slice(), unknown) {
            ([(measured, limit)], _) => verdict(false, measured, limit, at),
            ([_, _, ..], _) => {
                let all: Vec<&str> = failed.iter().map(|(measured, _)| measured.as_str()).collect();
                verdict(false, &all.join("; "), &self.words(), at)
            }
            ([], Some(unknown)) => unknown,
            ([], None) if well.len() == 1 => verdict(true, &well[0].0, &well[0].1, at),
            ([], None) => verdict(true, &format!("{} of {0}", well.len()), &self.words(), at),
        }
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        self.name.iter_mut().map(Slot::name).collect()
    }
}
