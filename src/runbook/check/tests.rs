//! Checks as a whole.
