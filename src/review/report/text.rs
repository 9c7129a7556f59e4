//! A review as lines for a terminal, a log or a mail.

use super::{Document, minute, note};
use crate::model::Clean;
use crate::review::Line;
use crate::ui::paint::fit;

/// The titles' column: the longest is 'connection pool'.
const TITLE: usize = 16;
/// Rows behind a line that is not a pass; all of them stand in the other formats.
const MOST_DETAILS: usize = 6;

pub fn render(document: &Document<'_>, ascii: bool) -> String {
    let review = document.review;
    let mut out = format!("{}  {}  {}\n", review.scope.kind.title(), review.place, minute(review.at));
    out += &format!("{}  {}\n", review.since_words(), review.tally());
    for complaint in &review.complaints {
        out += &format!("sign-offs: {complaint}\n");
    }
    for (heading, lines) in review.groups() {
        out += &format!("\n{heading}\n");
        for line in lines {
            out += &one(document, line, ascii);
        }
    }
    if !review.left_out.is_empty() || !review.gone.is_empty() {
        out.push('\n');
    }
    for (title, why) in &review.left_out {
        out += &format!("  - {title}: left out, {}\n", why);
    }
    for title in &review.gone {
        out += &format!("  - {title}: was in the last review, and is not in this one\n");
    }
    if !document.draft.reason.trim().is_empty() {
        out += &format!("\nreason: {}\n", Clean::new(document.draft.reason.trim()));
    }
    if let Some(who) = document.signed_by {
        out += &format!("\nsigned off by {} at {}\n", Clean::new(who), minute(review.at));
    }
    if ascii { plain(&out) } else { out }
}

fn one(document: &Document<'_>, line: &Line, ascii: bool) -> String {
    let mark = line.outcome().health().mark(ascii);
    let mut out = format!("  {mark} {} {}\n", fit(line.title, TITLE), line.sentence());
    if !line.seen.verdict.is_pass() && line.seen.details.len() > 1 {
        for detail in line.seen.details.iter().take(MOST_DETAILS) {
            let mark = detail.health.mark(ascii);
            out += &format!("      {mark} {}\n", detail.text);
        }
        let more = line.seen.details.len().saturating_sub(MOST_DETAILS);
        if more > 0 {
            out += &format!("      and {more} more\n");
        }
    }
    if let Some(note) = note(document, line.id) {
        out += &format!("      note: {}\n", Clean::from(note.replace('\n', " / ")));
    }
    out
}

/// For terminals that know nothing else.
fn plain(text: &str) -> String {
    text.replace('…', "...").replace('−', "-").replace('±', "+-").replace('→', "->").replace('·', "-")
}
