//! A session that is lost is offered to be gone on with; one that was left is not.

use rustix::process::Signal;

use super::{cockpit, poll, process, row, selected};
use crate::terminal::Terminal;

const OFFER: &str = "go on where you were?";

/// Waits until what is on disk of the sessions has all of `words` in it.
fn until_kept(terminal: &Terminal, words: &[&str]) {
    let directory = terminal.home().join(".local/state/midwatch/sessions");
    poll("the place on disk", || {
        let files = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let jsons = files.filter(|f| f.path().extension().is_some_and(|e| e == "json"));
        let texts: Vec<String> = jsons.filter_map(|f| std::fs::read_to_string(f.path()).ok()).collect();
        texts.iter().any(|text| words.iter().all(|word| text.contains(word)))
    });
}

/// The pods of api, and the fourth of them.
fn goes_somewhere(terminal: &mut Terminal) -> String {
    terminal.send("1\r/owner=api\rjjj");
    terminal.until("the fourth row", |s| selected(s) == [7] && row(s, 7).contains("api-"));
    let line = terminal.row(7);
    let name =
        line.split_whitespace().find(|word| word.starts_with("api-")).expect("a pod's name").to_owned();
    until_kept(terminal, &["owner=api", &name]);
    name
}

#[test]
fn a_lost_session_is_gone_on_with() {
    let mut terminal = cockpit();
    let pod = goes_somewhere(&mut terminal);
    let pid = terminal.pid();
    terminal.vanish();
    poll("the process to end", || process::state(pid).is_none());
    let mut again = terminal.again();
    again.until_shown(OFFER);
    again.until_shown("pods filtered by 'owner=api'");
    // What was typed ahead is no answer.
    again.send("j");
    again.until_shown(OFFER);
    again.send("\r");
    again.until("the same pod", |s| {
        let contents = s.contents();
        !contents.contains(OFFER)
            && contents.contains("owner=api")
            && selected(s).first().is_some_and(|y| row(s, *y).contains(&pod))
    });
    // Left in order, it is over.
    again.send("qq");
    again.until_left();
    let mut third = again.again();
    third.until_shown("50 of 50 ready");
    assert!(!third.contents().contains(OFFER), "{}", third.contents());
}

#[test]
fn a_session_that_is_not_wanted_is_not_offered_twice() {
    let mut terminal = cockpit();
    goes_somewhere(&mut terminal);
    terminal.signal(Signal::KILL);
    terminal.until_left();
    let mut again = terminal.again();
    again.until_shown(OFFER);
    again.send("\x1b");
    again.until("the cockpit", |s| !s.contents().contains(OFFER) && s.contents().contains("50 of 50 ready"));
    // It is there still: nobody else is offered its place.
    goes_somewhere(&mut again);
    let mut beside = again.again();
    beside.until_shown("50 of 50 ready");
    assert!(!beside.contents().contains(OFFER), "{}", beside.contents());
}

#[test]
fn a_walk_goes_on_after_a_kill() {
    let mut terminal = cockpit();
    terminal.send("c");
    terminal.until_shown("which runbook?");
    terminal.send("failed deploy\r");
    terminal.until_shown("0 of 26");
    until_kept(&terminal, &["\"walk\":{", "failed-deployment"]);
    terminal.signal(Signal::KILL);
    terminal.until_left();
    let mut again = terminal.again();
    again.until_shown("walk in progress: Failed deployment and rollback");
    again.send("\r");
    again.until_shown("0 of 26");
}
