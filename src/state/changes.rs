//! Derived: what changed, and when. Revisions, scales and configurations as marks on one time line.

use std::collections::HashMap;

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
    marks(state, state.now - KEEP)
}

/// All marks from then on, oldest first: of rollouts as far back as their revisions are kept.
pub fn marks(state: &State, from: Timestamp) -> Vec<Mark> {
    let mut marks = of_revisions(state, from - SUSPECT);
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
    marks.retain(|m| m.at >= from);
    marks.sort();
    marks
}

/// What came after `from`: a thousand workloads keep ten thousand revisions, most of them of last month.
fn of_revisions(state: &State, from: Timestamp) -> Vec<Mark> {
    let mut by_owner: HashMap<(&Clean, &WorkloadRef), Vec<&Revision>> = HashMap::new();
    for revision in state.known.revisions() {
        by_owner.entry((&revision.namespace, &revision.owner)).or_default().push(revision);
    }
    let mut marks = Vec::new();
    for ((namespace, workload), mut revisions) in by_owner {
        in_order(&mut revisions);
        for pair in revisions.windows(2) {
            let [before, after] = pair else { continue };
            if after.created < from {
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

/// As they came about: a return to an older revision gives it a new number, its age stays.
fn in_order(revisions: &mut [&Revision]) {
    revisions.sort_by_key(|r| (r.created, r.revision));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_roll_back_a_revision_still_follows_the_one_that_it_replaced() {
        let revision = |revision: u64, created: &str, image: &str| Revision {
            namespace: Clean::new("shop"),
            name: Clean::new(image),
            owner: WorkloadRef { kind: WorkloadKind::Deployment, name: Clean::new("api") },
            revision,
            created: created.parse().unwrap(),
            images: vec![Clean::new(image)],
            template: revision,
            restarted_at: None,
            cause: None,
            replicas: 0,
            failure: None,
        };
        // 16 was gone back to, and is 18 now.
        let of = [
            revision(17, "2026-11-21T03:00:00Z", "api:4.2.0"),
            revision(18, "2026-11-18T03:00:00Z", "api:4.1.7"),
            revision(15, "2026-11-11T03:00:00Z", "api:4.1.6"),
        ];
        let mut of: Vec<&Revision> = of.iter().collect();
        in_order(&mut of);
        let told: Vec<String> = of.windows(2).map(|w| difference(w[0], w[1]).1).collect();
        assert_eq!(told, ["api:4.1.6 → api:4.1.7", "api:4.1.7 → api:4.2.0"]);
    }
}
