//! The lines of a review: one file a line or a group of lines, one entry in [`LINES`] each, in the
//! order of the operations teams' daily routine.

mod alerts;
mod backups;
mod capacity;
mod certificates;
mod changes;
mod components;
mod drills;
mod open_items;
mod patterns;
mod quiet;
mod restarts;
mod service;
mod slo;
mod trends;

use jiff::{SignedDuration, Timestamp};

use super::Kind;
use super::asked::{Asked, Question};
use super::line::{Course, Opens, Seen};
use crate::model::objective::Objective;
use crate::model::signal::SignalId;
use crate::model::{FeedId, Health, Outcome};
use crate::panels;
use crate::state::State;
use crate::ui::human;

/// A line: what it is called, in which reviews it stands, and what looks.
pub struct Check {
    /// In sign-offs and in `--note ID=TEXT`: it never changes its meaning.
    pub id: &'static str,
    pub title: &'static str,
    pub kinds: &'static [Kind],
    pub opens: Opens,
    /// `Err`: it does not apply here, and why.
    pub look: fn(&Look<'_>) -> Result<Seen, String>,
}

const ALL: &[Kind] = &Kind::ALL;
const LONG: &[Kind] = &[Kind::Weekly, Kind::Monthly, Kind::Quarterly];
const RARE: &[Kind] = &[Kind::Monthly, Kind::Quarterly];

macro_rules! lines {
    ($($id:literal $title:literal $kinds:ident $opens:expr => $look:expr;)*) => {
        pub static LINES: &[Check] = &[$(Check { id: $id, title: $title, kinds: $kinds, opens: $opens, look: $look },)*];
    };
}

lines! {
    "alerts" "alerts" ALL Opens::Panel(panels::ALERTS) => alerts::look;
    "workloads" "workloads" ALL Opens::Panel(panels::PODS) => components::workloads;
    "nodes" "nodes" ALL Opens::Panel(panels::PODS) => components::nodes;
    "backups" "backups" ALL Opens::Panel(panels::BACKUPS) => backups::look;
    "errors" "error rate" ALL Opens::Panel(panels::ERRORS) => |l| service::look(l, SignalId::ErrorRatio);
    "latency" "p95 latency" ALL Opens::Panel(panels::LATENCY) => |l| service::look(l, SignalId::LatencyP95);
    "budget" "error budget" ALL Opens::Panel(panels::ERRORS) => service::budget;
    "cpu" "cpu" ALL Opens::Panel(panels::OBJECTIVES) => |l| capacity::look(l, SignalId::CpuRatio);
    "memory" "memory" ALL Opens::Panel(panels::OBJECTIVES) => |l| capacity::look(l, SignalId::MemoryRatio);
    "disk" "disk" ALL Opens::Panel(panels::OBJECTIVES) => |l| capacity::look(l, SignalId::DiskRatio);
    "pool" "connection pool" ALL Opens::Panel(panels::OBJECTIVES) => |l| capacity::look(l, SignalId::PoolRatio);
    "replicas" "replicas" ALL Opens::Panel(panels::PODS) => capacity::replicas;
    "certificates" "certificates" ALL Opens::Panel(panels::OBJECTIVES) => certificates::look;
    "restarts" "restarts" ALL Opens::Panel(panels::PODS) => restarts::restarts;
    "oom" "OOM kills" ALL Opens::Panel(panels::PODS) => restarts::oom_kills;
    "changes" "changes" ALL Opens::Operations => changes::look;
    "quiet" "silences" ALL Opens::Panel(panels::ALERTS) => quiet::look;
    "open" "open items" ALL Opens::Nothing => open_items::look;
    "slo" "objectives kept" LONG Opens::Panel(panels::OBJECTIVES) => slo::look;
    "latency-trend" "latency trend" LONG Opens::Panel(panels::LATENCY) => trends::latency;
    "traffic-trend" "traffic trend" LONG Opens::Panel(panels::LATENCY) => trends::traffic;
    "patterns" "alert patterns" LONG Opens::Panel(panels::ALERTS) => patterns::look;
    "restores" "restore checks" LONG Opens::Panel(panels::BACKUPS) => backups::restores;
    "drills" "drills" RARE Opens::Nothing => drills::look;
}

/// What a line looks at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub state: &'a State,
    pub asked: &'a Asked,
}

