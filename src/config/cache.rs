//! `[[cache]]`: where a Redis or memcached is, and how one gets to it. Without such a section the
//! caches of the namespace are found by their pods.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::http::{ServiceRef, read_secret};
use super::load::Base;
use super::reader::{At, Section};
use super::secret::SecretSource;

/// Redis' own limit is `databases`, 16 by default; nobody has that many.
const MOST_DATABASES: u32 = 65_535;

/// What speaks there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    /// Or what speaks its protocol: Valkey, KeyDB, Dragonfly.
    #[default]
    Redis,
    Memcached,
}

impl CacheKind {
    /// As the configuration names it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Memcached => "memcached",
        }
    }

    /// The port that it listens on unless it was told otherwise.
    pub fn port(self) -> u16 {
        match self {
            Self::Redis => 6379,
            Self::Memcached => 11211,
        }
    }
}

/// How a pod is reached through the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    #[default]
    PortForward,
    /// `redis-cli` in the container.
    Exec,
}

impl Via {
    /// As the configuration names it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::PortForward => "port-forward",
            Self::Exec => "exec",
        }
    }
}

/// `redis://host:port`, without a user, a password or a database in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheUrl {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    kind: CacheKind,
}

impl fmt::Display for CacheUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.kind, self.tls) {
            (CacheKind::Redis, true) => "rediss",
            (kind, _) => kind.noun(),
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl FromStr for CacheUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = reqwest::Url::parse(text).map_err(|e| format!("not a URL: {e}"))?;
        let (kind, tls) = match url.scheme() {
            "redis" => (CacheKind::Redis, false),
            "rediss" => (CacheKind::Redis, true),
            "memcached" => (CacheKind::Memcached, false),
            other => {
                return Err(format!(
                    "'{other}://' is not a cache's; write redis://, rediss:// or memcached://host:port"
                ));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user or password may not stand in a URL; write username = \"…\" and \
                        password = { env = \"…\" }"
                .to_owned());
        }
        let more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        let host = url.host_str().filter(|h| !h.is_empty());
        match host {
            _ if more => Err("nothing may stand behind the port; write database = 1".to_owned()),
            None => Err("a host is missing; write it as redis://host:6379".to_owned()),
            Some(host) => {
                let port = url.port().unwrap_or(kind.port());
                Ok(Self { tls, host: host.to_owned(), port, kind })
            }
        }
    }
}

/// `[namespace/]name[:port]`: without a namespace the one that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRef {
    pub namespace: Option<String>,
    pub name: String,
    /// A number, or the port's name; None: the kind's own.
    pub port: Option<String>,
}

impl fmt::Display for PlaceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)?;
        self.port.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

impl FromStr for PlaceRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |_| format!("'{text}' is not [namespace/]name[:port], as shop/cache:6379");
        // The syntax of a name is ServiceRef's.
        let namespace = text.split_once('/').map(|(namespace, _)| namespace.to_owned());
        let rest = text.split_once('/').map_or(text, |(_, rest)| rest);
        let port = rest.contains(':').then_some(());
        let full = format!(
            "{}/{rest}{}",
            namespace.as_deref().unwrap_or("x"),
            if port.is_some() { "" } else { ":0" }
        );
        let parsed: ServiceRef = full.parse().map_err(bad)?;
        if parsed.https || !parsed.prefix.is_empty() || rest.starts_with("http:") {
            return Err(bad(String::new()));
        }
        Ok(Self { namespace, name: parsed.name, port: port.map(|()| parsed.port) })
    }
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachePlace {
    Url(CacheUrl),
    Service(PlaceRef),
    Pod(PlaceRef),
}

/// One cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSpec {
    pub name: String,
    pub kind: CacheKind,
    pub place: CachePlace,
    pub via: Via,
    pub username: Option<String>,
    pub password: Option<SecretSource>,
    pub database: u32,
    /// For rediss://, beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Reads every `[[cache]]`.
pub fn read_caches(s: &mut Section<'_, '_>, base: &Base) -> Vec<(At<String>, CacheSpec)> {
    s.sections("cache", |s| read_cache(s, base)).into_iter().flatten().collect()
}

fn read_cache(s: &mut Section<'_, '_>, base: &Base) -> Option<(At<String>, CacheSpec)> {
    let name = s.string("name");
    if s.is_missing("name") {
        s.doc.problem(&s.span, "a cache needs a 'name'", Some("it is what is typed to confirm".into()));
    }
    let kind = choice(s, "kind", &[CacheKind::Redis, CacheKind::Memcached], CacheKind::noun);
    let via = choice(s, "via", &[Via::PortForward, Via::Exec], Via::noun);
    let place = read_place(s);
    let username = s.string("username");
    let password = s.section("password", |s| read_secret(s, base)).flatten();
    let ca_file = s.string("ca_file").map(|at| base.path(&at.value));
    let database = s.count("database");
    if let Some(at) = database.as_ref().filter(|at| at.value > MOST_DATABASES) {
        s.doc.problem(&at.span, format!("a database is a number from 0 to {MOST_DATABASES}"), None);
    }
    if let Some(at) = username.as_ref().filter(|_| password.is_none() && s.is_missing("password")) {
        s.doc.problem(&at.span, "a 'username' needs a 'password'", None);
    }
    let (name, place) = (name?, place?);
    let kind = kind.unwrap_or(match &place {
        CachePlace::Url(url) => url.kind,
        _ => CacheKind::default(),
    });
    let spec = CacheSpec {
        name: name.value.clone(),
        kind,
        place,
        via: via.unwrap_or_default(),
        username: username.map(|at| at.value),
        password,
        database: database.map_or(0, |at| at.value),
        ca_file,
    };
    clashes(s, &spec);
    Some((name, spec))
}

