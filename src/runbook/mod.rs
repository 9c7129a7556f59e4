//! Runbooks: Markdown that a team has already, read as sections and steps, and walked.
//!
//! [`document`] is what a file says, [`parse`] reads it, [`command`] understands its shell lines,
//! [`check`] judges what midwatch can verify by itself.

pub mod check;
pub mod command;
pub mod document;
pub mod library;
pub mod listing;
pub mod parse;
pub mod walk;

pub use document::Document;
