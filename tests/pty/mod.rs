//! In a real terminal: taken over, used, and given back, whatever happens. What must hold on a bad
//! link is fifteen limits; a test whose name begins with `limit_NN` holds the NNth (the README's table
//! has them all), and `cargo bench --bench limits` prints what depends on the machine.

mod frames;
mod injection;
mod keys;
mod kinds;
mod leaving;
mod link;
mod process;
mod relay;
mod sessions;
mod tmux;
mod truth;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use midwatch::sim::{self, Scenario, Sim};

use crate::support::PATIENCE;
use crate::terminal::{Start, Terminal};

/// The runtime of the simulated clusters.
fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    })
}

/// A simulated cluster of a test's own.
fn simulation(scenario: &str, speed: f64, pods: Option<usize>) -> Sim {
    let scenario = Scenario::named(scenario).unwrap();
    let options = sim::Options { scenario, seed: 7, speed, pods, origin: jiff::Timestamp::now() };
    runtime().block_on(sim::start(options)).unwrap()
}

/// The kubeconfig of the cluster of all these tests; they only look.
fn cluster() -> String {
    static CLUSTER: OnceLock<Sim> = OnceLock::new();
    CLUSTER.get_or_init(|| simulation("calm", 1.0, None)).kubeconfig_yaml()
}

/// The cockpit, with its pods on the screen.
fn cockpit() -> Terminal {
    cockpit_over(Start { kubeconfig: Some(&cluster()), ..Start::default() })
}

fn cockpit_over(start: Start<'_>) -> Terminal {
    let mut terminal = Terminal::start(start);
    terminal.until_shown("50 of 50 ready");
    assert!(terminal.is_taken(), "raw mode");
    terminal
}

fn row(screen: &vt100::Screen, row: u16) -> String {
    let columns = screen.size().1.get();
    screen.contents_between(row, 0, row, columns)
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
