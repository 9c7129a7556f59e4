//! midwatch: the on-call engineer's cockpit for the terminal. This page explains how it is built.
//!
//! Data goes in one direction:
//!
//! ```text
//!  sources ──┐                                   ┌── ui::draw(&State) → Frame → writer thread → terminal
//!  keys    ──┼─→ Msg ─→ update(&mut State, Msg) ─┤
//!  effects ──┘                                   └── Vec<Effect> → runtime::Engine → … → Msg
//! ```
//!
//! - [`state::State`] is the only truth, [`update::update`] the only place that changes it; it does no
//!   I/O. [`ui::draw`] is a pure function of it: time and scroll are fields of it.
//! - [`msg::Msg`] is everything that can happen, [`effect::Effect`] everything that we may ask for, as
//!   plain data. The state is a fold of messages, so every screen can be tested without a cluster.
//! - What is derived (sorted, filtered, judged) is derived once per change, by [`state::State::settle`].
//! - Async lives in [`runtime`], [`sources`], [`actions`] and [`sim`]; nowhere else.
//! - A walk through a runbook is the fold of its events, which are on disk before they are shown
//!   ([`runbook::walk`]).
//! - [`actions::gateway`] is the one way to write, and [`journal`] has on disk what it does before it is
//!   done.
//!
//! Where to add
//!
//! - a **panel**: a file in [`panels`] that implements [`panels::Panel`], and a line in [`panels::PANELS`];
//! - a **source**: a file in [`sources`] that implements [`sources::Source`], a line in
//!   [`sources::SOURCES`]; what it observes is a plain type in [`model`];
//! - an **action**: a line in [`model::action::ActionId`], a file in [`actions`] with a function that
//!   makes its plan, its line in [`actions::plan`], and a key. It never holds a client that changes
//!   anything: the [`actions::gateway`] checks, shows, records and sends;
//! - a **key**: a line in [`input::command::COMMANDS`], one in `keymaps/default.toml`, and what it does
//!   in `update/commands.rs`;
//! - a **runbook**: a Markdown file under `assets/runbooks/`, and its line in `runbook/library`; a **kind of
//!   check**: a file in [`runbook::check`];
//! - a **line of the review**: a file in [`review`], and its line in the registry there;
//! - a **scenario**: a TOML file under `assets/scenarios/`.
//!
//! Help, key hints, the palette, `doctor` and `midwatch keys` derive from these registries.
//!
//! Two defences stand against text that would act on the terminal: [`model::Clean`] at ingest, and
//! [`terminal::sweep`] over the finished frame. Nothing but `main` and [`sim`] knows that the simulated
//! cluster exists: it is reached through sockets, like a real one, by the same clients.

pub mod actions;
pub mod approve;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod effect;
pub mod input;
pub mod journal;
pub mod model;
pub mod msg;
pub mod panels;
pub mod plain;
pub mod report;
pub mod review;
pub mod review_command;
pub mod runbook;
pub mod runbook_command;
pub mod runtime;
mod schema;
pub mod setup;
pub mod sim;
pub mod sources;
pub mod state;
pub mod terminal;
pub mod ui;
pub mod update;
