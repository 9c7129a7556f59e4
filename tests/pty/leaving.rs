//! The terminal is given back, whatever happens; and where there is none any more, the process ends.

use rustix::process::Signal;

use super::{cockpit, poll, process_state, row};
use crate::terminal::Terminal;

#[test]
fn limit_02_stopped_and_continued() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.send("\x1a");
    terminal.until_shown("[left ");
    poll("the stop", || process_state(pid) == Some('T'));
    terminal.assert_given_back();
    terminal.resize(100, 30);
    terminal.send("fg\n");
    terminal.until("the whole frame, in the new size", |s| {
        s.alternate_screen() && s.contents().contains("50 of 50 ready") && row(s, 29).contains("q quit")
    });
    assert!(terminal.is_taken());
    terminal.send("?");
    terminal.until_shown("shift-tab");
    terminal.send("\x1b");
    terminal.until("help gone", |s| !s.contents().contains("shift-tab"));
    terminal.send("qq");
    terminal.until("the end", |s| !s.alternate_screen() && s.contents().matches("[left ").count() == 2);
    terminal.assert_given_back();
}

/// SIGSTOP can't be handled: whoever sent it finds the modes as they were, and so do we.
#[test]
fn limit_02_stopped_without_being_asked() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.signal(Signal::STOP);
    poll("the stop", || process_state(pid) == Some('T'));
    terminal.until_shown("[left ");
    terminal.send("fg\n");
    terminal
        .until("the frame", |s| s.contents().contains("50 of 50 ready") && !s.contents().contains("[left"));
    terminal.send("qq");
    terminal.until("the end", |s| !s.alternate_screen());
    poll("the process to end", || process_state(pid).is_none());
    terminal.assert_given_back();
}

#[test]
fn limit_02_signals_and_ctrl_c_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let mut terminal = cockpit();
        terminal.signal(signal);
        terminal.until_left();
        terminal.assert_given_back();
    }
    let mut terminal = cockpit();
    terminal.send("\x03");
    terminal.until_shown("quit midwatch?");
    terminal.send("\x03");
    terminal.until_left();
    terminal.assert_given_back();
}

#[test]
fn limit_02_a_panic_gives_the_terminal_back() {
    let own = std::env::current_exe().unwrap();
    let args = ["--exact", "pty::leaving::panics_in_a_terminal", "--ignored", "--nocapture"];
    let mut terminal = Terminal::run(own.to_str().unwrap(), &args, &[("MIDWATCH_TEST_PANIC", "1")]);
    terminal.until_shown("[left 101]");
    terminal.until_shown("the cause of the panic");
    let bytes = terminal.bytes();
    let find = |needle: &[u8]| bytes.windows(needle.len()).position(|w| w == needle);
    let (entered, left) = (find(b"\x1b[?1049h"), find(b"\x1b[?1049l"));
    assert!(entered.is_some() && entered < left, "taken and given back");
    assert!(left < find(b"the cause of the panic"), "given back before the message");
    terminal.assert_given_back();
}

#[test]
#[ignore = "run by the test above, in a terminal"]
fn panics_in_a_terminal() {
    assert!(std::env::var_os("MIDWATCH_TEST_PANIC").is_some());
    midwatch::terminal::guard::install_panic_hook();
    let screen = midwatch::terminal::writer::Screen::open(false, |_| {}, || {}).unwrap();
    drop(screen);
    panic!("the cause of the panic");
}

#[test]
fn limit_01_without_its_terminal_it_ends() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.vanish();
    poll("the process to end", || process_state(pid).is_none());
}
