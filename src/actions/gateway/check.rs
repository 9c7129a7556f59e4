//! Everything that is looked at before a plan is shown: guardrails, permission, a dry run, and
//! what the action itself found.

use jiff::Timestamp;

use super::guardrails::Rules;
use super::{act, review};
use crate::actions::Plan;
use crate::model::Clean;
use crate::model::action::{Check, Preview, Request, Verdict};
use crate::sources::Session;

/// A plan that was checked. Only [`check`] makes it.
pub struct Checked {
    plan: Plan,
    request: Request,
    preview: Preview,
    at: Timestamp,
}

/// Checks a plan that was made at `at`.
pub async fn check(
    plan: Plan,
    request: Request,
    session: &Session,
    rules: &Rules<'_>,
    at: Timestamp,
) -> Checked {
    let ruling = rules.of(&plan, &session.scope);
    let mut checks = ruling.checks;
    let unapproved = ruling.approval.map(|why| format!("{why}: it would have to be approved"));
    checks.extend(unapproved.map(|words| Check::blocks("approval", &words)));
    for write in &plan.writes {
        let allowed = review::may(session, write).await;
        let denied = allowed.as_ref().is_some_and(|c| c.verdict == Verdict::Blocks);
        checks.extend(allowed);
        // In read-only mode nothing is sent that could be more than a question.
        if !denied && !ruling.read_only {
            checks.extend(act::dry_run(session, write).await);
        }
    }
    let mut seen = Vec::new();
    // Several writes of one kind have one answer.
    checks.retain(|c| {
        !seen.contains(c) && {
            seen.push(c.clone());
            true
        }
    });
    checks.extend(plan.checks.iter().cloned());
    checks.sort_by_key(|c| std::cmp::Reverse(c.verdict == Verdict::Blocks));
    let preview = Preview {
        plan: plan.hash(),
        action: plan.action,
        subject: plan.subject.clone(),
        cluster: session.scope.cluster.clone(),
        context: session.scope.context.clone(),
        protected: ruling.protected,
        before: plan.before.clone(),
        after: plan.after.clone(),
        change: plan.change.clone(),
        touches: Clean::new(&plan.touches),
        undo: Clean::new(&plan.undo),
        back: plan.back.clone(),
        checks,
        type_name: (plan.high_risk || ruling.type_name).then(|| plan.subject.name.clone()),
        reason_required: ruling.reason_required,
    };
    Checked { plan, request, preview, at }
}

impl Checked {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn into_plan(self) -> Plan {
        self.plan
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    pub fn at(&self) -> Timestamp {
        self.at
    }

    pub fn hash(&self) -> String {
        self.preview.plan.clone()
    }

    /// What is different from the plan that was shown before, in words.
    pub fn moved_since(&self, before: &Self) -> String {
        let (old, new) = (&before.plan.before, &self.plan.before);
        let moved = old.iter().find_map(|(name, was)| {
            let is = new.get(name)?;
            (is != was).then(|| format!("{name} was {was} and is {is} now"))
        });
        moved.unwrap_or_else(|| format!("{} was changed since this was shown", self.plan.subject.words()))
    }
}
