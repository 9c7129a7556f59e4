//! What the whole program costs beside a cluster of 10,000 pods: `cargo bench --bench process`.
//!
//! The built program runs in a pseudo-terminal of 200×60 against `midwatch sim --pods 10000`; memory
//! and time are the kernel's own figures. Figures are printed, not judged.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be set up has nothing to measure")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const PROGRAM: &str = env!("CARGO_BIN_EXE_midwatch");
const IDLE: Duration = Duration::from_secs(20);
/// Lists and series that are asked for at the start have come by then.
const SETTLING: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(120);

struct Seen {
    parser: vt100::Parser,
    bytes: usize,
    first_frame: Option<Instant>,
}

fn simulation(kubeconfig: &str) -> Child {
    let mut child = Command::new(PROGRAM)
        .args(["sim", "calm", "--pods", "10000", "--kubeconfig-out", kubeconfig])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.map_while(Result::ok).any(|line| line.starts_with("stop "));
    assert!(started, "the simulation did not start");
    child
}

/// A line of /proc/PID/status, in KiB.
fn status(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

/// Processor time used so far, in clock ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn watch(mut reader: Box<dyn Read + Send>, seen: Arc<Mutex<Seen>>) {
    let mut buffer = [0_u8; 65536];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let mut seen = seen.lock().unwrap();
        seen.bytes += read;
        seen.parser.process(&buffer[..read]);
        if seen.first_frame.is_none() && seen.parser.screen().contents().contains("midwatch") {
            seen.first_frame = Some(Instant::now());
        }
    }
}

fn until(what: &str, seen: &Mutex<Seen>, condition: impl Fn(&Seen) -> bool) -> Instant {
    let deadline = Instant::now() + PATIENCE;
    while !condition(&seen.lock().unwrap()) {
        let screen = seen.lock().unwrap().parser.screen().contents();
        assert!(Instant::now() < deadline, "waited in vain for {what}:\n{screen}");
        std::thread::sleep(Duration::from_millis(2));
    }
    Instant::now()
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig").display().to_string();
    let mut sim = simulation(&kubeconfig);
    let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(PROGRAM);
    command.args(["--kubeconfig", &kubeconfig, "-A"]);
    command.env("TERM", "xterm-256color");
    command.env("COLORTERM", "truecolor");
    command.env("XDG_CONFIG_HOME", directory.path());
    let parser = vt100::Parser::new(60.try_into().unwrap(), 200.try_into().unwrap(), 0);
    let seen = Arc::new(Mutex::new(Seen { parser, bytes: 0, first_frame: None }));
    let reader = pty.master.try_clone_reader().unwrap();
    let theirs = seen.clone();
    std::thread::spawn(move || watch(reader, theirs));
    let started = Instant::now();
    let mut cockpit = pty.slave.spawn_command(command).unwrap();
    let pid = cockpit.process_id().unwrap();
    until("the first frame", &seen, |seen| seen.first_frame.is_some());
    let first = seen.lock().unwrap().first_frame.unwrap().duration_since(started);
    let ready = |seen: &Seen| seen.parser.screen().contents().contains("1 Pods  ● ");
    let known = until("all pods", &seen, ready).duration_since(started);
    println!("start to first frame   {:>8.1} ms", first.as_secs_f64() * 1e3);
    println!("start to all pods      {:>8.1} ms", known.as_secs_f64() * 1e3);
    std::thread::sleep(SETTLING);
    let (ticks_before, bytes_before) = (ticks(pid), seen.lock().unwrap().bytes);
    std::thread::sleep(IDLE);
    let used = ticks(pid) - ticks_before;
    let written = seen.lock().unwrap().bytes - bytes_before;
    let mib = |kib: u64| kib as f64 / 1024.0;
    println!("VmRSS                  {:>8.1} MiB", mib(status(pid, "VmRSS:")));
    println!("VmHWM                  {:>8.1} MiB", mib(status(pid, "VmHWM:")));
    println!("processor, idle        {:>8.2} % of a core", used as f64 / IDLE.as_secs_f64());
    println!("written, idle          {:>8.0} B/s", written as f64 / IDLE.as_secs_f64());
    println!("\n{}", seen.lock().unwrap().parser.screen().contents());
    let mut keys = pty.master.take_writer().unwrap();
    keys.write_all(b"qq").unwrap();
    cockpit.wait().unwrap();
    sim.kill().unwrap();
    sim.wait().unwrap();
}
