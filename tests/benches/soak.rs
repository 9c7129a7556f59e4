//! Whether it grows: a storm of 500 events/s with faults that come and go, for as many minutes as are
//! asked for: `cargo bench --bench soak -- 60`. The second number is the seed of the faults.
//!
//! The built program runs in a pseudo-terminal of 200×60; memory is the kernel's own figure. What is
//! printed is judged only after an hour: it must have grown by no more than 5 MiB.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be set up has nothing to measure")]

#[path = "support/program.rs"]
mod program;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use midwatch::sim::{self, Fault, Scenario, Sim};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const MINUTES: u64 = 2;
const PODS: usize = 2_000;
const EVENTS_PER_S: u32 = 500;
/// What grows in the first minutes is what is kept by design: history of charts, marks, messages.
const WARM_UP: Duration = Duration::from_secs(300);
const LIMIT_MIB: f64 = 5.0;
const PATIENCE: Duration = Duration::from_secs(120);
/// A fault, and the calm after it, lasts between these.
const LASTS_S: std::ops::RangeInclusive<u64> = 5..=40;
/// What every frame begins with (synchronized output, mode 2026).
const FRAME: &[u8] = b"\x1b[?2026h";

struct Seen {
    parser: vt100::Parser,
    bytes: usize,
    frames: usize,
}

/// One line of the table.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    rss_mib: f64,
    frames: usize,
    bytes: usize,
    requests: u64,
}

/// The names of the faults, and what they are.
fn faults() -> Vec<(&'static str, Fault)> {
    let calm = Fault { churn_per_s: EVENTS_PER_S, ..Fault::default() };
    vec![
        ("away", Fault { down: true, ..calm.clone() }),
        ("hangs", Fault { hang: true, ..calm.clone() }),
        ("watches dropped", Fault { drop_watches_s: 2, ..calm.clone() }),
        ("half of it fails", Fault { error_ratio: 0.5, ..calm.clone() }),
        ("throttled", Fault { too_many_ratio: 0.7, retry_after_s: 1, ..calm.clone() }),
        ("bodies stall", Fault { stall_body_ratio: 0.5, stall_ms: [1_000, 20_000], ..calm.clone() }),
        ("slow", Fault { latency_ms: 1_500, ..calm.clone() }),
        ("compacted", Fault { compact: true, drop_watches_s: 3, ..calm.clone() }),
        ("token expired", Fault { expired_token: true, ..calm.clone() }),
        ("slow metrics", Fault { prometheus_ms: 20_000, alertmanager_ms: 20_000, ..calm }),
    ]
}

/// Switches faults on and off for ever, by a seed.
async fn misbehave(sim: Arc<Sim>, seed: u64, now: Arc<Mutex<&'static str>>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let faults = faults();
    loop {
        let (name, fault) = &faults[rng.random_range(0..faults.len())];
        sim.set_fault(fault.clone());
        *now.lock().unwrap() = name;
        tokio::time::sleep(Duration::from_secs(rng.random_range(LASTS_S))).await;
        calm(&sim);
        *now.lock().unwrap() = "none";
        tokio::time::sleep(Duration::from_secs(rng.random_range(LASTS_S))).await;
    }
}

/// A storm and nothing else.
fn calm(sim: &Sim) {
    sim.set_fault(Fault { churn_per_s: EVENTS_PER_S, ..Fault::default() });
}

fn rss_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().unwrap() / 1024.0
}

fn watch(mut reader: Box<dyn Read + Send>, seen: Arc<Mutex<Seen>>) {
    let mut buffer = [0_u8; 65536];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let mut seen = seen.lock().unwrap();
        seen.bytes += read;
        seen.frames += buffer[..read].windows(FRAME.len()).filter(|w| *w == FRAME).count();
        seen.parser.process(&buffer[..read]);
    }
}

