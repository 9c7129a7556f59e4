//! From keys to commands: a chord is looked up in the keymap, layer by layer, topmost first.

pub mod chord;
pub mod command;
pub mod keymap;

pub use chord::{Chord, Code};
pub use command::{Command, Layer};
pub use keymap::Keymap;
