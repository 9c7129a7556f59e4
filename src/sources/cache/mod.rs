//! Caches: where they are, how one gets to them, and what they say of themselves.
//!
//! [`find`] knows where, [`Link`] is the connection, [`inspect`] asks. Nothing here changes
//! anything: [`Link::ask`] sends only what is known to be a question.

mod cli;
pub mod cluster;
pub mod error;
mod exec;
pub mod find;
mod info;
pub mod inspect;
mod link;
mod memcached;
mod reply;
mod stream;

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::config::secret::SecretSource;
use crate::sources::kubernetes::trouble::{Trouble, root_cause};
pub use error::CacheError;
pub use link::Link;
pub use reply::Reply;

/// How one instance of a cache is reached. It is part of a plan: there is no secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Straight to a host and port.
    Tcp { host: String, port: u16, tls: bool, ca_file: Option<PathBuf> },
    /// A port of a pod, through the API server.
    Forward { namespace: String, pod: String, port: u16 },
    /// `redis-cli` in a container of a pod, through the API server.
    Exec { namespace: String, pod: String, container: String, port: u16 },
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Forward { pod, port, .. } => write!(f, "{pod}:{port}"),
            Self::Exec { pod, .. } => write!(f, "{pod}"),
        }
    }
}

impl Reach {
    /// 'through a port-forward'.
    pub fn how(&self) -> &'static str {
        match self {
            Self::Tcp { tls: true, .. } => "directly, with TLS",
            Self::Tcp { .. } => "directly, without TLS",
            Self::Forward { .. } => "through a port-forward",
            Self::Exec { .. } => "by redis-cli in its container",
        }
    }
}

/// Who one is to a cache.
#[derive(Clone, Debug, Default)]
pub struct Login {
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub database: u32,
}

impl Login {
    /// Reads the password from where it is kept.
    ///
    /// # Errors
    /// [`CacheError::Secret`], with where it was looked for.
    pub async fn read(
        username: Option<String>,
        password: Option<&SecretSource>,
        database: u32,
    ) -> Result<Self, CacheError> {
        let password = match password {
            Some(source) => Some(source.read().await.map_err(|e| CacheError::Secret(e.to_string()))?),
            None => None,
        };
        Ok(Self { username, password, database })
    }
}

/// What the API server said instead of opening a way into a pod.
fn kube_words(error: &kube::Error, verb: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("403 {}; ask for the verb create (and get) on pods/{verb}", status.message)
        }
        kube::Error::Api(status) => format!("{} {}", status.code, status.message),
        other => match Trouble::of(other) {
            Trouble::Credentials(text) | Trouble::Unreachable(text) => text,
            _ => root_cause(other),
        },
    }
}
