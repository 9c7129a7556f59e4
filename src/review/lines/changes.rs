//! What changed since the last sign-off: rollouts, scales and configurations in the cluster, and
//! what was done through midwatch. It is told, not judged.

use jiff::Timestamp;

use super::{Look, counted};
use crate::model::change::MarkKind;
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::line::{Seen, detail};
use crate::state::changes;
use crate::ui::human;

/// Rows that anybody reads.
const MOST: usize = 30;

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let feeds = [FeedId::ReplicaSets, FeedId::ControllerRevisions, FeedId::Events];
    let blind = look
        .blind(&feeds, false)
        .or_else(|| look.asked.acts.as_ref().err().map(|why| format!("the audit log can't be read: {why}")));
    let marks: Vec<_> = changes::marks(look.state, look.since());
    let acts = look.asked.acts.as_deref().unwrap_or_default();
    let of = |kind| marks.iter().filter(|m| m.kind == kind).count();
    let mut parts = Vec::new();
    for (kind, noun) in [
        (MarkKind::Rollout, "rollout"),
        (MarkKind::Scale, "scale"),
        (MarkKind::Configuration, "configuration"),
    ] {
        if of(kind) > 0 {
            parts.push(counted(of(kind), noun));
        }
    }
    if !acts.is_empty() {
        parts.push(format!("{} through midwatch", counted(acts.len(), "act")));
    }
    if parts.is_empty() {
        parts.push(format!("none in {}", human::span(look.window())));
    }
    let mut rows: Vec<(Timestamp, String)> =
        marks.iter().map(|m| (m.at, format!("{} {}: {}", m.kind.word(), m.workload.name, m.what))).collect();
    rows.extend(acts.iter().map(|a| (a.at, format!("{} {} by {}: {}", a.action, a.object, a.who, a.words))));
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let newest = rows.first().map(|(at, text)| format!("; {} {text}", human::moment(*at, look.now())));
    let measured = format!("{}{}", parts.join(", "), newest.unwrap_or_default());
    let names =
        rows.iter().map(|(at, text)| Clean::from(format!("{at} {text}"))).take(MOST).collect::<Vec<_>>();
    let details = rows.iter().take(MOST).map(|(at, text)| {
        detail(Health::NotConfigured, format!("{} {text}", human::moment(*at, look.now())))
    });
    Ok(Seen::new(Outcome::Pass, measured, "").named(names).detailed(details.collect()).but(blind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Mark;
    use crate::model::workload::{WorkloadKind, WorkloadRef};
    use crate::review::asked::Act;
    use crate::review::testing::{asked, denied, state};
    use jiff::SignedDuration;

    #[test]
    fn what_changed_is_told_newest_first_and_not_judged() {
        let mut state = state();
        let mark = |hours: i64| Mark {
            at: state.now - SignedDuration::from_hours(hours),
            kind: MarkKind::Scale,
            namespace: "shop".into(),
            workload: WorkloadRef { kind: WorkloadKind::Deployment, name: "api".into() },
            what: "4 → 6 replicas".into(),
            automatic: false,
        };
        let (recent, old) = (mark(5), mark(20));
        state.known.observed_marks.extend([old, recent]);
        let mut asked = asked(&[]);
        asked.acts = Ok(vec![Act {
            at: state.now - SignedDuration::from_hours(1),
            action: "restart".into(),
            object: "deployment/web".into(),
            namespace: "shop".into(),
            name: "web".into(),
            who: "dana".into(),
            words: "complete".into(),
        }]);
        let seen = look(&Look { state: &state, asked: &asked }).unwrap();
        assert_eq!(seen.verdict.outcome, Outcome::Pass);
        let want = "1 scale, 1 act through midwatch; 07:00 restart deployment/web by dana: complete";
        assert_eq!(&*seen.verdict.measured, want, "what is older than the window is not of it");
        assert_eq!(seen.details.len(), 2);
        asked.acts = Err("permission denied".into());
        assert_eq!(
            look(&Look { state: &state, asked: &asked }).unwrap().verdict.outcome,
            Outcome::CouldNotCheck
        );
        asked.acts = Ok(Vec::new());
        denied(&mut state, FeedId::Events);
        assert_eq!(
            look(&Look { state: &state, asked: &asked }).unwrap().verdict.outcome,
            Outcome::CouldNotCheck
        );
    }
}
