//! What the workloads stand on: nodes that are ready, certificates that last.

use jiff::SignedDuration;

use super::parameter::Slot;
use super::read::{self, Keys};
use super::{Judge, told, verdict};
use crate::config::units::show_duration;
use crate::model::{Clean, FeedId, Verdict, cluster};
use crate::state::State;
use crate::ui::human;

/// Two weeks are the usual time to renew by hand what was not renewed by itself.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// A host, or the object's name; None: all of them.
    host: Option<String>,
    valid_for: SignedDuration,
}

impl Certificate {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let host = read::all_or_name(keys, "certificate");
        let valid_for = read::duration(keys, "valid_for").unwrap_or(VALID_FOR);
        Some(Self { host: host?, valid_for })
    }

    fn is_meant(&self, certificate: &cluster::Certificate) -> bool {
        self.host.as_ref().is_none_or(|host| {
            *certificate.name == **host || certificate.dns_names.iter().any(|name| covers(name, host))
        })
    }
}

/// A wildcard stands for exactly one label (RFC 6125, 6.4.3).
fn covers(name: &Clean, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(host),
    }
}

impl Judge for Certificate {
    fn words(&self) -> String {
        let which =
            self.host.as_ref().map_or("every certificate".to_owned(), |h| format!("certificate of {h}"));
        format!("{which} valid for {} or more", show_duration(self.valid_for))
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let at = match told(state, &[FeedId::Certificates]) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let could_not = |why: &str| Verdict { at: Some(at), ..Verdict::could_not(why) };
        let meant: Vec<_> = state.known.certificates.iter().filter(|c| self.is_meant(c)).collect();
        let ends = |c: &&&cluster::Certificate| c.not_after;
        let Some((first, end)) =
            meant.iter().filter_map(|c| Some((c, c.not_after?))).min_by_key(|(_, end)| *end)
        else {
            return could_not(&match (&self.host, meant.first()) {
                (_, Some(c)) => format!("the end of {} is not known", c.name),
                (Some(host), None) => format!("there is no certificate of {host}"),
                (None, None) => "there are no certificates".to_owned(),
            });
        };
        let left = end.duration_since(state.now);
        let mut measured = if left.is_negative() {
            format!("{} ended {} ago", first.name, human::span(left.abs()))
        } else {
            format!("{} ends in {}", first.name, human::span(left))
        };
        if let Some(message) = first.message.as_ref().filter(|_| !first.ready) {
            measured += &format!(": {message}");
        }
        let limit = format!("{} or more", human::span(self.valid_for));
        let holds = left >= self.valid_for;
        if holds && let Some(unknown) = meant.iter().find(|c| ends(c).is_none()) {
            return could_not(&format!("the end of {} is not known", unknown.name));
        }
        verdict(holds, &measured, &limit, Some(at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        self.host.iter_mut().map(Slot::name).collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// None: all of them.
    name: Option<String>,
    is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Ready,
    Cordoned,
}

const STATES: [(&str, Is); 2] = [("ready", Is::Ready), ("cordoned", Is::Cordoned)];

impl Nodes {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = read::all_or_name(keys, "nodes");
        let is = read::choice(keys, "is", &STATES, Is::Ready);
        Some(Self { name: name?, is: is? })
    }

    /// Why a node is not as wanted.
    fn trouble(&self, node: &cluster::Node) -> Option<String> {
        match self.is {
            Is::Cordoned if !node.unschedulable => Some("takes new pods".to_owned()),
            Is::Cordoned => None,
            Is::Ready if !node.ready => Some("not ready".to_owned()),
            Is::Ready if !node.pressure.is_empty() => {
                Some(node.pressure.iter().map(Clean::as_str).collect::<Vec<_>>().join(", "))
            }
            Is::Ready if node.unschedulable => Some("cordoned".to_owned()),
            Is::Ready => None,
        }
    }
}

impl Judge for Nodes {
    fn words(&self) -> String {
        let which = self.name.as_ref().map_or("every node".to_owned(), |n| format!("node {n}"));
        match self.is {
            Is::Ready => format!("{which} ready, without pressure, taking pods"),
            Is::Cordoned => format!("{which} cordoned"),
        }
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let at = match told(state, &[FeedId::Nodes]) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let meant = |n: &&cluster::Node| self.name.as_ref().is_none_or(|name| *n.name == **name);
        let nodes: Vec<_> = state.known.nodes.iter().filter(meant).collect();
        if nodes.is_empty() {
            let what =
                self.name.as_ref().map_or("no node is known".to_owned(), |n| format!("there is no node {n}"));
            return Verdict { at: Some(at), ..Verdict::could_not(&what) };
        }
        let troubled: Vec<_> = nodes.iter().filter_map(|n| Some((&n.name, self.trouble(n)?))).collect();
        let word = STATES.iter().find(|(_, is)| *is == self.is).map_or("", |(word, _)| word);
        let mut measured = format!("{} of {} {word}", nodes.len() - troubled.len(), nodes.len());
        if let Some((name, why)) = troubled.first() {
            measured += &format!("; {name}: {why}");
        }
        verdict(troubled.is_empty(), &measured, &format!("all {word}"), Some(at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        self.name.iter_mut().map(Slot::name).collect()
    }
}