/// What does not go together.
fn clashes(s: &Section<'_, '_>, spec: &CacheSpec) {
    let problem = |what: &str| s.doc.problem(&s.span, what, None);
    if let CachePlace::Url(url) = &spec.place {
        if url.kind != spec.kind {
            problem("the URL's scheme is another kind's");
        }
        if spec.via == Via::Exec {
            problem("'via' is for 'service' and 'pod': a URL is reached as it stands");
        }
    }
    let tls = matches!(&spec.place, CachePlace::Url(url) if url.tls);
    if spec.ca_file.is_some() && !tls {
        problem("'ca_file' is for url = \"rediss://…\": nothing else is reached with TLS");
    }
    if spec.kind == CacheKind::Memcached {
        if spec.via == Via::Exec {
            problem("memcached has no command of its own in its container; use via = \"port-forward\"");
        }
        if spec.password.is_some() || spec.database != 0 {
            problem("memcached's text protocol has neither passwords nor databases");
        }
    }
}

fn read_place(s: &mut Section<'_, '_>) -> Option<CachePlace> {
    let url = s.string("url").and_then(|at| s.doc.check(&at.span, at.value.parse())).map(CachePlace::Url);
    let mut place = |key| s.string(key).and_then(|at| s.doc.check(&at.span, at.value.parse::<PlaceRef>()));
    let (service, pod) = (place("service").map(CachePlace::Service), place("pod").map(CachePlace::Pod));
    let written = ["url", "service", "pod"].into_iter().filter(|key| !s.is_missing(key)).count();
    if written != 1 {
        s.doc.problem(
            &s.span,
            "a cache needs exactly one of 'url', 'service' and 'pod'",
            Some("write service = \"namespace/name:port\"".into()),
        );
        return None;
    }
    url.or(service).or(pod)
}

fn choice<T: Copy>(
    s: &mut Section<'_, '_>,
    key: &'static str,
    all: &[T],
    noun: fn(T) -> &'static str,
) -> Option<T> {
    let at = s.string(key)?;
    let found = all.iter().copied().find(|one| noun(*one) == at.value);
    if found.is_none() {
        let nouns: Vec<&str> = all.iter().map(|one| noun(*one)).collect();
        let next = super::reader::suggestion(&at.value, &nouns);
        s.doc.problem(&at.span, format!("'{}' is not a '{key}'", at.value), next);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, ConfigError};

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("/etc/m.toml"))
    }

    fn problems(text: &str) -> Vec<String> {
        parse(text).unwrap_err().problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let text = "[[cache]]\nname = 'sessions'\nservice = 'cache'\n\
                    [[cache]]\nname = 'pages'\nurl = 'memcached://10.0.0.7'";
        let caches = parse(text).unwrap().caches;
        assert_eq!(
            (caches[0].kind, caches[0].via, caches[0].database),
            (CacheKind::Redis, Via::PortForward, 0)
        );
        let place = PlaceRef { namespace: None, name: "cache".into(), port: None };
        assert_eq!(caches[0].place, CachePlace::Service(place));
        let CachePlace::Url(url) = &caches[1].place else { panic!("{caches:?}") };
        assert_eq!(
            (caches[1].kind, url.to_string().as_str()),
            (CacheKind::Memcached, "memcached://10.0.0.7:11211")
        );
    }

    #[test]
    fn every_key_is_read() {
        let text = "[[cache]]\nname = 'a'\nkind = 'redis'\npod = 'shop/cache-0:redis'\nvia = 'exec'\n\
                    username = 'ops'\npassword = { env = 'X' }\ndatabase = 3";
        let config = parse(text).unwrap();
        let spec = &config.caches[0];
        assert_eq!(spec.via, Via::Exec);
        assert_eq!(spec.password, Some(SecretSource::Env("X".into())));
        assert!(matches!(&spec.place, CachePlace::Pod(p) if p.to_string() == "shop/cache-0:redis"));
        let shown = parse(&config.show()).unwrap();
        assert_eq!(shown.caches, config.caches, "{}", config.show());
    }

    #[test]
    fn mistakes_have_a_place_and_a_way_out() {
        let one = |line: &str| problems(&format!("[[cache]]\nname = 'a'\n{line}"));
        for (line, place, words) in [
            ("", "1:1", "exactly one of"),
            ("url = 'redis://h'\npod = 'x/y'", "1:1", "exactly one of"),
            ("url = 'redis://u:secret@h'", "3:7", "may not stand in a URL"),
            ("url = 'redis://h/1'", "3:7", "database = 1"),
            ("url = 'unix:///run/redis'", "3:7", "'unix://' is not a cache's"),
            ("service = 'a/b/c:1'", "3:11", "[namespace/]name[:port]"),
            ("service = 'c'\nkind = 'rediss'", "4:8", "'rediss' is not a 'kind'; did you mean"),
            ("service = 'c'\nusername = 'x'", "4:12", "needs a 'password'"),
            ("service = 'c'\ndatabase = 70000", "4:12", "from 0 to 65535"),
            ("service = 'c'\nkind = 'memcached'\nvia = 'exec'", "1:1", "no command of its own"),
            ("service = 'c'\npasword = { env = 'x' }", "4:1", "did you mean 'password'"),
        ] {
            let got = one(line);
            assert!(got[0].starts_with(place) && got[0].contains(words), "{line}: {got:?}");
            assert!(!got.join(" ").contains("secret@"), "{got:?}");
        }
        let twice = problems("[[cache]]\nname = 'a'\nservice = 'c'\n[[cache]]\nname = 'a'\nservice = 'd'");
        assert!(twice[0].starts_with("5:8: a second cache"), "{twice:?}");
    }
}
