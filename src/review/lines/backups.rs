//! Backups against their RPO, and whether anybody has proved that they can be restored.

use super::{Look, counted, listed, outcome};
use crate::model::backup::{Backup, RunOutcome};
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::line::{Detail, Seen, detail};
use crate::ui::human;

/// An unverified backup that is young enough is within its RPO: whether it can be restored is a
/// line of its own.
fn judged(look: &Look<'_>, backup: &Backup, health: Health) -> Outcome {
    let young = backup.rpo.zip(backup.age(look.now())).is_some_and(|(rpo, age)| age <= rpo);
    let ended = backup.runs.iter().find(|r| r.outcome != RunOutcome::Running);
    let went_well = ended.is_some_and(|r| r.outcome == RunOutcome::Succeeded);
    match health {
        Health::Unknown if young && went_well && backup.verified_at.is_none() => Outcome::Pass,
        _ => outcome(health),
    }
}

fn blind(look: &Look<'_>) -> Option<String> {
    look.blind(&[FeedId::CronJobs, FeedId::Jobs], false).or_else(|| {
        look.blind(&[FeedId::VeleroBackups, FeedId::VeleroSchedules, FeedId::BackupRecords], true)
    })
}

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let backups = &look.state.derived.backups;
    let blind = blind(look);
    if backups.is_empty() {
        let none = "no backup is known: label its CronJob, or name it as [[backup]] in the configuration";
        return Ok(Seen::could_not(&blind.unwrap_or_else(|| none.into())));
    }
    let mut all: Vec<_> = backups.iter().map(|(b, h, words)| (judged(look, b, *h), b, words)).collect();
    all.sort_by_key(|(outcome, ..)| std::cmp::Reverse(*outcome));
    let late: Vec<_> = all.iter().filter(|(o, ..)| *o != Outcome::Pass).collect();
    let worst = late.first().map_or(Outcome::Pass, |(o, ..)| *o);
    let within = format!("{} of {} within RPO", all.len() - late.len(), all.len());
    let (measured, limit) = match late.first() {
        Some((_, backup, words)) => {
            let more = if late.len() > 1 { format!("; {} more", late.len() - 1) } else { String::new() };
            (format!("{}: {words}{more}", backup.name), within)
        }
        None => {
            let never = all.iter().filter(|(_, b, _)| b.verified_at.is_none()).count();
            let never = if never > 0 { format!(", {never} never verified") } else { String::new() };
            (format!("{within}{never}"), String::new())
        }
    };
    let names = late.iter().map(|(_, b, _)| b.name.clone());
    let details = all.iter().map(|(o, b, words)| detail(o.health(), format!("{}  {words}", b.name)));
    Ok(Seen::new(worst, measured, limit).named(names).detailed(details.collect()).but(blind))
}

/// The restore checks: what was never restored is a hope.
pub fn restores(look: &Look<'_>) -> Result<Seen, String> {
    let backups = &look.state.derived.backups;
    if backups.is_empty() {
        return Err("no backup is known".into());
    }
    let mut details: Vec<Detail> = Vec::new();
    let mut names: Vec<Clean> = Vec::new();
    for (backup, ..) in backups {
        let within = backup.expected.as_ref().and_then(|e| e.verified_within);
        let age = backup.verified_at.map(|at| look.now().duration_since(at));
        let (health, words) = match (age, within) {
            (None, _) => (Health::Warning, "never verified by a restore".to_owned()),
            (Some(age), Some(within)) if age > within => (
                Health::Warning,
                format!("verified {} ago, wanted every {}", human::span(age), human::span(within)),
            ),
            (Some(age), _) => (Health::Ok, format!("verified {} ago", human::span(age))),
        };
        if health != Health::Ok {
            names.push(backup.name.clone());
        }
        details.push(detail(health, format!("{}  {words}", backup.name)));
    }
    details.sort_by_key(|d| std::cmp::Reverse(d.health));
    let (worst, measured) = match names.len() {
        0 => (Outcome::Pass, format!("{} verified", counted(backups.len(), "backup"))),
        n => (Outcome::Warning, format!("{n} of {} not verified: {}", backups.len(), listed(&names, 3))),
    };
    let limit = "each verified by a restore";
    Ok(Seen::new(worst, measured, limit).named(names).detailed(details).but(blind(look)))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::backup::BackupExpectation;
    use crate::model::backup::{BackupRecord, Run};
    use crate::model::{Batch, Change, Observation};
    use crate::review::testing::{asked, denied, state};
    use crate::state::State;

    /// A record of one run, so many hours ago, that should be younger than 26 hours.
    fn with(hours: i64, outcome: RunOutcome, verified: bool) -> State {
        let mut state = state();
        let start = state.now - SignedDuration::from_hours(hours);
        let verified_at = verified.then_some(state.now);
        let run = Run { start, end: Some(start), outcome, reason: None, size_bytes: None, verified_at };
        let record = BackupRecord { name: "db".into(), runs: vec![run] };
        let changes =
            vec![Change::Reset, Change::Upsert(Observation::BackupRecord(Box::new(record))), Change::Ready];
        state.known.apply(Batch { epoch: 0, feed: FeedId::BackupRecords, at: state.now, changes });
        let mut config = (*state.settings.config).clone();
        let rpo = Some(SignedDuration::from_hours(26));
        config.backups = vec![BackupExpectation { name: "db".into(), rpo, ..Default::default() }];
        state.settings.config = std::sync::Arc::new(config);
        state.dirty.rest = true;
        state.settle();
        state
    }

    fn outcomes(state: &State) -> (Outcome, Outcome) {
        let asked = asked(&[]);
        let look_at = Look { state, asked: &asked };
        (look(&look_at).unwrap().verdict.outcome, restores(&look_at).unwrap().verdict.outcome)
    }

    #[test]
    fn age_and_outcome_are_one_question_and_a_restore_another() {
        assert_eq!(outcomes(&with(3, RunOutcome::Succeeded, true)), (Outcome::Pass, Outcome::Pass));
        assert_eq!(outcomes(&with(3, RunOutcome::Succeeded, false)), (Outcome::Pass, Outcome::Warning));
        assert_eq!(outcomes(&with(30, RunOutcome::Succeeded, true)).0, Outcome::Fail);
        assert_eq!(outcomes(&with(3, RunOutcome::Failed, false)).0, Outcome::Fail);
    }

    #[test]
    fn no_backup_at_all_is_no_pass_and_neither_is_half_of_the_picture() {
        let none = state();
        let seen = look(&Look { state: &none, asked: &asked(&[]) }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck);
        assert!(seen.verdict.measured.starts_with("no backup is known"), "{seen:?}");
        let mut blind = with(3, RunOutcome::Succeeded, true);
        denied(&mut blind, FeedId::VeleroBackups);
        assert_eq!(outcomes(&blind).0, Outcome::CouldNotCheck);
    }
}
