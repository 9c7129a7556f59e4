//! Silences: made and expired by Alertmanager's API v2.

use serde_json::Value;

use super::{Found, Sent};
use crate::actions::gateway::Hand;
use crate::actions::silence::SilenceWrite;
use crate::model::FailureKind;
use crate::sources::discover::{self, Role};
use crate::sources::http::Endpoint;
use crate::sources::kubernetes::api::escape;

const SILENCES: &str = "/api/v2/silences";

async fn endpoint(hand: &Hand<'_>) -> Result<Endpoint, String> {
    let found = &hand.session.found;
    let opened = discover::open(Role::Alertmanager, hand.session, hand.config, found).await;
    opened.map(|(endpoint, _)| endpoint).map_err(|f| format!("{}: {}; {}", f.tried, f.happened, f.next))
}

/// Sends it, once.
pub async fn send(hand: &Hand<'_>, write: &SilenceWrite) -> Sent {
    let endpoint = match endpoint(hand).await {
        Ok(endpoint) => endpoint,
        Err(why) => return Sent::Refused(why),
    };
    let (method, path, body) = match write {
        SilenceWrite::Make(silence) => (http::Method::POST, SILENCES.to_owned(), Some(silence)),
        SilenceWrite::Expire { id } => {
            (http::Method::DELETE, format!("/api/v2/silence/{}", escape(id)), None)
        }
    };
    let within = hand.pace.answer_within;
    let Ok(sent) = tokio::time::timeout(within, endpoint.alter(method, &path, body)).await else {
        return Sent::Lost(format!("no answer within {} s", within.as_secs()));
    };
    match sent {
        Ok(reply) if reply.status.is_success() => {
            Sent::Taken(serde_json::from_slice(&reply.body).unwrap_or_default())
        }
        Ok(reply) => {
            let failure = endpoint.refused(&path, &reply);
            let why = format!("{}; {}", failure.happened, failure.next);
            // A gateway in between may say 5xx of a request that has arrived.
            if reply.status.is_client_error() { Sent::Refused(why) } else { Sent::Lost(why) }
        }
        Err(failure) if failure.kind == FailureKind::NotConfigured => {
            Sent::Refused(failure.happened.to_string())
        }
        Err(failure) => Sent::Lost(failure.happened.to_string()),
    }
}

/// Whether Alertmanager has it so.
pub async fn find(hand: &Hand<'_>, write: &SilenceWrite) -> Found {
    let Ok(endpoint) = endpoint(hand).await else { return Found::Unseen };
    let Ok(all) = endpoint.get_json::<Vec<Value>>(SILENCES, &[]).await else { return Found::Unseen };
    let found = match write {
        SilenceWrite::Make(wanted) => {
            let time = |v: &Value| v.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
            let same = |s: &&Value| {
                let texts = ["createdBy", "comment"].iter().all(|k| s[*k] == wanted[*k]);
                // The beginning is set to the moment at which it arrived.
                texts && time(&s["endsAt"]) == time(&wanted["endsAt"]) && s["status"]["state"] != "expired"
            };
            all.iter().find(same).cloned()
        }
        SilenceWrite::Expire { id } => {
            let of_it = all.iter().find(|s| s["id"] == id.as_str());
            // One that is expired is forgotten after a while.
            match of_it {
                None => Some(Value::Null),
                Some(s) => (s["status"]["state"] == "expired").then(|| s.clone()),
            }
        }
    };
    found.map_or(Found::No, Found::Yes)
}
