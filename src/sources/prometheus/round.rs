//! One round of questions: the charts first, extended by their new points, then the readings and
//! breakdowns, asked together; what is known is sent at once.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::batch::{self, Over};
use super::client::{Answer, Client, Series};
use super::convention::{Detected, Measured};
use super::promql::ROWS;
use super::{SLOW, Watched};
use crate::model::signal::{Breakdown, BreakdownId, BurnWindow, Outcome, Point, Signal, SignalId};
use crate::model::{Change, Clean, Failure, FailureKind, FeedId, Observation};
use crate::sources::{Context, Wants};

/// Charts are a few hundred columns wide at most.
const POINTS: u64 = 240;
const LEAST_STEP_S: u64 = 15;

/// Beyond an hour's window a chart shows means over five minutes: what is looked for there is
/// longer than that, and older data are often kept more coarsely.
const LONG_WINDOW: Duration = Duration::from_secs(3600);
const LONG_RATE_S: u64 = 300;

const CHARTS: [SignalId; 5] = [
    SignalId::ErrorRatio,
    SignalId::LatencyP95,
    SignalId::RequestRate,
    SignalId::LatencyP99,
    SignalId::LatencyP50,
];

const READINGS: [SignalId; 13] = [
    SignalId::CpuRatio,
    SignalId::MemoryRatio,
    SignalId::CacheHitRatio,
    SignalId::PoolRatio,
    SignalId::ThrottledRatio,
    SignalId::CertificateDays,
    SignalId::DiskRatio,
    SignalId::ErrorRatioOver(BurnWindow::M5),
    SignalId::ErrorRatioOver(BurnWindow::M30),
    SignalId::ErrorRatioOver(BurnWindow::H1),
    SignalId::ErrorRatioOver(BurnWindow::H2),
    SignalId::ErrorRatioOver(BurnWindow::H6),
    SignalId::ErrorRatioOver(BurnWindow::D1),
];

/// Asked rarely: they cost the server the most and change the least.
const SLOW_READINGS: [SignalId; 3] = [
    SignalId::ErrorRatioOver(BurnWindow::D3),
    SignalId::ErrorRatioOver(BurnWindow::D30),
    SignalId::Availability,
];

const BREAKDOWNS: [BreakdownId; 4] = [
    BreakdownId::ErrorsByCode,
    BreakdownId::ErrorsByRoute,
    BreakdownId::SlowestRoutes,
    BreakdownId::RequestsByRoute,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Everything,
    /// All but what is asked every few minutes.
    Quick,
    /// The window changed.
    Charts,
}

/// A round that takes longer ends with values of its beginning, which is too long ago to be the present:
/// as long as a feed may be silent.
const SLOW_ROUND: Duration = Duration::from_secs(30);

/// The grid of a chart: from and to are multiples of the step, so that points do not wander
/// from round to round. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    now: i64,
    pub start: i64,
    pub end: i64,
    pub step_s: u32,
    rate_s: u64,
}

impl Grid {
    pub fn new(now: i64, window: Duration, interval_s: u32) -> Self {
        let interval = u64::from(interval_s);
        let step = (window.as_secs() / POINTS).max(LEAST_STEP_S);
        // Four scrapes survive a lost one; Grafana's $__rate_interval is the same.
        let least = if window > LONG_WINDOW { LONG_RATE_S } else { 60 };
        let rate_s = (4 * interval).max(step + interval).max(least);
        let step_s = u32::try_from(step).unwrap_or(u32::MAX);
        let end = now - now.rem_euclid(i64::from(step_s));
        let window = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
        Self { now, start: end.saturating_sub(window), end, step_s, rate_s }
    }

    /// Whether `later` asks for nothing before this, and has no gap after it.
    pub fn goes_on_in(self, later: Self) -> bool {
        self.step_s == later.step_s
            && self.start <= later.start
            && later.start <= self.end
            && self.end <= later.end
    }

    fn range(self, from: i64) -> Over {
        Over::Range { start: from, end: self.end, step_s: self.step_s }
    }
}

/// One question, and what is said beside its answer.
struct Asked<T> {
    id: T,
    query: String,
    note: Option<String>,
}

