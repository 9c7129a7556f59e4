//! Pods that are ready, rollouts that are complete, autoscalers with room.

use jiff::{SignedDuration, Timestamp};

use super::parameter::Slot;
use super::read::{self, Keys};
use super::{Judge, is_in, told, verdict};
use crate::config::units::{parse_value, show_duration};
use crate::model::pod::Pod;
use crate::model::signal::Unit;
use crate::model::workload::{self, Workload, WorkloadKind};
use crate::model::{FeedId, Health, Verdict};
use crate::state::State;
use crate::ui::human;

/// 'deployment/api', or 'api' of whatever kind.
#[derive(Clone, Debug, PartialEq)]
struct Subject {
    name: String,
    namespace: Option<String>,
}

const KINDS: [(WorkloadKind, FeedId, &[&str]); 3] = [
    (WorkloadKind::Deployment, FeedId::Deployments, &["deployment", "deploy", "deployments"]),
    (WorkloadKind::StatefulSet, FeedId::StatefulSets, &["statefulset", "sts", "statefulsets"]),
    (WorkloadKind::DaemonSet, FeedId::DaemonSets, &["daemonset", "ds", "daemonsets"]),
];

impl Subject {
    fn kind(&self) -> Option<(WorkloadKind, FeedId)> {
        let (prefix, _) = self.name.split_once('/')?;
        KINDS.iter().find(|(.., words)| words.contains(&prefix)).map(|(kind, feed, _)| (*kind, *feed))
    }

    fn plain(&self) -> &str {
        self.name.split_once('/').map_or(&self.name, |(_, name)| name)
    }

    /// Every feed that could know of it.
    fn feeds(&self) -> Vec<FeedId> {
        match self.kind() {
            Some((_, feed)) => vec![feed],
            None => KINDS.iter().map(|(_, feed, _)| *feed).collect(),
        }
    }

    fn is(&self, w: &Workload) -> bool {
        &*w.name == self.plain()
            && self.kind().is_none_or(|(kind, _)| kind == w.kind)
            && is_in(self.namespace.as_ref(), &w.namespace)
    }

    /// The workloads that are meant: one where the name is.
    ///
    /// # Errors
    /// 'Could not check', where there is none, or it can't be known.
    fn find<'s>(&self, state: &'s State) -> Result<(Vec<&'s Workload>, Timestamp), Verdict> {
        if self.name.contains('/') && self.kind().is_none() {
            return Err(Verdict::could_not(&format!(
                "'{}' is neither a deployment, a statefulset nor a daemonset",
                self.name
            )));
        }
        let at = told(state, &self.feeds())?;
        let found: Vec<&Workload> = state.known.workloads().filter(|w| self.is(w)).collect();
        if found.is_empty() {
            let of = match (&self.namespace, &state.scope.namespace) {
                (Some(namespace), _) => format!(" in {namespace}"),
                (None, Some(namespace)) => format!(" in {namespace}"),
                (None, None) => String::new(),
            };
            let none = Verdict::could_not(&format!("there is no {}{of}", self.name));
            return Err(Verdict { at: Some(at), ..none });
        }
        Ok((found, at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        std::iter::once(&mut self.name).chain(&mut self.namespace).map(Slot::name).collect()
    }
}

/// How many of the pods that are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ready {
    All,
    Count(u32),
    Share(f64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pods {
    /// None: all that are looked at.
    subject: Option<Subject>,
    namespace: Option<String>,
    ready: Ready,
    /// No pod has restarted for so long.
    without_restart: Option<SignedDuration>,
}

impl Pods {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = read::all_or_name(keys, "pods");
        let namespace = read::text(keys, "namespace");
        let ready = read::value(keys, "ready", |text| match text.trim() {
            "all" => Ok(Ready::All),
            share if share.ends_with('%') => parse_value(share, Unit::Ratio).map(Ready::Share),
            count => count
                .parse()
                .map(Ready::Count)
                .map_err(|_| format!("'{count}' is not \"all\", a number of pods, or a share as \"90 %\"")),
        });
        let without_restart = read::duration(keys, "without_restart");
        let subject = name?.map(|name| Subject { name, namespace: namespace.clone() });
        Some(Self { subject, namespace, ready: ready.unwrap_or(Ready::All), without_restart })
    }

    fn whose(&self) -> String {
        self.subject.as_ref().map_or_else(|| "all pods".to_owned(), |s| format!("pods of {}", s.name))
    }

    fn is_of(&self, pod: &Pod, workloads: &[&Workload]) -> bool {
        pod.owner.as_ref().is_some_and(|owner| {
            workloads
                .iter()
                .any(|w| w.namespace == pod.namespace && w.kind == owner.kind && w.name == owner.name)
        })
    }
}

/// All that is looked at, as the configuration's selectors have it.
fn everything<'s>(
    state: &'s State,
    namespace: Option<&String>,
) -> Result<(Vec<&'s Workload>, Timestamp), Verdict> {
    let feeds = KINDS.map(|(_, feed, _)| feed);
    let at = told(state, &feeds)?;
    let ours =
        |w: &&Workload| {
            is_in(namespace, &w.namespace)
                && state.derived.pods.workloads.iter().any(|row| {
                    row.kind == w.kind && row.key.name == w.name && row.key.namespace == w.namespace
                })
        };
    let found: Vec<&Workload> = state.known.workloads().filter(ours).collect();
    if found.is_empty() {
        return Err(Verdict { at: Some(at), ..Verdict::could_not("there are no workloads") });
    }
    Ok((found, at))
}

