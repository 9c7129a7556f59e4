//! Writes to the API server.

use std::time::Duration;

use http::{Request, header};
use kube::client::Body as Bytes;
use serde_json::{Value, json};

use super::{Found, Sent};
use crate::actions::gateway::Hand;
use crate::actions::gateway::review::happened;
use crate::actions::plan::{Body, KubeWrite};
use crate::model::action::Check;
use crate::sources::Session;
use crate::sources::kubernetes::api;
use crate::sources::kubernetes::trouble::Trouble;

/// As long as the act itself may take.
const DRY_RUN_WITHIN: Duration = Duration::from_secs(25);
/// An object is at most 1.5 MiB (etcd's limit for a request).
const MAX_BODY: usize = 4 << 20;

/// Asks the API server whether it would take the write.
pub async fn dry_run(session: &Session, write: &KubeWrite) -> Check {
    let about = "dry run";
    match request(session, write, true, DRY_RUN_WITHIN).await {
        Ok(_) => Check::ok(about, "the API server would accept it"),
        Err(trouble) => match trouble.code() {
            Some(400..=499) if trouble.code() != Some(429) => {
                Check::blocks(about, &format!("the API server would refuse it: {}", told(&trouble)))
            }
            _ => Check::warning(about, &format!("could not be made: {}", told(&trouble))),
        },
    }
}

/// Sends a write of the gateway's own, such as an approval's, once.
///
/// # Errors
/// As the API server has it, or that no answer came.
pub async fn once(session: &Session, write: &KubeWrite) -> Result<Value, Trouble> {
    request(session, write, false, DRY_RUN_WITHIN).await
}

/// Sends it, once.
pub async fn send(hand: &Hand<'_>, write: &KubeWrite) -> Sent {
    match request(hand.session, write, false, hand.pace.answer_within).await {
        Ok(answer) => Sent::Taken(answer),
        Err(trouble) if matches!(trouble.code(), Some(400..=499)) => Sent::Refused(told(&trouble)),
        Err(Trouble::Credentials(why)) => Sent::Refused(format!("{why}: log in anew, then try again")),
        Err(trouble) => Sent::Lost(told(&trouble)),
    }
}

/// What happened, and what to do where there is something.
fn told(trouble: &Trouble) -> String {
    let next = match trouble.code() {
        Some(401) => ": log in anew, then try again",
        Some(403) => ": ask for that permission",
        Some(404) => ": it is gone; look at what is there now",
        Some(409) => ": somebody else has changed it; look at it and begin anew",
        Some(422) => ": it is not as it was shown, or the value is not allowed; look at it and begin anew",
        Some(429) => ": a disruption budget or a limit of the server stands in the way; try again later",
        _ => "",
    };
    format!("{}{next}", happened(trouble))
}

/// Whether the object is as the write would have it.
pub async fn find(session: &Session, write: &KubeWrite) -> Found {
    let gone = matches!(write.body, Body::Delete { .. } | Body::Evict { .. });
    let path = match write.body {
        Body::Create(_) | Body::Apply(_) | Body::Delete { .. } | Body::Evict { .. } => write.object_path(),
        Body::JsonPatch(_) => write.path(),
    };
    match api::json::<Value>(&session.client, &path).await {
        Ok(object) if holds(write, &object) => Found::Yes(object),
        Ok(object) if is_as_before(write, &object) => Found::NotDone,
        Ok(_) => Found::No,
        Err(trouble) if trouble.code() == Some(404) && gone => Found::Yes(Value::Null),
        Err(trouble) if trouble.code() == Some(404) => Found::No,
        Err(_) => Found::Unseen,
    }
}

