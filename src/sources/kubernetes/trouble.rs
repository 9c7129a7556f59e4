//! What may come instead of an answer, and how it is told: what was tried, what happened, what to
//! do next. Every request to the API server fails through here, so that a missing verb, a dead
//! network and a broken credential plugin never look alike.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use serde::Deserialize;

use super::protobuf;
use crate::model::{Clean, Failure, FailureKind};

/// Longest message that is shown: a Status of admission webhooks may carry kilobytes.
const MESSAGE_CHARS: usize = 300;

/// How rustls begins what it says of the server's certificate, and of a server that refuses ours.
const CERTIFICATE: &str = "invalid peer certificate";
const ALERT: &str = "received fatal alert";

/// A request in the words of permissions: verb, resource, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub verb: &'static str,
    /// 'pods', 'pods/log', 'deployments.apps'.
    pub resource: String,
    /// None: the whole cluster.
    pub namespace: Option<String>,
}

impl Ask {
    /// 'pods in shop', 'nodes'.
    fn object(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in {namespace}", self.resource),
            None => format!("{} in the whole cluster", self.resource),
        }
    }

    /// 'list pods in shop'.
    pub fn tried(&self) -> String {
        format!("{} {}", self.verb, self.object())
    }

    /// What to ask the administrator for.
    pub fn wish(&self) -> String {
        format!("ask for the verb {} on {}", self.verb, self.object())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server answered with a Status that is an error.
    Status(Refusal),
    /// The credential plugin or the token file failed.
    Credentials(String),
    /// No connection, or no answer in time.
    Unreachable(String),
    /// The answer can't be read.
    Garbled(String),
    /// Nobody listens to the feed any more.
    Closed,
}

/// The part of a Kubernetes Status that is acted on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    pub code: u16,
    pub message: String,
    pub retry_after: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct StatusWire {
    code: u16,
    message: String,
    reason: String,
    details: Option<DetailsWire>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct DetailsWire {
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    /// Reads the body of an error; proxies and load balancers answer in HTML or plain text.
    pub fn read(code: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let read = match body.starts_with(protobuf::MAGIC) {
            true => protobuf::object::<StatusWire>(protobuf::schema::STATUS, body).ok(),
            false => serde_json::from_slice(body).ok(),
        };
        let Some(status) = read else {
            let text = String::from_utf8_lossy(body);
            let named = || http::StatusCode::from_u16(code).ok()?.canonical_reason();
            let line = text.lines().map(str::trim).find(|line| !line.is_empty()).or_else(named);
            let message = clip(line.unwrap_or_default(), MESSAGE_CHARS).to_owned();
            return Self { code, message, retry_after };
        };
        let message = if status.message.is_empty() { status.reason } else { status.message };
        let told = status.details.and_then(|details| details.retry_after_seconds).map(Duration::from_secs);
        Self {
            code: if code == 0 { status.code } else { code },
            message: clip(&message, MESSAGE_CHARS).to_owned(),
            retry_after: retry_after.or(told.filter(|after| !after.is_zero())),
        }
    }
}

impl Trouble {
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// From whatever the client's layers give; see [`root_cause`].
    pub fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut at: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = at {
            if let Some(auth) = cause.downcast_ref::<kube::client::AuthError>() {
                return Self::Credentials(credentials(auth));
            }
            if let Some(why) = cause.downcast_ref::<crate::sources::session::NotRenewed>() {
                return Self::Credentials(why.to_string());
            }
            at = cause.source();
        }
        Self::Unreachable(root_cause(error))
    }

    /// As it is shown.
    pub fn failure(&self, ask: &Ask) -> Failure {
        let (kind, happened, next) = match self {
            Self::Status(refusal) => refusal.told(ask),
            Self::Credentials(message) => (
                FailureKind::Unauthenticated,
                message.clone(),
                "run the credential plugin of the kubeconfig by hand, or log in again; midwatch takes what \
                 is new by itself"
                    .to_owned(),
            ),
            Self::Unreachable(message) if message.starts_with(CERTIFICATE) => (
                FailureKind::Unreachable,
                message.clone(),
                "the kubeconfig's certificate-authority did not sign it: get the new one, or ask who is in \
                 between; midwatch reads the kubeconfig again by itself"
                    .to_owned(),
            ),
            Self::Unreachable(message) if message.starts_with(ALERT) => (
                FailureKind::Unreachable,
                message.clone(),
                "the server does not take the client certificate: renew it in the kubeconfig; midwatch \
                 reads it again by itself"
                    .to_owned(),
            ),
            Self::Unreachable(message) => (
                FailureKind::Unreachable,
                message.clone(),
                "check network, VPN and the server address in the kubeconfig; midwatch keeps trying"
                    .to_owned(),
            ),
            Self::Garbled(message) => (
                FailureKind::ServerError,
                message.clone(),
                "check that the server address is a Kubernetes API server".to_owned(),
            ),
            Self::Closed => (FailureKind::Unreachable, "the feed was closed".to_owned(), String::new()),
        };
        Failure {
            kind,
            tried: Clean::new(&ask.tried()),
            happened: Clean::new(&happened),
            next: Clean::new(&next),
        }
    }
}

