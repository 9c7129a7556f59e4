//! The health of every component: workloads and their pods, and the nodes under them.

use super::{Look, counted, listed, outcome};
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::line::{Detail, Seen, detail};

pub fn workloads(look: &Look<'_>) -> Result<Seen, String> {
    let pods = &look.state.derived.pods;
    let needed = [FeedId::Pods, FeedId::Deployments, FeedId::StatefulSets, FeedId::DaemonSets];
    let blind = look.blind(&needed, false);
    if pods.workloads.is_empty() {
        let why = blind.unwrap_or_else(|| "there is no workload here".into());
        return Ok(Seen::could_not(&why));
    }
    let bad: Vec<_> = pods.workloads.iter().filter(|w| w.health > Health::Progress).collect();
    let worst = bad.iter().map(|w| outcome(w.health)).max().unwrap_or(Outcome::Pass);
    let names: Vec<Clean> = bad.iter().map(|w| w.key.name.clone()).collect();
    let ready = format!("{} of {} ready", pods.ready, pods.wanted);
    let measured = match bad.first() {
        None => format!("{ready} in {}", counted(pods.workloads.len(), "workload")),
        Some(first) => {
            let more =
                if bad.len() > 1 { format!(", {} more not well", bad.len() - 1) } else { String::new() };
            let state = if first.state.is_empty() { "not ready" } else { &first.state };
            format!("{} {}/{}: {state}{more}; {ready}", first.key.name, first.ready, first.wanted)
        }
    };
    let mut details: Vec<Detail> = bad
        .iter()
        .map(|w| {
            let text =
                format!("{}/{} {} of {} ready  {}", w.kind.noun(), w.key.name, w.ready, w.wanted, w.state);
            detail(w.health, text)
        })
        .collect();
    details.extend(pods.unhealthy.iter().take(8).map(|(health, pod)| {
        detail(*health, format!("pod {} {}, {} restarts", pod.name, pod.status, pod.restarts))
    }));
    Ok(Seen::new(worst, measured, "all ready").named(names).detailed(details).but(blind))
}

pub fn nodes(look: &Look<'_>) -> Result<Seen, String> {
    let blind = look.blind(&[FeedId::Nodes], false);
    let nodes: Vec<_> = look.state.known.nodes.iter().collect();
    if let (Some(why), true) = (&blind, nodes.is_empty()) {
        return Ok(Seen::could_not(why));
    }
    if nodes.is_empty() {
        return Err("the cluster lists no nodes".into());
    }
    let mut details = Vec::new();
    for node in &nodes {
        if !node.ready {
            details.push(detail(Health::Critical, format!("{} is not ready", node.name)));
        } else if !node.pressure.is_empty() {
            details.push(detail(Health::Warning, format!("{}: {}", node.name, listed(&node.pressure, 4))));
        } else if node.unschedulable {
            details.push(detail(Health::Warning, format!("{} is cordoned", node.name)));
        }
    }
    details.sort_by_key(|d| std::cmp::Reverse(d.health));
    let worst = details.first().map_or(Outcome::Pass, |d| outcome(d.health));
    let ready = nodes.iter().filter(|n| n.ready).count();
    let first = details.first().map(|d| format!(": {}", d.text)).unwrap_or_default();
    let measured = format!("{ready} of {} ready{first}", nodes.len());
    let names: Vec<Clean> = details.iter().map(|d| d.text.clone()).collect();
    Ok(Seen::new(worst, measured, "all ready, none under pressure").named(names).detailed(details).but(blind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::Node;
    use crate::model::{Batch, Change, Observation};
    use crate::review::testing::{asked, denied, state};

    #[test]
    fn nodes_that_may_not_be_listed_are_no_pass() {
        let mut state = state();
        denied(&mut state, FeedId::Nodes);
        let seen = nodes(&Look { state: &state, asked: &asked(&[]) }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::CouldNotCheck);
        assert!(seen.verdict.measured.starts_with("nodes: denied"), "{:?}", seen.verdict);
    }

    #[test]
    fn a_node_that_is_down_fails_and_a_cordoned_one_warns() {
        let mut state = state();
        let node = |name: &str, ready, unschedulable| {
            Change::Upsert(Observation::Node(Box::new(Node {
                name: name.into(),
                ready,
                unschedulable,
                pressure: Vec::new(),
                allocatable: Default::default(),
                created: state.now,
            })))
        };
        let changes = vec![Change::Reset, node("a", true, false), node("b", true, true), Change::Ready];
        let down = vec![node("c", false, false)];
        for (changes, want) in [(changes, Outcome::Warning), (down, Outcome::Fail)] {
            state.known.apply(Batch { epoch: 0, feed: FeedId::Nodes, at: state.now, changes });
            let seen = nodes(&Look { state: &state, asked: &asked(&[]) }).unwrap();
            assert_eq!(seen.verdict.outcome, want, "{seen:?}");
        }
    }
}
