//! What can be typed, each with its words of help: the table is the help. Actions come from their own
//! registry, so that none can be missing.

use std::io::{Result, Write};

use super::{Await, Plain, naming, views, walking};
use crate::effect::{Effect, Wanted};
use crate::input::Command;
use crate::model::Clean;
use crate::model::action::ActionId;
use crate::model::nearest::nearest;
use crate::state::{Page, State};
use crate::update::{review, typed, walk};

/// Where a verb can be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Anywhere,
    /// In a runbook that is being walked.
    Walk,
    /// In a review.
    Review,
}

type Run = fn(&mut Plain, &mut State, &str) -> Result<Vec<Effect>>;

/// One verb: its names, what follows it, what it does.
pub struct Verb {
    pub names: &'static [&'static str],
    pub args: &'static str,
    pub doc: &'static str,
    pub place: Place,
    pub run: Run,
}

const fn verb(
    place: Place,
    names: &'static [&'static str],
    args: &'static str,
    doc: &'static str,
    run: Run,
) -> Verb {
    Verb { names, args, doc, place, run }
}

use Place::{Anywhere, Review, Walk};

/// All but the actions, which [`ActionId::ALL`] has.
pub static VERBS: &[Verb] = &[
    verb(Anywhere, &["status"], "", "how everything stands", |p, s, _| p.say(|out| views::status(s, out))),
    verb(
        Anywhere,
        &["pods"],
        "[FILTER]",
        "workloads and pods; FILTER: text, !not, status=, restarts>3, age<2h",
        |p, s, rest| p.say(|out| views::pods(s, rest, out)),
    ),
    verb(Anywhere, &["pod"], "NAME", "a pod: containers, conditions, events", |p, s, rest| p.pod(s, rest)),
    verb(
        Anywhere,
        &["log"],
        "NAME [LINES] [previous]",
        "the end of a pod's log, also of before its last restart",
        |p, s, rest| p.log(s, rest, false),
    ),
    verb(Anywhere, &["follow"], "NAME", "a pod's log as it comes, until an empty line", |p, s, rest| {
        p.log(s, rest, true)
    }),
    verb(
        Anywhere,
        &["alerts", "alert"],
        "[NAME]",
        "what fires; with a name all that it says",
        |p, s, rest| p.say(|out| views::alerts(s, rest, out)),
    ),
    verb(Anywhere, &["errors"], "", "errors, their budget, and where they come from", |p, s, _| {
        p.say(|out| views::errors(s, out))
    }),
    verb(Anywhere, &["latency"], "", "latency and the slowest routes", |p, s, _| {
        p.say(|out| views::latency(s, out))
    }),
    verb(Anywhere, &["backups"], "", "backups, their age and their last runs", |p, s, _| {
        p.say(|out| views::backups(s, out))
    }),
    verb(Anywhere, &["objectives"], "", "what else was promised, and how it stands", |p, s, _| {
        p.say(|out| views::objectives(s, out))
    }),
    verb(Anywhere, &["changes"], "", "what changed in the last day, newest first", |p, s, _| {
        p.say(|out| views::changes(s, out))
    }),
    verb(Anywhere, &["operations"], "", "what was done in this session, and how it stands", |p, s, _| {
        p.say(|out| views::operations(s, out))
    }),
    verb(Anywhere, &["output"], "", "what the newest command of your own has written", |p, s, _| {
        p.say(|out| super::pages::output(s, out))
    }),
    verb(Anywhere, &["messages"], "", "all messages so far", |p, s, _| {
        p.say(|out| s.notices.iter().try_for_each(|n| super::say::notice(s, n, out)))
    }),
    verb(Anywhere, &["feeds"], "", "where the data comes from, and how old it is", |p, s, _| {
        p.say(|out| views::feeds(s, out))
    }),
    verb(Anywhere, &["context"], "[NAME]", "go to another cluster", |p, s, rest| {
        p.choose(s, Command::SwitchContext, rest)
    }),
    verb(
        Anywhere,
        &["namespace"],
        "[NAME]",
        "go to another namespace; 'all namespaces' shows all",
        |p, s, rest| p.choose(s, Command::SwitchNamespace, rest),
    ),
    verb(
        Anywhere,
        &["service"],
        "[NAME]",
        "whose signals are shown; 'all services together' shows all",
        |p, s, rest| p.choose(s, Command::SwitchService, rest),
    ),
    verb(Anywhere, &["actions"], "", "what can be done, and why something can't be done now", |p, s, _| {
        p.say(|out| naming::actions(s, out))
    }),
    verb(
        Anywhere,
        &["undo"],
        "",
        "undo what was done; in a runbook: make the step to do again",
        |p, s, _| p.choose(s, Command::Undo, ""),
    ),
    verb(Anywhere, &["go-on"], "", "do what an operation that is stuck needs", |_, s, _| {
        Ok(typed::command(s, Command::GoOn))
    }),
    verb(Anywhere, &["stop"], "", "stop a command of your own, or a flush", |_, s, _| {
        Ok(typed::command(s, Command::Stop))
    }),
    verb(
        Anywhere,
        &["walk", "runbooks"],
        "[RUNBOOK]",
        "walk through a runbook; without a name they are listed",
        |p, s, rest| p.begin_walk(s, rest),
    ),
    verb(
        Anywhere,
        &["review"],
        "[daily, weekly, monthly or quarterly]",
        "the review: what happened, what is not well",
        super::reviewing::open,
    ),
    verb(Anywhere, &["refresh"], "", "ask for everything now", |_, s, _| {
        Ok(typed::command(s, Command::Refresh))
    }),
    verb(Anywhere, &["quiet"], "", "say no changes until they are wanted again", |p, _, _| {
        p.keep_quiet(true)
    }),
    verb(Anywhere, &["tell"], "", "say changes as they come", |p, _, _| p.keep_quiet(false)),
    verb(Anywhere, &["help", "?"], "[WORD]", "what can be typed", |p, s, rest| {
        p.say(|out| help(s, rest, out))
    }),
    verb(Anywhere, &["quit", "q"], "", "leave; what the cluster was told to do goes on", |p, s, _| p.quit(s)),
    verb(Walk, &["do", "d"], "", "check the step, run it, or say that it is done", |_, s, _| {
        Ok(typed::command(s, Command::DoStep))
    }),
    verb(Walk, &["as-is", "e"], "", "run the step's command as it is written", |_, s, _| {
        Ok(typed::command(s, Command::DoAsItIs))
    }),
    verb(Walk, &["tick", "x"], "[NOTE]", "you say that the step is done", |_, s, rest| {
        Ok(walking::with_text(s, walk::attest, Some(rest)))
    }),
    verb(Walk, &["skip"], "REASON", "leave the step out", |_, s, rest| {
        Ok(walking::with_text(s, walk::skip, Some(rest).filter(|r| !r.is_empty())))
    }),
    verb(Walk, &["note"], "TEXT", "write a note at the step", |_, s, rest| {
        Ok(walking::with_text(s, walk::note, Some(rest).filter(|r| !r.is_empty())))
    }),
    verb(Walk, &["untick", "undo", "u"], "", "make the step to do again", |_, s, _| {
        Ok(typed::command(s, Command::Untick))
    }),
    verb(Walk, &["set"], "", "give the step's parameters other values", |_, s, _| {
        Ok(typed::command(s, Command::SetParameter))
    }),
    verb(Walk, &["next", "n"], "", "the next step", |_, s, _| walking::step_by(s, |at| Some(at + 1))),
    verb(Walk, &["back", "b"], "", "the step before", |_, s, _| walking::step_by(s, |at| at.checked_sub(1))),
    verb(Walk, &["open-step"], "", "the next step that is still to do", |_, s, _| {
        Ok(typed::command(s, Command::NextOpen))
    }),
    verb(Walk, &["go"], "NUMBER", "to that step, as 'list' has it", walking::go),
    verb(Walk, &["find"], "TEXT", "to the step that has TEXT", |_, s, rest| {
        walk::search(s);
        Ok(walking::with_text(s, |_| Vec::new(), Some(rest)))
    }),
    verb(Walk, &["list", "l"], "", "all steps and how they stand", |p, s, _| {
        p.say(|out| super::say::outline(s, out))
    }),
    verb(
        Walk,
        &["report"],
        "",
        "write the report; the walk is finished where every step is settled",
        |_, s, _| Ok(typed::command(s, Command::WalkReport)),
    ),
    verb(Walk, &["leave"], "", "leave the runbook (kept); 'walk' comes back", |p, s, _| p.leave_page(s)),
    verb(Review, &["list", "l"], "", "the review once more", |p, s, _| {
        p.say(|out| super::reviewing::print(s, out))
    }),
    verb(Review, &["again"], "", "ask everything anew; the notes stay", |p, s, _| {
        p.awaits = Some(Await::Review);
        Ok(review::again(s))
    }),
    verb(Review, &["note"], "LINE TEXT", "a note on a line of the review", |p, s, rest| {
        super::reviewing::note(p, s, rest)
    }),
    verb(
        Review,
        &["reason"],
        "TEXT",
        "why it is signed though something could not be checked",
        super::reviewing::reason,
    ),
    verb(Review, &["sign-off"], "", "sign the review off", |_, s, _| {
        Ok(typed::command(s, Command::ReviewSignOff))
    }),
    verb(Review, &["report"], "", "write the review as Markdown and HTML", |_, s, _| {
        Ok(typed::command(s, Command::ReviewReport))
    }),
    verb(Review, &["leave"], "", "leave the review", |p, s, _| p.leave_page(s)),
];

