//! A review as a document: text for terminals, Markdown for chat, JSON for programs, HTML for people
//! who were not there. Each escapes what came from outside in its own way.

mod html;
mod json;
mod markdown;
mod svg;
mod text;

pub use html::render as html;
pub use json::render as json;
pub use markdown::render as markdown;
pub use text::render as text;

use super::{Draft, Review};

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
fn note<'a>(document: &Document<'a>, id: &str) -> Option<&'a str> {
    document.draft.notes.get(id).map(|n| n.trim()).filter(|n| !n.is_empty())
}

/// '2026-11-21 08:00Z'.
fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}
