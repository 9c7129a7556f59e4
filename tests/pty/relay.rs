//! A hostile API server: the simulated one behind a relay that puts an attack before every text that
//! it passes on, names and labels, messages and log lines, series and errors alike.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt as _;
use midwatch::model::Clean;
use midwatch::sim::Sim;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// What midwatch acts on rather than shows, and what is no text.
const MEANING: &[&str] = &[
    "apiVersion",
    "kind",
    "resourceVersion",
    "continue",
    "uid",
    "type",
    "status",
    "phase",
    "resultType",
    "protocol",
    "state",
    "op",
    "__name__",
    "groupVersion",
    "startsAt",
    "endsAt",
];

pub struct Relay {
    client: reqwest::Client,
    upstream: String,
    /// Those after which a name is still a name.
    harmless: Vec<String>,
    all: Vec<String>,
    /// Which text gets which attack differs by it.
    salt: u64,
}

/// The kubeconfig of a relay before the cluster, whose cluster, user and other context have hostile names.
pub async fn start(sim: &Sim, salt: u64) -> String {
    let ca = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
    let mut headers = http::HeaderMap::new();
    let token = format!("Bearer {}", sim.token().expose_secret());
    headers.insert("authorization", token.parse().unwrap());
    let client = reqwest::Client::builder().tls_certs_only([ca]).default_headers(headers).build().unwrap();
    let all = crate::hostile::attacks();
    let keeps = |a: &&String| *Clean::new(&format!("{a}name")) == *format!("{}name", Clean::new(a));
    let harmless = all.iter().filter(keeps).cloned().collect();
    let relay = Arc::new(Relay { client, upstream: sim.kube_url(), harmless, all, salt });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(pass).with_state(relay);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let name = format!("\u{1b}]0;owned\u{7}{}prod\u{202e}", '\u{9b}');
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": "shop"}},
            {"name": "prod", "context": {"cluster": name, "user": name, "namespace": name}},
        ],
        "users": [{"name": name, "user": {"token": "any"}}],
    })
    .to_string()
    // As YAML wants it.
    .replace('\u{9b}', "\\u009b")
}

impl Relay {
    fn choose<'a>(&self, from: &'a [String], text: &str) -> &'a str {
        let sum = text.bytes().fold(self.salt, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        from.get(usize::try_from(sum).unwrap() % from.len()).unwrap()
    }

    fn attack(&self, key: &str, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.iter_mut().for_each(|(key, value)| self.attack(key, value));
                if matches!(key, "labels" | "annotations") {
                    map.insert(self.choose(&self.all, key).to_owned(), "hostile key".into());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.attack(key, item)),
            Value::String(text) => {
                let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
                let word = matches!(&**text, "" | "shop" | "true" | "false" | "NaN" | "+Inf" | "-Inf");
                if !number && !word && !MEANING.contains(&key) {
                    let free = matches!(key, "message" | "summary" | "description" | "image");
                    *text =
                        format!("{}{text}", self.choose(if free { &self.all } else { &self.harmless }, text));
                }
            }
            _ => {}
        }
    }

    /// The path as the cluster knows it: midwatch asks for names as it shows them.
    fn path(&self, path: &str) -> String {
        let segment = |segment: &str| {
            let decoded = percent_decode_str(segment).decode_utf8_lossy().into_owned();
            let cleaned = self.harmless.iter().map(|a| Clean::new(a).to_string());
            let stripped = cleaned
                .filter(|a| !a.is_empty())
                .filter_map(|a| decoded.strip_prefix(&a).map(str::to_owned))
                .min_by_key(String::len);
            match stripped {
                Some(name) => utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string(),
                None => segment.to_owned(),
            }
        };
        path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    fn document(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return bytes.to_vec() };
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        if !kind.starts_with("API") && !kind.contains("Review") {
            self.attack("", &mut value);
        }
        serde_json::to_vec(&value).unwrap()
    }

    fn log_line(&self, line: &[u8]) -> Vec<u8> {
        let after_time = line.iter().position(|b| *b == b' ').map_or(0, |at| at + 1);
        let (time, text) = line.split_at(after_time);
        let attack = self.choose(&self.all, &String::from_utf8_lossy(text));
        // C1 as single bytes, and what is no UTF-8 at all.
        [time, attack.as_bytes(), b"\x9b31m\xff\xc2", text].concat()
    }
}

async fn pass(State(relay): State<Arc<Relay>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = relay.path(parts.uri.path());
    // A pod has one container; it is asked for by the name that it does not have.
    let query = parts.uri.query().unwrap_or_default().split('&').filter(|q| !q.starts_with("container="));
    let query = format!("?{}", query.collect::<Vec<_>>().join("&"));
    let mut asked = relay.client.request(parts.method, format!("{}{path}{query}", relay.upstream)).body(body);
    if let Some(kind) = parts.headers.get("content-type") {
        asked = asked.header("content-type", kind);
    }
    let Ok(answer) = asked.header("accept", "application/json").send().await else {
        return Response::builder().status(502).body(Body::empty()).unwrap();
    };
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get("content-type") {
        response = response.header("content-type", kind);
    }
    let is_log = path.ends_with("/log") && answer.status().is_success();
    let body = if is_log || query.contains("watch=") {
        Body::from_stream(lines(relay, answer, is_log))
    } else if path.ends_with("/services") || path.ends_with("/endpoints") {
        // Prometheus is found by its name.
        Body::from(answer.bytes().await.unwrap_or_default())
    } else {
        Body::from(relay.document(&answer.bytes().await.unwrap_or_default()))
    };
    response.body(body).unwrap()
}

/// Line by line, in pieces that end anywhere.
fn lines(
    relay: Arc<Relay>,
    answer: reqwest::Response,
    is_log: bool,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
    let whole = futures::stream::unfold((answer, Vec::new()), move |(mut answer, mut held)| {
        let relay = relay.clone();
        async move {
            let chunk = answer.chunk().await.ok().flatten()?;
            held.extend_from_slice(&chunk);
            let end = held.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let rest = held.split_off(end);
            let attacked = |line: &[u8]| if is_log { relay.log_line(line) } else { relay.document(line) };
            let lines = held.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            let out: Vec<u8> = lines.flat_map(|line| [attacked(line), vec![b'\n']].concat()).collect();
            Some((out, (answer, rest)))
        }
    });
    whole.flat_map(|out| {
        let pieces: Vec<_> = out.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        futures::stream::iter(pieces)
    })
}
