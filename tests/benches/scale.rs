//! Where the time and the memory go as the cluster grows: `cargo bench --bench scale`.
//!
//! Each step of the cockpit by itself, in one thread, beside 1,000, 10,000 and 50,000 pods with their
//! workloads (ten revisions each), 1,000 alerts and 10,000 events. Times are the least of several, bytes
//! are counted by the allocator. Figures are printed, not judged; what is countable is held by the test
//! `scale`.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be set up has nothing to measure")]

#[path = "support/cluster.rs"]
mod cluster;

use std::hint::black_box;
use std::time::{Duration, Instant};

use midwatch::model::Clean;
use midwatch::model::filter::Filter;
use midwatch::model::log::{LogEvent, LogLine};
use midwatch::msg::Msg;
use midwatch::panels::PODS;
use midwatch::state::{Dirty, State};
use midwatch::{ui, update};

const SIZES: [usize; 3] = [1_000, 10_000, 50_000];
const TIMES: usize = 7;

fn main() {
    let columns: Vec<Vec<(&str, f64)>> = SIZES.iter().map(|pods| measured(*pods)).collect();
    print!("{:<52}", "pods");
    SIZES.iter().for_each(|pods| print!("{pods:>10}"));
    println!();
    for (row, (name, _)) in columns[0].iter().enumerate() {
        print!("{name:<52}");
        columns.iter().for_each(|column| print!("{:>10.2}", column[row].1));
        println!();
    }
}

fn measured(pods: usize) -> Vec<(&'static str, f64)> {
    let mut state = cluster::state();
    let mut rows = memory(&mut state, pods);
    rows.extend(changes(&mut state));
    rows.extend(logs());
    state.view.zoom(PODS);
    state.settle();
    rows.extend(page(&mut state));
    rows
}

/// Milliseconds, the least of several times.
fn least(mut f: impl FnMut()) -> f64 {
    let once = |f: &mut dyn FnMut()| {
        let begun = Instant::now();
        f();
        begun.elapsed()
    };
    (0..TIMES).map(|_| once(&mut f)).min().unwrap_or(Duration::ZERO).as_secs_f64() * 1e3
}

/// KiB that stay.
fn kept(f: impl FnOnce()) -> f64 {
    allocation_counter::measure(f).bytes_current as f64 / 1024.0
}

fn memory(state: &mut State, pods: usize) -> Vec<(&'static str, f64)> {
    cluster::surroundings(state, pods);
    let begun = Instant::now();
    let rows = kept(|| cluster::list_pods(state, pods));
    let applied = begun.elapsed().as_secs_f64() * 1e3;
    let usage = kept(|| cluster::list_usage(state, pods));
    let derived = kept(|| state.settle());
    vec![
        ("heap: pods, KiB", rows),
        ("heap: what they use, KiB", usage),
        ("heap: derived, KiB", derived),
        ("heap: a pod, bytes", (rows + usage) * 1024.0 / pods as f64),
        ("pods made and taken in, ms", applied),
    ]
}

/// What a data frame costs in the cockpit.
fn changes(state: &mut State) -> Vec<(&'static str, f64)> {
    let mut derive = |name, dirty: Dirty| {
        let took = least(|| {
            state.dirty = dirty;
            state.settle();
        });
        (name, took)
    };
    let none = Dirty::default();
    let mut rows = vec![
        derive("derive: verdicts over pods and workloads, ms", Dirty { pods: true, ..none }),
        derive("derive: how busy workloads are, ms", Dirty { usage: true, ..none }),
        derive("derive: alerts, marks, headline, ms", Dirty { rest: true, ..none }),
    ];
    rows.push(("draw the cockpit, ms", least(|| drop(black_box(ui::draw(state))))));
    let told_again = least(|| cluster::restart(state, 500));
    rows.push(("500 pods restart: taken in, ms", told_again));
    cluster::restart(state, usize::MAX);
    rows.push((
        "the same verdicts when all have restarted, ms",
        least(|| {
            state.dirty = Dirty { pods: true, ..none };
            state.settle();
        }),
    ));
    rows
}

/// What a pod that writes 10 MB of log a second costs, whatever the cluster.
fn logs() -> Vec<(&'static str, f64)> {
    let raw = format!("2026-11-21T03:12:09Z INFO handled GET /orders/{:>50}", 4711);
    let mut log = cluster::log();
    let mut second = || {
        for _ in 0..10_000_000 / raw.len() / 500 {
            let lines = (0..500).map(|_| LogLine { at: None, text: Clean::new(&raw) }).collect();
            log.apply(LogEvent::Lines(lines));
        }
    };
    let heap = kept(&mut second);
    vec![("10 MB of log lines: cleaned and taken in, ms", least(second)), ("heap: the log's ring, KiB", heap)]
}

/// The page of all pods.
fn page(state: &mut State) -> Vec<(&'static str, f64)> {
    let mut rows = Vec::new();
    for (name, filter, sort) in [
        ("rows: all, by state, ms", "", 0),
        ("rows: all, by name, ms", "", 1),
        ("rows: all, by memory, ms", "", 5),
        ("rows: filtered by 'mail', ms", "mail", 0),
        ("rows: filtered by 'restarts>3 age<2h !web', ms", "restarts>3 age<2h !web", 0),
    ] {
        let list = state.view.lists.entry(PODS).or_default();
        (list.filter, list.sort) = (Filter::parse(filter).unwrap(), sort);
        let took = least(|| {
            state.dirty = Dirty { rows: true, ..Dirty::default() };
            state.settle();
        });
        rows.push((name, took));
    }
    state.view.lists.entry(PODS).or_default().filter = Filter::default();
    state.dirty.rows = true;
    state.settle();
    rows.push(("draw the page, ms", least(|| drop(black_box(ui::draw(state))))));
    let key = midwatch::input::Chord::plain(midwatch::input::Code::Char('j'));
    rows.push((
        "a key: update, settle, draw, ms",
        least(|| {
            update::update(state, Msg::Key(key));
            state.settle_keys();
            drop(black_box(ui::draw(state)));
        }),
    ));
    rows
}
