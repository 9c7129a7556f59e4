//! A state with hand-made feeds, for the checks' tests.
