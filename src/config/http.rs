//! How an HTTP endpoint is reached, authenticated and trusted, as the configuration says it.

use std::fmt;
use std::path::PathBuf;

use super::reader::{At, Doc, Entry, Section};
use super::secret::SecretSource;

/// How an HTTP endpoint is authenticated and trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAccess {
    pub bearer: Option<SecretSource>,
    /// User name and password.
    pub basic: Option<(String, SecretSource)>,
    /// Headers whose value is a secret.
    pub headers: Vec<(String, SecretSource)>,
    /// Headers whose value is none, such as Mimir's `X-Scope-OrgID`.
    pub plain_headers: Vec<(String, String)>,
    pub ca_file: Option<PathBuf>,
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
}

impl HttpAccess {
    /// Whether it holds anything that goes into the `Authorization` header, which the API
    /// server's proxy strips.
    pub fn has_authorization(&self) -> bool {
        self.bearer.is_some() || self.basic.is_some()
    }
}

/// `namespace/[scheme:]name:port[/prefix]`: a Service, reached through the API server's proxy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ServiceRef {
    pub namespace: String,
    pub https: bool,
    pub name: String,
    /// A number, or the port's name.
    pub port: String,
    /// What stands before every path, `/prometheus` for Mimir; empty: nothing.
    pub prefix: String,
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https:" } else { "" };
        write!(f, "{}/{scheme}{}:{}{}", self.namespace, self.name, self.port, self.prefix)
    }
}

impl std::str::FromStr for ServiceRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not namespace/[https:]service:port, as monitoring/prometheus:9090");
        let (namespace, rest) = text.split_once('/').ok_or_else(bad)?;
        let (address, prefix) = match rest.split_once('/') {
            Some((address, prefix)) => (address, format!("/{}", prefix.trim_end_matches('/'))),
            None => (rest, String::new()),
        };
        let mut parts: Vec<&str> = address.split(':').collect();
        let port = parts.pop().ok_or_else(bad)?;
        let name = parts.pop().ok_or_else(bad)?;
        let https = match parts[..] {
            [] | ["http"] => false,
            ["https"] => true,
            _ => return Err(bad()),
        };
        let is_dns = |s: &str| {
            !s.is_empty()
                && s.len() <= 253
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        };
        let is_path = |c: char| c.is_ascii_alphanumeric() || "/-._".contains(c);
        if [namespace, name, port].into_iter().all(is_dns) && prefix.chars().all(is_path) {
            Ok(Self { namespace: namespace.into(), https, name: name.into(), port: port.into(), prefix })
        } else {
            Err(bad())
        }
    }
}

/// Reads the keys of the access that stand beside `url` in a section.
pub fn read_access(s: &mut Section<'_, '_>, base: &super::load::Base) -> HttpAccess {
    let bearer = s.section("bearer", |s| read_secret(s, base)).flatten();
    let basic = s
        .section("basic", |s| {
            let user = s.string("user");
            let password = s.section("password", |s| read_secret(s, base)).flatten();
            if user.is_none() || password.is_none() {
                s.doc.problem(&s.span, "basic needs 'user' and 'password'", None);
            }
            user.zip(password).map(|(user, password)| (user.value, password))
        })
        .flatten();
    if let (Some(_), Some(_)) = (&bearer, &basic) {
        s.doc.problem(&s.span, "both 'bearer' and 'basic': an endpoint takes one of them", None);
    }
    let (headers, plain_headers) = s.section("headers", |s| read_headers(s, base)).unwrap_or_default();
    let mut file = |key| s.string(key).map(|at| base.path(&at.value));
    let (ca_file, client_cert_file, client_key_file) =
        (file("ca_file"), file("client_cert_file"), file("client_key_file"));
    if client_cert_file.is_some() != client_key_file.is_some() {
        s.doc.problem(&s.span, "'client_cert_file' and 'client_key_file' go together", None);
    }
    HttpAccess { bearer, basic, headers, plain_headers, ca_file, client_cert_file, client_key_file }
}

type Headers = (Vec<(String, SecretSource)>, Vec<(String, String)>);

fn read_headers(s: &mut Section<'_, '_>, base: &super::load::Base) -> Headers {
    let (mut secret, mut plain) = Headers::default();
    for (name, entry) in s.entries() {
        if http::HeaderName::try_from(&name.value).is_err() {
            s.doc.problem(&name.span, format!("'{}' is not a header's name", name.value), None);
            continue;
        }
        match entry {
            Entry::Text(value) => plain.extend(plain_header(s.doc, name.value, value)),
            entry => {
                let source = s.enter_entry(entry, |s| read_secret(s, base)).flatten();
                secret.extend(source.map(|source| (name.value, source)));
            }
        }
    }
    (secret, plain)
}

/// Headers that are secrets by their name may not stand in the file.
fn plain_header(doc: &Doc<'_>, name: String, value: At<String>) -> Option<(String, String)> {
    let lower = name.to_ascii_lowercase();
    let secret = ["authorization", "cookie", "token", "key", "secret", "password"];
    if secret.iter().any(|word| lower.contains(word)) {
        doc.problem(
            &value.span,
            format!("the value of '{name}' is a secret and may not stand in the file"),
            Some("write { file = \"…\" }, { env = \"…\" } or { command = […] }".into()),
        );
        return None;
    }
    if http::HeaderValue::try_from(&value.value).is_err() {
        doc.problem(&value.span, format!("not a value that the header '{name}' can have"), None);
        return None;
    }
    Some((name, value.value))
}

/// `{ file = … }`, `{ env = … }` or `{ command = […] }`.
pub fn read_secret(s: &mut Section<'_, '_>, base: &super::load::Base) -> Option<SecretSource> {
    let file = s.string("file").map(|at| SecretSource::File(base.path(&at.value)));
    let env = s.string("env").map(|at| SecretSource::Env(at.value));
    let command = s.strings("command");
    let command = (!command.is_empty())
        .then(|| SecretSource::Command(command.into_iter().map(|at| at.value).collect()));
    let mut given = [file, env, command].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => Some(one),
        _ => {
            s.doc.problem(&s.span, "a secret needs exactly one of 'file', 'env' and 'command'", None);
            None
        }
    }
}

/// An http or https URL without a user or a password in it.
pub fn read_url(s: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
    let at = s.string(key)?;
    let problem = |what: String, next: Option<String>| {
        s.doc.problem(&at.span, what, next);
        None
    };
    match reqwest::Url::parse(&at.value) {
        Err(e) => problem(format!("not a URL: {e}"), Some("write it as \"https://host:port/path\"".into())),
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
            problem("only http:// and https:// URLs can be asked".into(), None)
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => problem(
            "a user or password may not stand in a URL".into(),
            Some("write basic = { user = \"…\", password = { env = \"…\" } }".into()),
        ),
        Ok(_) => Some(at.value.clone()),
    }
}
