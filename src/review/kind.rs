//! How often a review is held, and how far each kind of it looks back and ahead.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    #[default]
    Daily,
    Weekly,
    Monthly,
    Quarterly,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Daily, Self::Weekly, Self::Monthly, Self::Quarterly];

    pub fn word(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Daily => "morning review",
            Self::Weekly => "weekly review",
            Self::Monthly => "monthly review",
            Self::Quarterly => "quarterly review",
        }
    }

    /// How far it looks back where nobody has signed one off before: a night, or the whole period.
    pub fn window(self) -> SignedDuration {
        match self {
            Self::Daily => SignedDuration::from_hours(12),
            _ => days(self.days()),
        }
    }

    /// The longest time it looks back: after a holiday the last sign-off may be old, and a query
    /// over more than a quarter is a burden that no morning needs.
    pub fn longest(self) -> SignedDuration {
        days(if self == Self::Daily { 31 } else { 100 })
    }

    /// From how long a course a trend is read: long enough for the week's rhythm to even out.
    pub fn trend(self) -> SignedDuration {
        days(self.days().max(7))
    }

    /// A certificate that ends within this many days is told in this review: the next one of its
    /// kind would be too late. The daily one goes by the objective.
    pub fn certificate_days(self) -> f64 {
        match self {
            Self::Daily => 0.0,
            Self::Weekly => 21.0,
            Self::Monthly => 45.0,
            Self::Quarterly => 105.0,
        }
    }

    /// A resource that will be full before this many days are over is a warning.
    pub fn full_within_days(self) -> f64 {
        match self {
            Self::Daily => 14.0,
            Self::Weekly => 30.0,
            Self::Monthly => 60.0,
            Self::Quarterly => 180.0,
        }
    }

    fn days(self) -> i64 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
            Self::Monthly => 30,
            Self::Quarterly => 90,
        }
    }

    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|k| *k == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n * 24)
}
