//! The confirmation, checked once more on this side of the dialog.

use super::check::Checked;

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
}

impl Checked {
    /// Takes the confirmation, or says why it is none.
    ///
    /// # Errors
    /// The plan, with the reason.
    pub fn confirm(self, given: Given) -> Result<Confirmed, Box<(Self, String)>> {
        let preview = self.preview();
        if let Some(check) = preview.blocked() {
            let why = format!("{}: {}", check.about, check.words);
            return Err(Box::new((self, why)));
        }
        if preview.type_name.as_ref().is_some_and(|name| *name.as_str() != given.typed_name) {
            let why = "the name that was typed is not the object's".to_owned();
            return Err(Box::new((self, why)));
        }
        let reason = given.reason.trim().to_owned();
        if preview.reason_required && reason.is_empty() {
            return Err(Box::new((self, "a reason must be given".to_owned())));
        }
        Ok(Confirmed { checked: self, reason })
    }
}

impl Confirmed {
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    pub fn into_parts(self) -> (Checked, String) {
        (self.checked, self.reason)
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }
}
