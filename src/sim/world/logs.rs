//! What containers write: access lines, stack traces of the failing revision, slow
//! queries, the last words before a crash. Nothing is kept: a line follows from the pod,
//! the time and what the physics were then, so asking again gives the same lines.

mod redis;
#[cfg(test)]
mod tests;

use super::World;
use super::cache::catalogue::PRODUCTS;
use super::physics::{Moment, deployment_of};
use super::pod::{PodRun, fnv};
use super::{TICK_MS, cast};
use crate::sim::cluster::json::micro_time;

/// Older lines have been rotated away.
const KEPT_MS: i64 = 2 * 3_600_000;
const ROUTES: [(&str, u64); 5] =
    [("GET /", 30), ("GET /products", 65), ("GET /cart", 80), ("POST /cart", 92), ("POST /pay", 100)];

/// Database connections in use from which on queries become slow.
const BUSY_POOL: f64 = 40.0;

/// A line and when it was written, in milliseconds since the epoch.
pub type Line = (i64, String);

/// Which container life a log is asked of.
pub enum Life {
    /// The lines of the present or, while it is not running, of the last life.
    Current { from_ms: i64, to_ms: i64 },
    /// There was no such life.
    None,
    /// It has not started yet.
    Waiting,
}

impl World {
    /// The life that a log is asked of.
    pub fn life(&self, run: &PodRun, previous: bool) -> Life {
        match (&run.last, run.running_since(), previous) {
            (Some(end), _, true) | (Some(end), None, false) => {
                Life::Current { from_ms: end.started_ms, to_ms: end.finished_ms }
            }
            (None, _, true) => Life::None,
            (_, Some(since), false) => Life::Current { from_ms: since, to_ms: i64::MAX },
            (None, None, false) => Life::Waiting,
        }
    }

    /// The lines of a container that lived from `life_from`, written after `from_ms` and up
    /// to `to_ms`; `end_ms` is when it ended, if it has.
    pub fn log_lines(
        &self,
        run: &PodRun,
        life_from: i64,
        end_ms: i64,
        from_ms: i64,
        to_ms: i64,
    ) -> Vec<Line> {
        let to = to_ms.min(end_ms);
        let from = from_ms.max(to - KEPT_MS);
        let mut lines = Vec::new();
        let app = if run.owner.0 == "ReplicaSet" { deployment_of(run) } else { run.owner.1.as_str() };
        if from < life_from {
            lines.push(match app {
                "cache" => redis::first(run, life_from),
                _ => (life_from, first_line(app, run)),
            });
        }
        let mut slot = from.max(life_from).div_euclid(TICK_MS) * TICK_MS;
        while slot <= to {
            self.slot(app, run, life_from, slot, &mut lines);
            slot += TICK_MS;
        }
        self.last_words(run, end_ms, &mut lines);
        lines.retain(|(t, _)| (*t > from || *t == life_from) && *t <= to && *t >= life_from);
        lines.sort_by_key(|(t, _)| *t);
        lines
    }

    fn slot(&self, app: &str, run: &PodRun, life_from: i64, slot: i64, lines: &mut Vec<Line>) {
        let mut dice = Dice(fnv(&format!("{}/{slot}", run.uid)));
        let at = slot + dice.below(TICK_MS as u64 - 1) as i64;
        match app {
            "api" | "web" => self.access(app, run, slot, &mut dice, lines),
            "worker" => {
                let order = dice.below(900_000) + 100_000;
                let ms = 60 + dice.below(180);
                lines.push((at, format!("level=info msg=\"order handled\" order={order} duration_ms={ms}")));
                if let (true, Some(rate)) = (slot % 60_000 == 0, self.leak_of(run)) {
                    let heap =
                        (run.memory_limit * 0.6 + rate * (slot - life_from) as f64 / 1_000.0) / 1_048_576.0;
                    let limit = run.memory_limit / 1_048_576.0;
                    lines.push((at, format!("level=warn msg=\"memory grows\" heap_mib={heap:.0} limit_mib={limit:.0} retained=order_messages")));
                }
            }
            "cache" => redis::slot(run, life_from, slot, lines),
            app if app.starts_with("backup") && slot % 60_000 == 0 => {
                let minute = (slot - life_from).max(0) / 60_000;
                lines.push((at, format!("dumping, minute {minute}: {} tables done", minute * 4)));
            }
            _ if slot % 60_000 == 0 => lines.push((at, "level=info msg=\"still well\"".to_owned())),
            _ => {}
        }
    }

