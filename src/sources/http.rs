//! One way to ask an HTTP endpoint, whether it is reached directly or through the API server's
//! service proxy: bounded in time and size, and every failure in words that say what to do next.
//! No secret, and nothing of a URL that may hold one, gets into those words.

mod access;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::config::{HttpAccess, ServiceRef};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::kubernetes::trouble::root_cause;
use access::{client, plain_headers, secret_header, secret_headers};

/// Beyond it an answer is of no use to someone who waits for it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Between tries after a 429 or 5xx: an API server under load sheds requests one by one. A probe
/// must not try again, since its first answer is the truth.
const TRY_AGAIN: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(900)];

/// A server that asks for more is asked again in the next round.
const MOST_PAUSE: Duration = Duration::from_secs(3);

/// More than any answer that is asked for here; a wrong server can send without end.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Up to here a form can be a GET: servers take request lines of 8 KiB.
const MAX_QUERY: usize = 7_000;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A body and its media type.
type Typed = (&'static str, String);

/// A server that can be asked.
#[derive(Clone)]
pub struct Endpoint {
    /// 'prometheus': also the configuration's section.
    noun: &'static str,
    /// What is said of where it is; without query and user.
    place: String,
    base: Base,
    headers: HeaderMap,
}

#[derive(Clone)]
enum Base {
    Direct { client: reqwest::Client, url: Url, basic: Option<(String, SecretString)> },
    Proxy { client: kube::Client, prefix: String, namespace: String },
}

/// What came back, whatever the status.
pub struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
    retry_after_s: Option<u64>,
    location: Option<String>,
}

impl Endpoint {
    /// # Errors
    /// When a secret or a certificate can't be read, or the client can't be made of it.
    pub async fn direct(noun: &'static str, url: &str, access: &HttpAccess) -> Result<Self, Failure> {
        let misconfigured = |happened: String| misconfigured(noun, happened);
        let url = Url::parse(url).map_err(|e| misconfigured(format!("the URL can't be read: {e}")))?;
        let mut headers = plain_headers(access).map_err(misconfigured)?;
        headers.extend(secret_headers(access).await.map_err(misconfigured)?);
        let basic = match &access.basic {
            Some((user, source)) => {
                Some((user.clone(), source.read().await.map_err(|e| misconfigured(e.to_string()))?))
            }
            None => None,
        };
        let client = client(access).map_err(misconfigured)?;
        Ok(Self { noun, place: place(&url), base: Base::Direct { client, url, basic }, headers })
    }

    /// # Errors
    /// When a secret header can't be read.
    pub async fn proxied(
        noun: &'static str,
        client: kube::Client,
        service: &ServiceRef,
        access: &HttpAccess,
    ) -> Result<Self, Failure> {
        let misconfigured = |happened: String| misconfigured(noun, happened);
        let mut headers = plain_headers(access).map_err(misconfigured)?;
        for (name, source) in &access.headers {
            headers.extend([secret_header(name, "", source).await.map_err(misconfigured)?]);
        }
        let scheme = if service.https { "https:" } else { "" };
        let ServiceRef { namespace, name, port, prefix, .. } = service;
        let prefix = format!("/api/v1/namespaces/{namespace}/services/{scheme}{name}:{port}/proxy{prefix}");
        let place = format!("{service} through the API server");
        Ok(Self { noun, place, base: Base::Proxy { client, prefix, namespace: namespace.clone() }, headers })
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// # Errors
    /// When there is no answer, or one that is not a success with JSON of this shape in it.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let reply = self.send(Method::GET, path, query).await?;
        if reply.status.is_success() { self.json(path, &reply) } else { Err(self.refused(path, &reply)) }
    }

    /// Sends `form` as a POST; through the proxy as a GET where it fits, since that takes the
    /// verb get on services/proxy, and a POST would take create.
    ///
    /// # Errors
    /// When there is no answer; a refusal is a reply.
    pub async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply, Failure> {
        let fits = encode(form).len() <= MAX_QUERY;
        let method = if matches!(self.base, Base::Proxy { .. }) && fits { Method::GET } else { Method::POST };
        self.send(method, path, form).await
    }

