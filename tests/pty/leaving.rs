//! The terminal is given back, whatever happens; and where there is none any more, the process ends.

use rustix::process::Signal;

use super::{cluster, cockpit, cockpit_over, poll, process, row};
use crate::terminal::{Start, Terminal};

#[test]
fn limit_02_stopped_and_continued() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.send("\x1a");
    terminal.until_shown("[left ");
    poll("the stop", || process::state(pid) == Some('T'));
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

/// As under some supervisors: a terminal to write to and to read from, and no session on it.
#[test]
fn without_a_controlling_terminal_it_works_and_gives_back_what_it_took() {
    let kubeconfig = cluster();
    let mut terminal = Terminal::start(Start {
        kubeconfig: Some(&kubeconfig),
        shell: Some(r#"setsid -w "$@"; echo "[left $?]"; read -r word"#),
        ..Start::default()
    });
    terminal.until_shown("50 of 50 ready");
    terminal.send("?");
    terminal.until_shown("shift-tab");
    terminal.send("\x1b");
    terminal.until("help gone", |s| !s.contents().contains("shift-tab"));
    terminal.send("qq");
    terminal.until_shown("[left 0]");
    terminal.assert_given_back();
}

/// SIGSTOP can't be handled: whoever sent it finds the modes as they were, and so do we.
#[test]
fn limit_02_stopped_without_being_asked() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.signal(Signal::STOP);
    poll("the stop", || process::state(pid) == Some('T'));
    terminal.until_shown("[left ");
    terminal.send("fg\n");
    terminal
        .until("the frame", |s| s.contents().contains("50 of 50 ready") && !s.contents().contains("[left"));
    terminal.send("qq");
    terminal.until("the end", |s| !s.alternate_screen());
    poll("the process to end", || process::state(pid).is_none());
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

/// Over SSH the hangup may be ignored, as by nohup: then only reading and writing tell.
#[test]
fn limit_01_without_its_terminal_it_ends() {
    for shell in [None, Some(r#"set -m; trap '' HUP; "$@"; while read -r _; do :; done"#)] {
        let mut terminal = cockpit_over(Start { kubeconfig: Some(&cluster()), shell, ..Start::default() });
        let pid = terminal.pid();
        let before = process::cpu_ms(pid).unwrap();
        terminal.vanish();
        let mut last = before;
        poll("the process to end", || {
            last = process::cpu_ms(pid).unwrap_or(last);
            process::state(pid).is_none()
        });
        assert!(last - before <= 200, "{} ms of processor time to end", last - before);
    }
}

#[test]
fn limit_02_asked_to_stop_from_outside() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.signal(Signal::TSTP);
    poll("the stop", || process::state(pid) == Some('T'));
    terminal.until_shown("[left ");
    terminal.assert_given_back();
    terminal.send("fg\n");
    terminal.until("the frame", |s| s.alternate_screen() && s.contents().contains("50 of 50 ready"));
    terminal.send("qq");
    terminal.until("the end", |s| !s.alternate_screen());
    poll("the process to end", || process::state(pid).is_none());
    terminal.assert_given_back();
}

/// As in `ssh host midwatch`: the kernel discards such a stop, and nobody would continue it.
#[test]
fn limit_02_it_does_not_stop_where_no_shell_would_continue_it() {
    let shell = r#"exec "$@""#;
    let mut terminal =
        cockpit_over(Start { kubeconfig: Some(&cluster()), shell: Some(shell), ..Start::default() });
    terminal.send("\x1a");
    terminal.until_shown("no shell is there");
    assert!(terminal.is_taken());
    terminal.send("?");
    terminal.until_shown("shift-tab");
}

#[test]
fn limit_02_an_error_at_the_start_leaves_the_terminal_alone() {
    let mut terminal = Terminal::midwatch(&["--config", "not-there.toml"]);
    terminal.until_left();
    terminal.until_shown("[left 2]");
    terminal.assert_given_back();
    assert!(!terminal.bytes().contains(&0x1b), "nothing was taken over");
}

#[test]
fn with_its_input_at_the_end_it_is_a_snapshot() {
    let shell = r#""$@" </dev/null; echo "[left $?]"; while read -r _; do :; done"#;
    let start =
        Start { args: &["demo", "calm"], shell: Some(shell), size: Some((130, 50)), ..Start::default() };
    let mut terminal = Terminal::start(start);
    terminal.until_shown("[left 0]");
    terminal.until_shown("50 of 50 ready");
    terminal.assert_given_back();
}
