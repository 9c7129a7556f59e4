//! The bytes under a protocol: TCP, TLS, or a port of a pod through the API server, with a bound
//! on how much may come in for one question.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, crypto::aws_lc_rs};

use super::Reach;
use super::error::CacheError;

/// A connection across the world, or through an API server that is busy.
pub const CONNECT: Duration = Duration::from_secs(5);
/// Largest answer: 1,000 keys of the longest names that anybody has, many times over.
const MOST_BYTES: usize = 8 << 20;

/// Anything that a protocol can be spoken over.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// How many bytes may still come in.
#[derive(Clone, Default)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A question begins.
    pub fn renew(&self) {
        self.0.store(MOST_BYTES, Ordering::Relaxed);
    }
}

/// A connection, and what keeps it.
pub struct Stream {
    io: Box<dyn Io>,
    budget: Budget,
}

/// What a connection leaves behind: what it was refused with, where that comes on another way.
pub struct Aside(Option<BoxFuture<'static, Option<String>>>);

impl Aside {
    /// What the API server has said of the port since, if anything.
    pub async fn said(&mut self) -> Option<String> {
        let said = self.0.take()?;
        // It comes together with the end of the stream; this is for the two to meet.
        tokio::time::timeout(Duration::from_millis(500), said).await.ok().flatten()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let came = buf.filled().len().saturating_sub(before);
        let left = self.budget.0.load(Ordering::Relaxed);
        if came > left {
            return Poll::Ready(Err(io::Error::other(format!("it is larger than {} MiB", MOST_BYTES >> 20))));
        }
        self.budget.0.fetch_sub(came, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Connects.
///
/// # Errors
/// Within 5 s, what happened.
pub async fn open(client: &kube::Client, reach: &Reach) -> Result<(Stream, Budget, Aside), CacheError> {
    let connected = tokio::time::timeout(CONNECT, connect(client, reach)).await;
    let (io, aside) = connected
        .map_err(|_| CacheError::Unreachable(format!("no connection within {} s", CONNECT.as_secs())))??;
    let budget = Budget::default();
    budget.renew();
    Ok((Stream { io, budget: budget.clone() }, budget, aside))
}

async fn connect(client: &kube::Client, reach: &Reach) -> Result<(Box<dyn Io>, Aside), CacheError> {
    let unreachable = |what: String| CacheError::Unreachable(what);
    match reach {
        Reach::Tcp { host, port, tls, ca_file } => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((bare, *port)).await.map_err(|e| unreachable(e.to_string()))?;
            stream.set_nodelay(true).map_err(|e| unreachable(e.to_string()))?;
            let io: Box<dyn Io> = if *tls {
                Box::new(secure(stream, bare, ca_file.as_deref()).await.map_err(unreachable)?)
            } else {
                Box::new(stream)
            };
            Ok((io, Aside(None)))
        }
        Reach::Forward { namespace, pod, port } => {
            let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let mut forwarder = pods
                .portforward(pod, &[*port])
                .await
                .map_err(|e| unreachable(super::kube_words(&e, "portforward")))?;
            let aside = forwarder.take_error(*port).map(FutureExt::boxed);
            let stream = forwarder
                .take_stream(*port)
                .ok_or_else(|| unreachable("no stream for the port".to_owned()))?;
            Ok((Box::new(stream), Aside(aside)))
        }
        Reach::Exec { .. } => Err(unreachable("a command has no port".to_owned())),
    }
}

/// TLS with the system's roots, and those of `ca_file` beside them.
async fn secure(
    stream: TcpStream,
    host: &str,
    ca_file: Option<&Path>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let mut more = Vec::new();
    if let Some(path) = ca_file {
        let bad = |e: &dyn std::fmt::Display| format!("read the CA {}: {e}", path.display());
        let pem = std::fs::read(path).map_err(|e| bad(&e))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            more.push(certificate.map_err(|e| bad(&e))?);
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(more, provider.clone())
        .map_err(|e| format!("TLS: {e}"))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| format!("TLS: {e}"))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|e| format!("TLS: {e}"))
}
