//! What stands between the cockpit and a server in tests of faults: a proxy whose connections can be
//! frozen half-open, cut, or served with certificates that change.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use midwatch::sim::Sim;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What becomes of connections; those that were frozen stay so for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Flows,
    /// Accepts, and passes nothing on any more.
    Frozen,
}

/// A proxy on a free port of the loopback.
pub struct Gate {
    pub port: u16,
    mode: watch::Sender<Mode>,
    /// Goes up when every connection is to be closed.
    cut: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
    tls: Option<Arc<Mutex<TlsAcceptor>>>,
}

impl Gate {
    /// Passes bytes on to the simulated API server.
    pub async fn before(sim: &Sim) -> Self {
        Self::start(sim, None).await
    }

    /// Shakes hands itself, with the certificates of `authority`, and asks for the client's.
    pub async fn with_certificates(sim: &Sim, authority: &Authority) -> Self {
        Self::start(sim, Some(authority.acceptor())).await
    }

    async fn start(sim: &Sim, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server: SocketAddr = sim.kube_url().trim_start_matches("https://").parse().unwrap();
        let (mode, cut) = (watch::Sender::new(Mode::Flows), watch::Sender::new(0));
        let (accepted, tls) = (Arc::new(AtomicUsize::new(0)), acceptor.map(|a| Arc::new(Mutex::new(a))));
        let passer = Passer { server, ca: sim.ca_pem().to_owned(), tls: tls.clone() };
        let (modes, cuts, count) = (mode.subscribe(), cut.subscribe(), accepted.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (passer, mut modes, mut cuts) = (passer.clone(), modes.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let frozen = async move {
                        drop(modes.wait_for(|m| *m == Mode::Frozen).await);
                    };
                    let stream = Arc::new(stream);
                    // With certificates of its own it can't be frozen: the stream is not shared.
                    let held = passer.tls.is_none().then(|| stream.clone());
                    let passing = passer.pass(stream);
                    tokio::select! {
                        biased;
                        _ = cuts.changed() => {}
                        // Open, and silent for ever: nothing of it is read, nothing is closed.
                        () = frozen => std::mem::forget(held),
                        () = passing => {}
                    }
                });
            }
        });
        Self { port, mode, cut, accepted, tls }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Closes every connection.
    pub fn cut(&self) {
        self.cut.send_modify(|n| *n += 1);
    }

    /// Connections that were accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// New connections are served with these certificates, and must bring theirs.
    pub fn replace(&self, authority: &Authority) {
        *self.tls.as_ref().unwrap().lock().unwrap() = authority.acceptor();
    }

    /// The kubeconfig that leads through the gate.
    pub fn kubeconfig(&self, sim: &Sim) -> String {
        sim.kubeconfig_yaml().replace(&sim.kube_url(), &format!("https://127.0.0.1:{}", self.port))
    }
}

#[derive(Clone)]
struct Passer {
    server: SocketAddr,
    ca: String,
    tls: Option<Arc<Mutex<TlsAcceptor>>>,
}

impl Passer {
    async fn pass(self, stream: Arc<TcpStream>) {
        let Ok(mut out) = TcpStream::connect(self.server).await else { return };
        match self.tls {
            None => shovel(&stream, &out).await,
            Some(acceptor) => {
                let acceptor = acceptor.lock().unwrap().clone();
                let Some(stream) = Arc::into_inner(stream) else { return };
                let Ok(mut inner) = acceptor.accept(stream).await else { return };
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap()).unwrap();
                let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                let name = ServerName::try_from("127.0.0.1").unwrap();
                let connector = TlsConnector::from(Arc::new(config));
                let Ok(mut outer) = connector.connect(name, &mut out).await else { return };
                drop(tokio::io::copy_bidirectional(&mut inner, &mut outer).await);
            }
        }
    }
}

/// Both ways until one ends.
async fn shovel(one: &TcpStream, other: &TcpStream) {
    tokio::select! { () = shovel_to(one, other) => {}, () = shovel_to(other, one) => {} }
}

async fn shovel_to(from: &TcpStream, to: &TcpStream) {
    let mut buffer = vec![0_u8; 16_384];
    loop {
        if from.readable().await.is_err() {
            return;
        }
        let read = match from.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        };
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            if to.writable().await.is_err() {
                return;
            }
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

/// A certificate authority, and what it has signed for the server and for us.
pub struct Authority {
    ca: String,
    server: (String, String),
    client: (String, String),
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let ca = pem("CERTIFICATE", params.self_signed(&key).unwrap().der());
        let issuer = Issuer::new(params, key);
        let signed = |names: &[&str]| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
            (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
        };
        let (server, client) = (signed(&["127.0.0.1"]), signed(&["oncall"]));
        Self { ca, server, client }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let chain = vec![CertificateDer::from_pem_slice(self.server.0.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// The files that a kubeconfig names: the authority's certificate.
    pub fn write_ca(&self, directory: &Path) {
        std::fs::write(directory.join("ca.crt"), &self.ca).unwrap();
    }

    /// The client's certificate and key.
    pub fn write_client(&self, directory: &Path) {
        std::fs::write(directory.join("client.crt"), &self.client.0).unwrap();
        std::fs::write(directory.join("client.key"), &self.client.1).unwrap();
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
