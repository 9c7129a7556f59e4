//! Service level objectives: what is promised, and what a measured value means for it.

use serde::{Deserialize, Serialize};

use super::{Health, signal::SignalId};

/// A target with its tiers. Ratios are 0…1, latencies seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    pub signal: SignalId,
    pub better: Better,
    /// What is promised; beyond it is at least a warning.
    pub target: f64,
    pub warning: f64,
    pub critical: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    Lower,
    Higher,
}

impl Better {
    /// Which way a signal is better.
    pub fn of(signal: SignalId) -> Self {
        match signal {
            SignalId::RequestRate
            | SignalId::Availability
            | SignalId::CacheHitRatio
            | SignalId::CertificateDays => Self::Higher,
            _ => Self::Lower,
        }
    }
}

impl Objective {
    pub fn judge(&self, value: f64) -> Health {
        if value.is_nan() {
            return Health::Unknown;
        }
        let beyond = |limit: f64| match self.better {
            Better::Lower => value > limit,
            Better::Higher => value < limit,
        };
        if beyond(self.critical) {
            Health::Critical
        } else if beyond(self.warning) {
            Health::Warning
        } else {
            Health::Ok
        }
    }

    /// The objectives that hold where the configuration sets none: what operations teams commonly
    /// promise (p95 under 500 ms, 99.9 % available, under 0.1 % errors), with common tiers.
    pub fn defaults() -> Vec<Self> {
        let objective = |signal, target, warning, critical| Self {
            signal,
            better: Better::of(signal),
            target,
            warning,
            critical,
        };
        vec![
            objective(SignalId::LatencyP95, 0.5, 0.5, 1.0),
            objective(SignalId::ErrorRatio, 0.001, 0.001, 0.01),
            objective(SignalId::Availability, 0.999, 0.999, 0.99),
            objective(SignalId::CacheHitRatio, 0.85, 0.85, 0.70),
            objective(SignalId::CpuRatio, 0.70, 0.70, 0.85),
            objective(SignalId::MemoryRatio, 0.80, 0.80, 0.90),
            objective(SignalId::PoolRatio, 0.80, 0.80, 0.90),
            objective(SignalId::DiskRatio, 0.80, 0.80, 0.90),
            objective(SignalId::CertificateDays, 14.0, 14.0, 7.0),
        ]
    }
}
