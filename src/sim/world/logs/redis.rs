//! The log of the cache's pods, as Redis words it.

use crate::sim::world::cache::MASTER;
use crate::sim::world::logs::Line;
use crate::sim::world::pod::PodRun;

/// How often a snapshot is saved: `save 300 100`.
const SAVE_MS: i64 = 300_000;

fn line(run: &PodRun, at_ms: i64, text: &str) -> Line {
    let role = if run.name == MASTER { 'M' } else { 'S' };
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    (at_ms, format!("1:{role} {} * {text}", at.strftime("%d %b %Y %H:%M:%S%.3f")))
}

/// The first line of a life.
pub fn first(run: &PodRun, at_ms: i64) -> Line {
    line(run, at_ms, "Ready to accept connections tcp")
}

/// The lines of five seconds.
pub fn slot(run: &PodRun, life_from: i64, slot: i64, lines: &mut Vec<Line>) {
    if slot.div_euclid(5_000) == life_from.div_euclid(5_000) + 1 && run.name != MASTER {
        lines.push(line(run, slot, "MASTER <-> REPLICA sync: Finished with success"));
    }
    if slot.rem_euclid(SAVE_MS) == 0 {
        let pid = 20 + slot.div_euclid(SAVE_MS) % 30_000;
        lines.push(line(run, slot, "100 changes in 300 seconds. Saving..."));
        lines.push(line(run, slot + 4, &format!("Background saving started by pid {pid}")));
        // Written by the child that saves.
        let saved = line(run, slot + 870, "DB saved on disk").1;
        lines.push((slot + 870, format!("{pid}:C{}", saved.get(3..).unwrap_or_default())));
        lines.push(line(run, slot + 960, "Background saving terminated with success"));
    }
}
