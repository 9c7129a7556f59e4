//! A measured value against what was promised of it, or against a limit of the check's own.

use jiff::{SignedDuration, Timestamp};

use super::parameter::Slot;
use super::read::{self, Keys};
use super::{Judge, told, verdict};
use crate::config::reader::suggestion;
use crate::config::units::{parse_value, show_duration, show_value};
use crate::model::objective::Better;
use crate::model::signal::{Outcome, Point, SignalId};
use crate::model::{FeedId, Health, Verdict, objective};
use crate::state::State;
use crate::state::measures::{self, Measure};
use crate::ui::human;

#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    signal: SignalId,
    limit: Limit,
    /// How long it must have held.
    lasting: Option<SignedDuration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Within(Tier),
    /// It confirms that something is wrong.
    Beyond(Tier),
    /// The error budget is not spent, and does not burn too fast.
    Budget,
    Above(f64),
    Below(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Target,
    Critical,
}

const TIERS: [(&str, Tier); 2] = [("target", Tier::Target), ("critical", Tier::Critical)];

impl Objective {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = keys.string("objective")?;
        let signal = SignalId::of_noun(name.value.trim());
        if signal.is_none() {
            let nouns = SignalId::NAMED.map(SignalId::noun);
            keys.doc.problem(
                &name.span,
                format!("'{}' is nothing that midwatch measures", name.value),
                suggestion(&name.value, &nouns),
            );
        }
        let lasting = read::duration(keys, "for");
        let limit = Self::limit(keys, signal)?;
        let signal = signal?;
        if limit == Limit::Budget && !matches!(signal, SignalId::ErrorRatio | SignalId::Availability) {
            read::refuse(keys, "the budget is one of errors", "say objective = \"error ratio\"");
        }
        if limit == Limit::Budget && lasting.is_some() {
            read::refuse(keys, "a budget is judged over windows of its own", "leave 'for' away");
        }
        Some(Self { signal, limit, lasting })
    }

    fn limit(keys: &mut Keys<'_, '_>, signal: Option<SignalId>) -> Option<Limit> {
        let given: Vec<&str> =
            ["within", "beyond", "above", "below"].into_iter().filter(|key| !keys.is_missing(key)).collect();
        if given.len() > 1 {
            read::refuse(keys, &format!("'{}' beside '{}'", given[1], given[0]), "make two checks of it");
        }
        let within =
            [TIERS.map(|(word, tier)| (word, Limit::Within(tier))).as_slice(), &[("budget", Limit::Budget)]]
                .concat();
        let within = read::choice(keys, "within", &within, Limit::Within(Tier::Target));
        let beyond = TIERS.map(|(word, tier)| (word, Limit::Beyond(tier)));
        let beyond = read::choice(keys, "beyond", &beyond, Limit::Beyond(Tier::Target));
        let mut number = |key| {
            read::value(keys, key, |text| match signal {
                Some(signal) => parse_value(text, signal.unit()),
                None => Ok(0.0),
            })
        };
        let (above, below) = (number("above"), number("below"));
        match given.first() {
            Some(&"beyond") => beyond,
            Some(&"above") => above.map(Limit::Above),
            Some(&"below") => below.map(Limit::Below),
            _ => within,
        }
    }

    fn measure(&self, state: &State) -> Measure {
        let of_strip = state.derived.strip.iter().find(|m| m.id == self.signal);
        of_strip.cloned().unwrap_or_else(|| measures::measure(state, self.signal))
    }

    /// Whether a value is as wanted; None where nothing was promised.
    fn holds(&self, value: f64, promised: Option<&objective::Objective>) -> Option<bool> {
        let is_beyond = |tier| {
            let promised = promised?;
            let limit = of_tier(promised, tier);
            Some(match promised.better {
                Better::Lower => value > limit,
                Better::Higher => value < limit,
            })
        };
        match self.limit {
            Limit::Within(tier) => is_beyond(tier).map(|beyond| !beyond),
            Limit::Beyond(tier) => is_beyond(tier),
            Limit::Above(limit) => Some(value > limit),
            Limit::Below(limit) => Some(value < limit),
            Limit::Budget => None,
        }
    }

    fn limit_words(&self, promised: Option<&objective::Objective>) -> String {
        let unit = self.signal.unit();
        let tier = |tier| {
            let word = if tier == Tier::Target { "objective" } else { "critical from" };
            promised.map_or(String::new(), |p| format!("{word} {}", show_value(of_tier(p, tier), unit)))
        };
        match self.limit {
            Limit::Within(t) | Limit::Beyond(t) => tier(t),
            Limit::Above(limit) => format!("above {}", show_value(limit, unit)),
            Limit::Below(limit) => format!("below {}", show_value(limit, unit)),
            Limit::Budget => "budget".to_owned(),
        }
    }

    fn budget(&self, state: &State) -> Verdict {
        let at = match told(state, &[state.measuring()]) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let Some(budget) = &state.derived.budget else {
            return Verdict::could_not("no objective is set for the error ratio");
        };
        match budget.health {
            Health::Ok => verdict(true, &budget.words, "budget", Some(at)),
            Health::Warning | Health::Critical => verdict(false, &budget.words, "budget", Some(at)),
            _ => Verdict { at: Some(at), ..Verdict::could_not(&budget.words) },
        }
    }

    /// Since when every value was as wanted, as far back as values are known, and whether they are
    /// known for long enough.
    fn lasted(&self, points: &[Point], promised: Option<&objective::Objective>) -> Option<(i64, bool)> {
        let as_wanted = |p: &&Point| p.v.is_nan() || self.holds(p.v, promised) == Some(true);
        let run: Vec<&Point> = points.iter().rev().take_while(as_wanted).collect();
        let first = run.iter().rev().find(|p| !p.v.is_nan())?;
        Some((first.t, run.len() == points.len()))
    }
}