impl Judge for Pods {
    fn words(&self) -> String {
        let whose = self.whose();
        let mut words = match self.ready {
            Ready::All => format!("{whose} ready, none crash-looping"),
            Ready::Count(n) => format!("{n} or more {} ready", whose.trim_start_matches("all ")),
            Ready::Share(share) => {
                format!("{} or more of {} ready", human::percent(share), whose.trim_start_matches("all "))
            }
        };
        if let Some(quiet) = self.without_restart {
            words += &format!(", no restart for {}", show_duration(quiet));
        }
        words
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let found = match &self.subject {
            Some(subject) => subject.find(state),
            None => everything(state, self.namespace.as_ref()),
        };
        let ((workloads, at), pods_at) = match (found, told(state, &[FeedId::Pods])) {
            (Ok(found), Ok(at)) => (found, at),
            (Err(verdict), _) | (_, Err(verdict)) => return verdict,
        };
        let at = Some(at.min(pods_at));
        let ready = workloads.iter().fold(0u32, |sum, w| sum.saturating_add(w.ready));
        let wanted = workloads.iter().fold(0u32, |sum, w| sum.saturating_add(w.wanted));
        if wanted == 0 {
            return Verdict { at, ..Verdict::could_not("scaled to 0: there are no pods to judge") };
        }
        let mut measured = format!("{ready} of {wanted} ready");
        let (enough, limit) = match self.ready {
            Ready::All => (workloads.iter().all(|w| w.ready >= w.wanted), "all ready".to_owned()),
            Ready::Count(n) => (ready >= n, format!("{n} ready")),
            Ready::Share(share) => {
                (f64::from(ready) >= share * f64::from(wanted), format!("{} ready", human::percent(share)))
            }
        };
        let mut holds = enough;
        let of_them = || state.known.pods.iter().filter(|pod| self.is_of(pod, &workloads));
        let broken = |pod: &Pod| crate::state::pods::pod_health(pod, state.now) == Health::Critical;
        let first_broken = of_them().find(|pod| broken(pod));
        if let Some(pod) = first_broken {
            // Where only some must be ready, others may be broken.
            holds &= self.ready != Ready::All;
            let count = of_them().filter(|pod| broken(pod)).count();
            measured += &format!(", {count} broken: {} {}", pod.name, pod.status);
        }
        if let Some(quiet) = self.without_restart
            && let Some(at) = of_them().filter_map(|pod| pod.last_restart).max()
            && state.now.duration_since(at) < quiet
        {
            holds = false;
            measured += &format!(", a restart {} ago", human::span(state.now.duration_since(at)));
        }
        verdict(holds, &measured, &limit, at)
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        let subject = self.subject.as_mut().map(Subject::slots).unwrap_or_default();
        subject.into_iter().chain(self.namespace.as_mut().map(Slot::name)).collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    subject: Subject,
    is: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Complete,
    Progressing,
    Failed,
    Paused,
}

const STAGES: [(&str, Stage); 4] = [
    ("complete", Stage::Complete),
    ("progressing", Stage::Progressing),
    ("failed", Stage::Failed),
    ("paused", Stage::Paused),
];

impl Rollout {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = read::text(keys, "rollout");
        let namespace = read::text(keys, "namespace");
        let is = read::choice(keys, "is", &STAGES, Stage::Complete);
        Some(Self { subject: Subject { name: name?, namespace }, is: is? })
    }
}

