//! The terminal: bytes in become chords, frames become bytes, and everything is given back.

pub mod capabilities;
pub mod encode;
pub mod guard;
pub mod pen;
pub mod reader;
pub mod sweep;
pub mod writer;
