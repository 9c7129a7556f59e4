//! The life of one alert inside Prometheus.

use super::Notice;
use crate::sim::metrics::labels::Labels;

/// Where the links in alerts lead: the name that the simulated Prometheus has in its cluster.
const PROMETHEUS_URL: &str = "http://prometheus.monitoring:9090";

fn generator_url(query: &str) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    let parameters = parameters.append_pair("g0.expr", query).append_pair("g0.tab", "1").finish();
    format!("{PROMETHEUS_URL}/graph?{parameters}")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// True, but not yet for as long as the rule's `for`.
    Pending,
    Firing,
}

impl State {
    /// The state as the API and the `alertstate` label spell it.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Firing => "firing",
        }
    }
}

/// A pending or firing alert; times in milliseconds since the epoch.
#[derive(Debug, Clone)]
pub struct Active {
    pub labels: Labels,
    pub annotations: Vec<(String, String)>,
    pub state: State,
    /// Since when the expression holds.
    pub active_ms: i64,
    /// Since when it fires; the same as `active_ms` while it is pending.
    pub fired_ms: i64,
    pub value: f64,
}

impl Active {
    /// What Alertmanager is told: that this holds until `ends_ms`.
    pub fn notice(&self, query: &str, ends_ms: i64) -> Notice {
        Notice {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_ms: self.fired_ms,
            ends_ms,
            generator_url: generator_url(query),
        }
    }
}
