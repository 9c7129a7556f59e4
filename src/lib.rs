//! midwatch: the on-call engineer's cockpit for the terminal.

pub mod config;
pub mod model;
pub mod sim;
pub mod sources;
