//! Everything that is tested from outside: one binary, so that it links once.

// Helpers outside #[test] functions may fail a test, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accessibility;
mod actions;
mod approvals;
mod architecture;
mod bench;
mod checks;
#[path = "../benches/support/cluster.rs"]
mod cluster;
mod commands;
mod commands_own;
mod credentials;
mod documents;
mod encoder;
mod faults;
mod flows;
mod gate;
mod gateway;
mod hostile;
mod kubectl;
mod kubernetes;
mod load;
mod panels;
mod parity;
mod plain;
#[path = "../pty/mod.rs"]
mod pty;
mod redis;
mod redis_cluster;
mod redis_server;
mod remedies;
mod reviews;
mod runbooks;
mod scale;
mod screens;
mod sharing;
mod signals;
mod support;
mod templates;
mod terminal;
mod walks;
mod walks_killed;
mod wire;
