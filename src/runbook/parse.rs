//! Markdown → a document of sections and steps, by a CommonMark parser.
use super::document::{Document, Problem};
pub fn parse(_bytes: &[u8], _name: &str) -> Result<Document, Problem> {
    Ok(Document::default())
}
