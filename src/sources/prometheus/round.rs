//! One round of questions: at most four at once, each signal sent as soon as it is known.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::Instant;

use super::client::{Answer, Client, Series};
use super::convention::{Detected, Measured};
use super::promql::ROWS;
use super::{SLOW, Watched};
use crate::model::signal::{Breakdown, BreakdownId, BurnWindow, Outcome, Point, Signal, SignalId};
use crate::model::{Change, Clean, Failure, FeedId, Observation};
use crate::sources::{Context, Wants};

/// Enough to hide the latency of a bastion's link, and no burden for a Prometheus in trouble.
const AT_ONCE: usize = 4;

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

impl Observation {
    fn told_at(mut self, present: i64) -> Self {
        if let Self::Signal(signal) = &mut self {
            signal.present = Some(present);
        }
        self
    }
}

/// One question.
enum Ask {
    Chart(SignalId),
    Reading(SignalId),
    Breakdown(BreakdownId),
}

/// The grid of a chart: from and to are multiples of the step, so that points do not wander
/// from round to round. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    now: i64,
    start: i64,
    end: i64,
    step_s: u32,
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
        let mut asks: Vec<Ask> = CHARTS.map(Ask::Chart).into();
        if due != Due::Charts {
            asks.extend(READINGS.map(Ask::Reading));
            asks.extend(BREAKDOWNS.map(Ask::Breakdown));
        }
        if slow {
            asks.extend(SLOW_READINGS.map(Ask::Reading));
            self.slow_at = Some(Instant::now());
        }
        let (client, detected) = (&self.client, &self.detected);
        let mut answers = futures::stream::iter(asks)
            .map(|ask| async move {
                match ask {
                    Ask::Chart(id) => Some(chart(client, detected, context, id, grid).await),
                    Ask::Reading(id) => Some(reading(client, detected, context, id).await),
                    Ask::Breakdown(id) => breakdown(client, detected, id).await,
                }
            })
            .buffer_unordered(AT_ONCE)
            .ready_chunks(AT_ONCE);
        let mut changes: Vec<Change> = first.then_some(Change::Reset).into_iter().collect();
        *first = false;
        while let Some(chunk) = answers.next().await {
            let present = now + i64::try_from(asked.elapsed().as_secs()).unwrap_or(0);
            let told = chunk.into_iter().flatten().map(|o| Change::Upsert(o.told_at(present)));
            changes.extend(told);
            context.send(FeedId::Signals, std::mem::take(&mut changes)).await;
        }
        changes.push(Change::Ready);
        context.send(FeedId::Signals, changes).await;
        Ok(())
    }
}

async fn chart(
    client: &Client,
    detected: &Detected,
    context: &Context,
    id: SignalId,
    grid: Grid,
) -> Observation {
    let own = context.config.prometheus.queries.get(&id).cloned();
    let note = own.is_none().then(|| note(detected, id)).flatten();
    let Some(query) = own.or_else(|| detected.chart(id, &format!("{}s", grid.rate_s))) else {
        return nothing(id);
    };
    // A wide window's last point may be minutes old: what is now is asked for besides.
    let recent = async {
        if u64::from(grid.step_s) <= LEAST_STEP_S {
            return None;
        }
        let grid = Grid::new(grid.now, LONG_WINDOW, detected.interval_s);
        let own = context.config.prometheus.queries.get(&id).cloned();
        let query = own.or_else(|| detected.chart(id, &format!("{}s", grid.rate_s)))?;
        client.query(&query).await.ok()?.series.first()?.points.last().copied()
    };
    let (outcome, recent) =
        tokio::join!(client.query_range(&query, grid.start, grid.end, grid.step_s), recent);
    observed(id, query, note, outcome, |mut points| {
        points.extend(recent.filter(|now| points.last().is_some_and(|last| last.t < now.t)));
        // A series that ended is told by a last point without a value: the last value is history.
        if points.last().is_some_and(|p| p.t < grid.end - 2 * i64::from(grid.step_s)) {
            points.push(Point { t: grid.end, v: f64::NAN });
        }
        Outcome::Points { step_s: grid.step_s, points }
    })
}

async fn reading(client: &Client, detected: &Detected, context: &Context, id: SignalId) -> Observation {
    let queries = &context.config.prometheus.queries;
    let own = queries.get(&id).cloned();
    let mut note = own.is_none().then(|| note(detected, id)).flatten();
    let mut query = own.or_else(|| detected.reading(id));
    // An error ratio of one's own gives the windows' too, though not weighted by traffic.
    if let (SignalId::ErrorRatioOver(window), Some(ratio)) = (id, queries.get(&SignalId::ErrorRatio)) {
        query = Some(format!("avg_over_time(({ratio})[{}:{}])", window.promql(), resolution(window)));
        note = Some("the mean of the configured ratio, not weighted by traffic".into());
    }
    let Some(query) = query else { return nothing(id) };
    if id == SignalId::Availability
        && let Some(days) = short_history(client, detected).await
    {
        note = Some(days);
    }
    let outcome = client.query(&query).await;
    observed(id, query, note, outcome, |points| Outcome::Points { step_s: 0, points })
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
    id: SignalId,
    query: String,
    note: Option<String>,
    answer: Result<Answer, Failure>,
    points: impl FnOnce(Vec<Point>) -> Outcome,
) -> Observation {
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

/// None: not to be had by this convention, or not answered; the next round tries again.
async fn breakdown(client: &Client, detected: &Detected, id: BreakdownId) -> Option<Observation> {
    let answer = client.query(&detected.breakdown(id)?).await.ok()?;
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
