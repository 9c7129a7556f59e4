//! Watches: from a version on, or from the beginning as a streaming list.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Response;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant};

use super::api;
use super::feed::Feed;
use super::kind::Kind;
use super::lines::{Line, Lines};
use super::list::with_query;
use super::meta::or_default;
use super::trouble::{Refusal, Trouble};

/// etcd stores no object larger than 1.5 MiB; JSON escapes may blow it up.
const MAX_OBJECT: usize = 8 << 20;

/// A watch that tells nothing and ends sooner has failed.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How long the server may take for a streaming list, seconds; silence is bounded by `Timing::idle`.
const STREAM_S: u64 = 300;

/// How a watch ended without trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// To be taken up again from the last version.
    InOrder,
    /// The version is too old: a new list is needed.
    Expired,
}

#[derive(Deserialize)]
struct EventWire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BookmarkWire {
    metadata: BookmarkMeta,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct BookmarkMeta {
    resource_version: String,
    #[serde(deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
}

/// What one line of a watch meant.
enum Heard {
    Change,
    /// The initial events of a streaming list are over.
    InitialEnd,
    Expired,
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
        self.follow(response, false).await
    }

    /// A list as a stream of events, and the watch that follows it on the same connection.
    pub(super) async fn watch_all(&mut self) -> Result<(), Trouble> {
        self.verb = "list";
        let query = format!(
            "watch=true&allowWatchBookmarks=true&sendInitialEvents=true\
             &resourceVersionMatch=NotOlderThan&timeoutSeconds={STREAM_S}"
        );
        let uri = with_query(&self.path, &query);
        let response = match self.get(&uri, true).await {
            Ok(response) => response,
            // The server does not know it, or `watch` is denied while `list` may be allowed.
            Err(trouble) if matches!(trouble.code(), Some(400 | 403 | 405 | 415 | 422 | 501)) => {
                self.streaming = false;
                return Ok(());
            }
            Err(trouble) => return Err(trouble),
        };
        self.sink.reset();
        let outcome = self.follow(response, true).await;
        if self.version.is_none() {
            // Pages can be taken up where a stream has to begin anew.
            self.streaming = false;
        }
        if outcome? == Ended::Expired {
            self.version = None;
        }
        Ok(())
    }

    async fn follow(&mut self, response: Response<Body>, streamed: bool) -> Result<Ended, Trouble> {
        let opened = Instant::now();
        let mut initial = streamed;
        let mut idle = self.timing.idle;
        let mut lines = Lines::new(response.into_body(), MAX_OBJECT);
        let mut heard_any = false;
        loop {
            let line = match self.next(&mut lines, idle).await {
                Ok(Some(line)) => line,
                Err(Trouble::Closed) => return Err(Trouble::Closed),
                Ok(None) if initial => return Err(Trouble::Unreachable("the list broke off".to_owned())),
                Err(trouble) if initial => return Err(trouble),
                // Whether the server is still there is seen when the watch is taken up again.
                Ok(None) | Err(_) => break,
            };
            match self.hear(&line)? {
                Some(Heard::Expired) => return Ok(Ended::Expired),
                Some(Heard::InitialEnd) if initial => {
                    initial = false;
                    // The server won't end it soon: a quiet one is renewed from here.
                    idle = Duration::from_secs(self.timing.watch_s);
                    self.verb = "watch";
                    self.sink.complete().await?;
                }
                Some(Heard::Change | Heard::InitialEnd) => self.sink.alive(),
                None => {}
            }
            heard_any = true;
            self.backoff.reset();
        }
        self.sink.flush().await?;
        self.note_end(heard_any || opened.elapsed() >= AT_ONCE)
    }

    /// The next line; what is due in the meantime is sent.
    async fn next(&mut self, lines: &mut Lines, idle: Duration) -> Result<Option<Line>, Trouble> {
        loop {
            let due = self.sink.due();
            if due.is_some_and(|due| due <= Instant::now()) {
                self.sink.flush().await?;
                continue;
            }
            let never = Instant::now() + idle * 2;
            tokio::select! {
                line = lines.next(idle) => return line,
                () = tokio::time::sleep_until(due.unwrap_or(never)) => {}
            }
        }
    }

    fn hear(&mut self, line: &Line) -> Result<Option<Heard>, Trouble> {
        let text = String::from_utf8_lossy(&line.bytes);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let event = match serde_json::from_str::<EventWire<'_>>(&text) {
            Ok(event) => event,
            Err(error) => return Ok(self.skip("{}", &error.classify())),
        };
        let version = match &*event.kind {
            "ADDED" | "MODIFIED" => self.upsert(event.object.get()),
            "DELETED" => self.delete(event.object.get()),
            "BOOKMARK" => return Ok(self.bookmark(event.object.get())),
            "ERROR" => {
                let refusal = Refusal::read(0, None, event.object.get().as_bytes());
                let trouble = Trouble::Status(refusal);
                return if expired(&trouble) { Ok(Some(Heard::Expired)) } else { Err(trouble) };
            }
            other => return Ok(self.skip("{}", &other)),
        };
        // In a streaming list the versions are not in order before its end.
        if self.version.is_some()
            && let Some(version) = version.filter(|version| !version.is_empty())
        {
            self.version = Some(version);
        }
        Ok(Some(Heard::Change))
    }

    fn bookmark(&mut self, raw: &str) -> Option<Heard> {
        let bookmark = serde_json::from_str::<BookmarkWire>(raw).unwrap_or_default().metadata;
        let end = bookmark.annotations.get("k8s.io/initial-events-end").is_some_and(|value| value == "true");
        if !bookmark.resource_version.is_empty() && (end || self.version.is_some()) {
            self.version = Some(bookmark.resource_version);
        }
        Some(if end { Heard::InitialEnd } else { Heard::Change })
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
fn expired(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Status(refusal) => {
            matches!(refusal.code, 400 | 410) || refusal.message.contains("Too large resource version")
        }
        _ => false,
    }
}