fn holds(write: &KubeWrite, object: &Value) -> bool {
    match &write.body {
        Body::Delete { uid } | Body::Evict { uid } => {
            object["metadata"]["uid"] != uid.as_str() || object["metadata"]["deletionTimestamp"].is_string()
        }
        Body::JsonPatch(operations) => operations.as_array().into_iter().flatten().all(|o| {
            let is = object.pointer(o["path"].as_str().unwrap_or_default());
            match o["op"].as_str() {
                // Controllers write there, too: the revision's number.
                _ if o["path"] == "/metadata/annotations" => true,
                // The server adds its defaults.
                Some("add" | "replace") => is.is_some_and(|is| covers(is, &o["value"])),
                Some("remove") => is.is_none(),
                Some("test") if o["path"] == "/metadata/uid" => is == o.get("value"),
                _ => true,
            }
        }),
        Body::Create(_) => true,
        Body::Apply(wanted) => covers(object, wanted),
    }
}

/// Whether nothing has touched the object since it was read.
fn is_as_before(write: &KubeWrite, object: &Value) -> bool {
    match &write.body {
        Body::Delete { .. } | Body::Evict { .. } => true,
        Body::JsonPatch(operations) => {
            let counted = ["/metadata/generation", "/metadata/resourceVersion"];
            let tests = operations.as_array().into_iter().flatten().filter(|o| o["op"] == "test");
            let mut counts = tests.filter(|o| counted.iter().any(|path| o["path"] == *path)).peekable();
            counts.peek().is_some()
                && counts.all(|o| object.pointer(o["path"].as_str().unwrap_or_default()) == o.get("value"))
        }
        Body::Create(_) | Body::Apply(_) => false,
    }
}

/// Whether everything of `wanted` stands in `object`.
fn covers(object: &Value, wanted: &Value) -> bool {
    match (object, wanted) {
        (Value::Object(object), Value::Object(wanted)) => {
            wanted.iter().all(|(k, w)| object.get(k).is_some_and(|o| covers(o, w)))
        }
        (Value::Array(object), Value::Array(wanted)) => {
            wanted.iter().all(|w| object.iter().any(|o| covers(o, w)))
        }
        (object, wanted) => object == wanted,
    }
}

async fn request(
    session: &Session,
    write: &KubeWrite,
    dry_run: bool,
    within: Duration,
) -> Result<Value, Trouble> {
    let query = if dry_run { "?fieldManager=midwatch&dryRun=All" } else { "?fieldManager=midwatch" };
    let uri = format!("{}{query}", write.path());
    let (builder, kind, body) = match &write.body {
        Body::JsonPatch(operations) => {
            (Request::patch(uri), "application/json-patch+json", operations.clone())
        }
        Body::Apply(object) => (Request::patch(uri), "application/apply-patch+yaml", object.clone()),
        Body::Create(object) => (Request::post(uri), "application/json", object.clone()),
        Body::Evict { uid } => {
            // The API server reads the dry run of an eviction from the query.
            let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": write.name, "namespace": write.namespace},
                "deleteOptions": {"preconditions": {"uid": uid}}});
            (Request::post(uri), "application/json", eviction)
        }
        Body::Delete { uid } => {
            let dry = if dry_run { json!(["All"]) } else { json!([]) };
            let options = json!({"kind": "DeleteOptions", "apiVersion": "v1",
                "preconditions": {"uid": uid}, "dryRun": dry});
            (Request::delete(uri), "application/json", options)
        }
    };
    let request = builder
        .header(header::CONTENT_TYPE, kind)
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(body.to_string().into_bytes()))
        .map_err(|e| Trouble::Garbled(e.to_string()))?;
    let hand = session.hand().await?;
    let response = api::answer(&hand, request, within).await?;
    // That it was taken is certain from here on, whatever becomes of the body.
    let body = api::bytes(response.into_body(), MAX_BODY, within).await.unwrap_or_default();
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_applied_object_is_found_among_the_server_s_own_fields() {
        let wanted = json!({"data": {"maintenance": "on"}, "items": [{"name": "a"}]});
        let object = json!({"metadata": {"uid": "1"}, "data": {"maintenance": "on", "other": "x"}, "items": [{"name": "b"}, {"name": "a", "more": 1}]});
        assert!(covers(&object, &wanted));
        assert!(!covers(&json!({"data": {"maintenance": "off"}, "items": [{"name": "a"}]}), &wanted));
    }
}