fn until(what: &str, seen: &Mutex<Seen>, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !seen.lock().unwrap().parser.screen().contents().contains(text) {
        let screen = seen.lock().unwrap().parser.screen().contents();
        assert!(Instant::now() < deadline, "waited in vain for {what}:\n{screen}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// MiB an hour, by least squares: one busy moment says nothing.
fn growth(samples: &[Sample]) -> Option<f64> {
    let warm: Vec<&Sample> = samples.iter().filter(|s| s.at >= WARM_UP).collect();
    let used = if warm.len() > 2 { warm } else { samples.iter().skip(samples.len() / 2).collect() };
    let n = used.len() as f64;
    let hours = |s: &Sample| s.at.as_secs_f64() / 3600.0;
    let (x, y) =
        (used.iter().map(|s| hours(s)).sum::<f64>() / n, used.iter().map(|s| s.rss_mib).sum::<f64>() / n);
    let above: f64 = used.iter().map(|s| (hours(s) - x) * (s.rss_mib - y)).sum();
    let below: f64 = used.iter().map(|s| (hours(s) - x).powi(2)).sum();
    (below > 0.0).then(|| above / below)
}

fn main() -> ExitCode {
    let mut numbers = std::env::args().filter_map(|a| a.parse::<u64>().ok());
    let (minutes, seed) = (numbers.next().unwrap_or(MINUTES), numbers.next().unwrap_or(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let options = sim::Options {
        scenario: Scenario::named("bad-deploy").unwrap(),
        seed,
        speed: 1.0,
        pods: Some(PODS),
        origin: jiff::Timestamp::now(),
    };
    let sim = Arc::new(runtime.block_on(sim::start(options)).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
    let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(program::program());
    command.args(["-A", "--kubeconfig"]);
    command.arg(&kubeconfig);
    for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")] {
        command.env(name, value);
    }
    for home in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "HOME"] {
        command.env(home, directory.path());
    }
    let parser = vt100::Parser::new(60.try_into().unwrap(), 200.try_into().unwrap(), 0);
    let seen = Arc::new(Mutex::new(Seen { parser, bytes: 0, frames: 0 }));
    let (reader, theirs) = (pty.master.try_clone_reader().unwrap(), seen.clone());
    std::thread::spawn(move || watch(reader, theirs));
    let mut cockpit = pty.slave.spawn_command(command).unwrap();
    let pid = cockpit.process_id().unwrap();
    until("all pods", &seen, "live");
    calm(&sim);
    let fault = Arc::new(Mutex::new("none"));
    let misbehaving = runtime.spawn(misbehave(sim.clone(), seed, fault.clone()));
    let mut keys = pty.master.take_writer().unwrap();
    let samples = soak(minutes, pid, &sim, &seen, &fault, &mut *keys);
    misbehaving.abort();
    calm(&sim);
    until("everything to be live again", &seen, "live");
    println!("recovered: {}", seen.lock().unwrap().parser.screen().contents().lines().next().unwrap_or(""));
    keys.write_all(b"qq").unwrap();
    cockpit.wait().unwrap();
    let growth = growth(&samples).unwrap_or(0.0);
    println!("growth {growth:>+8.2} MiB/h (limit {LIMIT_MIB} MiB/h, judged after an hour)");
    ExitCode::from(u8::from(minutes >= 60 && growth > LIMIT_MIB))
}

/// Somebody looks around meanwhile; a line a minute.
fn soak(
    minutes: u64,
    pid: u32,
    sim: &Sim,
    seen: &Mutex<Seen>,
    fault: &Mutex<&'static str>,
    keys: &mut dyn Write,
) -> Vec<Sample> {
    println!("minute  RSS MiB  frames   KiB/s  requests  fault");
    let (started, mut samples) = (Instant::now(), Vec::new());
    let sample = |at: Duration| {
        let (frames, bytes) = {
            let seen = seen.lock().unwrap();
            (seen.frames, seen.bytes)
        };
        Sample { at, rss_mib: rss_mib(pid), frames, bytes, requests: sim.answered() }
    };
    let mut last = sample(Duration::ZERO);
    let looked: [&[u8]; 6] = [b"1", b"\r", b"j", b"\x1b[B", b"\x1b", b"\t"];
    for second in 0..minutes * 60 {
        keys.write_all(looked[usize::try_from(second).unwrap_or(0) % looked.len()]).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        if second % 10 == 9 {
            samples.push(sample(started.elapsed()));
        }
        if second % 60 == 59 {
            let now = sample(started.elapsed());
            println!(
                "{:>6}  {:>7.1}  {:>6}  {:>6.1}  {:>8}  {}",
                second / 60 + 1,
                now.rss_mib,
                now.frames - last.frames,
                (now.bytes - last.bytes) as f64 / 1024.0 / (now.at - last.at).as_secs_f64(),
                now.requests - last.requests,
                fault.lock().unwrap()
            );
            last = now;
        }
    }
    samples
}
