//! What has to be asked for: an HTTP endpoint, a query, a command that only looks.

use jiff::SignedDuration;

use super::parameter::{Place, Slot};
use super::read::{self, Keys};
use super::{Judge, verdict};
use crate::config::units::show_duration;
use crate::model::ask::{Answer, Ask, Sample};
use crate::model::command::quoted;
use crate::model::{Clean, Verdict};
use crate::state::State;
use crate::ui::human;

/// The answer to `ask`, judged; 'could not check' where there is none.
fn answered(
    state: &State,
    ask: &Ask,
    judge: impl FnOnce(&Answer) -> Result<(bool, String, String), String>,
) -> Verdict {
    match state.answers.fresh(ask, state.now) {
        Err(why) => Verdict::could_not(&why),
        Ok((answer, at)) => match judge(answer) {
            Ok((holds, measured, limit)) => verdict(holds, &measured, &limit, Some(at)),
            Err(why) => Verdict { at: Some(at), ..Verdict::could_not(&why) },
        },
    }
}

/// An answer of another kind than was asked for: a fault of ours, but never a pass.
fn not_this() -> Result<(bool, String, String), String> {
    Err("the answer is not to this question".to_owned())
}

#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    url: String,
    status: u32,
    contains: Option<String>,
    within: Option<SignedDuration>,
}

impl Http {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let url = keys.string("http");
        if let Some(url) = &url
            && !(url.value.starts_with("http://")
                || url.value.starts_with("https://")
                || url.value.starts_with('<'))
        {
            let next = Some("write it as \"https://<host>/health\"".to_owned());
            keys.doc.problem(&url.span, format!("'{}' is no URL", url.value), next);
        }
        let status = keys.count("status").map_or(200, |s| s.value);
        let contains = read::text(keys, "contains");
        let within = read::duration(keys, "within");
        Some(Self { url: url?.value, status, contains, within })
    }

    /// Its query may hold a token.
    fn shown(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }
}

impl Judge for Http {
    fn words(&self) -> String {
        let mut words = format!("{} answers {}", self.shown(), self.status);
        if let Some(contains) = &self.contains {
            words += &format!(" with '{contains}' in it");
        }
        if let Some(within) = self.within {
            words += &format!(" within {}", show_duration(within));
        }
        words
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let ask = Ask::Http { url: self.url.clone(), contains: self.contains.clone() };
        answered(state, &ask, |answer| {
            let Answer::Http { status, took_ms, found } = answer else { return not_this() };
            let took = SignedDuration::from_millis(i64::try_from(*took_ms).unwrap_or(i64::MAX));
            let in_time = self.within.is_none_or(|within| took <= within);
            let mut measured = format!("{status} after {}", human::seconds(took.as_secs_f64()));
            let has_it = self.contains.is_none() || *found == Some(true);
            if !has_it {
                measured += ", without the text";
            }
            let holds = u32::from(*status) == self.status && in_time && has_it;
            Ok((holds, measured, self.words()))
        })
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        let url = Slot { place: Place::Url, text: &mut self.url };
        std::iter::once(url).chain(self.contains.as_mut().map(Slot::name)).collect()
    }

