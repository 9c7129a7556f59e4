//! Links that stall or are slow: nothing waits for them, and what they show is the present.

use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::{cockpit, poll, process_state};
use crate::terminal::Terminal;

/// Bytes that the process has written, as the kernel counts them.
fn written(pid: Pid) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{}/io", pid.as_raw_nonzero())).unwrap();
    io.lines().find_map(|l| l.strip_prefix("wchar: ")).unwrap().trim().parse().unwrap()
}

/// Lets nothing through any more, and makes midwatch write until it can't.
fn stalled() -> Terminal {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.stall();
    let (mut last, mut same) = (0, 0);
    poll("the link to be full", || {
        // Each is a whole frame.
        terminal.send("\x0c");
        std::thread::sleep(Duration::from_millis(20));
        let now = written(pid);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same > 20
    });
    terminal
}

#[test]
fn limit_08_a_stalled_link_does_not_hold_a_signal_up() {
    let terminal = stalled();
    let pid = terminal.pid();
    terminal.signal(Signal::TERM);
    poll("the process to end", || process_state(pid).is_none());
    assert!(!terminal.is_taken(), "the modes don't depend on the link");
}

#[test]
fn limit_08_a_link_that_flows_again_shows_the_present() {
    let mut terminal = stalled();
    terminal.send("\r");
    terminal.flow();
    terminal.until_shown("/ filter");
    terminal.send("\x1b");
    terminal.until_shown("2 Latency");
    terminal.send("qq");
    terminal.until_left();
    terminal.assert_given_back();
}
