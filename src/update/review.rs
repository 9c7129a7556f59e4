//! The review: asked for, read line by line, noted, signed, reported.

use jiff::SignedDuration;

use tui_textarea::{CursorMove, TextArea};

use super::commands::Step;
use crate::effect::{Effect, ReviewWanted};
use crate::input::{Chord, Code, Command};
use crate::model::FeedId;
use crate::model::{Clean, Health};
use crate::review::report::{Document, Format, render};
use crate::review::signoff::MOST_NOTE_CHARS;
use crate::review::{Asked, Draft, Kind, Opens, Review, SignOff};
use crate::state::review::{ReviewNote, ReviewState, Signing};
use crate::state::{Connection, Overlay, Page, State};

/// A review that is older is asked anew: the morning has moved on.
const FRESH: SignedDuration = SignedDuration::from_mins(15);

/// Feeds that have not answered by then are told as such.
const FEEDS_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// Shows the review that is held; begins one where there is none, or where it is of another time.
pub fn open(state: &mut State) -> Vec<Effect> {
    if !matches!(state.view.pages.last(), Some(Page::Review)) {
        state.view.pages.retain(|p| !matches!(p, Page::Review));
        state.view.pages.push(Page::Review);
    }
    let kind = state.review.as_ref().map_or(Kind::Daily, |r| r.kind);
    let held = state.review.as_ref().is_some_and(|r| {
        let unfinished = r.signing == Signing::Not && r.draft != Default::default();
        unfinished || state.now.duration_since(r.begun) < FRESH
    });
    if held { Vec::new() } else { begin(state, kind, None) }
}

/// The review that the program was started for.
pub fn begin_with(state: &mut State, kind: Kind, since: Option<SignedDuration>) -> Vec<Effect> {
    state.view.pages.push(Page::Review);
    begin(state, kind, since)
}

/// Asks everything anew. What was noted stays.
pub fn begin(state: &mut State, kind: Kind, since: Option<SignedDuration>) -> Vec<Effect> {
    state.reviews += 1;
    let id = state.reviews;
    let mut shelved = state.review.take().map_or_else(Default::default, |before| {
        let mut shelved = before.shelved;
        if before.signing == Signing::Not {
            shelved.insert(before.kind, before.draft);
        }
        shelved
    });
    state.review = Some(Box::new(ReviewState {
        id,
        kind,
        since,
        begun: state.now,
        progress: (0, 0),
        asked: None,
        review: None,
        draft: shelved.remove(&kind).unwrap_or_default(),
        shelved,
        selected: 0,
        walking: false,
        signing: Signing::Not,
    }));
    vec![Effect::Review(ReviewWanted { id, kind, since })]
}

pub fn progress(state: &mut State, id: u64, done: usize, of: usize) {
    if let Some(review) = state.review.as_mut().filter(|r| r.id == id) {
        review.progress = (done, of);
    }
}

/// Everything is answered.
pub fn arrived(state: &mut State, id: u64, asked: Asked) {
    if let Some(held) = state.review.as_mut().filter(|r| r.id == id) {
        held.asked = Some(Box::new(asked));
        stand(state);
    }
}

/// Once every feed has had its say, too, the review stands, and does not move while it is read.
pub fn stand(state: &mut State) {
    let has_spoken = |feed: &FeedId| {
        let status = state.known.status(*feed);
        status.ready_at.is_some() || status.failure.is_some()
    };
    let ready = matches!(state.connection, Connection::Failed(_)) || FeedId::ALL.iter().all(has_spoken);
    let late = |begun| state.now.duration_since(begun) > FEEDS_WITHIN;
    let asked = state.review.as_mut().filter(|r| ready || late(r.begun)).and_then(|r| r.asked.take());
    let Some(asked) = asked else { return };
    state.dirty.pods = true;
    state.settle();
    let made = Review::of(state, &asked);
    if let Some(held) = &mut state.review {
        held.selected = 0;
        held.review = Some(made);
    }
}

/// The review in one of its forms.
pub fn document(held: &ReviewState, format: Format, ascii: bool) -> Option<String> {
    let document =
        Document { review: held.review.as_ref()?, draft: &held.draft, signed_by: held.signed_by() };
    Some(render(&document, format, ascii))
}

