//! Terminals of every kind: what each is sent is what it knows, and it gets itself back.

use super::{cluster, cockpit_over};
use crate::terminal::{Start, Terminal};

/// What a terminal may be sent.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Colours {
    None,
    Sixteen,
    Indexed,
    Exact,
}

/// TERM, further variables, the colours, and whether only ASCII.
type Kind = (&'static str, &'static [(&'static str, &'static str)], Colours, bool);

const KINDS: &[Kind] = &[
    ("dumb", &[], Colours::None, true),
    ("linux", &[], Colours::Sixteen, true),
    ("vt100", &[], Colours::Sixteen, true),
    ("screen", &[], Colours::Sixteen, false),
    ("xterm", &[], Colours::Sixteen, false),
    ("screen-256color", &[], Colours::Indexed, false),
    ("tmux-256color", &[], Colours::Indexed, false),
    ("xterm-256color", &[], Colours::Indexed, false),
    ("xterm-256color", &[("COLORTERM", "truecolor")], Colours::Exact, false),
    ("xterm-256color", &[("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Colours::None, false),
    ("xterm-256color", &[("LANG", "C")], Colours::Indexed, true),
    ("xterm-256color", &[("LC_ALL", "POSIX")], Colours::Indexed, true),
    ("xterm-256color", &[("LANG", "de_DE.ISO-8859-1")], Colours::Indexed, true),
    ("xterm-256color", &[("LANG", "")], Colours::Indexed, false),
];

/// The most colours that any of the sequences ask for.
fn colours(bytes: &[u8]) -> Colours {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1);
    let looks = sequences.filter_map(|s| {
        let end = s.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        s[end..].starts_with('m').then(|| s[..end].to_owned())
    });
    let mut most = Colours::None;
    for look in looks {
        let numbers: Vec<u8> = look.split(';').filter_map(|n| n.parse().ok()).collect();
        let asked = match &numbers[..] {
            n if n.windows(2).any(|w| matches!(w, [38 | 48, 2])) => Colours::Exact,
            n if n.windows(2).any(|w| matches!(w, [38 | 48, 5])) => Colours::Indexed,
            n if n.iter().any(|n| matches!(n, 30..=37 | 40..=47 | 90..=97 | 100..=107)) => Colours::Sixteen,
            _ => Colours::None,
        };
        if asked > most {
            most = asked;
        }
    }
    most
}

#[test]
fn every_kind_of_terminal_is_sent_what_it_knows() {
    let kubeconfig = cluster();
    for (term, more, wanted, ascii) in KINDS {
        let env = [&[("TERM", *term)], *more].concat();
        let mut terminal = cockpit_over(Start {
            kubeconfig: Some(&kubeconfig),
            env: &env,
            size: Some((120, 40)),
            ..Start::default()
        });
        // Something of everything: a chart, a list with a selection, help.
        for keys in ["2\r", "\x1b", "1\rg", "\x1b[B", "?"] {
            terminal.send(keys);
        }
        terminal.until_shown("shift-tab");
        terminal.send("\x1b");
        terminal.until("help gone", |s| !s.contents().contains("shift-tab"));
        terminal.send("qq");
        terminal.until_left();
        terminal.until_shown("[left 0]");
        terminal.assert_given_back();
        let bytes = terminal.bytes();
        assert_eq!(colours(&bytes), *wanted, "{term} {more:?}");
        assert_eq!(bytes.is_ascii(), *ascii, "{term} {more:?}");
    }
}

/// An answer would arrive as keys.
#[test]
fn nothing_is_asked_of_the_terminal() {
    let mut terminal = Terminal::over(&cluster());
    terminal.until_shown("50 of 50 ready");
    terminal.send("qq");
    terminal.until_left();
    let text = String::from_utf8(terminal.bytes()).unwrap();
    for query in ["\x1b[c", "\x1b[>", "\x1b[?u", "\x1b[6n", "\x1b[?996n", "\x1b]"] {
        assert!(!text.contains(query), "{query:?}");
    }
    for mode in ["?1000", "?1002", "?1003", "?1004", "?1006"] {
        assert!(!text.contains(&format!("\x1b[{mode}h")), "mouse and focus stay as they are: {mode}");
    }
}
