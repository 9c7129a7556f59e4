//! A simulated Alertmanager: holds what the rules send, silences and inhibits it, and answers
//! for it through API v2.

mod config;
pub mod http;
pub mod matchers;
mod post;
mod refusal;
pub mod silences;
mod view;

use std::collections::BTreeMap;

use super::labels::{Labels, get};
use super::rules::{Inhibit, Notice};
use matchers::Matcher;
use silences::Silences;

/// Alerts, silences and inhibitions. All times are milliseconds since the epoch.
pub struct Alertmanager {
    alerts: BTreeMap<Fingerprint, Alert>,
    pub silences: Silences,
    inhibits: Vec<Inhibit>,
    pub started_ms: i64,
}

/// Identifies an alert by its labels, as in Prometheus' common/model package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// FNV-1a over the sorted names and values, each followed by a byte that UTF-8 never has.
    pub fn of(labels: &Labels) -> Self {
        let texts = labels.iter().flat_map(|(k, v)| [k, v]);
        let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, step))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub notice: Notice,
    pub updated_ms: i64,
}

/// An alert with what mutes it at the moment.
pub struct Judged<'a> {
    pub fingerprint: Fingerprint,
    pub alert: &'a Alert,
    pub silenced_by: Vec<String>,
    pub inhibited_by: Vec<Fingerprint>,
}

impl Alertmanager {
    pub fn new(started_ms: i64) -> Self {
        let silences = Silences::new(started_ms);
        Self { alerts: BTreeMap::new(), silences, inhibits: Vec::new(), started_ms }
    }

    pub fn set_inhibits(&mut self, inhibits: Vec<Inhibit>) {
        self.inhibits = inhibits;
    }

    /// Takes over what Prometheus sends; forgets what is resolved.
    pub fn receive(&mut self, notices: Vec<Notice>, now_ms: i64) {
        for notice in notices {
            let fingerprint = Fingerprint::of(&notice.labels);
            let mut new = Alert { notice, updated_ms: now_ms };
            if let Some(old) = self.alerts.get(&fingerprint)
                && old.notice.ends_ms >= new.notice.starts_ms
            {
                // The same outage, seen again: Alertmanager keeps the earliest start.
                new.notice.starts_ms = new.notice.starts_ms.min(old.notice.starts_ms);
            }
            self.alerts.insert(fingerprint, new);
        }
        self.alerts.retain(|_, a| a.notice.ends_ms > now_ms);
    }

    pub fn count(&self) -> usize {
        self.alerts.len()
    }

    /// The alerts that hold at `now_ms`, by fingerprint.
    pub fn judged(&self, now_ms: i64) -> Vec<Judged<'_>> {
        let firing = || self.alerts.iter().filter(|(_, a)| a.notice.ends_ms > now_ms);
        let inhibits =
            |source: &Labels, target: &Labels| self.inhibits.iter().any(|i| i.applies(source, target));
        firing()
            .map(|(&fingerprint, alert)| {
                let labels = &alert.notice.labels;
                let inhibitors = firing().filter(|(other, source)| {
                    **other != fingerprint && inhibits(&source.notice.labels, labels)
                });
                Judged {
                    fingerprint,
                    alert,
                    silenced_by: self.silences.muting(labels, now_ms),
                    inhibited_by: inhibitors.map(|(f, _)| *f).collect(),
                }
            })
            .collect()
    }
}

impl Inhibit {
    fn applies(&self, source: &Labels, target: &Labels) -> bool {
        let all = |matchers: &[Matcher], labels: &Labels| matchers.iter().all(|m| m.matches(labels));
        // As in Alertmanager, an alert that is both source and target does not inhibit its like.
        all(&self.source, source)
            && all(&self.target, target)
            && !all(&self.source, target)
            && self.equal.iter().all(|name| get(source, name) == get(target, name))
    }
}

/// Most alerts held; far above what the rules can raise.
const MAX_ALERTS: usize = 10_000;
/// The labels that alerts are grouped by.
const GROUP_BY: [&str; 2] = ["namespace", "alertname"];
/// Which alerts go to the pager.
const PAGES: &str = "severity=\"page\"";

/// Who is notified: pages go to the pager, everything else to the team's channel.
pub const RECEIVERS: [&str; 2] = ["pager", "team"];

fn receiver(labels: &Labels) -> &'static str {
    if get(labels, "severity") == "page" { RECEIVERS[0] } else { RECEIVERS[1] }
}

#[cfg(test)]
mod tests;