impl Refusal {
    fn told(&self, ask: &Ask) -> (FailureKind, String, String) {
        let happened = format!("{}: {}", self.code, self.message);
        let (kind, next) = match self.code {
            401 => {
                let next =
                    "log in again: the credentials are missing or expired; midwatch takes new ones by itself";
                (FailureKind::Unauthenticated, next.into())
            }
            403 => (FailureKind::Denied, ask.wish()),
            404 | 405 => (FailureKind::Absent, format!("nothing, where the cluster has no {}", ask.resource)),
            429 => (FailureKind::Throttled, "wait: the server is busy".into()),
            _ => (
                FailureKind::ServerError,
                "look at the API server's health: kubectl get --raw /readyz?verbose".into(),
            ),
        };
        (kind, happened, next)
    }
}

/// The innermost message: 'connection refused' rather than 'ServiceError: client error (Connect)'.
pub fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut at = error;
    // A `source` that names itself would never end.
    for _ in 0..32 {
        match at.source() {
            Some(cause) => at = cause,
            None => break,
        }
    }
    let words = at.downcast_ref::<std::io::Error>().and_then(|io| plain(innermost(io).kind()));
    words.map_or_else(|| clip(&at.to_string(), MESSAGE_CHARS).to_owned(), ToOwned::to_owned)
}

/// An I/O error that wraps another hides it from `source`.
fn innermost(mut io: &std::io::Error) -> &std::io::Error {
    while let Some(inner) = io.get_ref().and_then(|inner| inner.downcast_ref()) {
        io = inner;
    }
    io
}

/// The libraries' own words for these carry error numbers and links to their manuals.
fn plain(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::ConnectionRefused => Some("connection refused"),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Some("the connection was reset"),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionAborted => Some("the server closed the connection"),
        ErrorKind::TimedOut => Some("no connection in time"),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => Some("no route to the server"),
        _ => None,
    }
}

/// What a credential error says, without the command line, its environment or its output: those
/// may hold secrets, and kube's own message prints them all.
fn credentials(error: &kube::client::AuthError) -> String {
    match error {
        kube::client::AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let line =
                said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
            format!("the credential plugin failed ({}): {}", out.status, clip(line, MESSAGE_CHARS))
        }
        kube::client::AuthError::AuthExecStart(io) => format!("the credential plugin can't be started: {io}"),
        kube::client::AuthError::AuthExecParse(_) => {
            "the credential plugin's answer can't be read".to_owned()
        }
        kube::client::AuthError::ReadTokenFile(io, path) => {
            format!("the token file {} can't be read: {io}", path.display())
        }
        _ => "the credentials of the kubeconfig can't be used".to_owned(),
    }
}

/// At most `max` characters of `text`.
pub fn clip(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask { verb: "list", resource: "nodes".into(), namespace: None }
    }

    #[test]
    fn a_denial_names_the_missing_verb() {
        let body = br#"{"kind":"Status","code":403,"reason":"Forbidden","message":"nodes is forbidden: User \"viewer\" cannot list resource \"nodes\""}"#;
        let failure = Trouble::Status(Refusal::read(403, None, body)).failure(&ask());
        assert_eq!(failure.kind, FailureKind::Denied);
        assert_eq!(&*failure.tried, "list nodes in the whole cluster");
        assert!(failure.happened.starts_with("403: nodes is forbidden: User \"viewer\""));
        assert_eq!(&*failure.next, "ask for the verb list on nodes in the whole cluster");
    }

    #[test]
    fn statuses_are_told_apart() {
        for (code, kind) in [
            (401, FailureKind::Unauthenticated),
            (404, FailureKind::Absent),
            (429, FailureKind::Throttled),
            (500, FailureKind::ServerError),
            (503, FailureKind::ServerError),
        ] {
            let trouble = Trouble::Status(Refusal::read(code, None, b"<html>\n"));
            assert_eq!(trouble.failure(&ask()).kind, kind, "{code}");
        }
        assert_eq!(Refusal::read(502, None, b"\n").message, "Bad Gateway");
    }

    #[test]
    fn retry_after_is_read_from_header_or_body() {
        let body = br#"{"kind":"Status","code":429,"details":{"retryAfterSeconds":7}}"#;
        assert_eq!(Refusal::read(429, None, body).retry_after, Some(Duration::from_secs(7)));
        let header = Some(Duration::from_secs(2));
        assert_eq!(Refusal::read(429, header, body).retry_after, header);
    }

    #[test]
    fn broken_connections_are_told_in_plain_words() {
        let eof =
            std::io::Error::new(ErrorKind::UnexpectedEof, "peer closed connection: https://docs.rs/rustls");
        assert_eq!(root_cause(&kube::Error::ReadEvents(eof)), "the server closed the connection");
        let wrapped = std::io::Error::other(std::io::Error::new(ErrorKind::ConnectionReset, "os error 104"));
        assert_eq!(root_cause(&kube::Error::ReadEvents(wrapped)), "the connection was reset");
        let other = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        assert_eq!(root_cause(&kube::Error::ReadEvents(other)), "invalid peer certificate: UnknownIssuer");
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let refusal = Refusal::read(500, None, "ü".repeat(1000).as_bytes());
        assert_eq!(refusal.message.chars().count(), MESSAGE_CHARS);
    }
}