    /// A few of the requests of five seconds: the shop logs one in a hundred that went
    /// well, and all that failed.
    fn access(&self, app: &str, run: &PodRun, slot: i64, dice: &mut Dice, lines: &mut Vec<Line>) {
        let moment = self.physics.moment(slot);
        let image = run.containers.first().map(|c| c.1.as_str()).unwrap_or_default();
        let key = (run.namespace.clone(), run.name.clone());
        let bad = self.bad_images.get(image).filter(|b| !self.is_cured(&key, &b.needs_env));
        let own_errors = bad.map_or(0.0, |b| b.error_ratio);
        let through = if app == "web" { moment.errors } else { moment.errors_elsewhere };
        for _ in 0..3 {
            let at = slot + dice.below(TICK_MS as u64 - 1) as i64;
            let pick = dice.below(100);
            let (route, _) = ROUTES.iter().find(|(_, up_to)| pick < *up_to).unwrap_or(&ROUTES[0]);
            let id = format!("{:08x}", dice.next() >> 32);
            let ms = (moment.median_s * 1_000.0 * (0.5 + dice.share() * 2.0)).round();
            let chance = dice.share();
            if chance < own_errors {
                let (route, message) = ("POST /pay", bad.map(|b| b.message.as_str()).unwrap_or_default());
                lines.push((at, format!("level=error route=\"{route}\" status=500 duration_ms={ms} request_id={id} err=\"{message}\"")));
                for (i, frame) in trace(message).into_iter().enumerate() {
                    lines.push((at + 1 + i as i64, frame));
                }
            } else if chance < own_errors + through {
                let product = 1_000 + dice.below(u64::from(PRODUCTS));
                let (status, err) = match app {
                    "web" => (502, "upstream api: bad gateway\"".to_owned()),
                    _ if dice.share() < moment.poisoned => (
                        500,
                        format!(
                            "cache: cannot decode entry: unexpected 'a' at 0, want '{{'\" key=product:{product}"
                        ),
                    ),
                    _ => (500, "read tcp: connection reset by peer\"".to_owned()),
                };
                lines.push((at, format!("level=error route=\"{route}\" status={status} duration_ms={ms} request_id={id} err=\"{err}")));
            } else {
                lines.push((
                    at,
                    format!("level=info route=\"{route}\" status=200 duration_ms={ms} request_id={id}"),
                ));
            }
        }
        slow(app, &moment, slot, dice, lines);
    }

    fn leak_of(&self, run: &PodRun) -> Option<f64> {
        run.containers.first().and_then(|(_, image)| self.leaks.get(image)).copied()
    }

    fn last_words(&self, run: &PodRun, end_ms: i64, lines: &mut Vec<Line>) {
        let Some(end) = run.last.as_ref().filter(|e| e.finished_ms == end_ms) else { return };
        match end.reason {
            // The kernel kills without a word; what is seen is the allocation before it.
            "OOMKilled" => lines.push((
                end_ms,
                "level=warn msg=\"allocation stalled\" bytes=33554432 waiting_for=memory".to_owned(),
            )),
            "Completed" => lines.push((end_ms, "done".to_owned())),
            _ if run.owner.0 == "Job" => lines.push((end_ms, end.message.clone())),
            _ => {
                let frames = trace(&end.message);
                let start = end_ms - frames.len() as i64 - 1;
                lines.push((start, format!("level=fatal msg=\"{}\"", end.message)));
                for (i, frame) in frames.into_iter().enumerate() {
                    lines.push((start + 1 + i as i64, frame));
                }
            }
        }
    }
}

/// What takes long: queries while the database's connections run out, and requests that
/// have waited for a pod that has its hands full.
fn slow(app: &str, moment: &Moment, slot: i64, dice: &mut Dice, lines: &mut Vec<Line>) {
    let mut when = || slot + dice.below(TICK_MS as u64 - 1) as i64;
    let (first, second) = (when(), when());
    if app == "api" && dice.share() < (moment.pool - BUSY_POOL) / 200.0 {
        let ms = (moment.pool * (8.0 + 20.0 * dice.share())).round();
        let pool = moment.pool;
        lines.push((first, format!("level=warn msg=\"slow query\" duration_ms={ms} pool_in_use={pool:.0}/100 query=\"SELECT id, name, price FROM products WHERE category = $1\"")));
    }
    if dice.share() < (moment.waiting - 0.5) * 0.4 {
        let ms = (moment.median_s * 1_000.0 * (3.0 + 4.0 * dice.share())).round();
        let queued = (ms * moment.waiting).round();
        lines.push((second, format!("level=warn msg=\"slow request\" duration_ms={ms} queued_ms={queued}")));
    }
}

fn first_line(app: &str, run: &PodRun) -> String {
    let image = run.containers.first().map(|c| c.1.as_str()).unwrap_or_default();
    match app {
        app if app.starts_with("backup") => format!("{app} starts, target /backup, namespace {}", cast::SHOP),
        _ => format!("level=info msg=\"started\" app={app} image=\"{image}\""),
    }
}

/// A stack trace around a message.
fn trace(message: &str) -> Vec<String> {
    [
        format!("Error: {message}"),
        "    at requireSetting (/app/lib/settings.js:41:11)".to_owned(),
        "    at charge (/app/payments/client.js:88:17)".to_owned(),
        "    at pay (/app/routes/pay.js:23:9)".to_owned(),
        "    at next (/app/node_modules/router/index.js:210:14)".to_owned(),
    ]
    .to_vec()
}

/// The line with the time before it, as `timestamps=true` gives it.
pub fn stamped((at_ms, line): &Line) -> String {
    format!("{} {line}", micro_time(*at_ms))
}

/// Numbers that follow from a start (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self {
            at_ms: 0,
            median_s: 0.07,
            errors: 0.0,
            errors_elsewhere: 0.0,
            pool: 34.0,
            poisoned: 0.0,
            waiting: 0.0,
        }
    }
}
