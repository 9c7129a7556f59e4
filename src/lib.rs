//! midwatch: the on-call engineer's cockpit for the terminal.

pub mod cli;
pub mod clock;
pub mod config;
pub mod effect;
pub mod input;
pub mod model;
pub mod msg;
pub mod panels;
pub mod report;
pub mod runtime;
pub mod setup;
pub mod sim;
pub mod sources;
pub mod state;
pub mod terminal;
pub mod ui;
pub mod update;