impl Look<'_> {
    pub fn now(&self) -> Timestamp {
        self.asked.until
    }

    pub fn since(&self) -> Timestamp {
        self.asked.since
    }

    pub fn window(&self) -> SignedDuration {
        self.now().duration_since(self.since())
    }

    /// Why one of the feeds can't be taken for the present state: what is not in the cluster at all
    /// is no trouble where `optional`.
    pub fn blind(&self, feeds: &[FeedId], optional: bool) -> Option<String> {
        let trouble = |feed: &&FeedId| match self.state.feed_health(**feed) {
            Health::Ok => false,
            Health::NotConfigured => !optional,
            _ => true,
        };
        let feed = feeds.iter().find(trouble)?;
        let words = self.state.feed_words(*feed).unwrap_or_else(|| "not known".into());
        Some(format!("{}: {words}", feed.noun()))
    }

    /// The signal's objective; None where nothing is promised.
    pub fn objective(&self, id: SignalId) -> Option<&Objective> {
        self.state.settings.config.objectives.iter().find(|o| o.signal == id)
    }

    /// The chart of a signal, where there is one.
    pub fn course(&self, id: SignalId) -> Option<Course> {
        let (answer, points) = self.asked.course(Question::Course(id)).ok()?;
        Some(Course {
            points: points.to_vec(),
            step_s: answer.ask.step_s,
            unit: id.unit(),
            limit: self.objective(id).map(|o| o.target),
            from: answer.ask.start,
            to: answer.ask.end,
        })
    }

    /// Where Prometheus has no data within the window: 'no data before 02:12'.
    pub fn gaps(&self) -> Option<String> {
        let (answer, points) = match self.asked.course(Question::Coverage) {
            Ok(found) => found,
            Err(why) => return Some(format!("whether Prometheus was there is not known: {why}")),
        };
        let step = i64::from(answer.ask.step_s);
        // A restart is over in minutes, and a rule that fires for so short is no alert.
        let most = (2 * step).max(600);
        let times: Vec<i64> = points.iter().filter(|p| p.v.is_finite()).map(|p| p.t).collect();
        let (first, last) = (*times.first()?, *times.last()?);
        let said = |t: i64| {
            Timestamp::from_second(t).map_or_else(|_| "?".into(), |at| human::moment(at, self.now()))
        };
        if first - answer.ask.start > most {
            return Some(format!("Prometheus has no data before {}", said(first)));
        }
        if answer.ask.end - last > most {
            return Some(format!("Prometheus has no data since {}", said(last)));
        }
        let gap = times.windows(2).find(|w| w[1] - w[0] > most)?;
        Some(format!("Prometheus has no data from {} to {}", said(gap[0]), said(gap[1])))
    }

    /// 'objective 500 ms'.
    pub fn limit(&self, id: SignalId) -> String {
        self.objective(id).map_or_else(
            || "no objective".into(),
            |o| format!("objective {}", human::value(o.target, id.unit())),
        )
    }
}

/// What a state of health comes to in a review.
pub fn outcome(health: Health) -> Outcome {
    match health {
        Health::Ok | Health::Progress => Outcome::Pass,
        Health::Warning => Outcome::Warning,
        Health::Critical => Outcome::Fail,
        Health::Unknown | Health::Stale | Health::Denied | Health::NotConfigured => Outcome::CouldNotCheck,
    }
}

/// '1 pod', '3 pods'.
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// At most `most` of the names, and how many more.
pub fn listed<T: std::borrow::Borrow<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(std::borrow::Borrow::borrow).collect();
    let more = names.len().saturating_sub(most);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
