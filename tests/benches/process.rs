//! What the whole program costs beside clusters of 1,000, 10,000 and 50,000 pods:
//! `cargo bench --bench process`, or `-- 10000` for some of the sizes.
//!
//! The built program runs in a pseudo-terminal of 200×60 against `midwatch sim --pods N`; memory and
//! time are the kernel's own figures. Figures are printed, not judged.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be set up has nothing to measure")]

mod support;

use std::time::{Duration, Instant};

use support::cockpit::Cockpit;
use support::simulation::Simulation;

const SIZES: [usize; 3] = [1_000, 10_000, 50_000];
/// Lists and series that are asked for at the start have come by then.
const SETTLING: Duration = Duration::from_secs(20);
/// What is counted per second is counted for so long.
const COUNTED: Duration = Duration::from_secs(20);
/// Keys pressed for a percentile of their frames.
const KEYS: usize = 300;
/// Not a divisor of the data frames' 250 ms, so that keys meet every phase of them.
const BETWEEN_KEYS: Duration = Duration::from_millis(37);

type Figures = Vec<(&'static str, &'static str, f64)>;

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    let columns: Vec<Figures> = sizes.iter().map(|pods| measured(*pods)).collect();
    print!("{:<42}", "pods");
    sizes.iter().for_each(|pods| print!("{pods:>10}"));
    println!();
    for (row, (name, unit, _)) in columns[0].iter().enumerate() {
        print!("{:<42}", format!("{name}, {unit}"));
        columns.iter().for_each(|column| print!("{:>10.1}", column[row].2));
        println!();
    }
}

fn measured(pods: usize) -> Figures {
    let sim = Simulation::start(pods);
    let mut cockpit = Cockpit::start(&sim);
    let mut figures = start(&cockpit);
    figures.extend(quiet(&cockpit));
    figures.extend(filtered(&mut cockpit));
    sim.fault(r#"{"churn_per_s": 200}"#);
    figures.extend(counted(&cockpit, "200 writes/s"));
    sim.fault(r#"{"churn_per_s": 200, "churn_restarts": true}"#);
    figures.extend(counted(&cockpit, "200 restarts/s"));
    sim.fault(r#"{"churn_per_s": 500, "churn_restarts": true}"#);
    figures.extend(keys(&mut cockpit));
    figures.push(("resident at the end", "MiB", cockpit.mib("VmRSS:")));
    figures.push(("peak of all", "MiB", cockpit.mib("VmHWM:")));
    eprintln!("{}", cockpit.screen());
    cockpit.quit();
    figures
}

fn start(cockpit: &Cockpit) -> Figures {
    let known = cockpit.until("all pods", |screen| screen.contains("1 Pods  ● "));
    let ms = |at: Instant| at.duration_since(cockpit.started).as_secs_f64() * 1e3;
    let cpu = cockpit.processor();
    std::thread::sleep(SETTLING);
    vec![
        ("start to first frame", "ms", ms(cockpit.first_frame())),
        ("start to all pods", "ms", ms(known)),
        ("processor until then", "s", cpu),
        ("resident", "MiB", cockpit.mib("VmRSS:")),
        ("resident, peak", "MiB", cockpit.mib("VmHWM:")),
    ]
}

/// Nothing happens: what is spent all the same.
fn quiet(cockpit: &Cockpit) -> Figures {
    let (cpu, bytes) = cockpit.spent(COUNTED);
    vec![("processor, quiet", "% of a core", cpu), ("written, quiet", "B/s", bytes)]
}

/// Each letter of a filter, on the page of all pods, from the key to its frame.
fn filtered(cockpit: &mut Cockpit) -> Figures {
    cockpit.press("\r");
    cockpit.until("the page of pods", |screen| screen.contains(", row "));
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..10 {
        cockpit.press("/");
        std::thread::sleep(BETWEEN_KEYS);
        for letter in ["m", "a", "i", "l"] {
            took.push(cockpit.answered(letter, |before, now| counts(before) != counts(now)));
            std::thread::sleep(BETWEEN_KEYS);
        }
        cockpit.press("\x1b");
        std::thread::sleep(Duration::from_millis(300));
    }
    vec![("a letter of the filter to its frame, p95", "ms", percentile(&mut took, 0.95))]
}

/// How many rows pass, in the last lines' words.
fn counts(screen: &str) -> Option<&str> {
    screen.rsplit(" pods").nth(1)?.rsplit('\n').next()
}

fn counted(cockpit: &Cockpit, what: &'static str) -> Figures {
    std::thread::sleep(Duration::from_secs(5));
    let (cpu, bytes) = cockpit.spent(COUNTED);
    let (processor, written) = match what {
        "200 writes/s" => ("processor, 200 writes/s", "written, 200 writes/s"),
        _ => ("processor, 200 restarts/s", "written, 200 restarts/s"),
    };
    vec![(processor, "% of a core", cpu), (written, "B/s", bytes)]
}

/// The cursor in the page of all pods, by name, during 500 restarts a second.
fn keys(cockpit: &mut Cockpit) -> Figures {
    cockpit.press("o");
    cockpit.until("the order by name", |screen| screen.contains("by name, row"));
    std::thread::sleep(Duration::from_secs(5));
    let row = |screen: &str| screen.rsplit(", row ").next().map(|rest| rest[..8.min(rest.len())].to_owned());
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..KEYS {
        took.push(cockpit.answered("j", |before, now| row(before) != row(now)));
        std::thread::sleep(BETWEEN_KEYS);
    }
    vec![
        ("a key to its frame, 500 restarts/s, p50", "ms", percentile(&mut took, 0.50)),
        ("the same, p95", "ms", percentile(&mut took, 0.95)),
        ("the same, p99", "ms", percentile(&mut took, 0.99)),
    ]
}

fn percentile(took: &mut [Duration], ratio: f64) -> f64 {
    took.sort();
    took[((took.len() - 1) as f64 * ratio).round() as usize].as_secs_f64() * 1e3
}
