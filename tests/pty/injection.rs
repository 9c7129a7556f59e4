//! Attacks in every field that comes from outside, and what reaches the terminal: the raw bytes of the
//! whole session, every view of it, hold nothing that our own encoder does not write. The same holds
//! for standard output and error, reports, the log and the audit log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use midwatch::model::text::is_invisible;
use midwatch::sim::Fault;

use super::{relay, runtime, simulation};
use crate::hostile::{assert_only_ours, attacks};
use crate::support::{PATIENCE, program};
use crate::terminal::{Start, Terminal, spawning};

const ENTER: &str = "\x1b[?1049h\x1b[?2004h\x1b[?25l";
const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[?25h\x1b[?2004l\x1b[?1049l";

/// Keys to every view, from the cockpit and back to it.
const VIEWS: &[(&str, &str)] = &[
    ("1", ""),
    ("\r", ""),
    ("g", ""),
    ("\r", "CONTAINER"),
    ("\x1b", ""),
    ("l", ""),
    ("w", ""),
    ("\x1b", ""),
    ("/restarts", ""),
    ("\x1b", ""),
    ("\x1b", ""),
    ("2", ""),
    ("\r", ""),
    ("\x1b", ""),
    ("3", ""),
    ("\r", ""),
    ("\x1b", ""),
    ("4", ""),
    ("\r", "RPO"),
    ("\x1b[B", ""),
    ("\x1b", ""),
    ("5", ""),
    ("\r", ""),
    ("\x1b[B", ""),
    ("\x1b[B", ""),
    ("\x1b", ""),
    ("6", ""),
    ("\r", ""),
    ("\x1b", ""),
    (":", ""),
    ("po", ""),
    ("\x1b", ""),
    ("A", " actions "),
    ("\x1b", ""),
    ("p", ""),
    ("\x1b", ""),
    ("V", ""),
    ("\x1b", ""),
    ("N", ""),
    ("\x1b", ""),
    ("C", "switch context"),
    ("\x1b", ""),
    ("c", ""),
    ("\x1b", ""),
    ("?", "keys that work here"),
    ("\x1b", ""),
    ("M", "morning review"),
    ("\x1b[B", ""),
    ("\x1b[B", ""),
    ("w", ""),
    ("\x1b", ""),
    ("\x1b", ""),
    ("s", "scale: which?"),
    ("\r", "Scale deployment"),
    ("\x1b", ""),
    ("\x1b", ""),
    ("r", ""),
    ("\r", ""),
    ("\r", ""),
    ("\x1b", ""),
    ("\x1b", ""),
    ("S", ""),
    ("\x1b", ""),
    ("a", ""),
    ("\x1b", ""),
];

/// Sees to it that what is shown has been written: every size is drawn whole, whatever is open.
fn look(terminal: &mut Terminal, wide: &mut bool) -> String {
    let before = terminal.received();
    *wide = !*wide;
    terminal.resize(if *wide { 121 } else { 120 }, 40);
    terminal.until_whole(before);
    terminal.contents()
}

/// What was written between taking the terminal over and giving it back.
#[track_caller]
fn assert_session(terminal: &Terminal, what: &str) {
    let text = String::from_utf8(terminal.bytes()).expect("UTF-8");
    let (_, session) = text.split_once(ENTER).expect("taken over");
    let (session, _) = session.rsplit_once(LEAVE).expect("given back");
    assert_only_ours(session.as_bytes(), what);
}

/// Text of lines, and nothing a terminal would act on.
#[track_caller]
fn assert_plain(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
    let acting = |c: &char| *c != '\n' && (c.is_control() || is_invisible(*c));
    if let Some(at) = text.find(|c| acting(&c)) {
        let from = text[..at].char_indices().rev().nth(40).map_or(0, |(i, _)| i);
        panic!("{what}: {:?}", text[from..].chars().take(80).collect::<String>());
    }
}

#[test]
fn limit_03_attacks_in_every_field_reach_no_terminal_in_any_view() {
    for salt in 0..3 {
        let sim = simulation("bad-deploy", 1.0, None);
        let kubeconfig = runtime().block_on(relay::start(&sim, salt));
        let mut terminal = Terminal::start(Start {
            kubeconfig: Some(&kubeconfig),
            env: &[("MIDWATCH_LOG", "debug")],
            size: Some((120, 40)),
            ..Start::default()
        });
        terminal.until_shown("44 of 50 ready");
        let (mut wide, mut shown) = (false, String::new());
        for (keys, known_by) in VIEWS {
            terminal.send(keys);
            if *keys == "\x1b" {
                // A byte that follows an ESC within 50 ms is one key with it; nobody types that fast.
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            terminal.until_shown(known_by);
            shown += &look(&mut terminal, &mut wide);
        }
        // Attacks did come, and are shown for what they are.
        let symbols = shown.chars().filter(|c| ('\u{2400}'..='\u{2421}').contains(c)).count();
        assert!(symbols > 20 && shown.contains("\\u{"), "{symbols} symbols of controls");
        terminal.send("\x03\x03");
        terminal.until_left();
        terminal.assert_given_back();
        assert_session(&terminal, &format!("salt {salt}"));
        println!("limit_03: {} bytes in {} views", terminal.received(), VIEWS.len());
        let state = terminal.home().join(".local/state/midwatch");
        let log = std::fs::read(state.join("midwatch.log")).expect("a log");
        assert_plain(&log, "the log");
        for file in std::fs::read_dir(state.join("audit")).expect("an audit log").flatten() {
            assert_plain(&std::fs::read(file.path()).unwrap(), "the audit log");
        }
    }
}

#[test]
fn limit_03_attacks_in_runbooks_and_in_what_commands_print_reach_no_terminal() {
    let attacks = attacks();
    let printed = attacks.join("\n").into_bytes();
    let mut runbook = "# Walk \x1b]0;owned\x07\n\n## Look \u{202e}\n\n".to_owned();
    runbook +=
        "```sh {\"name\": \"look\", \"risk\": \"read\"}\ncat printed; cat printed >&2; echo over\n```\n\n";
    for attack in &attacks {
        runbook += &format!("- [ ] {attack}step\n\n  {attack}what it means\n\n");
    }
    let kubeconfig = super::cluster();
    let mut terminal = Terminal::start(Start {
        args: &["walk", "hostile.md"],
        kubeconfig: Some(&kubeconfig),
        files: &[("hostile.md", runbook.as_bytes()), ("printed", &printed)],
        size: Some((120, 40)),
        ..Start::default()
    });
    terminal.until_shown("enter run it");
    let mut wide = false;
    terminal.send("\x1b[H\r");
    terminal.until_shown("over");
    for _ in 0..attacks.len() {
        terminal.send("\x1b[B");
        look(&mut terminal, &mut wide);
    }
    for keys in ["x", "n", "note\r", "p", "/", "st\r", "R"] {
        terminal.send(keys);
        look(&mut terminal, &mut wide);
    }
    terminal.send("\x03\x03");
    terminal.until_left();
    assert_session(&terminal, "a runbook");
    let walks = terminal.home().join(".local/state/midwatch/walks");
    let events = std::fs::read_dir(walks).expect("walks").flatten().map(|d| d.path().join("events.jsonl"));
    for file in events.filter(|f| f.exists()) {
        assert_plain(&std::fs::read(&file).unwrap(), "the walk's events");
    }
}

/// What is typed to `--plain`, with the name of a pod that keeps ending, and what its answer is known by.
const LINES: &[(&str, &str)] = &[
    ("status", "objectives: "),
    ("pods", "missing PAYMENT_URL"),
    ("pod POD", "condition "),
    ("log POD", "end of the log"),
    ("alerts", "TargetDown"),
    ("alerts Target", "labels: "),
    ("errors", ""),
    ("latency", ""),
    ("backups", ""),
    ("changes", "rollout"),
    ("operations", ""),
    ("messages", ""),
    ("feeds", "prometheus"),
    ("restart", "restart which?"),
    ("1", "only a terminal confirms"),
    ("context", "which context?"),
    ("", "left as it is"),
    ("silence nothing", "no 'nothing' here"),
    ("\u{1b}]0;owned\u{7}", "is no command"),
];

#[test]
fn limit_03_attacks_reach_no_line_of_the_plain_interface() {
    let sim = simulation("bad-deploy", 1.0, None);
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = runtime().block_on(relay::start(&sim, 11));
    std::fs::write(home.path().join("kubeconfig"), kubeconfig).unwrap();
    let mut child = spawned(&["--plain"], home.path());
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (out, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || BufReader::new(stdout).split(b'\n').try_for_each(|line| out.send(line)));
    let until = |text: &str, after: &str| {
        let mut lines = String::new();
        while !lines.contains(text) {
            let line = said.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("'{text}' after '{after}' in:\n{lines}"));
            lines += &String::from_utf8(line.unwrap()).expect("UTF-8");
            lines.push('\n');
        }
        lines
    };
    let mut all = until("'help' lists", "");
    for (line, known_by) in LINES {
        // Its prefix differs by the attack.
        let pod = all.split("api-rcrfl52k6j-").nth(1).map_or("none", |rest| &rest[..5]);
        let line = line.replace("POD", pod);
        writeln!(stdin, "{line}").unwrap();
        all += &until(known_by, &line);
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_plain(&output.stderr, "error of --plain");
    assert_plain(all.as_bytes(), "--plain");
    let symbols = all.chars().filter(|c| ('\u{2400}'..='\u{2421}').contains(c)).count();
    assert!(symbols > 20 && all.contains("\\u{"), "{symbols} symbols of controls");
}

#[test]
fn limit_03_attacks_reach_no_output_error_or_report() {
    let sim = simulation("bad-deploy", 0.0, None);
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = runtime().block_on(relay::start(&sim, 7));
    std::fs::write(home.path().join("kubeconfig"), kubeconfig).unwrap();
    std::fs::write(home.path().join("hostile.md"), format!("# T\n\n- [ ] {}\n", attacks().join(" ")))
        .unwrap();
    std::fs::write(home.path().join("bad.toml"), "theme = '\u{9b}x'\n\"\\u001b[2J\" = 1\n").unwrap();
    let title = "\x1b]0;owned\x07\u{202e}";
    let runs: &[&[&str]] = &[
        &["snapshot"],
        &["snapshot", "--panel", "pods"],
        &["snapshot", "--format", "json"],
        &["snapshot", "--format", "svg"],
        &["snapshot", "--format", "ansi"],
        &["review", "--format", "text"],
        &["review", "--format", "markdown"],
        &["review", "--format", "html"],
        &["review", "--format", "json"],
        &["doctor"],
        &["config", "init"],
        &["walk", "hostile.md", "--list"],
        &["snapshot", "--context", title],
        &["snapshot", "--theme", title],
        &["snapshot", "--config", title],
        &["config", "check", "--config", "bad.toml"],
        &["walk", title],
    ];
    runs.iter().for_each(|args| assert_harmless(args, home.path()));
    // Errors are told of too.
    sim.set_fault(Fault { error_ratio: 1.0, ..Fault::default() });
    let told: [&[&str]; 4] = [&["snapshot"], &["snapshot", "--format", "json"], &["review"], &["doctor"]];
    told.iter().for_each(|args| assert_harmless(args, home.path()));
    sim.set_fault(Fault { hang: true, ..Fault::default() });
    assert_harmless(&["snapshot", "--timeout", "2"], home.path());
}

/// The program at home, whose standard streams are pipes.
fn spawned(args: &[&str], home: &Path) -> Child {
    let _alone = spawning();
    let mut command = Command::new(program());
    command.args(args).args(["--kubeconfig", "kubeconfig"]).env_clear().env("HOME", home);
    command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8").current_dir(home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn assert_harmless(args: &[&str], home: &Path) {
    let output = spawned(args, home).wait_with_output().unwrap();
    assert!(output.stdout.len() + output.stderr.len() > 0, "{args:?} says nothing");
    assert_plain(&output.stderr, &format!("error of {args:?}"));
    let text = String::from_utf8(output.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"));
    if args.contains(&"ansi") {
        text.lines().for_each(|line| assert_only_ours(line.as_bytes(), "ansi"));
    } else {
        // So that nobody is mentioned where a report is pasted.
        let text = if args.contains(&"markdown") { text.replace("@\u{2060}", "@") } else { text };
        assert_plain(text.as_bytes(), &format!("output of {args:?}"));
    }
}