/// The place that is asked first.
fn place(state: &State) -> Place {
    match state.view.pages.last() {
        Some(Page::Walk) => Walk,
        Some(Page::Review) => Review,
        _ => Anywhere,
    }
}

fn here(state: &State) -> impl Iterator<Item = &'static Verb> + use<> {
    let place = place(state);
    let of = |wanted| VERBS.iter().filter(move |v| v.place == wanted);
    of(place).filter(move |_| place != Anywhere).chain(of(Anywhere))
}

/// Does what a line asks for.
///
/// # Errors
/// Nothing can be written.
pub fn run(plain: &mut Plain, state: &mut State, line: &str) -> Result<Vec<Effect>> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    plain.told.choice.clear();
    if word.is_empty() {
        plain.told.step.clear();
        return Ok(Vec::new());
    }
    if let Some(verb) = here(state).find(|v| v.names.contains(&word)) {
        return (verb.run)(plain, state, rest);
    }
    if let Some(action) = ActionId::ALL.iter().find(|a| a.has_a_key() && a.name() == word) {
        return naming::act(plain, state, *action, rest);
    }
    let clean = Clean::new(word);
    let names: Vec<&str> = here(state)
        .flat_map(|v| v.names.iter().copied())
        .chain(ActionId::ALL.iter().filter(|a| a.has_a_key()).map(|a| a.name()))
        .filter(|n| n.len() > 1)
        .collect();
    let begin: Vec<&str> = names.iter().copied().filter(|n| n.starts_with(word)).collect();
    let hint = match begin.as_slice() {
        [] => nearest(word, names.iter().copied()),
        all => format!("; so begin: {}", all.join(", ")),
    };
    plain.say(|out| writeln!(out, "'{clean}' is no command{hint}; 'help' lists them"))
}

