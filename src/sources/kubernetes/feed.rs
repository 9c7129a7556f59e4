//! The watch engine: list, then watch, for ever; what goes wrong is said and tried again.
//!
//! Own, because kube's watcher keeps whole objects, hides which of its requests failed, and
//! notices a dead connection after minutes.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use kube::client::Body;
use tokio::sync::watch::Receiver;

use super::api;
use super::backoff::Backoff;
use super::kind::{Convert, Kind, Reach, Wire};
use super::list::{MetaOnly, PAGE, Page, page_uri};
use super::sink::{MAX_CHANGES, Sink};
use super::trouble::Trouble;
use super::watch::Ended;
use crate::sources::{Context, Session, Wants};

/// The engine's waits; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Silence that is borne on a connection.
    pub idle: Duration,
    /// How long a watch lives: shorter than `idle`, so that a quiet watch ends in order and a
    /// silent one is known to be dead. Seconds.
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

/// Runs until the context's stop.
pub async fn run<K: Kind>(context: Context, timing: Timing) {
    let stop = context.stop.clone();
    let mut feed = Feed::<K>::new(&context, timing);
    let mut wants = context.wants.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = feed.go_on(&context, &mut wants) => {}
    }
}

pub(super) struct Feed<K: Kind> {
    pub(super) path: String,
    namespace: Option<String>,
    pub(super) sink: Sink,
    pub(super) convert: Convert,
    pub(super) timing: Timing,
    pub(super) backoff: Backoff,
    /// From where to watch; None: a list is needed first.
    pub(super) version: Option<String>,
    /// Whether a streaming list is tried.
    pub(super) streaming: bool,
    /// Watches in a row that ended at once.
    pub(super) short_lived: u32,
    /// For the failure's words.
    pub(super) verb: &'static str,
    skipped: u64,
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
            version: None,
            streaming: K::POLLED.is_none(),
            short_lived: 0,
            verb: "list",
            skipped: 0,
            session: context.session.clone(),
            cut_off: false,
            kind: std::marker::PhantomData,
        }
    }

    async fn go_on(&mut self, context: &Context, wants: &mut Receiver<Wants>) {
        loop {
            let trouble = match self.turn(context, wants).await {
                Ok(()) => continue,
                Err(Trouble::Closed) => return,
                Err(trouble) => trouble,
            };
            if self.retreat(&trouble) {
                continue;
            }
            let failure = trouble.failure(&K::RESOURCE.ask(self.verb, self.namespace.as_deref()));
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
    async fn turn(&mut self, context: &Context, wants: &mut Receiver<Wants>) -> Result<(), Trouble> {
        if let Some(period) = K::POLLED {
            self.list().await?;
            tokio::select! {
                () = tokio::time::sleep(period) => {}
                () = refreshed(wants) => {}
            }
            return Ok(());
        }
        match self.version.clone() {
            Some(version) => match self.watch_from(&version).await? {
                Ended::InOrder => {}
                Ended::Expired => self.version = None,
            },
            None if self.streaming && streams(context).await? => self.watch_all().await?,
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
        true
    }

    fn pause(&mut self, trouble: &Trouble) -> Duration {
        let pause = self.backoff.pause();
        match trouble.code() {
            Some(403..=405) => self.timing.refused_pause,
            _ => trouble.retry_after().map_or(pause, |asked| asked.max(pause)),
        }
    }

    /// The whole list; the rows of each page are sent before the next is asked for.
    async fn list(&mut self) -> Result<(), Trouble> {
        self.verb = "list";
        match self.list_pages(Some(PAGE)).await {
            // The token expired: the list is too long for this connection. A second walk would
            // end as the first did, so the whole is asked for at once, as client-go does.
            Err(trouble) if trouble.code() == Some(410) => self.list_pages(None).await,
            other => other,
        }
    }

    async fn list_pages(&mut self, limit: Option<u32>) -> Result<(), Trouble> {
        self.sink.reset();
        let mut go_on = String::new();
        loop {
            let uri = page_uri(&self.path, limit, &go_on);
            let response = self.get(&uri, false).await?;
            let body = api::bytes(response.into_body(), api::MAX_BODY, self.timing.idle).await?;
            let page: Page<'_> = api::parse(&body)?;
            for raw in page.items.unwrap_or_default() {
                self.upsert(raw.get());
                if self.sink.len() >= MAX_CHANGES {
                    self.sink.flush().await?;
                }
            }
            if page.metadata.go_on.is_empty() {
                self.version = Some(page.metadata.resource_version).filter(|version| !version.is_empty());
                self.sink.complete().await?;
                self.backoff.reset();
                return Ok(());
            }
            self.sink.flush().await?;
            go_on = page.metadata.go_on;
        }
    }

    pub(super) async fn get(&mut self, uri: &str, stream: bool) -> Result<Response<Body>, Trouble> {
        let answer = api::get(&self.session.client, uri, stream, self.timing.idle).await;
        // A refusal is an answer too.
        let reached = matches!(answer, Ok(_) | Err(Trouble::Status(_)));
        if reached && std::mem::take(&mut self.cut_off) {
            self.session.tell_reached();
        }
        answer
    }

    /// Takes an object in; gives its resourceVersion. One that can't be read is counted.
    pub(super) fn upsert(&mut self, raw: &str) -> Option<String> {
        let wire = self.read(raw)?;
        let key = self.convert.key(wire.meta());
        let version = wire.meta().resource_version.clone();
        match K::convert(wire, &mut self.convert) {
            Some(observation) => self.sink.upsert(key, observation),
            None => self.sink.delete(key),
        }
        Some(version)
    }

    pub(super) fn delete(&mut self, raw: &str) -> Option<String> {
        let object: MetaOnly = match serde_json::from_str(raw) {
            Ok(object) => object,
            Err(error) => return self.skip(raw, &error.classify()),
        };
        self.sink.delete(self.convert.key(&object.metadata));
        Some(object.metadata.resource_version)
    }

    fn read(&mut self, raw: &str) -> Option<K::Wire> {
        match serde_json::from_str::<K::Wire>(raw) {
            Ok(wire) if !wire.meta().name.is_empty() => Some(wire),
            Ok(_) => self.skip(raw, &"it has no name"),
            Err(error) => self.skip(raw, &error.classify()),
        }
    }

    /// The error is told without its text, which may quote the object.
    pub(super) fn skip<T>(&mut self, raw: &str, error: &dyn std::fmt::Debug) -> Option<T> {
        self.skipped += 1;
        // The first few tell what is wrong; a flood must not fill the disk.
        if self.skipped > 10 && !self.skipped.is_multiple_of(1000) {
            return None;
        }
        let named = serde_json::from_str::<MetaOnly>(raw).unwrap_or_default();
        let key = self.convert.key(&named.metadata);
        tracing::warn!(
            feed = K::FEED.noun(), namespace = %key.namespace, name = %key.name, skipped = self.skipped, ?error,
            "an object can't be read"
        );
        None
    }
}

/// Streaming lists are on by default from 1.34. A server that hides its version is asked in pages.
async fn streams(context: &Context) -> Result<bool, Trouble> {
    match context.session.server_version().await {
        Ok(version) => Ok((version.major, version.minor) >= (1, 34)),
        Err(Trouble::Status(refusal)) if refusal.code != 401 && refusal.code != 429 => Ok(false),
        Err(Trouble::Garbled(_)) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

/// Returns when the user asks for everything now.
async fn refreshed(wants: &mut Receiver<Wants>) {
    let before = wants.borrow().refresh;
    if wants.wait_for(|now| now.refresh != before).await.is_err() {
        std::future::pending::<()>().await;
    }
}
