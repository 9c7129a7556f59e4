//! Alerts as Alertmanager has them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clean, Health};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub fingerprint: Clean,
    pub name: Clean,
    /// The `severity` label as it stands.
    pub severity: Clean,
    pub state: AlertState,
    pub starts_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub silenced_by: Vec<Clean>,
    pub inhibited_by: Vec<Clean>,
    pub summary: Option<Clean>,
    pub description: Option<Clean>,
    pub runbook: Option<Clean>,
    pub labels: Vec<(Clean, Clean)>,
    pub receivers: Vec<Clean>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    Active,
    Suppressed,
    Unprocessed,
}

impl Alert {
    pub fn health(&self) -> Health {
        match &*self.severity.to_ascii_lowercase() {
            "page" | "critical" | "error" | "p0" | "p1" | "emergency" | "high" => Health::Critical,
            _ => Health::Warning,
        }
    }
}
