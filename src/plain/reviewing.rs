//! The review in lines: read, noted and signed.

use std::io::{Result, Write};

use super::{Await, Plain, views};
use crate::effect::Effect;
use crate::input::{Chord, Code, Command};
use crate::model::Clean;
use crate::model::nearest::nearest;
use crate::msg::Msg;
use crate::review::Kind;
use crate::state::view::line_field;
use crate::state::{Overlay, State};
use crate::update::{review, typed, update};

/// Rows behind a line that is not a pass.
const MOST_DETAILS: usize = 6;
const KINDS: [(&str, Kind); 4] = [
    ("daily", Kind::Daily),
    ("weekly", Kind::Weekly),
    ("monthly", Kind::Monthly),
    ("quarterly", Kind::Quarterly),
];

pub fn open(plain: &mut Plain, state: &mut State, words: &str) -> Result<Vec<Effect>> {
    let mut effects = typed::command(state, Command::Review);
    if !words.is_empty() {
        let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == words) else {
            let near = nearest(words, KINDS.iter().map(|(name, _)| *name));
            let clean = Clean::new(words);
            return plain.say(|out| writeln!(out, "no review '{clean}'{near}"));
        };
        if state.review.as_ref().is_none_or(|r| r.kind != *kind) {
            effects = review::begin(state, *kind, None);
        }
    }
    plain.awaits = Some(Await::Review);
    plain.say(|out| writeln!(out, "the review: asking"))?;
    Ok(effects)
}

pub fn print(state: &State, out: &mut impl Write) -> Result<()> {
    let Some((held, review)) = state.review.as_ref().and_then(|h| Some((h, h.review.as_ref()?))) else {
        return writeln!(out, "there is no review yet: its questions are under way");
    };
    writeln!(out, "{} of {}: {}", review.scope.kind.title(), review.place, review.tally())?;
    writeln!(out, "{}", review.since_words())?;
    for complaint in &review.complaints {
        writeln!(out, "sign-offs: {complaint}")?;
    }
    for (heading, lines) in review.groups() {
        writeln!(out, "{heading}:")?;
        for line in lines {
            let word = line.outcome().word();
            // The id is what 'note' wants.
            let title = if line.id == line.title { String::new() } else { format!(" ({})", line.title) };
            writeln!(out, "  {}{title}: {word}: {}", line.id, views::spoken(&line.sentence()))?;
            if !line.seen.verdict.is_pass() {
                for detail in line.seen.details.iter().take(MOST_DETAILS) {
                    writeln!(out, "    {}: {}", detail.health.word(), views::spoken(&detail.text))?;
                }
                let more = line.seen.details.len().saturating_sub(MOST_DETAILS);
                if more > 0 {
                    writeln!(out, "    and {more} more")?;
                }
            }
            if let Some(note) = held.draft.notes.get(line.id) {
                writeln!(out, "    note: {}", Clean::new(&note.replace('\n', " / ")))?;
            }
        }
    }
    for (title, why) in &review.left_out {
        writeln!(out, "left out: {title}: {why}")?;
    }
    match held.signed_by() {
        Some(who) => writeln!(out, "signed off by {}", Clean::new(who)),
        None => writeln!(out, "'note LINE TEXT', 'reason TEXT', 'sign-off', 'report', 'leave'"),
    }
}

/// Opens the text area of what stands under the cursor, and fills it.
fn write(state: &mut State, command: Command, text: &str) -> Vec<Effect> {
    let mut effects = typed::command(state, command);
    if let Some(Overlay::ReviewNote(open)) = &mut state.view.overlay {
        open.field = line_field(text);
        effects.extend(update(state, Msg::Key(Chord::plain(Code::Enter))));
    }
    effects
}

pub fn note(plain: &mut Plain, state: &mut State, words: &str) -> Result<Vec<Effect>> {
    let (id, text) = words.split_once(' ').unwrap_or((words, ""));
    let lines = state.review.as_ref().and_then(|h| h.review.as_ref()).map(|r| &r.lines);
    let at = lines.and_then(|lines| lines.iter().position(|l| l.id == id));
    match (at, &mut state.review) {
        (Some(at), Some(held)) => held.selected = at,
        _ => {
            let clean = Clean::new(id);
            return plain.say(|out| writeln!(out, "no line '{clean}' in the review; 'list' shows them"));
        }
    }
    let effects = write(state, Command::ReviewNote, text.trim());
    plain.say(|out| writeln!(out, "noted"))?;
    Ok(effects)
}

pub fn reason(plain: &mut Plain, state: &mut State, text: &str) -> Result<Vec<Effect>> {
    let effects = write(state, Command::ReviewReason, text.trim());
    plain.say(|out| writeln!(out, "noted"))?;
    Ok(effects)
}
