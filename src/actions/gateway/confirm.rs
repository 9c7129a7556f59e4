//! The confirmation, checked once more on this side of the dialog.

use super::check::{Checked, Consent};
use crate::actions::Plan;
use crate::sources::Session;

/// What the dialog was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub typed_name: String,
    pub reason: String,
}

/// A plan that somebody has confirmed. Only [`Checked::confirm`] makes it.
pub struct Confirmed {
    checked: Checked,
    reason: String,
    approver: String,
}

/// Why a plan is not confirmed.
pub enum Not {
    Refused(String),
    /// Somebody else has to approve it, and why.
    NeedsApproval(String),
}

impl Checked {
    /// Takes the confirmation, or says why it is none. An approval is used up by it.
    ///
    /// # Errors
    /// The plan, with the reason.
    pub async fn confirm(self, session: &Session, given: Given) -> Result<Confirmed, Box<(Self, Not)>> {
        let refused = |checked: Self, why: String| Err(Box::new((checked, Not::Refused(why))));
        let preview = self.preview();
        if let Some(check) = preview.blocked() {
            let why = format!("{}: {}", check.about, check.words);
            return refused(self, why);
        }
        if preview.type_name.as_ref().is_some_and(|name| *name.as_str() != given.typed_name) {
            return refused(self, "the name that was typed is not the object's".to_owned());
        }
        let reason = given.reason.trim().to_owned();
        if preview.reason_required && reason.is_empty() {
            return refused(self, "a reason must be given".to_owned());
        }
        let approver = match self.consent() {
            Consent::NotNeeded => String::new(),
            Consent::Missing(why) => {
                let why = why.clone();
                return Err(Box::new((self, Not::NeedsApproval(why))));
            }
            Consent::Given(approval) => match approval.consume(session).await {
                Ok(by) => by,
                Err(why) => return refused(self, why),
            },
        };
        Ok(Confirmed { checked: self, reason, approver })
    }
}

impl Confirmed {
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    pub fn into_plan(self) -> Plan {
        self.checked.into_plan()
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Empty where nobody had to be asked.
    pub fn approver(&self) -> &str {
        &self.approver
    }
}
