//! A client that goes on when credentials and certificates change under it. kube makes its client
//! once: a token that was replaced in the kubeconfig, a plugin's token without an expiry, a new
//! authority or client certificate would leave it refused until the program is started again. Here
//! the first refusal has everything read again, and what only asked is asked once more.

use std::error::Error as StdError;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use kube::client::{AuthError, Body};
use kube::config::Config;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::rustls;
use tower::{BoxError, Service};

use super::made;
use super::origin::Origin;
use crate::model::Failure;

/// Between two tries to get credentials: a plugin that needs a login must not run all the time.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Credentials could not be had anew, in words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotRenewed(String);

impl From<&Failure> for NotRenewed {
    fn from(failure: &Failure) -> Self {
        Self(format!("{}; {}", failure.happened, failure.next))
    }
}

/// What the clients of a session are made from.
pub struct Credentials {
    pub origin: Arc<Origin>,
    held: RwLock<(u64, Config)>,
    renewing: Mutex<Option<(Instant, Option<NotRenewed>)>>,
}

/// Connections of their own, with the session's credentials.
#[derive(Clone)]
pub struct Lane {
    credentials: Arc<Credentials>,
    client: Arc<Mutex<(u64, kube::Client)>>,
}

impl Credentials {
    pub fn new(origin: Arc<Origin>, config: Config) -> Self {
        Self { origin, held: RwLock::new((0, config)), renewing: Mutex::default() }
    }

    fn held(&self) -> (u64, Config) {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn generation(&self) -> u64 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Reads everything again; the client that was made of it. None: somebody else was quicker, or it
    /// did not help a moment ago.
    async fn renew(&self, seen: u64) -> Result<Option<kube::Client>, NotRenewed> {
        let mut last = self.renewing.lock().await;
        if self.generation() != seen {
            return Ok(None);
        }
        if let Some((_, outcome)) = last.as_ref().filter(|(at, _)| at.elapsed() < TRY_AGAIN) {
            return outcome.clone().map_or(Ok(None), Err);
        }
        let renewed = async {
            let (config, _) = self.origin.read().await?;
            let client = made(config.clone()).await?;
            Ok((config, client))
        };
        match renewed.await {
            Ok((config, client)) => {
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = (seen + 1, config);
                *last = Some((Instant::now(), None));
                tracing::info!("kubeconfig and credentials were read again");
                Ok(Some(client))
            }
            Err(failure) => {
                let failure: Failure = failure;
                tracing::warn!(happened = %failure.happened, "credentials could not be had anew");
                let why = NotRenewed::from(&failure);
                *last = Some((Instant::now(), Some(why.clone())));
                Err(why)
            }
        }
    }
}

impl Lane {
    pub fn new(credentials: Arc<Credentials>, client: kube::Client) -> Self {
        let generation = credentials.generation();
        Self { credentials, client: Arc::new(Mutex::new((generation, client))) }
    }

    /// Connections of their own, made with what is known.
    ///
    /// # Errors
    /// The credentials can't be had.
    pub async fn open(credentials: Arc<Credentials>) -> Result<Self, Failure> {
        let (generation, config) = credentials.held();
        let client = made(config).await?;
        Ok(Self { credentials, client: Arc::new(Mutex::new((generation, client))) })
    }

    /// As kube's client, which everything here asks with.
    pub fn client(self, default_namespace: &str) -> kube::Client {
        kube::Client::new(self, default_namespace)
    }

    /// The client with the newest credentials.
    async fn newest(&self) -> (u64, kube::Client) {
        let mut own = self.client.lock().await;
        if own.0 != self.credentials.generation() {
            let (generation, config) = self.credentials.held();
            // Where it can't be made, the old one is refused, and says why.
            if let Ok(client) = made(config).await {
                *own = (generation, client);
            }
        }
        own.clone()
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let again = repeated(&request);
        let (generation, client) = self.newest().await;
        let answer = client.send(request).await;
        let refused = match &answer {
            Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
            Err(error) => is_of_credentials(error),
        };
        if !refused {
            return Ok(answer?);
        }
        if let Some(client) = self.credentials.renew(generation).await? {
            *self.client.lock().await = (generation + 1, client);
        }
        let (newest, client) = self.newest().await;
        match again {
            Some(request) if newest != generation => Ok(client.send(request).await?),
            _ => Ok(answer?),
        }
    }
}

impl Service<Request<Body>> for Lane {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// The same request, where it only asks. What changes something is sent once, whatever comes back,
/// and a connection to a container is opened once.
fn repeated(request: &Request<Body>) -> Option<Request<Body>> {
    if request.method() != Method::GET || request.headers().contains_key(header::UPGRADE) {
        return None;
    }
    let mut again = Request::new(request.body().try_clone()?);
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

/// Whether new credentials, or a new authority, could mend it.
fn is_of_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(cause) = at {
        if cause.is::<AuthError>() {
            return true;
        }
        let tls = match cause.downcast_ref::<std::io::Error>() {
            Some(io) => wrapped(io),
            None => cause.downcast_ref(),
        };
        if let Some(tls) = tls {
            return matches!(tls, rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_));
        }
        at = cause.source();
    }
    false
}

/// An I/O error hides what it wraps from `source`.
fn wrapped(mut io: &std::io::Error) -> Option<&rustls::Error> {
    loop {
        let inner = io.get_ref()?;
        match inner.downcast_ref() {
            Some(tls) => return Some(tls),
            None => io = inner.downcast_ref()?,
        }
    }
}
