//! Watches: a stream of JSON lines from the store's log, with bookmarks, streaming lists,
//! and the `ERROR` event that says the asked version is gone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::kinds::Kind;
use super::object::Object;
use super::request::{Request, Target};
use super::select::Selector;
use super::status::ApiError;
use super::store::{Change, Store};
use super::{reply, schema, table};
use crate::sim::fault::{Fault, Faults};

/// Without `timeoutSeconds` the API server ends a watch after 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);
/// Initial events that are put into one chunk.
const INITIAL_AT_ONCE: usize = 500;
/// The API server sends a bookmark about once a minute, of its own time and of that which is simulated.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

struct Watch {
    store: Arc<Store>,
    faults: Arc<Faults>,
    changed: tokio::sync::watch::Receiver<u64>,
    fault: tokio::sync::watch::Receiver<Fault>,
    kind: Kind,
    namespace: String,
    selector: Selector,
    as_table: bool,
    protobuf: bool,
    bookmarks: bool,
    cursor: u64,
    end: Instant,
    next_bookmark: Instant,
    /// The simulated time of the last one.
    bookmarked_ms: i64,
    /// What there was at the start and has not been sent yet.
    initial: VecDeque<Arc<Object>>,
    /// The bookmark that ends the initial events.
    marked: bool,
    ready: VecDeque<Vec<u8>>,
    closed: bool,
}

/// Answers a watch.
///
/// # Errors
/// 400 for bad selectors and versions, 422 for a streaming list asked for wrongly.
pub fn watch(
    store: &Arc<Store>,
    faults: &Arc<Faults>,
    request: &Request,
    target: &Target,
) -> Result<Response, ApiError> {
    let kind = target.kind;
    if !kind.info().stored {
        return Err(ApiError::method_not_allowed());
    }
    let mut fields = request.param("fieldSelector").to_owned();
    if !target.name.is_empty() {
        fields = format!("metadata.name={}", target.name);
    }
    let selector = Selector::parse(kind, request.param("labelSelector"), &fields)?;
    let initial = request.flag("sendInitialEvents");
    if initial && request.param("resourceVersionMatch") != "NotOlderThan" {
        let cause = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to \
                     NotOlderThan";
        return Err(ApiError::invalid_options(cause));
    }
    let version = version(request.param("resourceVersion"))?;
    let timeout = request.param("timeoutSeconds").parse().map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let now = Instant::now();
    let first = request.header("accept").split(',').next().unwrap_or_default().trim();
    let protobuf = first.starts_with(schema::encode::MEDIA) && schema::of(kind.info()).is_some();
    let mut watch = Watch {
        changed: store.subscribe(),
        fault: faults.subscribe(),
        store: store.clone(),
        faults: faults.clone(),
        kind,
        namespace: target.namespace.clone(),
        selector,
        as_table: request.wants_table(),
        protobuf,
        bookmarks: request.flag("allowWatchBookmarks"),
        cursor: version,
        end: now + faults.watch_lifetime(timeout),
        next_bookmark: now + BOOKMARK_EVERY,
        bookmarked_ms: faults.clock().now_ms(),
        initial: VecDeque::new(),
        marked: false,
        ready: VecDeque::new(),
        closed: false,
    };
    if initial || version == 0 {
        watch.start_with_everything(initial);
    }
    let body = Body::from_stream(stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line, watch))
    }));
    let content_type =
        if protobuf { "application/vnd.kubernetes.protobuf;stream=watch" } else { "application/json" };
    Ok(reply::with_type(200, content_type, body))
}

/// The version that is asked for; 0 without one.
///
/// # Errors
/// 400 for what is no version.
pub fn version(asked: &str) -> Result<u64, ApiError> {
    if asked.is_empty() {
        return Ok(0);
    }
    asked.parse().map_err(|_| {
        let why = "strconv.ParseUint: invalid syntax";
        ApiError::bad_request(format!("resourceVersion: Invalid value: \"{asked}\": {why}"))
    })
}

impl Watch {
    fn start_with_everything(&mut self, marked: bool) {
        let namespace = (!self.namespace.is_empty()).then_some(self.namespace.as_str());
        let page = self.store.page(self.kind, namespace, None, usize::MAX, |o| self.selector.matches(o));
        self.cursor = page.version;
        self.initial = page.objects.into();
        self.marked = marked && self.bookmarks;
    }

