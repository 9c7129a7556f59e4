//! Requests to the API server: sent with a deadline, answered with a bounded body.
//!
//! kube's own request helpers drop the headers (`Retry-After`, `Date`), read bodies of any size,
//! and log what they can't parse; these don't.

use std::time::Duration;

use http::{Request, Response, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::{Body, Client};
use serde::de::DeserializeOwned;

use super::protobuf;
use super::trouble::{Refusal, Trouble};

/// How long silence is borne: for the head of an answer, and between two pieces of its body.
/// 30 s is what the kubelet and client-go allow as well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Objects are read whole, lists an item at a time; what is larger than this is no object.
pub const MAX_BODY: usize = 64 << 20;

/// An error's Status is a few hundred bytes.
const MAX_ERROR: usize = 64 << 10;

/// Longest pause that a server may ask for with Retry-After.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Protobuf,
}

impl Encoding {
    /// As the answer says: a server may answer JSON where protobuf was preferred.
    pub fn of(response: &Response<Body>) -> Self {
        match header_text(response, header::CONTENT_TYPE) {
            Some(text) if text.starts_with(protobuf::MEDIA) => Self::Protobuf,
            _ => Self::Json,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// The encoding that is preferred; JSON is always taken.
    pub encoding: Encoding,
    /// What has no end is asked for without compression: kube's decoder holds back what a gzipped
    /// watch has sent. All else is compressed, by kube's own header.
    pub stream: bool,
}

impl Want {
    pub const JSON: Self = Self { encoding: Encoding::Json, stream: false };
    pub const STREAM: Self = Self { encoding: Encoding::Json, stream: true };
}

/// Asks, and gives the answer's head with its body still to come; an error status is [`Trouble`].
pub async fn get(
    client: &Client,
    uri: &str,
    want: Want,
    patience: Duration,
) -> Result<Response<Body>, Trouble> {
    let accept = match want.encoding {
        Encoding::Json => "application/json",
        Encoding::Protobuf => protobuf::ACCEPT,
    };
    let mut request = Request::get(uri).header(header::ACCEPT, accept);
    if want.stream {
        request = request.header(header::ACCEPT_ENCODING, "identity");
    }
    let request = request.body(Body::empty()).map_err(|error| Trouble::Garbled(error.to_string()))?;
    answer(client, request, patience).await
}

/// Sends any request; see [`get`].
pub async fn answer(
    client: &Client,
    request: Request<Body>,
    patience: Duration,
) -> Result<Response<Body>, Trouble> {
    let response = match tokio::time::timeout(patience, client.send(request)).await {
        Err(_) => return Err(Trouble::Unreachable(format!("no answer within {} s", patience.as_secs()))),
        Ok(Err(error)) => return Err(Trouble::of(&error)),
        Ok(Ok(response)) => response,
    };
    let code = response.status().as_u16();
    if code < 400 {
        return Ok(response);
    }
    let retry_after = header_text(&response, header::RETRY_AFTER)
        .and_then(|text| text.trim().parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    // The status says enough if the body breaks off.
    let body = bytes(response.into_body(), MAX_ERROR, patience).await.unwrap_or_default();
    Err(Trouble::Status(Refusal::read(code, retry_after, &body)))
}

/// Asks and parses.
pub async fn json<T: DeserializeOwned>(client: &Client, uri: &str) -> Result<T, Trouble> {
    let response = get(client, uri, Want::JSON, PATIENCE).await?;
    let body = bytes(response.into_body(), MAX_BODY, PATIENCE).await?;
    parse(&body)
}

pub fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|error| {
        // The category and place only: the message may quote the body.
        Trouble::Garbled(format!(
            "the answer is not what was asked for (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// The whole body, up to `max` bytes.
pub async fn bytes(mut body: Body, max: usize, idle: Duration) -> Result<Vec<u8>, Trouble> {
    let mut all = Vec::new();
    while let Some(piece) = piece(&mut body, idle).await? {
        if all.len() + piece.len() > max {
            return Err(Trouble::Garbled(format!("the answer is larger than {} MiB", max >> 20)));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// The next piece of a body; None at its end. Nothing is lost if the future is dropped.
pub async fn piece(
    body: &mut Body,
    idle: Duration,
) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Trouble> {
    loop {
        match tokio::time::timeout(idle, body.frame()).await {
            Err(_) => return Err(Trouble::Unreachable(format!("silence for {} s", idle.as_secs()))),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(Trouble::of(&error)),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The server's clock, as its `Date` header has it (whole seconds).
pub fn date(response: &Response<Body>) -> Option<Timestamp> {
    let text = header_text(response, header::DATE)?;
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp())
}

fn header_text(response: &Response<Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// A path segment or query value with everything escaped that could leave its place.
pub fn escape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // '..' as a segment would climb.
    if out.bytes().all(|b| b == b'.') { out.replace('.', "%2E") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_place() {
        assert_eq!(escape("kube-system"), "kube-system");
        assert_eq!(escape("a/b?c=d&e"), "a%2Fb%3Fc%3Dd%26e");
        assert_eq!(escape(".."), "%2E%2E");
        assert_eq!(escape("ü"), "%C3%BC");
    }

    #[test]
    fn the_date_header_is_read() {
        let response =
            Response::builder().header("date", "Sat, 21 Nov 2026 02:53:05 GMT").body(Body::empty()).unwrap();
        assert_eq!(date(&response), Some("2026-11-21T02:53:05Z".parse().unwrap()));
    }
}