/// Signs what is shown, where nothing is missing.
///
/// # Errors
/// What is missing, in words.
pub fn sign(state: &mut State) -> Result<Vec<Effect>, String> {
    let now = state.now;
    let Some(held) = &mut state.review else { return Err("there is no review".into()) };
    let Some(review) = &held.review else { return Err("its questions are still under way".into()) };
    if held.signing != Signing::Not {
        return Err("it is signed already".into());
    }
    let signed = held.draft.sign(review, now).map_err(|missing| missing.words())?;
    held.signing = Signing::Writing;
    Ok(vec![Effect::SignOff { id: held.id, signed: Box::new(signed) }])
}

pub fn signed(state: &mut State, id: u64, kept: Result<(SignOff, String), Clean>) {
    let (health, text, signing) = match kept {
        Ok((signed, path)) => {
            let by = signed.signer().to_string();
            let text = format!("signed off by {by}, kept in {path}");
            (Health::Ok, text, Signing::Done { by, path })
        }
        Err(why) => (Health::Critical, format!("not signed off: {why}"), Signing::Not),
    };
    if let Some(held) = state.review.as_mut().filter(|r| r.id == id) {
        held.signing = signing;
    }
    state.notice(health, text);
}

pub fn reported(state: &mut State, written: Result<Vec<String>, Clean>) {
    match written {
        Ok(paths) => state.notice(Health::Ok, format!("written: {}", paths.join(", "))),
        Err(why) => state.notice(Health::Critical, why.to_string()),
    }
}

/// What a key of the review asks for.
pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::ReviewNote => note(state),
        Command::ReviewReason => reason(state),
        Command::ReviewSignOff => ask_to_sign(state),
        Command::ReviewReport => return report(state),
        Command::ReviewWalk => walk(state),
        Command::ReviewNext => step(state, true),
        Command::ReviewPrevious => step(state, false),
        Command::ReviewKind => {
            let kind = state.review.as_ref().map_or(Kind::Daily, |r| r.kind.next());
            return begin(state, kind, None);
        }
        _ => {}
    }
    Vec::new()
}

/// The same questions once more; the notes stay.
pub fn again(state: &mut State) -> Vec<Effect> {
    let (kind, since) = state.review.as_ref().map_or((Kind::Daily, None), |r| (r.kind, r.since));
    begin(state, kind, since)
}

pub fn scroll(state: &mut State, step: Step) {
    if let Some(held) = &mut state.review {
        let lines = held.review.as_ref().map_or(0, |r| r.lines.len());
        held.selected = step.to(held.selected, lines);
    }
}

/// Enter: the page behind the line.
pub fn enter(state: &mut State) {
    let opens = state.review.as_ref().and_then(|r| r.line()).map(|l| l.opens);
    match opens {
        Some(Opens::Panel(panel)) => {
            state.view.lists.entry(panel).or_default().pinned = true;
            state.view.pages.push(Page::Panel(panel));
        }
        Some(Opens::Operations) => state.view.pages.push(Page::Operations { scroll: 0 }),
        Some(Opens::Nothing) => state.notice(Health::NotConfigured, "there is nothing behind this line"),
        None => {}
    }
}

fn walk(state: &mut State) {
    if let Some(held) = state.review.as_mut().filter(|r| r.review.is_some()) {
        held.walking = !held.walking;
        if held.walking {
            held.selected = 0;
        }
    }
}

/// Esc leaves the walk first; true: it did.
pub fn leave_walk(state: &mut State) -> bool {
    state.review.as_mut().is_some_and(|held| std::mem::take(&mut held.walking))
}

/// The walk's end is the list again, where it is signed.
fn step(state: &mut State, forward: bool) {
    let Some(held) = state.review.as_mut().filter(|r| r.walking) else { return };
    let lines = held.review.as_ref().map_or(0, |r| r.lines.len());
    match (forward, held.selected + 1 < lines) {
        (true, true) => held.selected += 1,
        (true, false) => held.walking = false,
        (false, _) => held.selected = held.selected.saturating_sub(1),
    }
}

/// Opens the text area for the line under the cursor.
fn note(state: &mut State) {
    let Some(held) = &state.review else { return };
    let Some(line) = held.line() else { return };
    if held.signing != Signing::Not {
        state.notice(Health::Warning, "it is signed: ctrl-r begins another");
        return;
    }
    let text = held.draft.notes.get(line.id).cloned().unwrap_or_default();
    write(state, Some(line_id(state)), &text);
}

