//! The past that nobody plays: thirty days of the shop's series, worked out from the same
//! physics as the present.

use super::World;
use super::cast::DAY_MS;
use super::physics::Inputs;
use super::series::Disks;

const DAYS: i64 = 30;
/// Coarse steps for the month, finer ones for the last day.
const COARSE_MS: i64 = 300_000;
const FINE_MS: i64 = 60_000;

impl World {
    /// Writes the series from thirty days before `origin_ms` up to `begin_ms`, where the
    /// live past takes over.
    pub(super) fn write_history(&mut self, origin_ms: i64, begin_ms: i64) {
        let mut t = (origin_ms - DAYS * DAY_MS).div_euclid(COARSE_MS) * COARSE_MS;
        let fine_from = origin_ms - DAY_MS;
        let (series, physics) = (&mut self.series, &self.physics);
        let retention = self.past_retention_days;
        let inputs = Inputs::calm();
        self.parts.metrics.write(|db| {
            while t < begin_ms {
                let step = if t < fine_from { COARSE_MS } else { FINE_MS };
                let flow = physics.flow_at(t, &inputs);
                series.traffic.add(&flow, step as f64 / 1_000.0);
                let disks = Disks { retention_days: retention, since_origin_ms: t - origin_ms };
                series.write_shop(db, t, &flow, disks);
                t += step;
            }
        });
    }
}
