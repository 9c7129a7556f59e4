//! A container's log, as it comes: read once or followed, taken up again where it broke off.

mod line;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::api::{self, escape};
use super::backoff::Backoff;
use super::lines::Lines;
use super::trouble::{Ask, Trouble};
use crate::model::log::{LogEvent, LogRequest};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::Session;
use line::{Place, parse};

/// Longer lines are cut, with a mark.
const MAX_LINE: usize = 16 << 10;

/// A batch goes out when it has this many lines, or is this old.
const BATCH_LINES: usize = 500;
const BATCH_AGE: Duration = Duration::from_millis(100);

/// A quiet log's connection is renewed before the client would call it dead (30 s): so a dead one
/// is known, and a quiet one costs a request.
const RENEW: Duration = Duration::from_secs(25);

/// Sends the log's lines until it ends, fails for good, or `stop` is cancelled.
///
/// While following, a broken connection is said ([`LogEvent::Failed`]) and taken up again from the
/// last line. An empty [`LogEvent::Lines`] says that the log is open, or open again, though it may
/// be silent.
pub async fn follow(session: &Session, request: LogRequest, out: Sender<LogEvent>, stop: CancellationToken) {
    let reader = Reader { session, request, out, place: Place::default(), renew: RENEW };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = reader.run() => {}
    }
}

struct Reader<'a> {
    session: &'a Session,
    request: LogRequest,
    out: Sender<LogEvent>,
    place: Place,
    renew: Duration,
}

/// How one connection came to its end.
enum End {
    /// The server has closed it in order.
    Over,
    /// Nothing came for a while.
    Quiet,
}

impl Reader<'_> {
    /// None: nobody listens any more.
    async fn run(mut self) -> Option<()> {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
        let mut closed = true;
        loop {
            let outcome = match self.open().await {
                Ok(mut lines) => {
                    if std::mem::take(&mut closed) {
                        self.send(LogEvent::Lines(Vec::new())).await?;
                    }
                    backoff.reset();
                    self.read(&mut lines).await
                }
                Err(trouble) => Err(trouble),
            };
            match outcome {
                Ok(End::Over) => return self.send(LogEvent::End).await,
                Ok(End::Quiet) => {}
                Err(Trouble::Closed) => return None,
                Err(trouble) => {
                    self.send(LogEvent::Failed(self.failure(&trouble))).await?;
                    if !self.request.follow || !passes(&trouble) {
                        return Some(());
                    }
                    closed = true;
                    tokio::time::sleep(backoff.pause_after(trouble.retry_after())).await;
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Lines, Trouble> {
        let response = api::get(&self.session.client, &self.uri(), api::Want::STREAM, api::PATIENCE).await?;
        self.place.reopened();
        Ok(Lines::new(response.into_body(), MAX_LINE))
    }

    async fn read(&mut self, lines: &mut Lines) -> Result<End, Trouble> {
        let mut batch = Vec::new();
        let mut due = Instant::now();
        let outcome = loop {
            if batch.len() >= BATCH_LINES || (!batch.is_empty() && due <= Instant::now()) {
                self.flush(&mut batch).await?;
            }
            // The first wait is for the next line, the second for what is already here.
            let wait = if batch.is_empty() { Instant::now() + self.renew } else { due };
            match tokio::time::timeout_at(wait, lines.next(api::PATIENCE)).await {
                Ok(Ok(Some(line))) => {
                    let line = parse(&line);
                    if self.place.is_new(&line) {
                        if batch.is_empty() {
                            due = Instant::now() + BATCH_AGE;
                        }
                        batch.push(line);
                    }
                }
                Ok(Ok(None)) => break Ok(End::Over),
                Ok(Err(trouble)) => break Err(trouble),
                Err(_) if !batch.is_empty() => {}
                Err(_) if self.request.follow => break Ok(End::Quiet),
                Err(_) => break Err(Trouble::Unreachable(format!("silence for {} s", self.renew.as_secs()))),
            }
        };
        self.flush(&mut batch).await?;
        outcome
    }

    async fn flush(&self, batch: &mut Vec<crate::model::log::LogLine>) -> Result<(), Trouble> {
        if batch.is_empty() {
            return Ok(());
        }
        self.send(LogEvent::Lines(std::mem::take(batch))).await.ok_or(Trouble::Closed)
    }

    async fn send(&self, event: LogEvent) -> Option<()> {
        self.out.send(event).await.ok()
    }

    fn uri(&self) -> String {
        let request = &self.request;
        let mut uri = format!(
            "/api/v1/namespaces/{}/pods/{}/log?timestamps=true",
            escape(&request.namespace),
            escape(&request.pod)
        );
        let mut add = |key: &str, value: String| uri.push_str(&format!("&{key}={value}"));
        if let Some(container) = &request.container {
            add("container", escape(container));
        }
        if request.follow {
            add("follow", "true".to_owned());
        }
        if request.previous {
            add("previous", "true".to_owned());
        }
        // Once a line was seen, it says where to go on; until then the request stands as it was.
        if let Some(since) = self.place.since() {
            add("sinceTime", escape(&since));
        } else {
            if let Some(seconds) = request.since_s {
                add("sinceSeconds", seconds.max(1).to_string());
            }
            if let Some(lines) = request.tail {
                add("tailLines", lines.to_string());
            }
        }
        uri
    }

    fn failure(&self, trouble: &Trouble) -> Failure {
        let LogRequest { namespace, pod, .. } = &self.request;
        let ask =
            Ask { verb: "get", resource: "pods/log".to_owned(), namespace: Some(namespace.to_string()) };
        let mut failure = trouble.failure(&ask);
        failure.tried = Clean::new(&format!("read the log of {pod} in {namespace}"));
        match trouble.code() {
            Some(404) => failure.next = Clean::new("go back: the pod is gone"),
            // 'is waiting to start', 'previous terminated container not found', 'choose one of'.
            Some(400) => {
                failure.kind = FailureKind::Absent;
                let next = if waits(trouble) {
                    "wait for the container to start"
                } else if self.request.previous {
                    "read the running instance: there is none before it"
                } else {
                    "choose a container"
                };
                failure.next = Clean::new(next);
            }
            _ => {}
        }
        failure
    }
}

/// Whether it may be different the next time.
fn passes(trouble: &Trouble) -> bool {
    match trouble.code() {
        Some(400) => waits(trouble),
        Some(code) => code == 429 || code >= 500,
        None => true,
    }
}

fn waits(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Status(refusal) if refusal.message.contains("waiting to start"))
}
