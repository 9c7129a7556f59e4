//! A review as Markdown: short enough for a chat, whole enough for a ticket.

use super::{Document, minute, note};
use crate::model::Outcome;
use crate::review::Line;

pub fn render(document: &Document<'_>) -> String {
    let review = document.review;
    let title = review.scope.kind.title();
    let mut out = format!("# {}{}: {}\n\n", title[..1].to_uppercase(), &title[1..], escaped(&review.place));
    out += &format!(
        "**{}** · {} · {}\n",
        escaped(&review.tally()),
        minute(review.at),
        escaped(&review.since_words())
    );
    for complaint in &review.complaints {
        out += &format!("\n> Sign-offs: {}\n", escaped(complaint));
    }
    for (heading, lines) in review.groups() {
        out += &format!("\n## {}\n\n", escaped(&heading));
        for line in lines {
            out += &one(document, line);
        }
    }
    let left_out = review.left_out.iter().map(|(title, why)| format!("{title} ({why})"));
    let gone = review.gone.iter().map(|title| format!("{title} (was in the last review)"));
    let missing: Vec<String> = left_out.chain(gone).collect();
    if !missing.is_empty() {
        out += &format!("\nLeft out: {}.\n", escaped(&missing.join("; ")));
    }
    if !document.draft.reason.trim().is_empty() {
        out += &format!("\nReason: {}\n", escaped(document.draft.reason.trim()));
    }
    if let Some(who) = document.signed_by {
        out += &format!("\nSigned off by {} at {}.\n", escaped(who), minute(review.at));
    }
    out
}

fn one(document: &Document<'_>, line: &Line) -> String {
    let outcome = line.outcome();
    let mark = outcome.health().mark(false);
    let word = if outcome == Outcome::Pass { String::new() } else { format!(" ({})", outcome.word()) };
    let mut out = format!("- {mark} **{}**{word}: {}\n", line.title, escaped(&line.sentence()));
    if outcome != Outcome::Pass && line.seen.details.len() > 1 {
        for detail in &line.seen.details {
            out += &format!("  - {} {}\n", detail.health.mark(false), escaped(&detail.text));
        }
    }
    if let Some(note) = note(document, line.id) {
        out += &format!("  - *Note:* {}\n", escaped(&note));
    }
    out
}

/// Text that stays text: nothing in it begins a link, a mention, an emphasis, HTML or a new block.
/// Every ASCII punctuation may be escaped (CommonMark 2.4); those that can mean something are.
pub fn escaped(text: &str) -> String {
    let clean = crate::model::Clean::new(&text.lines().collect::<Vec<_>>().join(" / "));
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            // Chats make mentions of it, wherever it stands.
            '@' => out.push_str("@\u{2060}"),
            _ => out.push(c),
        }
    }
    // Addresses are made links by themselves.
    out.replace("://", ":\\//")
}
