//! Silences: made and expired by Alertmanager's API v2.

use serde_json::Value;

use super::{Found, Sent};
use crate::actions::gateway::Hand;
use crate::actions::silence::SilenceWrite;
use crate::model::FailureKind;
use crate::sources::discover::{self, Role};
use crate::sources::http::Endpoint;

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
    let (path, sent) = match write {
        SilenceWrite::Make(silence) => {
            (SILENCES.to_owned(), endpoint.alter(http::Method::POST, SILENCES, Some(silence)).await)
        }
        SilenceWrite::Expire { id } => {
            let path = format!("/api/v2/silence/{}", crate::sources::kubernetes::api::escape(id));
            let sent = endpoint.alter(http::Method::DELETE, &path, None).await;
            (path, sent)
        }
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
            let same = |s: &&Value| {
                ["startsAt", "endsAt", "createdBy", "comment"].iter().all(|k| s[*k] == wanted[*k])
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
