//! Who has taken an alert, as the Lease in the cluster says it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Clean;

/// The label by which the leases are found, and its value.
pub const KIND: &str = "midwatch.dev/kind";
pub const LEASE_KIND: &str = "acknowledgement";
/// The annotation with the alert's name, for people.
pub const ALERT: &str = "midwatch.dev/alert";

const PREFIX: &str = "midwatch-ack-";

/// The Lease of the alert with this fingerprint. Whatever is no letter or digit of a name is left out.
pub fn lease_name(fingerprint: &str) -> String {
    let plain: String = fingerprint.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    format!("{PREFIX}{}", plain.to_ascii_lowercase())
}

/// One acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub namespace: Clean,
    /// Of the Lease.
    pub name: Clean,
    pub holder: Clean,
    pub until: Timestamp,
}

impl Acknowledgement {
    /// Whether it is of the alert with this fingerprint.
    pub fn is_of(&self, fingerprint: &str) -> bool {
        *self.name.as_str() == *lease_name(fingerprint)
    }
}