impl Judge for Rollout {
    fn words(&self) -> String {
        let stage = STAGES.iter().find(|(_, stage)| *stage == self.is).map_or("", |(word, _)| word);
        format!("rollout of {} {stage}", self.subject.name)
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let (workloads, at) = match self.subject.find(state) {
            Ok(found) => found,
            Err(verdict) => return verdict,
        };
        let mut holds = true;
        let mut measured = Vec::new();
        for w in workloads {
            let (stage, words) = match w.rollout() {
                workload::Rollout::Complete => (Stage::Complete, "complete".to_owned()),
                workload::Rollout::Progressing(how) => (Stage::Progressing, how),
                workload::Rollout::Failed(why) => (Stage::Failed, why),
                workload::Rollout::Paused => (Stage::Paused, "paused".to_owned()),
                workload::Rollout::None => {
                    let why = format!("{} {} has no rollouts: OnDelete", w.kind.noun(), w.name);
                    return Verdict { at: Some(at), ..Verdict::could_not(&why) };
                }
            };
            holds &= stage == self.is;
            let revision = w.revision.map_or(String::new(), |n| format!("revision {n}: "));
            measured.push(format!("{revision}{words}, {} of {} updated", w.updated, w.wanted));
        }
        let limit = STAGES.iter().find(|(_, stage)| *stage == self.is).map_or("", |(word, _)| word);
        verdict(holds, &measured.join("; "), limit, Some(at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        self.subject.slots()
    }

    fn confirms_trouble(&self) -> bool {
        self.is == Stage::Failed
    }
}

/// Whether an autoscaler can still add pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// Its name or its target's; None: all.
    name: Option<String>,
    namespace: Option<String>,
    /// False: it confirms that there is no room left.
    below_max: bool,
}

impl Autoscaler {
    pub fn read(keys: &mut Keys<'_, '_>) -> Option<Self> {
        let name = read::all_or_name(keys, "autoscaler");
        let namespace = read::text(keys, "namespace");
        let below_max = read::choice(keys, "is", &[("below max", true), ("at max", false)], true);
        Some(Self { name: name?, namespace, below_max: below_max? })
    }
}

impl Judge for Autoscaler {
    fn words(&self) -> String {
        let whose =
            self.name.as_ref().map_or("every autoscaler".to_owned(), |n| format!("autoscaler of {n}"));
        format!("{whose} {} its maximum", if self.below_max { "below" } else { "at" })
    }

    fn evaluate(&self, state: &State) -> Verdict {
        let at = match told(state, &[FeedId::Autoscalers]) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let named = |a: &&crate::model::cluster::Autoscaler| {
            let wanted = self.name.as_ref().map(|n| n.split_once('/').map_or(n.as_str(), |(_, n)| n));
            wanted.is_none_or(|n| &*a.name == n || &*a.target.name == n)
                && is_in(self.namespace.as_ref(), &a.namespace)
        };
        let found: Vec<_> = state.known.autoscalers.iter().filter(named).collect();
        // The one with the least room speaks for all.
        let Some(tightest) =
            found.iter().min_by_key(|a| i64::from(a.max) - i64::from(a.current.max(a.desired)))
        else {
            let of = self.name.as_deref().unwrap_or("anything");
            let none = Verdict::could_not(&format!("there is no autoscaler of {of}"));
            return Verdict { at: Some(at), ..none };
        };
        let at_max = tightest.current.max(tightest.desired) >= tightest.max;
        let measured =
            format!("{}: {} of at most {} replicas", tightest.name, tightest.current, tightest.max);
        let limit = if self.below_max { "below the maximum" } else { "at the maximum" };
        verdict(at_max != self.below_max, &measured, limit, Some(at))
    }

    fn slots(&mut self) -> Vec<Slot<'_>> {
        self.name.iter_mut().chain(&mut self.namespace).map(Slot::name).collect()
    }

    fn confirms_trouble(&self) -> bool {
        !self.below_max
    }
}