    /// Sends what changes something, once, with a body of JSON; for the gateway alone.
    ///
    /// # Errors
    /// When there is no answer; a refusal is a reply.
    pub async fn alter(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Reply, Failure> {
        let body = body.map(|b| (JSON, b.to_string()));
        self.send_once(&method, path, &[], body.as_ref()).await
    }

    /// Asks for the URL itself, with its query as configured; for [`Endpoint::direct`].
    ///
    /// # Errors
    /// When there is no answer; a refusal is a reply.
    pub async fn visit(&self) -> Result<Reply, Failure> {
        self.send_once(&Method::GET, "", &[], None).await
    }

    /// # Errors
    /// When the body is not JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self, path: &str, reply: &Reply) -> Result<T, Failure> {
        serde_json::from_slice(&reply.body).map_err(|e| {
            let what = if reply.body.trim_ascii_start().starts_with(b"<") { "HTML" } else { "something" };
            self.failure(
                FailureKind::ServerError,
                path,
                format!("it answered with {what} that can't be read: {e}"),
                "check that it is the right address, with its path prefix",
            )
        })
    }

    /// Asks again where the server itself says that it was a moment's trouble: everything here only
    /// reads. An answer of Prometheus (it has an `errorType`) is one.
    async fn send(&self, method: Method, path: &str, params: &[(&str, &str)]) -> Result<Reply, Failure> {
        let form = (method == Method::POST).then(|| (FORM, encode(params)));
        let query = if form.is_some() { &[] } else { params };
        for pause in TRY_AGAIN {
            let reply = self.send_once(&method, path, query, form.as_ref()).await?;
            let transient = matches!(reply.status.as_u16(), 429 | 500 | 502..=504);
            if !transient || reply.names("errorType") {
                return Ok(reply);
            }
            let asked = reply.retry_after_s.map_or(pause, Duration::from_secs);
            if asked > MOST_PAUSE {
                return Ok(reply);
            }
            tokio::time::sleep(asked.max(pause).mul_f64(rand::random_range(1.0..=1.5))).await;
        }
        self.send_once(&method, path, query, form.as_ref()).await
    }

    async fn send_once(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Typed>,
    ) -> Result<Reply, Failure> {
        let asked = async {
            match &self.base {
                Base::Direct { client, url, basic } => {
                    let mut url = url.clone();
                    if !path.is_empty() {
                        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
                    }
                    let mut request = client.request(method.clone(), url).headers(self.headers.clone());
                    if let Some((user, password)) = basic {
                        request = request.basic_auth(user, Some(password.expose_secret()));
                    }
                    send_direct(request, query, body).await
                }
                Base::Proxy { client, prefix, .. } => {
                    self.send_proxied(client, prefix, method.clone(), path, query, body).await
                }
            }
        };
        let reply = match tokio::time::timeout(TIMEOUT, asked).await {
            Ok(reply) => reply,
            Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
        };
        reply.map_err(|happened| {
            let next = match &self.base {
                Base::Direct { .. } => format!("check [{}] url, the network and the certificate", self.noun),
                Base::Proxy { .. } => "check that the API server answers".to_owned(),
            };
            self.failure(FailureKind::Unreachable, path, happened, &next)
        })
    }

