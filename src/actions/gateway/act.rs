//! The act: the only place that sends what changes something. Once, by a client of its own that
//! retries nothing, with a deadline; a lost answer is looked up, never repeated.

use std::time::Duration;

use http::{Request, header};
use kube::client::Body as Bytes;
use serde_json::{Value, json};

use super::record::{Recorded, later};
use super::review::happened;
use super::watch::{Acted, Ended};
use crate::actions::{Body, Expect, Plan, Write};
use crate::journal::{Entry, Phase};
use crate::model::action::{Check, Progress};
use crate::sources::Session;
use crate::sources::kubernetes::api;
use crate::sources::kubernetes::trouble::Trouble;

/// Admission webhooks may take 10 s each by default.
const DEADLINE: Duration = Duration::from_secs(25);
/// An object is at most 1.5 MiB (etcd's limit for a request).
const MAX_BODY: usize = 4 << 20;
/// How long, and how often, a lost answer is looked for in the object itself.
const LOOK_FOR: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the request led to.
pub enum Act {
    /// The server has taken it.
    Taken(Acted),
    /// There is nothing to watch.
    Over(Ended),
    /// No answer came: it may have happened or not.
    Lost(Lost),
}

/// A request whose answer was lost.
pub struct Lost {
    plan: Plan,
    entry: Entry,
}

/// Asks the API server whether it would take the write.
pub async fn dry_run(session: &Session, write: &Write) -> Check {
    let about = "dry run";
    match send(session, write, true).await {
        Ok(_) => Check::ok(about, "the API server would accept it"),
        Err(trouble) => match trouble.code() {
            Some(400..=499) if trouble.code() != Some(429) => {
                Check::blocks(about, &format!("the API server would refuse it: {}", happened(&trouble)))
            }
            _ => Check::warning(about, &format!("could not be made: {}", happened(&trouble))),
        },
    }
}

impl Recorded {
    /// Sends the request. This is used up by it.
    pub async fn act(self, session: &Session) -> Act {
        let sent = send(session, &self.plan().write, false).await;
        let (plan, entry) = self.into_parts();
        match sent {
            Ok(answer) => {
                Act::Taken(Acted::new(plan, later(&entry, Phase::Acted, "the API server took it"), &answer))
            }
            Err(trouble) if refuses(&trouble) => {
                let words = format!("the API server refused it: {}", happened(&trouble));
                Act::Over(Ended::new(later(&entry, Phase::Refused, &words), Progress::Failed, &words))
            }
            Err(trouble) => {
                let words = format!("the answer was lost: {}", happened(&trouble));
                Act::Lost(Lost { plan, entry: later(&entry, Phase::Unknown, &words) })
            }
        }
    }
}

/// Whether the answer says for certain that nothing was done.
fn refuses(trouble: &Trouble) -> bool {
    matches!(trouble.code(), Some(400..=499))
}

impl Lost {
    pub fn entry(&self) -> Entry {
        self.entry.clone()
    }

    /// Looks whether what was sent has arrived after all.
    pub async fn look(self, session: &Session) -> Act {
        let deadline = tokio::time::Instant::now() + LOOK_FOR;
        loop {
            let taken = match api::json::<Value>(&session.client, &self.plan.write.path()).await {
                Ok(object) if holds(&self.plan, &object) => Some(object),
                Err(trouble) if trouble.code() == Some(404) && self.plan.expect == Expect::Gone => {
                    Some(Value::Null)
                }
                _ => None,
            };
            if let Some(object) = taken {
                let entry = later(
                    &self.entry,
                    Phase::Acted,
                    "the answer was lost, and it has come about all the same",
                );
                return Act::Taken(Acted::new(self.plan, entry, &object));
            }
            if tokio::time::Instant::now() >= deadline {
                return Act::Lost(self);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Nothing of it was seen.
    pub fn given_up(self) -> Ended {
        let what = &self.entry.words;
        let words = format!("{what}; {} s later nothing of it can be seen", LOOK_FOR.as_secs());
        let told = format!("{words}: look at the object before you do anything again");
        Ended::new(later(&self.entry, Phase::Outcome, &words), Progress::Unknown, &told)
    }
}

/// Whether the object is as the write would have it.
fn holds(plan: &Plan, object: &Value) -> bool {
    match &plan.write.body {
        Body::Delete { uid } => {
            object["metadata"]["uid"] != uid.as_str() || object["metadata"]["deletionTimestamp"].is_string()
        }
        Body::JsonPatch(operations) => {
            let same = object["metadata"]["uid"] == plan.subject.uid.as_str();
            let of = |o: &Value| object.pointer(o["path"].as_str().unwrap_or_default()).cloned();
            same && operations.as_array().into_iter().flatten().all(|o| match o["op"].as_str() {
                Some("add" | "replace") => of(o).as_ref() == o.get("value"),
                Some("remove") => of(o).is_none(),
                _ => true,
            })
        }
    }
}

async fn send(session: &Session, write: &Write, dry_run: bool) -> Result<Value, Trouble> {
    let query = if dry_run { "?fieldManager=midwatch&dryRun=All" } else { "?fieldManager=midwatch" };
    let (builder, body) = match &write.body {
        Body::JsonPatch(operations) => {
            let uri = format!("{}{query}", write.path());
            (
                Request::patch(uri).header(header::CONTENT_TYPE, "application/json-patch+json"),
                operations.clone(),
            )
        }
        Body::Delete { uid } => {
            let dry = if dry_run { json!(["All"]) } else { json!([]) };
            let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}, "dryRun": dry});
            (Request::delete(write.path()).header(header::CONTENT_TYPE, "application/json"), options)
        }
    };
    let request = builder
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(body.to_string().into_bytes()))
        .map_err(|e| Trouble::Garbled(e.to_string()))?;
    let hand = session.hand().await?;
    let response = api::answer(&hand, request, DEADLINE).await?;
    // That it was taken is certain from here on, whatever becomes of the body.
    let body = api::bytes(response.into_body(), MAX_BODY, DEADLINE).await.unwrap_or_default();
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
