//! What of the fifteen limits depends on the machine: `cargo bench --bench limits`, or with the names of
//! some (`-- limit_08 limit_12`). Figures are printed beside what is wanted, not judged; what can be
//! counted is asserted by the tests in `tests/pty`.
//!
//! Each drives the built program in a pseudo-terminal of 200×60 beside `midwatch sim` with 10,000 pods,
//! a process of its own. All of them take six minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that can't be set up is none")]
#![allow(dead_code, reason = "shared with the tests, which use the rest")]

#[path = "../pty/process.rs"]
mod process;
#[path = "support/program.rs"]
mod program;
mod support {
    use std::time::Duration;
    pub const PATIENCE: Duration = Duration::from_secs(120);
    pub use super::program::program;
}
#[path = "../cockpit/terminal.rs"]
mod terminal;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use terminal::{Start, Terminal};

const SIZE: (u16, u16) = (200, 60);

/// The simulated cluster in a process of its own, so that its memory and time are not ours.
struct Cluster {
    child: Child,
    directory: tempfile::TempDir,
    kubernetes: String,
}

impl Cluster {
    fn start(pods: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(support::program());
        command.args(["sim", "calm", "--pods", pods, "--kubeconfig-out", "kubeconfig"]);
        let mut child = command.current_dir(directory.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut kubernetes = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("kubernetes") {
                kubernetes = url.trim().to_owned();
            }
            if line.starts_with("stop ") {
                break;
            }
        }
        Self { child, directory, kubernetes }
    }