    async fn send_proxied(
        &self,
        client: &kube::Client,
        prefix: &str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Typed>,
    ) -> Result<Reply, String> {
        let query = encode(query);
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder().method(method).uri(format!("{prefix}{path}{mark}{query}"));
        if let Some((kind, _)) = body {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let bytes = body.map(|(_, text)| text.clone().into_bytes()).unwrap_or_default();
        let mut request = request.body(kube::client::Body::from(bytes)).map_err(|e| e.to_string())?;
        request.headers_mut().extend(self.headers.clone());
        let response = client.send(request).await.map_err(|e| root_cause(&e))?;
        let (parts, body) = response.into_parts();
        Ok(Reply::new(parts.status, &parts.headers, bounded(body).await?))
    }

    /// A status that is not a success, in words.
    pub fn refused(&self, path: &str, reply: &Reply) -> Failure {
        let code = reply.status.as_u16();
        let said = reply.message();
        let section = self.noun;
        let (kind, next) = match (code, &self.base) {
            (401, Base::Direct { .. }) => {
                (FailureKind::Unauthenticated, format!("set or renew [{section}] bearer or basic"))
            }
            (401, Base::Proxy { .. }) => (
                FailureKind::Unauthenticated,
                format!("the proxy can't carry credentials: port-forward it and set [{section}] url"),
            ),
            (403, Base::Proxy { namespace, .. }) => (
                FailureKind::Denied,
                format!("ask for 'get services/proxy' in {namespace}, or set [{section}] url"),
            ),
            (403, Base::Direct { .. }) => {
                (FailureKind::Denied, "ask for access, or use other credentials".into())
            }
            (404, _) => (
                FailureKind::Absent,
                format!("check [{section}] url or service, and its path prefix (/prometheus for Mimir)"),
            ),
            (429, _) => {
                let wait = reply.retry_after_s.map_or("a while".to_owned(), |s| format!("{s} s"));
                (FailureKind::Throttled, format!("it asks to wait {wait}"))
            }
            (502..=504, _) => {
                (FailureKind::Unreachable, format!("check that {section}'s own pods are ready"))
            }
            (300..=399, _) => {
                let to = reply.location.as_deref().unwrap_or("elsewhere");
                (
                    FailureKind::ServerError,
                    format!("it redirects to {to}: set [{section}] url to where it is"),
                )
            }
            _ => (FailureKind::ServerError, format!("look at {section}'s own logs")),
        };
        self.failure(kind, path, format!("{code}: {said}"), &next)
    }

    pub fn failure(&self, kind: FailureKind, path: &str, happened: String, next: &str) -> Failure {
        let tried = format!("ask {} at {} for {path}", self.noun, self.place);
        Failure { kind, tried: Clean::new(&tried), happened: Clean::new(&happened), next: Clean::new(next) }
    }
}

impl Reply {
    fn new(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        let retry_after_s = text(header::RETRY_AFTER).and_then(|s| s.trim().parse().ok());
        // The host only: what a login page gets in its query is not for the screen.
        let location = text(header::LOCATION).map(|to| match Url::parse(to) {
            Ok(url) => url.host_str().unwrap_or("elsewhere").to_owned(),
            Err(_) => "a path of its own".to_owned(),
        });
        Self { status, body, retry_after_s, location }
    }

    fn names(&self, field: &str) -> bool {
        serde_json::from_slice::<serde_json::Value>(&self.body).is_ok_and(|json| json.get(field).is_some())
    }

    /// What the server says went wrong: the message of a JSON error (Kubernetes', Prometheus'),
    /// else the first line of a text.
    fn message(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let field = |name: &str| json.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let text = match field("message").or_else(|| field("error")) {
            Some(message) => message,
            None if self.body.trim_ascii_start().starts_with(b"<") => String::new(),
            None => String::from_utf8_lossy(&self.body[..self.body.len().min(2_000)]).into_owned(),
        };
        let line = text.trim().lines().next().unwrap_or("");
        let line: String = line.chars().take(300).collect();
        let known = self.status.canonical_reason().unwrap_or("refused");
        if line.is_empty() { known.to_owned() } else { line }
    }
}

async fn send_direct(
    request: reqwest::RequestBuilder,
    query: &[(&str, &str)],
    body: Option<&Typed>,
) -> Result<Reply, String> {
    let request = match body {
        Some((kind, text)) => request.header(header::CONTENT_TYPE, *kind).body(text.clone()),
        None => request.query(query),
    };
    let response = request.send().await.map_err(|e| root_cause(&e.without_url()))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = bounded(reqwest::Body::from(response)).await?;
    Ok(Reply::new(status, &headers, body))
}

fn encode(params: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x/").ok();
    let Some(url) = url.as_mut() else { return String::new() };
    url.query_pairs_mut().extend_pairs(params);
    url.query().unwrap_or("").to_owned()
}

async fn bounded<B>(body: B) -> Result<Vec<u8>, String>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(e) => Err(format!("its answer broke off: {}", root_cause(e.as_ref()))),
    }
}

/// The innermost cause: 'connection refused' instead of 'error sending request'.
/// Scheme, host, port and path: a query may hold a token.
fn place(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |p| format!(":{p}"));
    let path = url.path().trim_end_matches('/');
    format!("{}://{}{port}{path}", url.scheme(), url.host_str().unwrap_or("?"))
}

fn misconfigured(noun: &str, happened: String) -> Failure {
    Failure {
        kind: FailureKind::Unauthenticated,
        tried: Clean::new(&format!("make ready to ask {noun}")),
        happened: Clean::new(&happened),
        next: Clean::new(&format!("correct [{noun}] in midwatch.toml")),
    }
}
