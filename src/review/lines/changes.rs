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
    let marks: Vec<_> = changes::marks(look.state).into_iter().filter(|m| m.at >= look.since()).collect();
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