impl Watched {
    /// # Errors
    /// When the server does not answer at all; a single query's failure is its signal's own.
    pub async fn round(
        &mut self,
        context: &Context,
        wants: Wants,
        due: Due,
        first: &mut bool,
    ) -> Result<(), Failure> {
        let now = self.client.time().await?;
        let asked = Instant::now();
        let grid = Grid::new(now, wants.window, self.detected.interval_s);
        let slow =
            due == Due::Everything || due == Due::Quick && self.slow_at.is_none_or(|at| at.elapsed() >= SLOW);
        if due == Due::Everything {
            self.ask_anew();
        }
        let reset = first.then_some(Change::Reset);
        *first = false;
        let told = |found: Vec<Observation>| {
            let present = now.saturating_add(i64::try_from(asked.elapsed().as_secs()).unwrap_or(0));
            found.into_iter().map(move |observation| Change::Upsert(told_at(observation, present)))
        };
        let charts = told(self.charts(context, grid).await);
        context.send(FeedId::Signals, reset.into_iter().chain(charts).collect()).await;
        if due != Due::Charts {
            let found = told(self.instants(context).await).collect();
            context.send(FeedId::Signals, found).await;
        }
        if slow {
            self.slow_at = Some(Instant::now());
            let found = told(self.slow(context).await).collect();
            context.send(FeedId::Signals, found).await;
        }
        let took = asked.elapsed();
        let over = if took > SLOW_ROUND { Change::Failed(self.is_slow(took)) } else { Change::Ready };
        context.send(FeedId::Signals, vec![over]).await;
        Ok(())
    }

    fn is_slow(&self, took: Duration) -> Failure {
        let happened = format!("it is slow: a round of questions took {} s", took.as_secs());
        let next = "look at Prometheus' own load; a smaller window asks for less";
        self.client.endpoint.failure(FailureKind::ServerError, "/api/v1/query", happened, next)
    }

    async fn charts(&mut self, context: &Context, grid: Grid) -> Vec<Observation> {
        let (asked, mut found) = questions(CHARTS, |id| chart(&self.detected, context, id, grid));
        let outcomes = self.ranges(&asked, grid).await;
        let recent = self.recent(context, grid, &asked).await;
        for ((asked, outcome), recent) in asked.into_iter().zip(outcomes).zip(recent) {
            found.push(observed(asked, outcome, |mut points| {
                points.extend(recent.filter(|now| points.last().is_some_and(|last| last.t < now.t)));
                // A series that ended is told by a last point without a value: the last value is history.
                if points.last().is_some_and(|p| p.t < grid.end - 2 * i64::from(grid.step_s)) {
                    points.push(Point { t: grid.end, v: f64::NAN });
                }
                Outcome::Points { step_s: grid.step_s, points }
            }));
        }
        found
    }

    /// The charts' series, of which only what is new is asked for.
    async fn ranges(&mut self, asked: &[Asked<SignalId>], grid: Grid) -> Vec<Result<Answer, Failure>> {
        let from = asked.iter().map(|a| self.history.from(a.id, &a.query, grid)).collect::<Vec<_>>();
        let mut outcomes = asked.iter().map(|_| None).collect::<Vec<_>>();
        // Those that have only their new points to ask for, together; then the others.
        for whole in [false, true] {
            let mut places = (0..asked.len())
                .filter(|i| outcomes[*i].is_none() && (whole || from[*i] > grid.start))
                .collect::<Vec<_>>();
            if !whole {
                let (known, new) = places.into_iter().partition::<Vec<_>, _>(|i| from[*i] > grid.end);
                for place in known {
                    outcomes[place] = self.history.same(asked[place].id).map(Ok);
                }
                places = new;
            }
            let from =
                if whole { grid.start } else { places.iter().map(|i| from[*i]).min().unwrap_or(grid.start) };
            let queries = places.iter().map(|i| asked[*i].query.clone()).collect::<Vec<_>>();
            let answers = batch::all(&self.client, &mut self.apart, &queries, grid.range(from)).await;
            for (place, answer) in places.into_iter().zip(answers) {
                let Asked { id, query, .. } = &asked[place];
                outcomes[place] = match answer {
                    Ok(answer) => self.history.extend(*id, query, grid, from, answer).map(Ok),
                    Err(failure) => {
                        self.history.forget(*id);
                        Some(Err(failure))
                    }
                };
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Ok(Answer::default()))).collect()
    }

    /// A wide window's last point may be minutes old: what is now is asked for besides.
    async fn recent(
        &mut self,
        context: &Context,
        grid: Grid,
        asked: &[Asked<SignalId>],
    ) -> Vec<Option<Point>> {
        if u64::from(grid.step_s) <= LEAST_STEP_S {
            return asked.iter().map(|_| None).collect();
        }
        let grid = Grid::new(grid.now, LONG_WINDOW, self.detected.interval_s);
        let query = |a: &Asked<SignalId>| chart(&self.detected, context, a.id, grid).map(|a| a.query);
        let queries = asked.iter().map(|a| query(a).unwrap_or_else(|| a.query.clone())).collect::<Vec<_>>();
        let answers = batch::all(&self.client, &mut self.apart, &queries, Over::Now).await;
        answers.into_iter().map(|a| a.ok()?.series.first()?.points.last().copied()).collect()
    }