fn of_tier(promised: &objective::Objective, tier: Tier) -> f64 {
    match tier {
        Tier::Target => promised.target,
        Tier::Critical => promised.critical,
    }
}

/// Where the certificate's days come from the cluster, Prometheus is not asked.
fn source(state: &State, signal: SignalId) -> FeedId {
    let of_cluster = signal == SignalId::CertificateDays && measures::measure(state, signal).value.is_none();
    if of_cluster { FeedId::Certificates } else { state.measuring() }
}

impl Judge for Objective {
    fn words(&self) -> String {
        let (noun, unit) = (self.signal.noun(), self.signal.unit());
        let mut words = match self.limit {
            Limit::Within(Tier::Target) => format!("{noun} within its objective"),
            Limit::Within(Tier::Critical) => format!("{noun} not critical"),
            Limit::Beyond(Tier::Target) => format!("{noun} beyond its objective"),
            Limit::Beyond(Tier::Critical) => format!("{noun} critical"),
            Limit::Budget => "error budget left, and not burning too fast".to_owned(),
            Limit::Above(limit) => format!("{noun} above {}", show_value(limit, unit)),
            Limit::Below(limit) => format!("{noun} below {}", show_value(limit, unit)),
        };
        if let Some(lasting) = self.lasting {
            words += &format!(", for {}", show_duration(lasting));
        }
        words
    }

    fn evaluate(&self, state: &State) -> Verdict {
        if self.limit == Limit::Budget {
            return self.budget(state);
        }
        let at = match told(state, &[source(state, self.signal)]) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let measure = self.measure(state);
        let promised = measure.objective.as_ref();
        let noun = self.signal.noun();
        let could_not = |why: &str| Verdict { at: Some(at), ..Verdict::could_not(why) };
        let value = match (measure.value, &measure.why) {
            (Some(value), None) if !value.is_nan() => value,
            (Some(value), Some(why)) => {
                return could_not(&format!("{noun} {}: {why}", human::value(value, self.signal.unit())));
            }
            (_, why) => return could_not(&format!("{noun}: {}", why.as_deref().unwrap_or("no data"))),
        };
        let Some(holds) = self.holds(value, promised) else {
            return could_not(&format!("no objective is set for {noun}"));
        };
        let signal = state.signal(self.signal);
        let sampled = signal.and_then(|s| s.latest()).and_then(|p| Timestamp::from_second(p.t).ok());
        let at = sampled.filter(|_| source(state, self.signal) != FeedId::Certificates).unwrap_or(at);
        let measured = human::value(value, self.signal.unit());
        let limit = self.limit_words(promised);
        let Some(lasting) = self.lasting.filter(|_| holds) else {
            return verdict(holds, &measured, &limit, Some(at));
        };
        let points = match signal.map(|s| &s.outcome) {
            Some(Outcome::Points { points, .. }) => points.as_slice(),
            _ => &[],
        };
        let limit = format!("{limit} for {}", human::span(lasting));
        let Some((since, as_far_as_known)) = self.lasted(points, promised) else {
            return could_not(&format!("{noun} {measured}: how long is not known"));
        };
        let held = SignedDuration::from_secs(at.as_second().saturating_sub(since));
        let measured = format!("{measured}, for {}", human::span(held));
        if held < lasting && as_far_as_known {
            return could_not(&format!("{noun} {measured}: not known for longer"));
        }
        verdict(held >= lasting, &measured, &limit, Some(at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        Vec::new()
    }

    fn confirms_trouble(&self) -> bool {
        matches!(self.limit, Limit::Beyond(_))
    }
}