    /// Some of the initial events at a time: all of a large cluster at once would be a lot of memory.
    fn some_of_initial(&mut self) {
        for object in self.initial.drain(..self.initial.len().min(INITIAL_AT_ONCE)).collect::<Vec<_>>() {
            self.ready.push_back(self.line("ADDED", &object));
        }
        if self.initial.is_empty() && std::mem::take(&mut self.marked) {
            self.ready.push_back(self.bookmark(true));
        }
    }

    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        loop {
            if self.fault.borrow_and_update().down {
                return Some(Err(std::io::ErrorKind::ConnectionReset.into()));
            }
            if self.ready.is_empty() {
                self.some_of_initial();
            }
            if !self.ready.is_empty() {
                // All that is ready goes out as one chunk: a burst costs one write.
                let burst: Vec<Vec<u8>> = self.ready.drain(..).collect();
                return Some(Ok(Bytes::from(burst.concat())));
            }
            if self.closed {
                return None;
            }
            self.changed.borrow_and_update();
            self.collect();
            if self.ready.is_empty() && self.is_due() {
                self.mark();
            }
            if !self.ready.is_empty() {
                continue;
            }
            let until = self.end.min(self.next_bookmark);
            tokio::select! {
                changed = self.changed.changed() => self.closed = changed.is_err(),
                changed = self.fault.changed() => match changed {
                    Ok(()) => self.end = self.end.min(Instant::now() + self.faults.watch_lifetime(DEFAULT_TIMEOUT)),
                    Err(_) => self.closed = true,
                },
                () = tokio::time::sleep_until(until) => self.on_time(),
            }
        }
    }

    fn on_time(&mut self) {
        self.mark();
        self.closed |= Instant::now() >= self.end;
    }

    fn is_due(&self) -> bool {
        u128::try_from(self.faults.clock().now_ms() - self.bookmarked_ms)
            .is_ok_and(|ms| ms >= BOOKMARK_EVERY.as_millis())
    }

    fn mark(&mut self) {
        if self.bookmarks {
            self.ready.push_back(self.bookmark(false));
        }
        self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
        self.bookmarked_ms = self.faults.clock().now_ms();
    }

    /// Moves what the log has for this watch into `ready`.
    fn collect(&mut self) {
        match self.store.changes_since(self.cursor, Some(self.kind)) {
            Ok((version, changes)) => {
                for change in &changes {
                    if let Some((event, object)) = self.classify(change) {
                        self.ready.push_back(self.line(event, &object));
                    }
                }
                self.cursor = version;
            }
            Err(gone) => {
                self.ready.push_back(self.event("ERROR", &gone.to_value()));
                self.closed = true;
            }
        }
    }

    /// What a change is for this watch: an object may come into its view, or leave it.
    fn classify(&self, change: &Change) -> Option<(&'static str, Arc<Object>)> {
        let sees = |o: &Arc<Object>| {
            (self.namespace.is_empty() || *self.namespace == *o.namespace) && self.selector.matches(o)
        };
        let before = change.before.as_ref().is_some_and(sees);
        let after = change.after.as_ref().is_some_and(sees);
        match (before, after) {
            (false, true) => Some(("ADDED", change.last.clone())),
            (true, true) => Some(("MODIFIED", change.last.clone())),
            (true, false) => Some(("DELETED", change.last.clone())),
            (false, false) => None,
        }
    }

    fn line(&self, event: &str, object: &Arc<Object>) -> Vec<u8> {
        if self.as_table {
            let metadata = json!({"resourceVersion": object.version.to_string()});
            let now_ms = self.faults.clock().now_ms();
            let table = table::table(self.kind, std::slice::from_ref(object), metadata, now_ms, "");
            return self.event(event, &table);
        }
        if self.protobuf {
            return self.event(event, &object.tree());
        }
        format!("{{\"type\":\"{event}\",\"object\":{}}}\n", object.json()).into_bytes()
    }

    fn event(&self, event: &str, object: &Value) -> Vec<u8> {
        let packed = self.protobuf.then(|| schema::encode::event(event, object)).flatten();
        packed.unwrap_or_else(|| format!("{}\n", json!({"type": event, "object": object})).into_bytes())
    }

    fn bookmark(&self, end_of_initial: bool) -> Vec<u8> {
        let info = self.kind.info();
        let mut metadata: Value =
            json!({"resourceVersion": self.cursor.to_string(), "creationTimestamp": null});
        if end_of_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": info.kind, "apiVersion": info.api_version(), "metadata": metadata});
        self.event("BOOKMARK", &object)
    }
}