    /// The readings and the breakdowns.
    async fn instants(&mut self, context: &Context) -> Vec<Observation> {
        let (readings, mut found) = questions(READINGS, |id| reading(&self.detected, context, id));
        let breakdowns = BREAKDOWNS.into_iter().filter_map(|id| Some((id, self.detected.breakdown(id)?)));
        let (breakdowns, queries): (Vec<_>, Vec<_>) = breakdowns.unzip();
        let all = readings.iter().map(|a| a.query.clone()).chain(queries).collect::<Vec<_>>();
        let mut answers = batch::all(&self.client, &mut self.apart, &all, Over::Now).await.into_iter();
        found.extend(readings.into_iter().zip(&mut answers).map(|(asked, answer)| latest(asked, answer)));
        let shown = breakdowns.into_iter().zip(answers);
        found.extend(shown.filter_map(|(id, answer)| breakdown(&self.detected, id, answer.ok()?)));
        found
    }

    /// Each by itself: one that takes too long must not take the others with it.
    async fn slow(&mut self, context: &Context) -> Vec<Observation> {
        let (mut asked, mut found) = questions(SLOW_READINGS, |id| reading(&self.detected, context, id));
        if let Some(availability) = asked.iter_mut().find(|a| a.id == SignalId::Availability)
            && let Some(days) = short_history(&self.client, &self.detected).await
        {
            availability.note = Some(days);
        }
        let queries = asked.iter().map(|a| a.query.clone()).collect::<Vec<_>>();
        let answers = batch::one_by_one(&self.client, &queries, Over::Now).await;
        found.extend(asked.into_iter().zip(answers).map(|(asked, answer)| latest(asked, answer)));
        found
    }
}

/// With the server's time at which it is told.
fn told_at(mut observation: Observation, present: i64) -> Observation {
    if let Observation::Signal(signal) = &mut observation {
        signal.present = Some(present);
    }
    observation
}

/// What can be asked, and what is said of that for which there is no query.
fn questions<const N: usize>(
    ids: [SignalId; N],
    ask: impl Fn(SignalId) -> Option<Asked<SignalId>>,
) -> (Vec<Asked<SignalId>>, Vec<Observation>) {
    let (mut asked, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match ask(id) {
            Some(question) => asked.push(question),
            None => unknown.push(nothing(id)),
        }
    }
    (asked, unknown)
}

fn chart(detected: &Detected, context: &Context, id: SignalId, grid: Grid) -> Option<Asked<SignalId>> {
    let own = context.config.prometheus.queries.get(&id).cloned();
    let note = own.is_none().then(|| note(detected, id)).flatten();
    let query = own.or_else(|| detected.chart(id, &format!("{}s", grid.rate_s)))?;
    Some(Asked { id, query, note })
}

fn reading(detected: &Detected, context: &Context, id: SignalId) -> Option<Asked<SignalId>> {
    let queries = &context.config.prometheus.queries;
    let own = queries.get(&id).cloned();
    let mut note = own.is_none().then(|| note(detected, id)).flatten();
    let mut query = own.or_else(|| detected.reading(id));
    // An error ratio of one's own gives the windows' too, though not weighted by traffic.
    if let (SignalId::ErrorRatioOver(window), Some(ratio)) = (id, queries.get(&SignalId::ErrorRatio)) {
        query = Some(format!("avg_over_time(({ratio})[{}:{}])", window.promql(), resolution(window)));
        note = Some("the mean of the configured ratio, not weighted by traffic".into());
    }
    Some(Asked { id, query: query?, note })
}

fn latest(asked: Asked<SignalId>, answer: Result<Answer, Failure>) -> Observation {
    observed(asked, answer, |points| Outcome::Points { step_s: 0, points })
}

/// About a hundred points a window.
fn resolution(window: BurnWindow) -> &'static str {
    match window {
        BurnWindow::M5 | BurnWindow::M30 | BurnWindow::H1 | BurnWindow::H2 => "1m",
        BurnWindow::H6 | BurnWindow::D1 => "5m",
        BurnWindow::D3 | BurnWindow::D30 => "1h",
    }
}

/// 'over 12 of 30 d: there are no older data', where that is so.
async fn short_history(client: &Client, detected: &Detected) -> Option<String> {
    let answer = client.query(&detected.days_of_data()?).await.ok()?;
    let days = answer.series.first()?.points.last()?.v;
    (days < 29.0).then(|| format!("over {days} of 30 d: there are no older data"))
}