fn line_id(state: &State) -> &'static str {
    state.review.as_ref().and_then(|r| r.line()).map_or("", |l| l.id)
}

fn reason(state: &mut State) {
    let Some(held) = state.review.as_ref().filter(|r| r.review.is_some() && r.signing == Signing::Not) else {
        return;
    };
    let text = held.draft.reason.clone();
    write(state, None, &text);
}

fn write(state: &mut State, line: Option<&'static str>, text: &str) {
    let mut field = TextArea::new(text.lines().map(str::to_owned).collect());
    field.move_cursor(CursorMove::Bottom);
    field.move_cursor(CursorMove::End);
    state.view.overlay = Some(Overlay::ReviewNote(Box::new(ReviewNote { line, field })));
}

/// Keys of the text area: Enter keeps what stands there, Alt-Enter begins a line, Esc drops it.
pub fn note_key(state: &mut State, chord: Chord) {
    let Some(Overlay::ReviewNote(mut open)) = state.view.overlay.take() else { return };
    match chord.code {
        Code::Esc => return,
        Code::Enter if !chord.alt => {
            let text = open.field.lines().join("\n");
            if let Some(held) = &mut state.review {
                keep(&mut held.draft, open.line, text.trim());
            }
            return;
        }
        Code::Enter => open.field.insert_newline(),
        _ if open.chars() < MOST_NOTE_CHARS || chord.code == Code::Backspace => {
            open.field.input(super::multi_line_input(chord));
        }
        _ => {}
    }
    state.view.overlay = Some(Overlay::ReviewNote(open));
}

/// A paste goes into the text as it is, line by line, each clean.
pub fn note_paste(open: &mut ReviewNote, text: &str) {
    let room = MOST_NOTE_CHARS.saturating_sub(open.chars());
    let lines: Vec<String> = text.lines().map(|l| Clean::new(l).to_string()).collect();
    open.field.insert_str(lines.join("\n").chars().take(room).collect::<String>());
}

fn keep(draft: &mut Draft, line: Option<&'static str>, text: &str) {
    match (line, text.is_empty()) {
        (None, _) => draft.reason = text.to_owned(),
        (Some(id), true) => _ = draft.notes.remove(id),
        (Some(id), false) => _ = draft.notes.insert(id.to_owned(), text.to_owned()),
    }
}

/// What is missing comes first; then it is asked once.
fn ask_to_sign(state: &mut State) {
    let Some(held) = &state.review else { return };
    let Some(review) = &held.review else {
        state.notice(Health::Warning, "its questions are still under way");
        return;
    };
    if held.signing != Signing::Not {
        state.notice(Health::Warning, "it is signed: ctrl-r begins another");
        return;
    }
    let missing = held.draft.missing(review);
    let first = missing.notes.first().and_then(|id| review.lines.iter().position(|l| l.id == *id));
    match (first, missing.reason_for.is_empty()) {
        (Some(at), _) => {
            if let Some(held) = &mut state.review {
                held.selected = at;
            }
            state.notice(Health::Warning, format!("not signed yet: {}", missing.words()));
            note(state);
        }
        (None, false) => {
            state.notice(Health::Warning, format!("not signed yet: {}", missing.words()));
            reason(state);
        }
        (None, true) => state.view.overlay = Some(Overlay::SignOff),
    }
}

/// Enter signs; any other key goes back.
pub fn sign_answer(state: &mut State, chord: Chord) -> Vec<Effect> {
    state.view.overlay = None;
    if chord != Chord::plain(Code::Enter) {
        return Vec::new();
    }
    sign(state).unwrap_or_else(|why| {
        state.notice(Health::Warning, format!("not signed off: {why}"));
        Vec::new()
    })
}

fn report(state: &mut State) -> Vec<Effect> {
    let Some(held) = &state.review else { return Vec::new() };
    let Some(review) = &held.review else {
        state.notice(Health::Warning, "its questions are still under way");
        return Vec::new();
    };
    let stem = format!("midwatch-review-{}-{}", review.scope.kind, review.at.strftime("%Y-%m-%d-%H%M"));
    let formats = [(Format::Markdown, "md"), (Format::Html, "html")];
    let file = |(format, extension)| Some((format!("{stem}.{extension}"), document(held, format, false)?));
    vec![Effect::Report { files: formats.into_iter().filter_map(file).collect() }]
}
