//! What a review asks beside what the cockpit knows already, and what came back: plain data, each
//! question with an answer or a failure of its own.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::signoff::Scope;
use super::{Kind, SignOff};
use crate::model::signal::{Point, SignalId};
use crate::model::{Clean, Failure};

/// One question to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Whether Prometheus was there at all: where it was not, silence means nothing.
    Coverage,
    /// Which alerts fired.
    Alerts,
    /// A signal over time.
    Course(SignalId),
    /// A signal over the whole window as one number.
    Whole(SignalId),
    /// The same over the window before it.
    Before(SignalId),
    /// Restarts of each container in the window.
    Restarts,
    /// Containers that the kernel killed in the window.
    OomKills,
}

/// A question with its times, all in seconds; for one number `start` is `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub question: Question,
    pub start: i64,
    pub end: i64,
    pub step_s: u32,
    /// What one number looks back on.
    pub window_s: i64,
}

/// Points of a course: more than a screen or a picture has columns.
const POINTS: i64 = 480;
const LEAST_STEP_S: i64 = 60;

/// Courses of what can be full, or follows the day.
pub const CAPACITIES: [SignalId; 4] =
    [SignalId::CpuRatio, SignalId::MemoryRatio, SignalId::DiskRatio, SignalId::PoolRatio];
/// What is promised of each request.
pub const SERVICE: [SignalId; 2] = [SignalId::ErrorRatio, SignalId::LatencyP95];

/// All questions of a review from `since` to `until`.
pub fn questions(kind: Kind, since: Timestamp, until: Timestamp) -> Vec<Ask> {
    let (start, end) = (since.as_second(), until.as_second());
    let course = |question, span_s: i64| {
        let step = (span_s / POINTS).max(LEAST_STEP_S);
        let end = end - end.rem_euclid(step);
        let step_s = u32::try_from(step).unwrap_or(u32::MAX);
        Ask { question, start: end - span_s / step * step, end, step_s, window_s: span_s }
    };
    let window = (end - start).max(LEAST_STEP_S);
    let number = |question, at| Ask { question, start: at, end: at, step_s: 1, window_s: window };
    let mut asks = vec![course(Question::Coverage, window), course(Question::Alerts, window)];
    asks.extend(SERVICE.map(|id| course(Question::Course(id), window)));
    asks.extend(SERVICE.map(|id| number(Question::Whole(id), end)));
    let trend = kind.trend().as_secs().max(window);
    asks.extend(CAPACITIES.map(|id| course(Question::Course(id), trend)));
    asks.extend([Question::Restarts, Question::OomKills].map(|q| number(q, end)));
    if kind != Kind::Daily {
        asks.push(number(Question::Whole(SignalId::RequestRate), end));
        let before = [SignalId::LatencyP95, SignalId::RequestRate];
        asks.extend(before.map(|id| number(Question::Before(id), start)));
    }
    asks
}

/// One series of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub labels: Vec<(Clean, Clean)>,
    pub points: Vec<Point>,
}

impl Series {
    pub fn label(&self, name: &str) -> Option<&Clean> {
        self.labels.iter().find(|(k, v)| k.as_str() == name && !v.is_empty()).map(|(_, v)| v)
    }
}

/// What a question brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub ask: Ask,
    pub series: Vec<Series>,
    /// Series that were left out, because there are too many.
    pub left_out: usize,
    /// Prometheus' warnings: the data may be partial.
    pub warning: Option<Clean>,
}

/// A silence of Alertmanager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    pub id: Clean,
    pub by: Clean,
    pub comment: Clean,
    pub ends_at: Timestamp,
    /// 'alertname="HighCPU", service="api"'.
    pub matchers: Clean,
}

/// Something that was done through midwatch, from the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Act {
    pub at: Timestamp,
    pub action: Clean,
    pub object: Clean,
    pub namespace: Clean,
    pub name: Clean,
    pub who: Clean,
    pub words: Clean,
}

/// A procedure that is practised from time to time, and when it was last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    pub name: Clean,
    pub every: SignedDuration,
    pub last: Option<Timestamp>,
}

/// Everything that was asked for one review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub scope: Scope,
    pub since: Timestamp,
    pub until: Timestamp,
    pub answers: Vec<(Question, Result<Answer, Failure>)>,
    /// Those that mute now.
    pub silences: Result<Vec<Silence>, Failure>,
    /// What was done since, oldest first; or why the audit log can't be read.
    pub acts: Result<Vec<Act>, Clean>,
    pub drills: Result<Vec<Drill>, Clean>,
    /// The last sign-off of the same scope and kind.
    pub baseline: Option<SignOff>,
    /// What is odd about the store: files that are torn or not ours.
    pub complaints: Vec<Clean>,
    /// As whom a sign-off would be signed.
    pub who: Clean,
}

impl Asked {
    pub fn kind(&self) -> Kind {
        self.scope.kind
    }

    pub fn answer(&self, question: Question) -> Option<&Result<Answer, Failure>> {
        self.answers.iter().find(|(q, _)| *q == question).map(|(_, a)| a)
    }

    /// The points of a question that has one series; or why there are none.
    ///
    /// # Errors
    /// In words: it was not asked, it failed, or there are no data.
    pub fn course(&self, question: Question) -> Result<(&Answer, &[Point]), String> {
        match self.answer(question) {
            None => Err("not asked".into()),
            Some(Err(failure)) => Err(failure.happened.to_string()),
            Some(Ok(answer)) => {
                let points = answer.series.first().map_or(&[][..], |s| &s.points);
                if points.iter().any(|p| p.v.is_finite()) {
                    Ok((answer, points))
                } else {
                    Err("no data".into())
                }
            }
        }
    }

    /// The one number of a question.
    ///
    /// # Errors
    /// As [`Self::course`].
    pub fn number(&self, question: Question) -> Result<f64, String> {
        let (_, points) = self.course(question)?;
        points.iter().rev().map(|p| p.v).find(|v| v.is_finite()).ok_or_else(|| "no data".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses_are_aligned_and_bounded() {
        let until: Timestamp = "2026-11-21T03:12:09Z".parse().unwrap();
        for kind in Kind::ALL {
            let since = until - kind.window();
            for ask in questions(kind, since, until) {
                let steps = (ask.end - ask.start) / i64::from(ask.step_s);
                assert!(steps <= 2 * POINTS, "{ask:?}");
                assert!(ask.end <= until.as_second() && ask.start <= ask.end, "{ask:?}");
            }
        }
        let daily = questions(Kind::Daily, until - Kind::Daily.window(), until);
        assert_eq!((daily[0].step_s, daily[0].window_s), (90, 43_200));
    }
}
