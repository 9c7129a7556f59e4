//! Restarts and OOM kills in the window: of the pods that are there, and of those that are gone as
//! far as Prometheus knows of them.

use std::collections::{BTreeMap, HashMap};

use super::{Look, counted, listed};
use crate::model::pod::Pod;
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::asked::{Answer, Question};
use crate::review::line::{Detail, Seen, detail};
use crate::ui::human;

/// After so many restarts the kubelet's back-off is at its five minutes: it will not mend itself.
const TOO_MANY: u64 = 5;

pub fn restarts(look: &Look<'_>) -> Result<Seen, String> {
    let blind = look.blind(&[FeedId::Pods], false);
    let mut by_pod = counts(look, Question::Restarts);
    let since = look.since();
    for pod in look.state.known.pods.iter() {
        if pod.restarts > 0 && pod.last_restart.is_some_and(|at| at >= since) {
            // How many of them were within the window only Prometheus knows; one was.
            by_pod.entry(pod.name.clone()).or_insert(1);
        }
    }
    let unsure = unsure(look, Question::Restarts);
    let total: u64 = by_pod.values().sum();
    let mut rows: Vec<(u64, Clean)> = by_pod.into_iter().map(|(pod, n)| (n, pod)).collect();
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let most = rows.first().map_or(0, |(n, _)| *n);
    let (judged, measured) = match (total, most) {
        (0, _) => (Outcome::Pass, format!("none in {}", human::span(look.window()))),
        (n, most) => {
            let names: Vec<String> = rows.iter().map(|(n, pod)| format!("{pod} {n}")).collect();
            let judged = if most >= TOO_MANY { Outcome::Fail } else { Outcome::Warning };
            (judged, format!("{n} of {}: {}", counted(rows.len(), "pod"), listed(&names, 2)))
        }
    };
    let pods = by_name(look);
    let details: Vec<Detail> = rows
        .iter()
        .take(20)
        .map(|(n, pod)| {
            let health = if *n >= TOO_MANY { Health::Critical } else { Health::Warning };
            let why = pods.get(pod).and_then(|p| p.last_end.as_ref());
            let why =
                why.map(|e| format!(", last end: {} exit {}", e.reason, e.exit_code)).unwrap_or_default();
            detail(health, format!("{pod}  {n} {}{why}", if *n == 1 { "restart" } else { "restarts" }))
        })
        .collect();
    let seen = Seen::new(judged, measured, "none").named(workloads(look, rows.iter().map(|(_, p)| p)));
    Ok(seen.valued(total as f64, total.to_string(), 5.0).detailed(details).but(blind.or(unsure)))
}

pub fn oom_kills(look: &Look<'_>) -> Result<Seen, String> {
    let blind = look.blind(&[FeedId::Pods], false);
    let mut by_pod = counts(look, Question::OomKills);
    for pod in look.state.known.pods.iter() {
        let killed = pod.last_end.as_ref().filter(|e| &*e.reason == "OOMKilled");
        if killed.and_then(|e| e.finished).is_some_and(|at| at >= look.since()) {
            by_pod.entry(pod.name.clone()).or_insert(1);
        }
    }
    let unsure = unsure(look, Question::OomKills);
    let names: Vec<Clean> = by_pod.keys().cloned().collect();
    let (judged, measured) = match names.len() {
        0 => (Outcome::Pass, format!("none in {}", human::span(look.window()))),
        n => (Outcome::Warning, format!("{}: {}", counted(n, "pod"), listed(&names, 2))),
    };
    let details =
        names.iter().take(20).map(|n| detail(Health::Warning, format!("{n} ran out of memory"))).collect();
    let seen = Seen::new(judged, measured, "none").named(workloads(look, names.iter()));
    Ok(seen.valued(names.len() as f64, names.len().to_string(), 5.0).detailed(details).but(blind.or(unsure)))
}

/// Of pods that are gone only Prometheus tells; where it can't, a zero proves nothing.
fn unsure(look: &Look<'_>, question: Question) -> Option<String> {
    match look.asked.answer(question) {
        Some(Ok(_)) => look.gaps(),
        Some(Err(failure)) => Some(format!("of pods that are gone nothing is known: {}", failure.happened)),
        None => Some("of pods that are gone nothing is known".into()),
    }
}

fn counts(look: &Look<'_>, question: Question) -> BTreeMap<Clean, u64> {
    let Some(Ok(Answer { series, .. })) = look.asked.answer(question) else { return BTreeMap::new() };
    let mut counts = BTreeMap::new();
    for series in series {
        let n = series.points.last().map_or(0.0, |p| p.v);
        // Prometheus extrapolates: one restart is told as 1.02.
        if let Some(pod) = series.label("pod").filter(|_| n.is_finite() && n >= 0.5) {
            *counts.entry(pod.clone()).or_insert(0) += n.round().max(1.0) as u64;
        }
    }
    counts
}

/// Pods come and go under other names; what is compared from day to day is their workload.
fn workloads<'a>(look: &Look<'_>, pods: impl Iterator<Item = &'a Clean>) -> Vec<Clean> {
    let known = by_name(look);
    let owner = |pod: &Clean| {
        let owner = known.get(pod).and_then(|p| p.owner.as_ref());
        owner.map_or_else(|| pod.clone(), |o| o.name.clone())
    };
    pods.map(owner).collect()
}

/// Prometheus tells no namespace: the first of the name.
fn by_name<'a>(look: &Look<'a>) -> HashMap<&'a Clean, &'a Pod> {
    let mut pods = HashMap::new();
    for pod in look.state.known.pods.iter() {
        pods.entry(&pod.name).or_insert(&**pod);
    }
    pods
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::Point;
    use crate::review::asked::{Ask, Series};
    use crate::review::testing::{asked, failure, state};

    fn answer(pods: &[(&str, f64)]) -> Result<Answer, crate::model::Failure> {
        let ask = Ask { question: Question::Restarts, start: 0, end: 0, step_s: 1, window_s: 43_200 };
        let of = |(pod, v): &(&str, f64)| Series {
            labels: vec![("pod".into(), (*pod).into())],
            points: vec![Point { t: 0, v: *v }],
        };
        Ok(Answer { ask, series: pods.iter().map(of).collect(), left_out: 0, warning: None })
    }

    #[test]
    fn extrapolated_counts_are_whole_and_many_are_a_failure() {
        let state = state();
        let seen = |pods: &[(&str, f64)]| {
            let asked = asked(&[(Question::Restarts, answer(pods))]);
            restarts(&Look { state: &state, asked: &asked }).unwrap()
        };
        assert_eq!(seen(&[("api-0", 0.01)]).verdict.outcome, Outcome::Pass);
        let one = seen(&[("api-0", 1.02)]);
        assert_eq!((one.verdict.outcome, &*one.verdict.measured), (Outcome::Warning, "1 of 1 pod: api-0 1"));
        assert_eq!(seen(&[("api-0", 7.1), ("web-0", 1.0)]).verdict.outcome, Outcome::Fail);
        assert_eq!(seen(&[("api-0", f64::NAN)]).verdict.outcome, Outcome::Pass);
    }

    #[test]
    fn without_prometheus_a_zero_proves_nothing() {
        let state = state();
        let asked = asked(&[(Question::OomKills, Err(failure("no route to host")))]);
        let seen = oom_kills(&Look { state: &state, asked: &asked }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck);
    }
}