fn help(state: &State, word: &str, out: &mut impl Write) -> Result<()> {
    for verb in here(state).filter(|v| word.is_empty() || v.names.iter().any(|n| n.contains(word))) {
        let args = if verb.args.is_empty() { String::new() } else { format!(" {}", verb.args) };
        writeln!(out, "  {}{args}: {}", verb.names.join(" or "), verb.doc)?;
    }
    for action in ActionId::ALL.iter().filter(|a| a.has_a_key() && a.name().contains(word)) {
        writeln!(out, "  {} NAME: {}", action.name(), action.doc())?;
    }
    writeln!(out, "what changes something shows its plan first; from there a minute is left to confirm it")
}

impl Plain {
    /// Opens a list, and takes from it what is named.
    fn choose(&mut self, state: &mut State, command: Command, words: &str) -> Result<Vec<Effect>> {
        self.wanted = (!words.is_empty()).then(|| words.to_owned());
        Ok(typed::command(state, command))
    }

    fn begin_walk(&mut self, state: &mut State, name: &str) -> Result<Vec<Effect>> {
        if name.is_empty() {
            self.wanted = None;
            return Ok(typed::command(state, Command::Runbooks));
        }
        let known = state.settings.runbooks.iter().any(|e| e.name == name);
        if !known {
            let near = nearest(name, state.settings.runbooks.iter().map(|e| e.name.as_str()));
            let clean = Clean::new(name);
            return self.say(|out| writeln!(out, "no runbook '{clean}'{near}; 'walk' lists them"));
        }
        Ok(walk::open(state, name.to_owned(), None, Wanted::Latest))
    }

    fn keep_quiet(&mut self, quiet: bool) -> Result<Vec<Effect>> {
        self.quiet = quiet;
        let said = if quiet {
            "changes are not said; 'tell' says them again"
        } else {
            "changes are said as they come"
        };
        self.say(|out| writeln!(out, "{said}"))
    }

