//! Keys as a bad link delivers them: split, pasted, and one after the other.

use std::time::{Duration, Instant};

use super::{cockpit, cockpit_over, row, selected, simulation};
use crate::support::PATIENCE;
use crate::terminal::{Start, Terminal};

#[test]
fn the_demo_starts_zooms_filters_and_leaves() {
    let mut terminal = Terminal::midwatch(&["demo", "calm"]);
    terminal.until_shown("50 of 50 ready");
    terminal.send("\r");
    terminal.until_shown("/ filter");
    terminal.send("/");
    terminal
        .until("the field with the cursor in it", |s| row(s, 23).starts_with(" filter") && !s.hide_cursor());
    terminal.send("worker");
    terminal.until("only the workers", |s| {
        let text = s.contents();
        text.contains("worker-") && !text.contains("api-") && !text.contains("cache-")
    });
    terminal.send("\r");
    terminal.until("the field closed", |s| s.hide_cursor());
    // First the filter goes, then the page.
    terminal.send("\x1b\x1b");
    terminal.until_shown("2 Latency");
    terminal.send("q");
    terminal.until_shown("quit midwatch?");
    terminal.send("x");
    terminal.until("the question gone", |s| !s.contents().contains("quit midwatch?"));
    terminal.send("qq");
    terminal.until_left();
    terminal.until_shown("[left 0]");
    terminal.assert_given_back();
}

#[test]
fn limit_04_an_arrow_that_is_split_is_one_key() {
    let mut terminal = cockpit();
    let first = 4;
    terminal.send("\r");
    terminal.until("the first pod selected", |s| s.contents().contains("/ filter") && selected(s) == [first]);
    let deadline = Instant::now() + PATIENCE;
    for at in 1.. {
        terminal.send("\x1b[B");
        terminal.until("the second pod selected", |s| selected(s) == [first + 1]);
        let (head, tail) = b"\x1b[A".split_at(1 + at % 2);
        let sent = Instant::now();
        terminal.send(head);
        std::thread::sleep(Duration::from_millis(15));
        terminal.send(tail);
        // A machine that took longer than the reader waits has not tested anything.
        let in_time = sent.elapsed() < Duration::from_millis(45);
        if in_time {
            terminal.until("the first pod selected again", |s| {
                selected(s) == [first] && s.contents().contains("/ filter")
            });
            if at >= 2 {
                break;
            }
        } else {
            assert!(Instant::now() < deadline, "never fast enough to test this");
            drop(terminal);
            terminal = cockpit();
            terminal.send("\r");
            terminal.until("the first pod selected", |s| selected(s) == [first]);
        }
    }
}

#[test]
fn limit_04_a_paste_never_quits() {
    let mut terminal = cockpit();
    terminal.send("\x1b[200~qq\r\x03\x03\x1b[201~");
    terminal.send("?");
    terminal.until_shown("shift-tab");
    assert!(!terminal.contents().contains("quit midwatch?"));
    terminal.send("\x1b");
    terminal.until("help gone", |s| !s.contents().contains("shift-tab"));
    terminal.send("q");
    terminal.until_shown("quit midwatch?");
    terminal.send("\x1b[200~q\r\x1b[201~");
    terminal.send("x");
    terminal.until("the question answered with no", |s| !s.contents().contains("quit midwatch?"));
    terminal.send("qq");
    terminal.until_left();
}

/// A dialog that waits for a key must not take the line that a paste ends with for one.
#[test]
fn limit_04_a_paste_never_confirms() {
    let sim = simulation("calm", 1.0, None);
    let kubeconfig = sim.kubeconfig_yaml();
    let mut terminal = cockpit_over(Start { kubeconfig: Some(&kubeconfig), ..Start::default() });
    terminal.send("sworker\r");
    terminal.until_shown("replicas  6");
    terminal.send("\x1b[A\r");
    terminal.until_shown("tab moves, enter presses");
    terminal.send("\x1b[C\x1b[200~yes\n\r\x1b[201~\x1b");
    terminal.until_shown("2 Latency");
    let changed = |r: &midwatch::sim::RequestRecord| r.verb == "patch" && !r.dry_run;
    assert!(!sim.requests().iter().any(changed), "nothing was confirmed");
}
