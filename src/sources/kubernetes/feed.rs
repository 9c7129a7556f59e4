//! The watch engine: list, then watch, for ever; what goes wrong is said and tried again.
//!
//! Own, because kube's watcher keeps whole objects, hides which of its requests failed, and
//! notices a dead connection after minutes.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use kube::client::Body;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::api::{self, Encoding, Want};
use super::backoff::Backoff;
use super::kind::{Convert, Kind, Reach, Wire};
use super::list::{self, MetaOnly, PAGE, PageMeta, Part, Parts, page_uri, with_query};
use super::raw::Raw;
use super::sink::{MAX_CHANGES, Sink};
use super::trouble::Trouble;
use super::watch::{Ended, expired};
use crate::model::{Clean, FailureKind};
use crate::sources::{Context, Session, Wants};

/// The engine's waits; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Silence that is borne on a connection.
    pub idle: Duration,
    /// How long a watch lives: shorter than `idle`, so that a quiet watch ends in order and a
    /// silent one is known to be dead. Seconds.
    ///
    /// Only an answer proves that a connection is whole: keep-alive of TCP is answered by whatever
    /// stands between, bookmarks come once a minute, and kube's client has no HTTP/2, by whose pings
    /// client-go knows after 45 s. It costs 2.4 requests a minute for each of 15 kinds, on a
    /// connection that is kept, answered from the watch cache; a kubelet asks for more.
    pub watch_s: u64,
    pub coalesce: Duration,
    pub first_pause: Duration,
    pub last_pause: Duration,
    /// After 403 and 404: permissions and kinds change seldom.
    pub refused_pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            idle: api::PATIENCE,
            watch_s: 25,
            coalesce: Duration::from_millis(100),
            first_pause: Duration::from_millis(500),
            last_pause: Duration::from_secs(15),
            refused_pause: Duration::from_secs(60),
        }
    }
}

/// Of JSON, which is a twentieth when it is compressed.
const POLLED_BYTES_PER_S: u64 = 64 << 10;
/// metrics-server's own resolution is between 15 and 60 s.
const LONGEST_POLL: Duration = Duration::from_secs(60);

/// Runs until the context's stop.
pub async fn run<K: Kind>(context: Context, timing: Timing) {
    let stop = context.stop.clone();
    let mut feed = Feed::<K>::new(&context, timing);
    let mut wants = context.wants.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = feed.go_on(&mut wants) => {}
    }
}

pub(super) struct Feed<K: Kind> {
    pub(super) path: String,
    namespace: Option<String>,
    pub(super) sink: Sink,
    pub(super) convert: Convert,
    pub(super) timing: Timing,
    pub(super) backoff: Backoff,
    /// Between lists that no watch followed.
    lists: Backoff,
    /// From where to watch; None: a list is needed first.
    pub(super) version: Option<String>,
    known: Known,
    /// What is asked for: JSON where there is no protobuf.
    encoding: Encoding,
    /// Watches in a row that ended at once.
    pub(super) short_lived: u32,
    /// For the failure's words.
    pub(super) verb: &'static str,
    skipped: u64,
    /// Bytes of the list that was read last.
    unpacked: u64,
    session: Arc<Session>,
    /// The last request did not reach the server.
    cut_off: bool,
    kind: std::marker::PhantomData<K>,
}

impl<K: Kind> Feed<K> {
    fn new(context: &Context, timing: Timing) -> Self {
        let namespace = K::RESOURCE.namespace(context.session.scope.namespace.as_ref());
        Self {
            path: K::path(namespace.as_deref()),
            namespace,
            sink: Sink::new(context.epoch, K::FEED, context.out.clone(), timing.coalesce),
            convert: Convert::new(&context.config),
            timing,
            backoff: Backoff::new(timing.first_pause, timing.last_pause),
            lists: Backoff::new(timing.first_pause, timing.last_pause),
            version: None,
            known: Known::Nothing,
            encoding: if K::MESSAGE.is_empty() { Encoding::Json } else { Encoding::Protobuf },
            short_lived: 0,
            verb: "list",
            skipped: 0,
            unpacked: 0,
            session: context.session.clone(),
            cut_off: false,
            kind: std::marker::PhantomData,
        }
    }