    fn ask(&self) -> Option<Ask> {
        Some(Ask::Http { url: self.url.clone(), contains: self.contains.clone() })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PromQl {
    query: String,
    above: Option<f64>,
    below: Option<f64>,
    equals: Option<f64>,
    unit: String,
}

impl PromQl {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let query = read::text(keys, "promql");
        let [above, below, equals] =
            ["above", "below", "equals"].map(|key| read::value(keys, key, read::number));
        let unit = keys.string("unit").map(|unit| unit.value).unwrap_or_default();
        if ["above", "below", "equals"].iter().all(|key| keys.is_missing(key)) {
            read::refuse(keys, "it is not said what the value has to be", "add above, below or equals");
        }
        Some(Self { query: query?, above, below, equals, unit })
    }

    fn holds(&self, value: f64) -> bool {
        self.above.is_none_or(|limit| value > limit)
            && self.below.is_none_or(|limit| value < limit)
            && self.equals.is_none_or(|limit| (value - limit).abs() <= 1e-9 * limit.abs().max(1.0))
    }

    fn said(&self, value: f64) -> String {
        match self.unit.as_str() {
            "ratio" => human::percent(value),
            "s" | "seconds" => human::seconds(value),
            "bytes" if value >= 0.0 => human::bytes(value as u64),
            unit => format!("{} {unit}", human::count(value)).trim_end().to_owned(),
        }
    }

    fn limit(&self) -> String {
        let part = |word: &str, limit: Option<f64>| limit.map(|l| format!("{word} {}", self.said(l)));
        let parts = [part("above", self.above), part("below", self.below), part("equal to", self.equals)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

/// Prometheus 3 also warns of names that do not look like counters; that is no partial data.
fn is_partial(warning: &Clean) -> bool {
    !warning.split("; ").all(|w| w.starts_with("PromQL info:"))
}

impl Judge for PromQl {
    fn words(&self) -> String {
        format!("{} {}", self.query.trim(), self.limit())
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let ask = Ask::PromQl { query: self.query.clone() };
        answered(state, &ask, |answer| {
            let Answer::Values { values, warning } = answer else { return not_this() };
            if let Some(warning) = warning.as_ref().filter(|w| is_partial(w)) {
                return Err(format!("partial data: {warning}"));
            }
            if values.is_empty() {
                return Err("the query has no result".to_owned());
            }
            let said = |sample: &Sample| {
                let of =
                    if sample.labels.is_empty() { String::new() } else { format!(" ({})", sample.labels) };
                format!("{}{of}", self.said(sample.number()))
            };
            if let Some(wrong) = values.iter().find(|s| !s.number().is_nan() && !self.holds(s.number())) {
                return Ok((false, said(wrong), self.limit()));
            }
            if let Some(nan) = values.iter().find(|s| s.number().is_nan()) {
                return Err(format!("no number: {}", said(nan)));
            }
            let measured = match values.as_slice() {
                [one] => said(one),
                all => format!("all {} series", all.len()),
            };
            Ok((true, measured, self.limit()))
        })
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        vec![Slot { place: Place::Query, text: &mut self.query }]
    }

    fn ask(&self) -> Option<Ask> {
        Some(Ask::PromQl { query: self.query.clone() })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    argv: Vec<String>,
    exit: i32,
    stdout: Option<String>,
}

impl Command {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let argv: Vec<String> = keys.strings("command").into_iter().map(|a| a.value).collect();
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            read::refuse(
                keys,
                "there is nothing to run",
                "write it as command = [\"pg_isready\", \"-h\", \"db\"]",
            );
        }
        let exit = keys.count("exit").and_then(|e| i32::try_from(e.value).ok()).unwrap_or(0);
        let stdout = read::text(keys, "stdout");
        Some(Self { argv, exit, stdout })
    }

    fn line(&self) -> String {
        self.argv.iter().map(|a| quoted(a)).collect::<Vec<_>>().join(" ")
    }
}

impl Judge for Command {
    fn words(&self) -> String {
        let mut words = format!("'{}' ends with exit code {}", self.line(), self.exit);
        if let Some(stdout) = &self.stdout {
            words += &format!(", and writes '{stdout}'");
        }
        words
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let Some(ask) = self.ask() else { return Verdict::could_not("there is nothing to run") };
        answered(state, &ask, |answer| {
            let Answer::Ran { exit, found, said } = answer else { return not_this() };
            let Some(exit) = exit else { return Err(said.to_string()) };
            let has_it = self.stdout.is_none() || *found == Some(true);
            let without = if has_it { "" } else { ", without the text" };
            let holds = *exit == self.exit && has_it;
            Ok((holds, format!("exit code {exit}{without}: {said}"), self.words()))
        })
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        let arguments = self.argv.iter_mut().map(|text| Slot { place: Place::Argument, text });
        arguments.chain(self.stdout.as_mut().map(Slot::name)).collect()
    }

    fn ask(&self) -> Option<Ask> {
        Some(Ask::Command { argv: self.argv.clone(), stdout: self.stdout.clone() })
    }
}