    fn leave_page(&mut self, state: &mut State) -> Result<Vec<Effect>> {
        self.told.step.clear();
        let effects = typed::command(state, Command::Back);
        let at = views::headline(state);
        self.say(|out| writeln!(out, "left; {at}"))?;
        Ok(effects)
    }

    /// Leaves at once where nothing is under way; else it is said first what that means.
    fn quit(&mut self, state: &mut State) -> Result<Vec<Effect>> {
        if state.running_operations() == 0
            || !self.by_hand
            || std::mem::replace(&mut self.asked_to_quit, true)
        {
            self.leaves = true;
            return Ok(Vec::new());
        }
        let said = under_way(state);
        self.say(|out| writeln!(out, "{said}\n'quit' once more leaves"))
    }
}

/// What is told of operations that are left alone.
pub fn under_way(state: &State) -> String {
    let running: Vec<&str> =
        state.operations.iter().filter(|o| o.ended.is_none()).map(|o| o.title.as_str()).collect();
    let commands = state.operations.iter().any(|o| o.ended.is_none() && o.output.is_some());
    let what = if commands { "your commands get TERM" } else { "the cluster goes on" };
    format!("under way: {}; {what}, and nobody notes what comes of it", running.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::command::COMMANDS;

    /// Commands of keys that a typed line has no need of: they move a cursor, or change how it is drawn.
    const OF_THE_SCREEN: &[Command] = &[
        Command::Palette,
        // To the terminal's clipboard: an escape sequence. Lines are copied by the terminal itself.
        Command::Copy,
        Command::FocusNext,
        Command::FocusPrevious,
        Command::Open,
        Command::NextTheme,
        Command::Redraw,
        Command::Suspend,
        Command::Up,
        Command::Down,
        Command::PageUp,
        Command::PageDown,
        Command::Top,
        Command::Bottom,
        Command::Filter,
        Command::SortNext,
        Command::SortReverse,
        Command::Wider,
        Command::Narrower,
        Command::NextContainer,
        Command::Since,
        Command::Search,
        Command::NextMatch,
        Command::PreviousMatch,
        Command::Wrap,
        Command::ReviewWalk,
        Command::ReviewNext,
        Command::ReviewPrevious,
        Command::NextSection,
        Command::PreviousSection,
        Command::Beside,
        Command::ScrollDown,
        Command::ScrollUp,
        Command::Accept,
        Command::Cancel,
    ];

    /// The verb that does what a key does.
    fn verb_of(command: Command) -> &'static str {
        use Command as C;
        match command {
            C::Act(action) => action.name(),
            C::Focus1 => "pods",
            C::Focus2 => "latency",
            C::Focus3 => "errors",
            C::Focus4 => "backups",
            C::Focus5 => "alerts",
            C::Focus6 => "objectives",
            C::Back => "leave",
            C::SwitchContext => "context",
            C::SwitchNamespace => "namespace",
            C::SwitchService => "service",
            C::Runbooks => "walk",
            C::Logs => "log",
            C::Previous => "log",
            C::ReviewNote => "note",
            C::ReviewReason => "reason",
            C::ReviewSignOff => "sign-off",
            C::ReviewReport | C::WalkReport => "report",
            C::ReviewKind => "review",
            C::DoStep => "do",
            C::DoAsItIs => "as-is",
            C::Attest => "tick",
            C::NextOpen => "open-step",
            C::SearchSteps => "find",
            C::SetParameter => "set",
            other => other.name(),
        }
    }

    #[test]
    fn every_key_that_does_something_has_a_verb() {
        for (command, ..) in COMMANDS.iter() {
            if OF_THE_SCREEN.contains(command) {
                continue;
            }
            let name = verb_of(*command);
            let is_action = ActionId::ALL.iter().any(|a| a.has_a_key() && a.name() == name);
            let is_verb = VERBS.iter().any(|v| v.names.contains(&name));
            assert!(is_action || is_verb, "nothing can be typed for '{}'", command.name());
        }
    }

    #[test]
    fn no_verb_hides_an_action_or_another_verb() {
        for (i, verb) in VERBS.iter().enumerate() {
            for name in verb.names {
                assert!(!ActionId::ALL.iter().any(|a| a.name() == *name), "'{name}' is an action");
                let twice = VERBS.iter().skip(i + 1).any(|v| v.place == verb.place && v.names.contains(name));
                assert!(!twice, "'{name}' stands there twice");
            }
        }
    }
}
