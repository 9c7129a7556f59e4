//! What leaves the program as a document: one frame as text, ANSI or SVG, the model as JSON.

pub mod frame;
pub mod json;
