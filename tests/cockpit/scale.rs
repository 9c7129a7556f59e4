//! What must not grow with the cluster, counted: bytes a pod, and allocations a frame.

use std::sync::Arc;

use midwatch::model::log::{LogEvent, LogLine};
use midwatch::model::{Change, Clean, FeedId, Observation};
use midwatch::msg::Msg;
use midwatch::panels::PODS;
use midwatch::state::{Dirty, State};
use midwatch::{input, ui, update};

use crate::cluster;

fn known(pods: usize) -> State {
    let mut state = cluster::state();
    cluster::surroundings(&mut state, pods);
    cluster::list_pods(&mut state, pods);
    cluster::list_usage(&mut state, pods);
    state.settle();
    state
}

fn allocations(f: impl FnOnce()) -> u64 {
    allocation_counter::measure(f).count_total
}

/// 120 MiB at 50,000 pods leave 1.6 KiB for each, with all that lies around it; 40 MiB at 10,000 are
/// what the program itself takes and as much again.
#[test]
fn a_pod_takes_at_most_half_a_kibibyte() {
    const PODS: usize = 2_000;
    let mut state = cluster::state();
    let counted = allocation_counter::measure(|| {
        cluster::list_pods(&mut state, PODS);
        cluster::list_usage(&mut state, PODS);
    });
    let each = counted.bytes_current / PODS as i64;
    assert!((200..=512).contains(&each), "{each} bytes a pod");
    // Nothing is held twice on the way.
    let most = counted.bytes_max / PODS as u64;
    assert!(most <= 700, "{most} bytes a pod at the peak");
}

#[test]
fn limit_13_a_logs_ring_takes_at_most_16_mib() {
    // More than the ring holds: many short lines, usual ones, few long ones.
    for chars in [1, 80, 4_000] {
        let text = "x".repeat(chars);
        let mut log = cluster::log();
        let counted = allocation_counter::measure(|| {
            for _ in 0..(40_000_000 / chars / 500).min(200) {
                let lines = (0..500).map(|_| LogLine { at: None, text: Clean::new(&text) }).collect();
                log.apply(LogEvent::Lines(lines));
            }
        });
        assert!(log.dropped > 0, "{chars}");
        assert!(counted.bytes_current >= (log.lines.len() * chars) as i64, "{chars}");
        assert!(counted.bytes_max <= 16 << 20, "{chars}: {} bytes", counted.bytes_max);
    }
}

#[test]
fn a_frame_allocates_as_much_beside_many_pods_as_beside_few() {
    let [few, many] = [500, 5_000].map(|pods| {
        let mut state = known(pods);
        state.view.zoom(PODS);
        state.settle();
        allocations(|| drop(ui::draw(&state)))
    });
    assert!(many <= few + few / 5, "{few} allocations beside 500 pods, {many} beside 5,000");
}

#[test]
fn a_key_in_the_list_of_all_pods_allocates_no_more_for_more_pods() {
    let [few, many] = [500, 5_000].map(|pods| {
        let mut state = known(pods);
        state.view.zoom(PODS);
        state.settle();
        allocations(|| {
            update::update(&mut state, Msg::Key(input::Chord::plain(input::Code::Char('j'))));
            state.settle_keys();
        })
    });
    assert!(many <= few + few / 5, "{few} allocations beside 500 pods, {many} beside 5,000");
}

#[test]
fn well_pods_are_judged_without_an_allocation_each() {
    let [few, many] = [500, 5_000].map(|pods| {
        let mut state = known(pods);
        state.dirty = Dirty { pods: true, ..Dirty::default() };
        allocations(|| state.settle())
    });
    // A workload has 50 pods; its row takes a few.
    assert!(many - few <= 90 * 20, "{few} allocations beside 500 pods, {many} beside 5,000");
}

#[test]
fn what_is_told_again_unchanged_derives_nothing() {
    let mut state = known(500);
    cluster::list_pods(&mut state, 500);
    assert!(!state.observed.pods);
    cluster::restart(&mut state, 1);
    assert!(state.observed.pods);
}

#[test]
fn a_keys_frame_does_not_wait_for_what_was_observed() {
    let mut state = known(500);
    cluster::restart(&mut state, 3);
    state.settle_keys();
    assert_eq!(state.derived.pods.unhealthy.len(), 0);
    state.settle();
    assert_eq!(state.derived.pods.unhealthy.len(), 3);
}

#[test]
fn rows_are_made_while_their_page_is_open() {
    let mut state = known(500);
    assert!(state.derived.rows.rows.is_empty());
    state.view.zoom(PODS);
    state.settle_keys();
    assert_eq!(state.derived.rows.rows.len(), 500);
    state.view.pages.clear();
    state.settle_keys();
    assert!(state.derived.rows.rows.is_empty());
}

#[test]
fn the_first_page_of_a_list_is_shown_before_the_rest_has_come() {
    let mut state = cluster::state();
    state.view.zoom(PODS);
    let page = cluster::pods(5_000).take(500).map(|pod| Change::Upsert(Observation::Pod(Arc::new(pod))));
    cluster::feed(&mut state, FeedId::Pods, vec![Change::Reset]);
    cluster::feed(&mut state, FeedId::Pods, page.collect());
    state.settle();
    assert_eq!(state.derived.rows.rows.len(), 500);
    let shown: String = ui::draw(&state).buffer.content().iter().map(|cell| cell.symbol()).collect();
    assert!(shown.contains("gateway-7d9c5b6f40-00000"), "{shown}");
}
