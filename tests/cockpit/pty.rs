//! In a real terminal: taken over, used, and given back, whatever happens.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use midwatch::sim::{self, Scenario, Sim};
use rustix::process::{Pid, Signal};

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
fn a_window_that_is_dragged_ends_at_its_last_size() {
    let mut terminal = cockpit();
    for step in 0..100_u16 {
        terminal.resize(1 + step * 37 % 200, 1 + step * 11 % 60);
    }
    terminal.resize(101, 31);
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
fn stopped_and_continued() {
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
fn stopped_without_being_asked() {
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
fn signals_and_ctrl_c_give_the_terminal_back() {
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
fn a_panic_gives_the_terminal_back() {
    let own = std::env::current_exe().unwrap();
    let args = ["--exact", "pty::panics_in_a_terminal", "--ignored", "--nocapture"];
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
fn without_its_terminal_it_ends() {
    let mut terminal = cockpit();
    let pid = terminal.pid();
    terminal.vanish();
    poll("the process to end", || process_state(pid).is_none());
}

#[test]
fn an_arrow_that_is_split_is_one_key() {
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
fn a_paste_never_quits() {
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
fn a_stalled_link_does_not_hold_a_signal_up() {
    let terminal = stalled();
    let pid = terminal.pid();
    terminal.signal(Signal::TERM);
    poll("the process to end", || process_state(pid).is_none());
    assert!(!terminal.is_taken(), "the modes don't depend on the link");
}

#[test]
fn a_link_that_flows_again_shows_the_present() {
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

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: far, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: far, user: u}}}}]\nusers: [{{name: u, user: {{token: x}}}}]\n"
    )
}

#[test]
fn it_stays_when_nothing_answers_and_says_so() {
    // Accepts by the kernel's grace and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://{}", silent.local_addr().unwrap());
    for (server, words) in [("https://127.0.0.1:1", "onnection refused"), (&*silent_url, "never answered")] {
        let mut terminal = Terminal::over(&kubeconfig(server));
        terminal.until("the first frame, before any answer", |s| row(s, 0).contains(" far / default"));
        terminal.until("why there is nothing, in words", |s| {
            row(s, 0).contains("no API server since") && s.contents().contains(words)
        });
        terminal.send("qq");
        terminal.until_left();
        terminal.until_shown("[left 0]");
        terminal.assert_given_back();
    }
}
