//! Markdown → a document of sections and steps, by a CommonMark parser.
