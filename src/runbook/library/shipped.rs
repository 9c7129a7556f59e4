//! The runbooks that are part of midwatch: `assets/runbooks/*.md`, in the program, so that they are there
//! when nothing else is. A test compares this list with the folder.

/// Name and text, in the order in which they are listed.
pub const ALL: &[(&str, &str)] = &[];
