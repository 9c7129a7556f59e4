//! Derived: what changed, and when. Revisions, scales and configurations as marks on one time line.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::State;
use crate::model::Clean;
use crate::model::change::{Mark, MarkKind, Revision};
use crate::model::workload::{WorkloadKind, WorkloadRef};

/// A change is named as the possible cause of what began this soon after it.
const SUSPECT: SignedDuration = SignedDuration::from_mins(15);
/// Marks older than the widest window are not drawn.
const KEEP: SignedDuration = SignedDuration::from_hours(25);

/// All marks of the last day, oldest first.
pub fn derive(state: &State) -> Vec<Mark> {
    let mut marks = marks(state);
    marks.retain(|m| state.now.duration_since(m.at) < KEEP);
    marks
}

/// All marks that are known, oldest first: of rollouts as far back as their revisions are kept.
pub fn marks(state: &State) -> Vec<Mark> {
    let mut marks = of_revisions(state);
    marks.extend(of_events(state));
    for seen in &state.known.observed_marks {
        // The objects tell most changes themselves, and more exactly.
        let told = marks.iter().any(|m| {
            m.kind == seen.kind
                && m.workload == seen.workload
                && m.at.duration_since(seen.at).abs() < SUSPECT / 5
        });
        if !told {
            marks.push(seen.clone());
        }
    }
    marks.sort();
    marks
}

fn of_revisions(state: &State) -> Vec<Mark> {
    let mut by_owner: BTreeMap<(Clean, WorkloadRef), Vec<&Revision>> = BTreeMap::new();
    for revision in state.known.revisions() {
        by_owner.entry((revision.namespace.clone(), revision.owner.clone())).or_default().push(revision);
    }
    let mut marks = Vec::new();
    for ((namespace, workload), mut revisions) in by_owner {
        revisions.sort_by_key(|r| r.revision);
        for pair in revisions.windows(2) {
            let [before, after] = pair else { continue };
            // A return to an older revision gives it a new number; its age stays.
            if after.created < before.created {
                continue;
            }
            let (kind, what) = difference(before, after);
            let what = format!("revision {}: {what}", after.revision).into();
            marks.push(Mark {
                at: after.created,
                kind,
                namespace: namespace.clone(),
                workload: workload.clone(),
                what,
                automatic: false,
            });
        }
    }
    marks
}

fn difference(before: &Revision, after: &Revision) -> (MarkKind, String) {
    if before.images != after.images {
        let tag = |r: &Revision| r.images.iter().map(|i| short_image(i)).collect::<Vec<_>>().join(", ");
        return (MarkKind::Rollout, format!("{} → {}", tag(before), tag(after)));
    }
    if before.template == after.template {
        return (MarkKind::Rollout, "restart".into());
    }
    (MarkKind::Configuration, "the template changed, the images did not".into())
}

/// 'registry/shop/api:4.2.0' → 'api:4.2.0'.
fn short_image(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

/// What the autoscaler did stands only in events.
fn of_events(state: &State) -> Vec<Mark> {
    state
        .known
        .events
        .iter()
        .filter(|e| &*e.reason == "SuccessfulRescale")
        .map(|e| Mark {
            at: e.last,
            kind: MarkKind::Scale,
            namespace: e.namespace.clone(),
            workload: WorkloadRef { kind: WorkloadKind::Deployment, name: e.object.clone() },
            what: format!("autoscaler: {}", e.message).into(),
            automatic: true,
        })
        .collect()
}

/// The newest change shortly before `onset`: the first suspect.
pub fn suspect(marks: &[Mark], onset: Timestamp) -> Option<&Mark> {
    // Rates look back a few minutes, so a symptom may seem to begin a little before its cause.
    let slack = SignedDuration::from_mins(1);
    marks.iter().rev().find(|m| {
        let before = onset.duration_since(m.at);
        !m.automatic && before >= -slack && before <= SUSPECT
    })
}
