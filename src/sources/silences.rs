//! The silences of Alertmanager, asked once for a review: who mutes what, and until when.

use jiff::Timestamp;
use serde::Deserialize;

use super::Session;
use super::discover::{self, Role};
use crate::config::Config;
use crate::model::{Clean, Failure};
use crate::review::asked::Silence;

/// More are a sign of something else.
const MOST: usize = 200;
const MOST_CHARS: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: String,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
    ends_at: Timestamp,
    status: Status,
    #[serde(default)]
    matchers: Vec<Matcher>,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Matcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    /// Servers before 0.22 know only equality.
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Matcher {
    fn words(&self) -> String {
        let operator = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        format!("{}{operator}{:?}", self.name, self.value)
    }
}

/// Those that mute now, and that could mute an alert of the scope's namespace.
///
/// # Errors
/// When there is no Alertmanager, or it does not answer.
pub async fn active(session: &Session, config: &Config) -> Result<Vec<Silence>, Failure> {
    let (endpoint, _) = discover::open(Role::Alertmanager, session, config, &session.found).await?;
    let items: Vec<serde_json::Value> = endpoint.get_json("/api/v2/silences", &[]).await?;
    let read = items.into_iter().filter_map(|item| serde_json::from_value::<Wire>(item).ok());
    let namespace = session.scope.namespace.as_deref();
    let ours = read.filter(|s| s.status.state == "active" && concerns(s, namespace));
    Ok(ours.take(MOST).map(silence).collect())
}

/// A silence of another namespace is not ours to worry about; patterns are left to the reader.
fn concerns(wire: &Wire, namespace: Option<&str>) -> bool {
    let Some(ours) = namespace else { return true };
    wire.matchers.iter().all(|m| m.name != "namespace" || m.is_regex || (m.value == ours) == m.is_equal)
}

fn silence(wire: Wire) -> Silence {
    let bounded = |text: &str| Clean::new(&text.chars().take(MOST_CHARS).collect::<String>());
    let matchers: Vec<String> = wire.matchers.iter().map(Matcher::words).collect();
    Silence {
        id: bounded(&wire.id),
        by: bounded(&wire.created_by),
        comment: bounded(&wire.comment),
        ends_at: wire.ends_at,
        matchers: bounded(&matchers.join(", ")),
    }
}
