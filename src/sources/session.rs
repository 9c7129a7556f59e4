//! The connection to one cluster: kubeconfig → client, scope and names.

mod commands;
mod kubeconfig;
mod origin;
mod renewing;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kube::config::Config;
use tokio::sync::{Notify, OnceCell};

use super::kubernetes::{
    api, list,
    trouble::{Ask, Trouble},
};
pub use crate::model::scope::{ContextName, NamespaceChoice, Scope, Target};
use crate::model::{Clean, Failure, FailureKind};
use origin::Origin;
pub use renewing::NotRenewed;
use renewing::{Credentials, Lane};

/// Enough for a connection across the world, and short enough for someone who waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A backstop for half-open connections; every request of ours gives up sooner ([`api::PATIENCE`]).
const READ_TIMEOUT: Duration = Duration::from_secs(35);

/// How long a credential plugin may take: a browser login can't be waited for here.
/// Shorter than [`api::PATIENCE`], so that it is the plugin that is named.
const PLUGIN_TIMEOUT: Duration = Duration::from_secs(25);

/// A client that only reads, and the scope it was made for. Mutating clients are made elsewhere.
pub struct Session {
    pub client: kube::Client,
    pub scope: Scope,
    pub target: Target,
    version: OnceLock<ServerVersion>,
    reached: Notify,
    /// What the client was made from; none in tests with a client of their own.
    credentials: Option<Arc<Credentials>>,
    hand: OnceCell<kube::Client>,
    user: OnceCell<String>,
    /// The kubeconfig that commands are given before the others.
    commands: OnceLock<tempfile::TempDir>,
    /// The services that were found in the cluster: one search for all who ask.
    pub found: super::discover::Shared,
}

/// What `/version` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    pub major: u32,
    pub minor: u32,
    /// 'v1.36.0'.
    pub git: Clean,
}

impl Session {
    pub fn new(client: kube::Client, scope: Scope, target: Target) -> Self {
        let (version, reached) = (OnceLock::new(), Notify::new());
        let (credentials, hand, user) = (None, OnceCell::new(), OnceCell::new());
        let (commands, found) = Default::default();
        Self { client, scope, target, version, reached, credentials, hand, user, commands, found }
    }

    /// Asked for until it is known once; those who ask at the same time don't wait for each other.
    pub async fn server_version(&self) -> Result<&ServerVersion, Trouble> {
        if let Some(known) = self.version.get() {
            return Ok(known);
        }
        let version = fetch_version(&self.client).await?;
        Ok(self.version.get_or_init(|| version))
    }
}

impl Session {
    /// A client with connections of its own, made when it is first needed: what it is for does not
    /// wait behind the watches. For the gateway alone.
    ///
    /// # Errors
    /// As for the client that reads.
    pub async fn hand(&self) -> Result<kube::Client, Trouble> {
        let make = || async {
            let Some(credentials) = self.credentials.clone() else { return Ok(self.client.clone()) };
            let lane = Lane::open(credentials).await;
            lane.map(|lane| lane.client(self.client.default_namespace()))
                .map_err(|failure| Trouble::Credentials(failure.happened.to_string()))
        };
        self.hand.get_or_try_init(make).await.cloned()
    }

    /// The same cluster and the same scope over new connections, with credentials that are read again.
    ///
    /// # Errors
    /// As [`connect`], and where the kubeconfig leads elsewhere than before.
    pub async fn again(&self) -> Result<Self, Failure> {
        match &self.credentials {
            Some(credentials) => open(credentials.origin.clone()).await,
            None => Ok(Self::new(self.client.clone(), self.scope.clone(), self.target.clone())),
        }
    }

    /// The user's name, asked for until it is known once; empty while it is not.
    pub async fn user_or_ask(&self, ask: impl AsyncFnOnce() -> String) -> &str {
        if let Some(known) = self.user.get() {
            return known;
        }
        let name = ask().await;
        if name.is_empty() { "" } else { self.user.get_or_init(|| async { name }).await }
    }

    /// A feed that could not reach the server has reached it: the others need not wait any longer.
    pub fn tell_reached(&self) {
        self.reached.notify_waiters();
    }

    /// Returns when the next feed tells so.
    pub async fn until_reached(&self) {
        self.reached.notified().await;
    }
}

async fn fetch_version(client: &kube::Client) -> Result<ServerVersion, Trouble> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        major: String,
        minor: String,
        git_version: Clean,
    }
    let wire: Wire = api::json(client, "/version").await?;
    // Some vendors write the minor version as '34+'.
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    Ok(ServerVersion { major: number(&wire.major), minor: number(&wire.minor), git: wire.git_version })
}

/// Reads the kubeconfig and makes the client. Nothing is asked of the server yet; a credential
/// plugin, where the kubeconfig names one, is run.
///
/// # Errors
/// The kubeconfig can't be read or has no such context, or the credentials can't be had.
pub async fn connect(target: &Target) -> Result<Session, Failure> {
    open(Arc::new(Origin::new(target.clone()))).await
}

async fn open(origin: Arc<Origin>) -> Result<Session, Failure> {
    let (config, scope) = origin.read().await?;
    let namespace = config.default_namespace.clone();
    let client = made(config.clone()).await?;
    let target = origin.target().clone();
    let credentials = Arc::new(Credentials::new(origin, config));
    let client = Lane::new(credentials.clone(), client).client(&namespace);
    Ok(Session { credentials: Some(credentials), ..Session::new(client, scope, target) })
}

/// kube's client; a credential plugin is run, and waited for.
async fn made(config: Config) -> Result<kube::Client, Failure> {
    let made = blocking(move || kube::Client::try_from(config).map_err(|error| broken(&error)));
    tokio::time::timeout(PLUGIN_TIMEOUT, made).await.map_err(|_| Failure {
        kind: FailureKind::Unauthenticated,
        tried: Clean::new("get credentials"),
        happened: Clean::new(&format!(
            "the credential plugin took longer than {} s",
            PLUGIN_TIMEOUT.as_secs()
        )),
        next: Clean::new("log in outside of midwatch, then try again"),
    })??
}

/// The contexts that can be switched to, in the kubeconfig's order.
///
/// # Errors
/// The kubeconfig can't be read. In a cluster without one the list is empty.
pub fn contexts(target: &Target) -> Result<Vec<ContextName>, Failure> {
    Ok(kubeconfig::load(target)?.map(|config| kubeconfig::names(&config, target)).unwrap_or_default())
}

/// The names of the namespaces, at most 10,000.
///
/// # Errors
/// As the API server has it: often 403 for those who may see only their own.
pub async fn namespaces(session: &Session) -> Result<Vec<Clean>, Failure> {
    let ask = Ask { verb: "list", resource: "namespaces".into(), namespace: None };
    list::names(&session.client, "/api/v1/namespaces").await.map_err(|trouble| trouble.failure(&ask))
}

fn broken(error: &kube::Error) -> Failure {
    let trouble = Trouble::of(error);
    let credentials = matches!(trouble, Trouble::Credentials(_));
    let ask = Ask { verb: "get", resource: "credentials".into(), namespace: None };
    let mut failure = trouble.failure(&ask);
    failure.tried = Clean::new("make a client from the kubeconfig");
    if !credentials {
        failure.kind = FailureKind::NotConfigured;
        failure.next = Clean::new("check the cluster and user that the context names in the kubeconfig");
    }
    failure
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("read the kubeconfig"),
        happened: Clean::new(&error.to_string()),
        next: Clean::new("report it: this is a fault of midwatch"),
    })
}

#[cfg(test)]
mod tests;
