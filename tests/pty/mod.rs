//! In a real terminal: taken over, used, and given back, whatever happens. What must hold on a bad
//! link is fifteen limits; a test whose name begins with `limit_NN` holds the NNth (the README's table
//! has them all), and `cargo bench --bench limits` prints what depends on the machine.

mod frames;
mod keys;
mod leaving;
mod link;
mod truth;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use midwatch::sim::{self, Scenario, Sim};
use rustix::process::Pid;

use crate::support::PATIENCE;
use crate::terminal::Terminal;

/// The simulated cluster of all these tests; they only look.
fn cluster() -> String {
    static CLUSTER: OnceLock<(tokio::runtime::Runtime, Sim)> = OnceLock::new();
    let (_, sim) = CLUSTER.get_or_init(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = sim::Options {
            scenario: Scenario::named("calm").unwrap(),
            seed: 7,
            speed: 1.0,
            pods: None,
            origin: jiff::Timestamp::now(),
        };
        let sim = runtime.block_on(sim::start(options)).unwrap();
        (runtime, sim)
    });
    sim.kubeconfig_yaml()
}

/// The cockpit, with its pods on the screen.
fn cockpit() -> Terminal {
    let mut terminal = Terminal::over(&cluster());
    terminal.until_shown("50 of 50 ready");
    assert!(terminal.is_taken(), "raw mode");
    terminal
}

fn row(screen: &vt100::Screen, row: u16) -> String {
    let columns = screen.size().1.get();
    screen.contents_between(row, 0, row, columns)
}

/// The state letter of a process, as the kernel has it; None when it is gone.
fn process_state(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next().filter(|c| *c != 'Z' && *c != 'X')
}

/// For what no screen shows.
fn poll(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The rows of a zoomed list at 80×24 that are drawn as selected.
fn selected(screen: &vt100::Screen) -> Vec<u16> {
    let plain = |row| screen.cell(row, 4).is_none_or(|cell| cell.bgcolor() == vt100::Color::Default);
    (4..21).filter(|row| !plain(*row)).collect()
}
