//! Everything that is looked at before a plan is shown: guardrails, permission, a dry run, and
//! what the action itself found.

use jiff::Timestamp;

use super::approval::{Approval, Standing, standing};
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
    consent: Consent,
}

/// Whether somebody else has to consent, and has.
pub enum Consent {
    NotNeeded,
    /// Why it is needed.
    Missing(String),
    Given(Approval),
}

/// The line of the dialog on an approval that is needed.
async fn consent(
    needed: Option<String>,
    session: &Session,
    plan: &Plan,
    now: Timestamp,
) -> (Consent, Option<Check>) {
    let Some(why) = needed else { return (Consent::NotNeeded, None) };
    let about = "approval";
    let time = |t: Timestamp| t.strftime("%H:%M:%SZ").to_string();
    match standing(session, plan, now).await {
        Standing::Given(approval) => {
            let words = format!("{why}: approved by {} until {}", approval.by, time(approval.until));
            (Consent::Given(approval), Some(Check::ok(about, &words)))
        }
        Standing::Asked(until) => {
            let words = format!("{why}: asked for until {}, nobody has approved it yet", time(until));
            (Consent::Missing(why), Some(Check::warning(about, &words)))
        }
        Standing::None => {
            let words = format!("{why}: another user has to approve it");
            (Consent::Missing(why), Some(Check::warning(about, &words)))
        }
        Standing::Unknown(what) => {
            let words = format!("{why}, and whether somebody has approved it can't be seen: {what}");
            (Consent::Missing(why), Some(Check::blocks(about, &words)))
        }
    }
}

/// Checks a plan that was made at `at`; approvals are those of `now`.
pub async fn check(
    plan: Plan,
    request: Request,
    session: &Session,
    rules: &Rules<'_>,
    (at, now): (Timestamp, Timestamp),
) -> Checked {
    let ruling = rules.of(&plan, &session.scope);
    let mut checks = ruling.checks;
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
    let (consent, line) = consent(ruling.approval, session, &plan, now).await;
    checks.extend(line);
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
        lasts: Clean::new(&plan.lasts),
        undo: Clean::new(&plan.undo),
        back: plan.back.clone(),
        checks,
        type_name: (plan.high_risk || ruling.type_name).then(|| plan.subject.name.clone()),
        reason_required: ruling.reason_required,
        approval_missing: matches!(consent, Consent::Missing(_)),
    };
    Checked { plan, request, preview, at, consent }
}

impl Checked {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn into_plan(self) -> Plan {
        self.plan
    }

    pub fn consent(&self) -> &Consent {
        &self.consent
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
