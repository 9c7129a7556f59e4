//! Evict a pod: deleted only as far as its PodDisruptionBudget allows, which the API server
//! decides (429 where it does not).

use std::borrow::Cow;

use super::delete_pod::{Budget, budget, ending};
use super::plan::{Body, KubeWrite};
use super::{Plan, Reader, Stop};
use crate::model::action::{ActionId, Check, Subject};

pub async fn plan(read: &Reader<'_>, subject: &Subject) -> Result<Plan, Stop> {
    let pod = read.subject(subject).await?;
    let budgets = read.list("policy", "poddisruptionbudgets", &subject.namespace).await;
    let eviction = Body::Evict { uid: subject.uid.to_string() };
    let write = KubeWrite { subresource: Cow::Borrowed("eviction"), ..KubeWrite::of(subject, eviction) };
    let mut plan = ending(ActionId::Evict, subject, &pod, write);
    plan.checks.push(match budget(&pod, budgets) {
        Budget::Allows(words) => Check::ok("budget", &words),
        Budget::Forbids(words) => Check::blocks("budget", &format!("{words}: it would be refused")),
        Budget::Unknown(words) => Check::warning("budget", &words),
    });
    Ok(plan)
}
