//! A review as a document: text for terminals, Markdown for chat, JSON for programs, HTML for people
//! who were not there. Each escapes what came from outside in its own way.

mod html;
mod json;
mod markdown;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub use html::render as html;
pub use json::render as json;
pub use markdown::render as markdown;
pub use text::render as text;

use super::{Draft, Review};
use crate::model::Clean;

/// What is written down: the review, with what was noted of it, and whether it was signed.
pub struct Document<'a> {
    pub review: &'a Review,
    pub draft: &'a Draft,
    /// Who signed it.
    pub signed_by: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines for a terminal
    Text,
    /// For chat and tickets
    Markdown,
    /// For programs; the schema is in the README
    Json,
    /// One file with charts, for a browser
    Html,
}

pub fn render(document: &Document<'_>, format: Format, ascii: bool) -> String {
    match format {
        Format::Text => text(document, ascii),
        Format::Markdown => markdown(document),
        Format::Json => json(document),
        Format::Html => html(document),
    }
}

/// The note of a line, where one was written.
fn note(document: &Document<'_>, id: &str) -> Option<String> {
    document.draft.notes.get(id).map(|n| lines(n)).filter(|n| !n.is_empty())
}

/// What a person wrote, line by line, each clean: it may have been pasted.
fn lines(text: &str) -> String {
    text.trim().lines().map(|l| Clean::new(l).to_string()).collect::<Vec<_>>().join("\n")
}

/// '2026-11-21 08:00Z'.
fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}
