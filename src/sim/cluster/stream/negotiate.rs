//! Which protocol a stream speaks: what the client offers, and what there is.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::super::request::Request;
use super::super::status::ApiError;
use super::Refusal;

pub const VERSION_HEADER: &str = "x-stream-protocol-version";
const FORWARD: &str = "portforward.k8s.io";
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transport {
    WebSocket,
    /// SPDY in the messages of a WebSocket.
    Tunnel,
    Spdy,
}

/// What both sides speak.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreed {
    pub transport: Transport,
    /// The protocol by its name.
    pub protocol: &'static str,
    /// Its version: 1 to 5.
    pub version: u8,
}

/// The channel protocols, and for which transport they are.
const CHANNELS: [(&str, u8, bool, bool); 5] = [
    ("v5.channel.k8s.io", 5, true, false),
    ("v4.channel.k8s.io", 4, true, true),
    ("v3.channel.k8s.io", 3, false, true),
    ("v2.channel.k8s.io", 2, false, true),
    ("channel.k8s.io", 1, false, true),
];

/// The refusal of a request that asks for no upgrade.
pub fn no_upgrade() -> ApiError {
    ApiError::bad_request("Upgrade request required")
}

/// Words of a header that may be given several times, and as a list.
fn offered(request: &Request, name: &str) -> Vec<String> {
    let values = request.headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    values
        .flat_map(|v| v.split(','))
        .map(|v| v.trim().to_owned())
        .filter(|v| !v.is_empty())
        .take(32)
        .collect()
}

/// Finds a protocol that both sides speak: the first of the client's that there is.
///
/// # Errors
/// 400 when no upgrade is asked for, 403 when nothing fits.
pub fn agree(request: &Request, forwards: bool) -> Result<Agreed, Refusal> {
    let upgrade = request.header("upgrade").to_ascii_lowercase();
    let connection = request.header("connection").to_ascii_lowercase();
    if !connection.contains("upgrade") {
        return Err(no_upgrade().into());
    }
    let (offers, websocket) = match upgrade.as_str() {
        "websocket" if request.header("sec-websocket-key").is_empty() => return Err(no_upgrade().into()),
        "websocket" => (offered(request, "sec-websocket-protocol"), true),
        "spdy/3.1" => (offered(request, VERSION_HEADER), false),
        _ => return Err(no_upgrade().into()),
    };
    offers.iter().find_map(|offer| fitting(offer, websocket, forwards)).ok_or_else(|| {
        let text = format!("unable to upgrade: unable to negotiate protocol: client supports {offers:?}");
        Refusal::Kubelet(403, text)
    })
}

fn fitting(offer: &str, websocket: bool, forwards: bool) -> Option<Agreed> {
    let transport = if websocket { Transport::WebSocket } else { Transport::Spdy };
    match (forwards, websocket) {
        (true, true) if offer == TUNNEL => {
            Some(Agreed { transport: Transport::Tunnel, protocol: TUNNEL, version: 1 })
        }
        (true, true) if offer == "v4.channel.k8s.io" => {
            Some(Agreed { transport, protocol: "v4.channel.k8s.io", version: 4 })
        }
        (true, false) if offer == FORWARD => Some(Agreed { transport, protocol: FORWARD, version: 1 }),
        (true, _) => None,
        (false, _) => CHANNELS
            .iter()
            .find(|(name, _, web, spdy)| *name == offer && if websocket { *web } else { *spdy })
            .map(|(name, version, ..)| Agreed { transport, protocol: name, version: *version }),
    }
}

impl Agreed {
    /// The answer after which both sides speak it.
    pub fn response(&self, request: &Request) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let protocol = HeaderValue::from_static(self.protocol);
        if self.transport == Transport::Spdy {
            headers.insert(header::UPGRADE, HeaderValue::from_static("SPDY/3.1"));
            headers.insert(HeaderName::from_static(VERSION_HEADER), protocol);
        } else {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
            let key = derive_accept_key(request.header("sec-websocket-key").as_bytes());
            if let Ok(key) = HeaderValue::from_str(&key) {
                headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_and_what_fits() {
        let version = |offer, websocket, forwards| {
            fitting(offer, websocket, forwards).map(|a| (a.transport, a.version))
        };
        assert_eq!(version("v5.channel.k8s.io", true, false), Some((Transport::WebSocket, 5)));
        assert_eq!(version("v5.channel.k8s.io", false, false), None);
        assert_eq!(version("v4.channel.k8s.io", false, false), Some((Transport::Spdy, 4)));
        assert_eq!(version(TUNNEL, true, true), Some((Transport::Tunnel, 1)));
        assert_eq!(version(FORWARD, false, true), Some((Transport::Spdy, 1)));
        assert_eq!(version("v4.channel.k8s.io", false, true), None);
    }
}
