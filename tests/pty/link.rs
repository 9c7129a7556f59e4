//! Links that stall or are slow: nothing waits for them, and what they show is the present.

use std::time::Duration;

use rustix::process::Signal;

use midwatch::sim::Fault;

use super::{cockpit, cockpit_over, poll, process, row, simulation};
use crate::terminal::{Start, Terminal};

/// Lets nothing through any more, and makes midwatch write until it can't.
fn stall(terminal: &mut Terminal) {
    let pid = terminal.pid();
    terminal.stall();
    let (mut last, mut same) = (0, 0);
    poll("the link to be full", || {
        // Each is a whole frame.
        terminal.send("\x0c");
        std::thread::sleep(Duration::from_millis(20));
        let now = process::frame_writes(pid);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same > 20
    });
}

/// Whether a screen shows what a key asks for.
type Shows<'a> = &'a dyn Fn(&vt100::Screen) -> bool;

#[test]
fn limit_08_a_stalled_link_does_not_hold_a_signal_up() {
    let mut terminal = cockpit();
    stall(&mut terminal);
    let pid = terminal.pid();
    terminal.signal(Signal::TERM);
    poll("the process to end", || process::state(pid).is_none());
    assert!(!terminal.is_taken(), "the modes don't depend on the link");
}

#[test]
fn limit_08_behind_a_stalled_link_nothing_piles_up() {
    let sim = simulation("calm", 1.0, None);
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal = cockpit_over(Start { kubeconfig: Some(&kubeconfig), ..Start::default() });
    stall(&mut terminal);
    let pid = terminal.pid();
    let (asked, resident) = (sim.requests().len(), process::status_kib(pid, "VmRSS:"));
    sim.set_fault(Fault { churn_per_s: 500, ..Fault::default() });
    // Each asks for a whole frame, 3 KB; all of them would be 1.5 MB.
    for _ in 0..500 {
        terminal.send("\x0c");
    }
    terminal.send("\r");
    poll("sources that go on", || sim.requests().len() > asked + 5);
    let grown = process::status_kib(pid, "VmRSS:").saturating_sub(resident);
    assert!(grown <= 5 * 1024, "{grown} KiB more");
    let before = terminal.received();
    terminal.flow();
    terminal.until_shown("/ filter");
    // What the pseudo-terminal held (64 KiB at most), and one frame.
    let came = terminal.received() - before;
    assert!(came < 100 * 1024, "{came} bytes until the present is shown");
    terminal.send("\x1b");
    terminal.until_shown("2 Latency");
    terminal.send("qq");
    terminal.until_left();
    terminal.assert_given_back();
}

/// At 25 KiB/s 500 ms are 12,800 bytes: whatever the key has to wait for is in them.
#[test]
fn limit_09_over_a_slow_link_a_key_is_half_a_second_away() {
    let sim = simulation("calm", 1.0, None);
    sim.set_fault(Fault { churn_per_s: 200, ..Fault::default() });
    let kubeconfig = sim.kubeconfig_yaml();
    let start = Start { kubeconfig: Some(&kubeconfig), size: Some((120, 40)), ..Start::default() };
    let mut terminal = cockpit_over(start);
    terminal.slow_down(25 * 1024);
    let all = |s: &vt100::Screen| s.contents().contains("4 Backups") && s.contents().contains("1 Pods");
    let pods = |s: &vt100::Screen| s.contents().contains("/ filter") && !all(s);
    let latency = |s: &vt100::Screen| row(s, 2).contains(" 2 Latency ") && !all(s);
    let help = |s: &vt100::Screen| s.contents().contains("shift-tab");
    let steps: [(&str, Shows); 5] =
        [("\r", &pods), ("\x1b", &all), ("2\r", &latency), ("\x1b", &all), ("?", &help)];
    for (keys, shown) in steps {
        let before = terminal.received();
        terminal.send(keys);
        terminal.until(&format!("what {keys:?} opens"), shown);
        let came = terminal.received() - before;
        assert!(came <= 12_800, "{came} bytes until what {keys:?} opens is shown");
    }
}
