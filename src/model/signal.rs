//! What is measured of the service: series, readings, breakdowns, probes.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Clean, Failure};

/// A measured quantity of the service. Its unit never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalId {
    LatencyP50,
    LatencyP95,
    LatencyP99,
    /// Failed requests as a ratio of all.
    ErrorRatio,
    RequestRate,
    /// Share of requests that were answered without a server error over the objective's window.
    Availability,
    CacheHitRatio,
    /// CPU used, as a ratio of what is requested.
    CpuRatio,
    /// Working set, as a ratio of the limits.
    MemoryRatio,
    /// Database connections in use, as a ratio of the maximum.
    PoolRatio,
    /// CPU periods in which a container was throttled, as a ratio of all.
    ThrottledRatio,
    /// Days until the first certificate ends.
    CertificateDays,
    /// Disk used on the fullest file system, as a ratio.
    DiskRatio,
    /// The error ratio over one of the burn-rate windows.
    ErrorRatioOver(BurnWindow),
}

/// The windows of the SRE workbook's multiwindow alerts, and the budget's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BurnWindow {
    M5,
    M30,
    H1,
    H2,
    H6,
    D1,
    D3,
    D30,
}

impl BurnWindow {
    pub const ALL: [Self; 8] =
        [Self::M5, Self::M30, Self::H1, Self::H2, Self::H6, Self::D1, Self::D3, Self::D30];

    /// As PromQL writes it.
    pub fn promql(self) -> &'static str {
        match self {
            Self::M5 => "5m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H2 => "2h",
            Self::H6 => "6h",
            Self::D1 => "1d",
            Self::D3 => "3d",
            Self::D30 => "30d",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Seconds,
    Ratio,
    PerSecond,
    Days,
}

impl SignalId {
    /// Those that the configuration can name: all but the burn-rate windows, which follow from
    /// the error ratio.
    pub const NAMED: [Self; 13] = [
        Self::LatencyP50,
        Self::LatencyP95,
        Self::LatencyP99,
        Self::ErrorRatio,
        Self::RequestRate,
        Self::Availability,
        Self::CacheHitRatio,
        Self::CpuRatio,
        Self::MemoryRatio,
        Self::PoolRatio,
        Self::ThrottledRatio,
        Self::CertificateDays,
        Self::DiskRatio,
    ];

    /// The signal of that [`Self::noun`].
    pub fn of_noun(noun: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|id| id.noun() == noun)
    }

    pub fn unit(self) -> Unit {
        match self {
            Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 => Unit::Seconds,
            Self::RequestRate => Unit::PerSecond,
            Self::CertificateDays => Unit::Days,
            _ => Unit::Ratio,
        }
    }

    /// The word for it on the screen and in the configuration.
    pub fn noun(self) -> &'static str {
        match self {
            Self::LatencyP50 => "p50 latency",
            Self::LatencyP95 => "p95 latency",
            Self::LatencyP99 => "p99 latency",
            Self::ErrorRatio => "error ratio",
            Self::RequestRate => "throughput",
            Self::Availability => "availability",
            Self::CacheHitRatio => "cache hits",
            Self::CpuRatio => "cpu",
            Self::MemoryRatio => "memory",
            Self::PoolRatio => "connection pool",
            Self::ThrottledRatio => "cpu throttled",
            Self::CertificateDays => "certificate",
            Self::DiskRatio => "disk",
            Self::ErrorRatioOver(_) => "error ratio over a window",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds since the Unix epoch.
    pub t: i64,
    /// NaN where the server says so.
    pub v: f64,
}

/// One signal as it was last asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    pub id: SignalId,
    pub outcome: Outcome,
    /// The query, for 'how do you know?'.
    pub query: Clean,
    /// Prometheus' warnings: the data may be partial.
    pub warning: Option<Clean>,
    /// The server's time when this was told, in seconds since the Unix epoch: its clock need not be ours.
    #[serde(default)]
    pub present: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Points in order of time, `step_s` seconds apart where there is no gap; for a signal that
    /// is not charted the one latest point.
    Points {
        step_s: u32,
        points: Vec<Point>,
    },
    /// The query was answered, with nothing.
    NoData,
    Failed(Failure),
}

impl Signal {
    /// Counts its points with our clock, which shows `at` as it comes, where the server's differs by a
    /// minute or more; by how much ours is ahead, in whole minutes, so that points don't wander.
    pub fn align(&mut self, at: Timestamp) -> Option<SignedDuration> {
        let ahead_s = at.as_second().checked_sub(self.present.take()?)?;
        let minutes = ahead_s.saturating_add(30).div_euclid(60);
        if let Outcome::Points { points, .. } = &mut self.outcome {
            points.iter_mut().for_each(|point| point.t = point.t.saturating_add(minutes.saturating_mul(60)));
        }
        Some(SignedDuration::from_secs(minutes.saturating_mul(60)))
    }

    pub fn latest(&self) -> Option<Point> {
        match &self.outcome {
            Outcome::Points { points, .. } => points.last().copied(),
            Outcome::NoData | Outcome::Failed(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakdownId {
    /// Errors per second, by status code.
    ErrorsByCode,
    /// The error ratio of each route.
    ErrorsByRoute,
    /// p95 latency in seconds of each route, slowest first.
    SlowestRoutes,
    /// Requests per second, by route.
    RequestsByRoute,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    pub id: BreakdownId,
    /// Largest first, at most 20.
    pub rows: Vec<(Clean, f64)>,
    pub at: Timestamp,
}

/// A health endpoint and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub name: Clean,
    pub url: Clean,
    /// The most recent checks, oldest first, at most 360.
    pub checks: Vec<ProbeCheck>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeCheck {
    pub at: Timestamp,
    /// None: no answer.
    pub status: Option<u16>,
    pub latency_s: f64,
    pub ok: bool,
    pub message: Option<Clean>,
}