    fn kubeconfig(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("kubeconfig")).unwrap()
    }

    fn fault(&self, fault: &str) {
        let text = self.kubeconfig();
        let token = text.split("token: ").nth(1).unwrap().split('}').next().unwrap().to_owned();
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        let request = client.post(format!("{}/_sim/fault", self.kubernetes)).bearer_auth(token);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(request.body(fault.to_owned()).send()).unwrap();
        assert!(answer.status().is_success(), "{fault}: {}", answer.status());
    }

    fn cockpit(&self) -> Terminal {
        let kubeconfig = self.kubeconfig();
        let mut terminal = Terminal::start(Start {
            args: &["-A"],
            size: Some(SIZE),
            kubeconfig: Some(&kubeconfig),
            env: &[("COLORTERM", "truecolor")],
            ..Start::default()
        });
        terminal.until("all pods and measures", |s| {
            let text = s.contents();
            text.contains(" ready ") && text.contains("p95 ") && text.contains("nodes ")
        });
        terminal
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(limit: &str, what: &str, wanted: &str, measured: String) {
    println!("{limit}  {what:<44} {wanted:>16}   {measured}");
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn until_gone(pid: rustix::process::Pid) -> Duration {
    let began = Instant::now();
    while process::state(pid).is_some() {
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}

fn limit_01_terminal_gone(cluster: &Cluster) {
    let mut terminal = cluster.cockpit();
    let pid = terminal.pid();
    // What is asked at the start is not the end's.
    std::thread::sleep(Duration::from_secs(10));
    let before = process::cpu_ms(pid).unwrap();
    terminal.vanish();
    let began = Instant::now();
    let mut last = before;
    while process::state(pid).is_some() {
        last = process::cpu_ms(pid).unwrap_or(last);
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    told("limit_01", "terminal gone: to the end", "<= 1 s", ms(took));
    told("limit_01", "processor time of it", "<= 200 ms", format!("{} ms", last - before));
}

fn limit_06_half_open_api_is_stale(cluster: &Cluster) {
    let mut terminal = cluster.cockpit();
    let header = |s: &vt100::Screen| s.contents_between(0, 0, 0, SIZE.0);
    // The worst moment is right after a sign of life.
    let pods = |s: &vt100::Screen| s.contents_between(2, 0, 2, SIZE.0 / 2);
    terminal.until("no sign of life for a while", |s| pods(s).contains(" 20 s "));
    terminal.until("a sign of life", |s| pods(s).contains(" now "));
    // Connections stay, and nothing comes any more.
    let sim = rustix::process::Pid::from_child(&cluster.child);
    rustix::process::kill_process(sim, Signal::STOP).unwrap();
    let began = Instant::now();
    terminal.until("stale", |s| ["stale", "no API server"].iter().any(|word| header(s).contains(word)));
    let header = began.elapsed();
    terminal.until("stale panels", |s| s.contents().matches("stale").count() >= 3);
    let panels = began.elapsed();
    rustix::process::kill_process(sim, Signal::CONT).unwrap();
    told(
        "limit_06",
        "half-open API: the header says so",
        "<= 30 s",
        format!("{:.1} s", header.as_secs_f64()),
    );
    told("limit_06", "and the panels", "<= 30 s", format!("{:.1} s", panels.as_secs_f64()));
}

/// Keys between a list's first and second row, each until its frame has come.
fn key_times(terminal: &mut Terminal, keys: usize) -> Vec<Duration> {
    terminal.send("1\rg");
    terminal.until_shown("/ filter");
    let mut times = Vec::new();
    for key in 0..keys {
        let received = terminal.received();
        let began = Instant::now();
        terminal.send(if key % 2 == 0 { "?" } else { "\x1b[B" });
        terminal.until_received(received);
        times.push(began.elapsed());
        // Neither in step with the data's frames nor with the clock.
        std::thread::sleep(Duration::from_millis(37));
    }
    times.sort();
    times
}

fn limit_07_key_to_frame(cluster: &Cluster) {
    for churn in ["200", "500"] {
        cluster.fault(&format!(r#"{{"churn_per_s": {churn}}}"#));
        let mut terminal = cluster.cockpit();
        let times = key_times(&mut terminal, 400);
        let at = |share: f64| ms(times[((times.len() - 1) as f64 * share) as usize]);
        told("limit_07", &format!("key to frame at {churn} events/s: p50"), "<= 16 ms", at(0.50));
        told("limit_07", "p95", "<= 20 ms", at(0.95));
        told("limit_07", "p99", "<= 50 ms", at(0.99));
    }
    cluster.fault("{}");
}

fn limit_08_stalled_for_a_minute(cluster: &Cluster) {
    let mut terminal = cluster.cockpit();
    let pid = terminal.pid();
    std::thread::sleep(Duration::from_secs(10));
    cluster.fault(r#"{"churn_per_s": 200}"#);
    std::thread::sleep(Duration::from_secs(10));
    terminal.stall();
    let (resident, cpu) = (process::status_kib(pid, "VmRSS:"), process::cpu_ms(pid).unwrap());
    std::thread::sleep(Duration::from_secs(60));
    let grown = process::status_kib(pid, "VmRSS:") as f64 - resident as f64;
    let used = process::cpu_ms(pid).unwrap() - cpu;
    told("limit_08", "stalled for 60 s: memory", "<= 5 MiB", format!("{:+.1} MiB", grown / 1024.0));
    told("limit_08", "sources go on: processor time", "> 0", format!("{used} ms"));
    let (received, began) = (terminal.received(), Instant::now());
    terminal.send("?");
    terminal.flow();
    terminal.until_shown("shift-tab");
    told("limit_08", "on resume: to the present", "", ms(began.elapsed()));
    told("limit_08", "on resume: bytes", "one frame", format!("{}", terminal.received() - received));
    terminal.stall();
    terminal.signal(Signal::TERM);
    told("limit_08", "SIGTERM on a stalled link", "<= 1 s", ms(until_gone(pid)));
    cluster.fault("{}");
}

fn limit_09_slow_link(cluster: &Cluster) {
    cluster.fault(r#"{"churn_per_s": 200}"#);
    let mut terminal = cluster.cockpit();
    terminal.slow_down(25 * 1024);
    let mut worst = Duration::ZERO;
    for _ in 0..10 {
        for (keys, shown) in
            [("?", "shift-tab"), ("\x1b", "3 Errors"), ("1\r", "/ filter"), ("\x1b", "3 Errors")]
        {
            let began = Instant::now();
            terminal.send(keys);
            terminal.until_shown(shown);
            worst = worst.max(began.elapsed());
            std::thread::sleep(Duration::from_millis(210));
        }
    }
    cluster.fault("{}");
    told("limit_09", "25 KiB/s, 200 events/s: the slowest of 40 keys", "<= 500 ms", ms(worst));
}

/// Bytes and frames a second, and per cent of a core.
fn rates(terminal: &Terminal, seconds: u32) -> (f64, f64, f64) {
    let pid = terminal.pid();
    let (bytes, frames) = (terminal.received(), process::frame_writes(pid));
    let (cpu, began) = (process::cpu_ms(pid).unwrap(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds.into()));
    let s = began.elapsed().as_secs_f64();
    let cpu = (process::cpu_ms(pid).unwrap() - cpu) as f64 / 10.0;
    let (bytes, frames) = (terminal.received() - bytes, process::frame_writes(pid) - frames);
    (bytes as f64 / s, frames as f64 / s, cpu / s)
}

fn limit_10_storm(cluster: &Cluster) {
    cluster.fault(r#"{"churn_per_s": 500}"#);
    let mut terminal = cluster.cockpit();
    for view in ["cockpit", "all pods"] {
        let (bytes, frames, cpu) = rates(&terminal, 20);
        told(
            "limit_10",
            &format!("500 events/s, {view}: frames, the clock's too"),
            "<= 4 + 1 /s",
            format!("{frames:.1} /s"),
        );
        told("limit_10", "written", "<= 20 KB/s", format!("{:.2} KB/s", bytes / 1000.0));
        told("limit_10", "processor", "", format!("{cpu:.1} % of a core"));
        terminal.send("1\rg");
        terminal.until_shown("/ filter");
    }
    cluster.fault("{}");
}

fn limit_11_idle(cluster: &Cluster) {
    let terminal = cluster.cockpit();
    std::thread::sleep(Duration::from_secs(30));
    let (bytes, frames, cpu) = rates(&terminal, 60);
    told(
        "limit_11",
        "idle: written, with a clock",
        "<= 64 B/s",
        format!("{bytes:.0} B/s, {frames:.1} writes/s"),
    );
    told("limit_11", "processor", "<= 0.5 %", format!("{cpu:.2} % of a core"));
}

fn limit_12_first_frame() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", silent.local_addr().unwrap());
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: far, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: far, user: u}}}}]\nusers: [{{name: u, user: {{token: x}}}}]\n"
    );
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        let mut terminal =
            Terminal::start(Start { size: Some(SIZE), kubeconfig: Some(&kubeconfig), ..Start::default() });
        terminal.until_shown(" midwatch ");
        times.push(began.elapsed());
    }
    times.sort();
    told("limit_12", "no backend answers: first frame, of 20: median", "<= 30 ms", ms(times[10]));
    told("limit_12", "the slowest (with the shell that starts it)", "<= 150 ms", ms(times[19]));
}

fn limit_13_memory(cluster: &Cluster) {
    let terminal = cluster.cockpit();
    std::thread::sleep(Duration::from_secs(20));
    let mib = |name| format!("{:.1} MiB", process::status_kib(terminal.pid(), name) as f64 / 1024.0);
    told("limit_13", "resident with 10,000 pods", "<= 40 MiB", mib("VmRSS:"));
    told("limit_13", "its peak", "<= 60 MiB", mib("VmHWM:"));
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| a.starts_with("limit")).collect();
    let cluster = Cluster::start("10000");
    let all: [(&str, &dyn Fn()); 9] = [
        ("limit_12", &limit_12_first_frame),
        ("limit_01", &|| limit_01_terminal_gone(&cluster)),
        ("limit_13", &|| limit_13_memory(&cluster)),
        ("limit_11", &|| limit_11_idle(&cluster)),
        ("limit_07", &|| limit_07_key_to_frame(&cluster)),
        ("limit_10", &|| limit_10_storm(&cluster)),
        ("limit_09", &|| limit_09_slow_link(&cluster)),
        ("limit_08", &|| limit_08_stalled_for_a_minute(&cluster)),
        ("limit_06", &|| limit_06_half_open_api_is_stale(&cluster)),
    ];
    for (name, measure) in all {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            measure();
        }
    }
}
