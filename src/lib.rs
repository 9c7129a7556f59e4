//! midwatch: the on-call engineer's cockpit for the terminal.

pub mod sim;
