//! Markdown → a document of sections and steps, by a CommonMark parser.
//!
//! Any file can be read: what is not understood is a problem with its place, and the rest is used.
//! The file's bytes are only looked at. Nothing here recurses, so that nesting can't exhaust the stack.

mod attributes;
mod fence;
mod front;
mod identity;
mod inline;
mod place;
mod walker;

use std::borrow::Cow;

use pulldown_cmark::{Options, Parser};

use super::document::{Document, Problem};
use crate::model::Clean;
use place::Lines;

/// Thirty times the longest runbook that was found; more is a log or a dump, and as many steps as nobody
/// walks. Bytes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Reads a document. `name` is the file's stem: the title of a document without a heading.
///
/// # Errors
/// It is larger than [`MAX_BYTES`], or not UTF-8: where it stops being so.
pub fn parse(bytes: &[u8], name: &str) -> Result<Document, Problem> {
    if bytes.len() > MAX_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| not_utf8(bytes, e.valid_up_to()))?;
    // A byte order mark is no text: some editors write it.
    let text = &*with_line_ends(text.strip_prefix('\u{feff}').unwrap_or(text));
    let lines = Lines::new(text);
    let (front, problem) = front::read(text, &lines);
    let body = text.get(front.end..).unwrap_or_default();
    let mut walker = walker::Walker::new(text, &lines, problem);
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        walker.event(event, range.start + front.end..range.end + front.end);
    }
    let mut document = walker.finish();
    let heading = document.sections.iter().find(|s| s.level > 0).map(|s| s.title.clone());
    document.title = heading.filter(|t| !t.is_empty()).unwrap_or_else(|| Clean::new(name));
    document.alerts = front.alerts;
    document.sha256 = crate::journal::sha256(bytes);
    Ok(document)
}

/// A carriage return by itself ends a line (CommonMark, 2.1); the parser would join what it parts, and two
/// commands would be one. Places stay what they are.
fn with_line_ends(text: &str) -> Cow<'_, str> {
    let is_lone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if !text.match_indices('\r').any(|(at, _)| is_lone(at)) {
        return Cow::Borrowed(text);
    }
    let ended = |(at, c)| if c == '\r' && is_lone(at) { '\n' } else { c };
    Cow::Owned(text.char_indices().map(ended).collect())
}

/// The refusal of a file of `size` bytes.
pub(crate) fn too_large(size: u64) -> Problem {
    Problem {
        line: 1,
        column: 1,
        what: Clean::new(&format!("it has {size} bytes; a runbook may have {MAX_BYTES}")),
        next: Clean::new("split it, and link the parts"),
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Problem {
    let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
    let (line, column) = crate::config::place(&before, before.len());
    let byte = bytes.get(at).copied().unwrap_or_default();
    Problem {
        line,
        column,
        what: Clean::new(&format!(
            "it is not UTF-8: byte 0x{byte:02x} stands where a character should begin"
        )),
        next: Clean::new("save it as UTF-8, for example with iconv -t UTF-8"),
    }
}

#[cfg(test)]
mod tests;
