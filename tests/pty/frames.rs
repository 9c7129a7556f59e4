//! What is drawn, how often, and in how many bytes and writes.

use std::time::{Duration, Instant};

use midwatch::sim::Fault;
use rustix::process::Pid;

use super::{cockpit, cockpit_over, poll, process, row, simulation};
use crate::terminal::{Start, Terminal};

/// What has come to a terminal in a time.
struct Counted {
    bytes: usize,
    frames: u64,
    /// As long as it took at least, rounded up: a slow machine has more time to draw.
    seconds: u64,
}

/// Counts for so long: here time is what is measured, and nothing is waited for.
fn count(terminal: &Terminal, pid: Pid, window: Duration) -> Counted {
    let (began, bytes, frames) = (Instant::now(), terminal.received(), process::frame_writes(pid));
    std::thread::sleep(window);
    let (bytes, frames) = (terminal.received() - bytes, process::frame_writes(pid) - frames);
    Counted { bytes, frames, seconds: began.elapsed().as_secs() + 1 }
}

#[test]
fn sizes_are_followed_down_to_one_cell_and_back() {
    let mut terminal = cockpit();
    terminal.resize(120, 40);
    terminal.until("a frame of 120x40", |s| {
        row(s, 0).trim_end().ends_with('Z') && row(s, 0).trim_end().len() > 100 && row(s, 39).contains("quit")
    });
    terminal.resize(20, 5);
    terminal.until("a frame of 20x5", |s| row(s, 4).contains("tab next"));
    terminal.resize(1, 1);
    // Before, the cell was the blank that every header begins with.
    terminal.until("a frame of one cell", |s| !row(s, 0).trim().is_empty());
    terminal.resize(80, 24);
    terminal.until("a frame of 80x24", |s| s.contents().contains("1 Pods") && row(s, 23).contains("q quit"));
    terminal.send("qq");
    terminal.until_left();
    terminal.assert_given_back();
}

#[test]
fn limit_15_a_window_that_is_dragged_ends_at_its_last_size() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    let (began, before) = (Instant::now(), process::frame_writes(pid));
    for step in 0..100_u16 {
        terminal.resize(1 + step * 37 % 200, 1 + step * 11 % 60);
        std::thread::sleep(Duration::from_millis(10));
    }
    terminal.resize(101, 31);
    let frames = process::frame_writes(pid) - before;
    let seconds = began.elapsed().as_secs_f64();
    println!("limit_15: {frames} frames for 101 sizes in {seconds:.1} s");
    assert!(frames as f64 <= 20.0 * seconds.max(1.0), "{frames} frames in {seconds:.1} s");
    terminal.until("a frame of 101x31", |s| {
        let header = row(s, 0);
        header.starts_with(" midwatch") && header.contains("live") && row(s, 30).contains("q quit")
    });
    terminal.send("qq");
    terminal.until_left();
    terminal.until_shown("[left 0]");
    terminal.assert_given_back();
}

#[test]
fn limit_14_a_frame_is_one_write() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    let whole = |bytes: &[u8]| bytes.windows(4).filter(|w| *w == b"\x1b[2J").count();
    let (began, bytes) = (Instant::now(), terminal.received());
    let writes = process::frame_writes(pid);
    for _ in 0..30 {
        terminal.repaint();
    }
    let writes = process::frame_writes(pid) - writes;
    let frames = whole(&terminal.bytes()[bytes..]) as u64;
    assert!(frames >= 30, "{frames} frames");
    println!("limit_14: {writes} writes for {frames} whole frames, and the clock's");
    // Between them a clock's digit or news of the cluster may have come: at most five a second.
    let others = 5 * (began.elapsed().as_secs() + 1);
    assert!(writes <= 2 * frames + others, "{writes} writes for {frames} frames");
}

#[test]
fn limit_10_a_storm_is_four_frames_a_second() {
    let sim = simulation("calm", 1.0, Some(1000));
    sim.set_fault(Fault { churn_per_s: 500, ..Fault::default() });
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal = Terminal::start(Start {
        args: &["-A"],
        size: Some((200, 60)),
        kubeconfig: Some(&kubeconfig),
        ..Start::default()
    });
    terminal.until_shown(" ready");
    terminal.until("objectives", |s| row(s, 58).contains('%'));
    let pid = terminal.pid();
    for view in ["the cockpit", "all pods"] {
        let counted = count(&terminal, pid, Duration::from_secs(4));
        // The clock's frame carries data, too.
        let most = 5 * counted.seconds;
        assert!(counted.frames <= most, "{view}: {} frames, {most} allowed", counted.frames);
        let most = 20_000 * usize::try_from(counted.seconds).unwrap();
        assert!(counted.bytes <= most, "{view}: {} bytes, {most} allowed", counted.bytes);
        terminal.send("\rg");
        terminal.until_shown("/ filter");
    }
}

#[test]
fn limit_11_idle_is_silent_but_for_the_clock() {
    // Time stands still in this cluster: nothing happens in it.
    let sim = simulation("calm", 0.0, None);
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal = cockpit_over(Start { kubeconfig: Some(&kubeconfig), ..Start::default() });
    terminal.until("all that is to be told", |s| {
        ["objective 500 ms", "objective 0.1 %", "6 objectives:"].iter().all(|t| s.contents().contains(t))
    });
    let counted = count(&terminal, terminal.pid(), Duration::from_secs(10));
    let most = 64 * usize::try_from(counted.seconds).unwrap();
    assert!(counted.bytes <= most, "{} bytes in {} s", counted.bytes, counted.seconds);
    // Too narrow for a clock, and without a cluster there are no ages.
    let broken = "apiVersion: v1\nkind: Config\ncurrent-context: none\n";
    terminal = Terminal::start(Start { size: Some((39, 24)), kubeconfig: Some(broken), ..Start::default() });
    terminal.until("that there is no cluster", |s| row(s, 0).contains("no cluster"));
    // Messages of the start are shown for ten seconds.
    let pid = terminal.pid();
    poll("silence", || count(&terminal, pid, Duration::from_secs(12)).bytes == 0);
}