    async fn go_on(&mut self, wants: &mut Receiver<Wants>) {
        loop {
            let trouble = match self.turn(wants).await {
                Ok(()) => continue,
                Err(Trouble::Closed) => return,
                Err(trouble) => trouble,
            };
            if self.retreat(&trouble) {
                continue;
            }
            let mut failure = trouble.failure(&K::RESOURCE.ask(self.verb, self.namespace.as_deref()));
            if failure.kind == FailureKind::Throttled {
                failure.next = Clean::new(&format!("{}; midwatch tries again by itself", failure.next));
            }
            tracing::debug!(feed = K::FEED.noun(), happened = %failure.happened, "feed failed");
            if self.sink.failed(failure).await.is_err() {
                return;
            }
            let pause = self.pause(&trouble);
            self.cut_off = matches!(trouble, Trouble::Unreachable(_));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = refreshed(wants) => {}
                () = self.session.until_reached(), if self.cut_off => {}
            }
        }
    }

    /// One list and the wait for the next, or one watch.
    async fn turn(&mut self, wants: &mut Receiver<Wants>) -> Result<(), Trouble> {
        if let Some(period) = K::POLLED {
            self.unpacked = 0;
            self.list().await?;
            tokio::select! {
                () = tokio::time::sleep(poll_pause(period, self.unpacked)) => {}
                () = refreshed(wants) => {}
            }
            return Ok(());
        }
        match self.version.clone() {
            Some(version) => match self.watch_from(&version).await? {
                Ended::InOrder => self.lists.reset(),
                Ended::Expired => {
                    self.version = None;
                    self.known = Known::Version(version);
                    // A server that forgets as fast as it lists must not be made to list without end.
                    let pause = self.lists.pause();
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = refreshed(wants) => {}
                    }
                }
            },
            None => self.list().await?,
        }
        Ok(())
    }

    /// Where all namespaces are denied, the one in which the kind commonly lives is tried.
    fn retreat(&mut self, trouble: &Trouble) -> bool {
        let Reach::All { or } = K::RESOURCE.reach else { return false };
        if trouble.code() != Some(403) || self.namespace.is_some() {
            return false;
        }
        self.namespace = Some(or.to_owned());
        self.path = K::path(Some(or));
        self.version = None;
        self.known = Known::Nothing;
        true
    }

    fn pause(&mut self, trouble: &Trouble) -> Duration {
        match trouble.code() {
            Some(403..=405) => self.timing.refused_pause,
            _ => self.backoff.pause_after(trouble.retry_after()),
        }
    }

    /// The whole list; its rows are sent while it comes.
    ///
    /// Asked for at any version, so that the server answers from its watch cache: the limit is then
    /// ignored, and all comes in one answer. On a slow link pages would cost a round trip each, and
    /// their objects would come out of etcd. Where there is no cache (events, often) the limit holds.
    /// A streaming list (`sendInitialEvents`) is a watch, which is never compressed: of 9,900 pods it
    /// is 21 MB where this is 1.3 MB.
    async fn list(&mut self) -> Result<(), Trouble> {
        self.verb = "list";
        let query = match (&self.known, K::POLLED) {
            // What is not stored has no versions and no pages.
            (_, Some(_)) => String::new(),
            (Known::Nothing, None) => format!("resourceVersion=0&limit={PAGE}"),
            // Never back in time: another API server's cache may be behind.
            (Known::Version(version), None) => {
                format!("resourceVersion={}&resourceVersionMatch=NotOlderThan", api::escape(version))
            }
            (Known::Wrong, None) => format!("limit={PAGE}"),
        };
        match self.list_pages(&query).await {
            // The token expired: the list is too long for this connection. A second walk would
            // end as the first did, so the whole is asked for at once, as client-go does.
            Err(trouble) if trouble.code() == Some(410) => self.list_pages("").await,
            Err(trouble) if expired(&trouble) => {
                self.known = Known::Wrong;
                self.list_pages(&format!("limit={PAGE}")).await
            }
            other => other,
        }
    }

    async fn list_pages(&mut self, query: &str) -> Result<(), Trouble> {
        self.sink.reset();
        let mut uri = if query.is_empty() { self.path.clone() } else { with_query(&self.path, query) };
        loop {
            let page = self.list_page(&uri).await?;
            if page.go_on.is_empty() {
                if K::POLLED.is_none() {
                    // Without one it would be listed again at once, for ever.
                    if page.resource_version.is_empty() {
                        return Err(Trouble::Garbled("the list has no version to watch from".to_owned()));
                    }
                    self.known = Known::Version(page.resource_version.clone());
                    self.version = Some(page.resource_version);
                }
                self.sink.complete().await?;
                self.backoff.reset();
                return Ok(());
            }
            self.sink.flush().await?;
            uri = page_uri(&self.path, Some(PAGE), &page.go_on);
        }
    }

    async fn list_page(&mut self, uri: &str) -> Result<PageMeta, Trouble> {
        let response = self.get(uri, false).await?;
        let encoding = Encoding::of(&response);
        let mut body = response.into_body();
        let (mut parts, mut meta) = (Parts::new(encoding), PageMeta::default());
        while let Some(piece) = api::piece(&mut body, self.timing.idle).await? {
            parts.push(&piece)?;
            while let Some(part) = parts.take()? {
                match part {
                    Part::Metadata(raw) => meta = list::metadata(raw, encoding)?,
                    Part::Item(raw) => {
                        self.upsert(Raw::item(encoding, raw));
                    }
                }
                if self.sink.len() >= MAX_CHANGES {
                    self.sink.flush().await?;
                }
            }
            if self.sink.due().is_some_and(|due| due <= Instant::now()) {
                self.sink.flush().await?;
            }
        }
        parts.end()?;
        self.unpacked += parts.seen();
        Ok(meta)
    }

    pub(super) async fn get(&mut self, uri: &str, stream: bool) -> Result<Response<Body>, Trouble> {
        loop {
            let want = Want { encoding: self.encoding, stream };
            let answer = api::get(&self.session.client, uri, want, self.timing.idle).await;
            // A refusal is an answer too.
            let reached = matches!(answer, Ok(_) | Err(Trouble::Status(_)));
            if reached && std::mem::take(&mut self.cut_off) {
                self.session.tell_reached();
            }
            match &answer {
                // Some old servers don't fall back to JSON by themselves; this one won't learn it.
                Err(trouble)
                    if self.encoding == Encoding::Protobuf && matches!(trouble.code(), Some(406 | 415)) =>
                {
                    self.encoding = Encoding::Json;
                }
                _ => return answer,
            }
        }
    }

    /// Takes an object in; gives its resourceVersion. One that can't be read is counted.
    pub(super) fn upsert(&mut self, raw: Raw<'_>) -> Option<String> {
        let wire = match raw.read::<K::Wire>(K::MESSAGE) {
            Ok(wire) if !wire.meta().name.is_empty() => wire,
            Ok(_) => return self.skip(raw, &"it has no name"),
            Err(error) => return self.skip(raw, &error),
        };
        let key = self.convert.key(wire.meta());
        let version = wire.meta().resource_version.clone();
        match K::convert(wire, &mut self.convert) {
            Some(observation) => self.sink.upsert(key, observation),
            None => self.sink.delete(key),
        }
        Some(version)
    }

    pub(super) fn delete(&mut self, raw: Raw<'_>) -> Option<String> {
        match raw.read::<MetaOnly>(K::MESSAGE) {
            Ok(object) => {
                self.sink.delete(self.convert.key(&object.metadata));
                Some(object.metadata.resource_version)
            }
            Err(error) => self.skip(raw, &error),
        }
    }

    /// The error is told without its text, which may quote the object.
    pub(super) fn skip<T>(&mut self, raw: Raw<'_>, error: &dyn std::fmt::Display) -> Option<T> {
        self.skipped += 1;
        // The first few tell what is wrong; a flood must not fill the disk.
        if self.skipped > 10 && !self.skipped.is_multiple_of(1000) {
            return None;
        }
        let named = raw.read::<MetaOnly>(K::MESSAGE).unwrap_or_default();
        let key = self.convert.key(&named.metadata);
        tracing::warn!(
            feed = K::FEED.noun(), namespace = %key.namespace, name = %key.name, skipped = self.skipped, %error,
            "an object can't be read"
        );
        None
    }
}

/// What is known of the versions of the kind.
enum Known {
    Nothing,
    Version(String),
    /// The server can't make anything of what was known.
    Wrong,
}

/// How long to wait for the next look at what can't be watched. The usage of 10,000 pods is 5 MB of
/// JSON, 250 KB compressed: each 15 s it would be most of a bastion's link.
fn poll_pause(period: Duration, unpacked: u64) -> Duration {
    Duration::from_secs(unpacked / POLLED_BYTES_PER_S).clamp(period, LONGEST_POLL.max(period))
}

/// Returns when the user asks for everything now.
async fn refreshed(wants: &mut Receiver<Wants>) {
    let before = wants.borrow().refresh;
    if wants.wait_for(|now| now.refresh != before).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_is_asked_for_less_often() {
        let period = Duration::from_secs(15);
        for (unpacked, seconds) in [(0, 15), (500_000, 15), (2_000_000, 30), (5_000_000, 60), (u64::MAX, 60)]
        {
            assert_eq!(poll_pause(period, unpacked).as_secs(), seconds, "{unpacked}");
        }
        assert_eq!(poll_pause(LONGEST_POLL * 2, 0), LONGEST_POLL * 2);
    }
}
