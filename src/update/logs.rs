//! Reading logs: which pod, which container, from when.

use std::sync::Arc;

use crate::effect::Effect;
use crate::model::log::LogRequest;
use crate::model::pod::Pod;
use crate::model::{Clean, Health};
use crate::panels::PODS;
use crate::state::log::{LogPage, SINCE};
use crate::state::{Page, State};

/// Lines asked for at first; more come with `since`.
const TAIL: u64 = 1000;

/// A log page for `pod`, with a number of its own.
pub fn page(state: &mut State, pod: &Pod, tail: u64) -> LogPage {
    state.view.log_id += 1;
    let request = LogRequest {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        // The one that ended last is the one to read.
        container: pod.last_end.as_ref().map(|end| end.container.clone()).filter(|c| !c.is_empty()),
        previous: false,
        follow: true,
        since_s: None,
        tail: Some(tail),
    };
    LogPage::new(state.view.log_id, request, Vec::new())
}

/// The log of the selected pod; in the cockpit, of the one that fails worst.
pub fn open(state: &mut State) -> Vec<Effect> {
    let log = match state.view.pages.last() {
        Some(Page::Pod(page)) => {
            let mut log = (page.log).clone();
            state.view.log_id += 1;
            log.request.tail = Some(TAIL);
            log.restart(state.view.log_id);
            Some(log)
        }
        Some(Page::Log(_)) => return Vec::new(),
        Some(Page::Panel(PODS)) => {
            let selected = state.view.list(PODS).selected;
            let pod: Option<Arc<Pod>> = selected.and_then(|key| state.known.pods.get(&key).cloned());
            pod.map(|pod| page(state, &pod, TAIL))
        }
        _ => {
            let worst = state.derived.pods.unhealthy.first().map(|(_, pod)| pod.clone());
            worst.map(|pod| page(state, &pod, TAIL))
        }
    };
    let Some(log) = log else {
        state.notice(Health::Unknown, "no pod is failing; choose one in the zoomed pods panel");
        return Vec::new();
    };
    let effect = Effect::ReadLog { id: log.id, request: log.request.clone() };
    state.view.pages.push(Page::Log(Box::new(log)));
    vec![effect]
}

/// Changes the request of the log on the screen and asks anew.
fn again(state: &mut State, change: impl FnOnce(&mut LogPage)) -> Vec<Effect> {
    state.view.log_id += 1;
    let id = state.view.log_id;
    let Some(log) = state.view.log_mut() else { return Vec::new() };
    change(log);
    log.restart(id);
    vec![Effect::ReadLog { id, request: log.request.clone() }]
}

pub fn next_container(state: &mut State) -> Vec<Effect> {
    let known = containers(state);
    if known.len() < 2 {
        state.notice(Health::NotConfigured, "this pod has one container");
        return Vec::new();
    }
    again(state, |log| {
        let at = known.iter().position(|c| Some(c) == log.request.container.as_ref());
        log.request.container = known.get(at.map_or(0, |i| (i + 1) % known.len())).cloned();
    })
}

/// The log's own list, or that of the pod's page below it.
fn containers(state: &State) -> Vec<Clean> {
    state
        .view
        .pages
        .iter()
        .rev()
        .find_map(|page| match page {
            Page::Log(log) if !log.containers.is_empty() => Some(log.containers.clone()),
            Page::Pod(page) if !page.log.containers.is_empty() => Some(page.log.containers.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

pub fn toggle_follow(state: &mut State) -> Vec<Effect> {
    again(state, |log| {
        log.request.follow = !log.request.follow;
        log.request.previous &= !log.request.follow;
    })
}

pub fn toggle_previous(state: &mut State) -> Vec<Effect> {
    again(state, |log| {
        log.request.previous = !log.request.previous;
        log.request.follow = !log.request.previous;
    })
}

pub fn next_since(state: &mut State) -> Vec<Effect> {
    again(state, |log| {
        log.since = (log.since + 1) % SINCE.len();
        log.request.since_s = SINCE.get(log.since).and_then(|(s, _)| *s);
        log.request.tail = if log.request.since_s.is_some() { None } else { Some(TAIL) };
    })
}

pub fn find(state: &mut State, older: bool) {
    let Some(log) = state.view.log_mut() else { return };
    let searched = log.search.clone();
    if searched.is_empty() || log.find(older) {
        return;
    }
    let where_to = if older { "older" } else { "newer" };
    state.notice(Health::NotConfigured, format!("no {where_to} line has '{searched}'"));
}
