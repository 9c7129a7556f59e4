//! Watches: from a version on, in either encoding.

use std::borrow::Cow;

use http::Response;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant};

use super::api::{self, Encoding};
use super::feed::Feed;
use super::frames::Frames;
use super::kind::Kind;
use super::lines::Lines;
use super::list::{MAX_ITEM, MetaOnly, with_query};
use super::protobuf;
use super::raw::{Raw, Unreadable};
use super::trouble::{Refusal, Trouble};

/// A watch that tells nothing and ends sooner has failed.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How a watch ended without trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// To be taken up again from the last version.
    InOrder,
    /// The version is too old: a new list is needed.
    Expired,
}

/// What one event of a watch meant.
enum Heard {
    Change,
    Expired,
}

/// The events of a watch, as they come.
enum Events {
    Lines(Lines),
    Frames(Frames),
}

impl Events {
    fn of(response: Response<Body>) -> Self {
        match Encoding::of(&response) {
            Encoding::Json => Self::Lines(Lines::new(response.into_body(), MAX_ITEM)),
            Encoding::Protobuf => Self::Frames(Frames::new(response.into_body())),
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            Self::Lines(_) => Encoding::Json,
            Self::Frames(_) => Encoding::Protobuf,
        }
    }

    /// The next event; None at the end. Dropping the future loses nothing.
    async fn next(&mut self, idle: Duration) -> Result<Option<Vec<u8>>, Trouble> {
        match self {
            Self::Lines(lines) => Ok(lines.next(idle).await?.map(|line| line.bytes)),
            Self::Frames(frames) => frames.next(idle).await,
        }
    }
}

#[derive(Deserialize)]
struct EventWire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// An event's type and object.
fn event(encoding: Encoding, bytes: &[u8]) -> Result<(Cow<'_, str>, Raw<'_>), Unreadable> {
    match encoding {
        Encoding::Json => {
            let event: EventWire<'_> = Raw::Json(bytes).read("")?;
            Ok((event.kind, Raw::Json(event.object.get().as_bytes())))
        }
        Encoding::Protobuf => {
            let (kind, object) = protobuf::event(bytes)?;
            Ok((kind.into(), Raw::Enveloped(object)))
        }
    }
}

impl<K: Kind> Feed<K> {
    /// Watches from `version` until the server ends it.
    pub(super) async fn watch_from(&mut self, version: &str) -> Result<Ended, Trouble> {
        self.verb = "watch";
        let most = self.timing.watch_s;
        // Spread, so that the feeds don't renew all at the same moment.
        let seconds = rand::random_range(most.saturating_sub(most / 5)..=most);
        let version = api::escape(version);
        let query =
            format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={version}");
        let uri = with_query(&self.path, &query);
        let response = match self.get(&uri, true).await {
            Ok(response) => response,
            Err(trouble) if expired(&trouble) => return Ok(Ended::Expired),
            Err(trouble) => return Err(trouble),
        };
        self.sink.alive();
        self.follow(response).await
    }

    async fn follow(&mut self, response: Response<Body>) -> Result<Ended, Trouble> {
        let opened = Instant::now();
        let mut events = Events::of(response);
        let encoding = events.encoding();
        let mut heard_any = false;
        loop {
            let event = match self.next(&mut events).await {
                Ok(Some(event)) => event,
                Err(trouble @ (Trouble::Closed | Trouble::Garbled(_))) => return Err(trouble),
                // Whether the server is still there is seen when the watch is taken up again.
                Ok(None) | Err(_) => break,
            };
            match self.hear(encoding, &event)? {
                Some(Heard::Expired) => return Ok(Ended::Expired),
                Some(Heard::Change) => self.sink.alive(),
                None => {}
            }
            heard_any = true;
            self.backoff.reset();
        }
        self.sink.flush().await?;
        self.note_end(heard_any || opened.elapsed() >= AT_ONCE)
    }

    /// The next event; what is due in the meantime is sent.
    async fn next(&mut self, events: &mut Events) -> Result<Option<Vec<u8>>, Trouble> {
        let idle = self.timing.idle;
        loop {
            let due = self.sink.due();
            if due.is_some_and(|due| due <= Instant::now()) {
                self.sink.flush().await?;
                continue;
            }
            let never = Instant::now() + idle * 2;
            tokio::select! {
                event = events.next(idle) => return event,
                () = tokio::time::sleep_until(due.unwrap_or(never)) => {}
            }
        }
    }

    fn hear(&mut self, encoding: Encoding, bytes: &[u8]) -> Result<Option<Heard>, Trouble> {
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let (kind, object) = match event(encoding, bytes) {
            Ok(event) => event,
            Err(error) => return Ok(self.skip(Raw::Json(b"{}"), &error)),
        };
        let version = match &*kind {
            "ADDED" | "MODIFIED" => self.upsert(object),
            "DELETED" => self.delete(object),
            "BOOKMARK" => {
                object.read::<MetaOnly>(K::MESSAGE).ok().map(|bookmark| bookmark.metadata.resource_version)
            }
            "ERROR" => {
                let (Raw::Json(status) | Raw::Bare(status) | Raw::Enveloped(status)) = object;
                let trouble = Trouble::Status(Refusal::read(0, None, status));
                return if expired(&trouble) { Ok(Some(Heard::Expired)) } else { Err(trouble) };
            }
            _ => return Ok(self.skip(Raw::Json(b"{}"), &"an event of a kind that is not known")),
        };
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            self.version = Some(version);
        }
        Ok(Some(Heard::Change))
    }

    fn note_end(&mut self, lived: bool) -> Result<Ended, Trouble> {
        self.short_lived = if lived { 0 } else { self.short_lived + 1 };
        match self.short_lived {
            0 | 1 => Ok(Ended::InOrder),
            times => {
                Err(Trouble::Unreachable(format!("the watch was dropped at once, {times} times in a row")))
            }
        }
    }
}

/// 410, 400 for a version that the server can't read, and a version from the future (etcd was
/// restored from a backup) all need a new list.
pub(super) fn expired(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Status(refusal) => {
            matches!(refusal.code, 400 | 410) || refusal.message.contains("Too large resource version")
        }
        _ => false,
    }
}