fn note(detected: &Detected, id: SignalId) -> Option<String> {
    let of = |measured: &Option<Measured>| measured.as_ref().and_then(|m| m.note.clone());
    match id {
        SignalId::LatencyP50 | SignalId::LatencyP95 | SignalId::LatencyP99 => of(&detected.latency),
        SignalId::ErrorRatio
        | SignalId::RequestRate
        | SignalId::Availability
        | SignalId::ErrorRatioOver(_) => of(&detected.requests),
        _ => None,
    }
}

/// No convention fits, so that there is not even a query.
fn nothing(id: SignalId) -> Observation {
    let warning = format!("no metrics of a known convention for '{}': set [prometheus.queries]", id.noun());
    Observation::Signal(Box::new(Signal {
        id,
        outcome: Outcome::NoData,
        query: Clean::default(),
        warning: Some(Clean::new(&warning)),
        present: None,
    }))
}

fn observed(
    asked: Asked<SignalId>,
    answer: Result<Answer, Failure>,
    points: impl FnOnce(Vec<Point>) -> Outcome,
) -> Observation {
    let Asked { id, query, note } = asked;
    let mut warnings: Vec<String> = note.into_iter().collect();
    let outcome = match answer {
        Err(failure) => Outcome::Failed(failure),
        Ok(mut answer) => {
            warnings.extend(answer.warning.map(|w| w.to_string()));
            if answer.series.len() > 1 {
                warnings.push(format!("the query gives {} series; this is the first", answer.series.len()));
            }
            match answer.series.is_empty() {
                true => Outcome::NoData,
                false => points(answer.series.swap_remove(0).points),
            }
        }
    };
    let warning = (!warnings.is_empty()).then(|| Clean::new(&warnings.join("; ")));
    Observation::Signal(Box::new(Signal { id, outcome, query: Clean::new(&query), warning, present: None }))
}

/// What is not answered is asked for again in the next round.
fn breakdown(detected: &Detected, id: BreakdownId, answer: Answer) -> Option<Observation> {
    let route = match id {
        BreakdownId::ErrorsByCode => &[][..],
        BreakdownId::SlowestRoutes => detected.latency.as_ref().map_or(&[][..], |m| &m.route),
        BreakdownId::ErrorsByRoute | BreakdownId::RequestsByRoute => {
            detected.requests.as_ref().map_or(&[][..], |m| &m.route)
        }
    };
    let mut rows: Vec<(Clean, f64)> = answer
        .series
        .iter()
        .filter_map(|series| {
            let value = series.points.last()?.v;
            value.is_finite().then(|| (Clean::new(&row_name(series, route)), value))
        })
        .collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows.truncate(ROWS);
    Some(Observation::Breakdown(Box::new(Breakdown { id, rows, at: Timestamp::now() })))
}

/// 'POST /pay', 'GET /' where the route says the method itself; '503' for a code.
fn row_name(series: &Series, route: &[&str]) -> String {
    let label = |name: &&str| series.labels.get(*name).map(String::as_str).filter(|v| !v.is_empty());
    let parts: Vec<&str> = match route {
        [] => series.labels.values().map(String::as_str).collect(),
        [method, path] => match (label(method), label(path)) {
            (Some(method), Some(path)) if path.starts_with(method) => vec![path],
            (method, path) => method.into_iter().chain(path).collect(),
        },
        all => all.iter().filter_map(label).collect(),
    };
    if parts.is_empty() { "(none)".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_aligned_and_never_ask_for_too_much() {
        let hour = Grid::new(1_700_000_007, Duration::from_secs(3600), 15);
        assert_eq!((hour.step_s, hour.rate_s), (15, 60));
        assert_eq!((hour.end, hour.start), (1_700_000_000 - 5, 1_700_000_000 - 5 - 3600));
        let day = Grid::new(1_700_000_007, Duration::from_secs(86_400), 30);
        assert_eq!((day.step_s, day.rate_s, day.end % 360), (360, 390, 0));
        let slow_scrape = Grid::new(0, Duration::from_secs(900), 60);
        assert_eq!((slow_scrape.step_s, slow_scrape.rate_s), (15, 240));
        let endless = Grid::new(i64::MAX, Duration::MAX, 15);
        assert!(endless.start <= endless.end);
    }

    #[test]
    fn a_row_is_named_by_method_and_route() {
        let series = |pairs: &[(&str, &str)]| Series {
            labels: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            points: Vec::new(),
        };
        let route = ["method", "http_route"];
        assert_eq!(row_name(&series(&[("http_route", "/pay"), ("method", "POST")]), &route), "POST /pay");
        assert_eq!(
            row_name(&series(&[("http_route", "POST /pay"), ("method", "POST")]), &route),
            "POST /pay"
        );
        assert_eq!(row_name(&series(&[("code", "503")]), &[]), "503");
        assert_eq!(row_name(&series(&[("method", "")]), &route), "(none)");
    }
}
