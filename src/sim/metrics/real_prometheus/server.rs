//! Both servers: the installed Prometheus with the samples in its store, and ours.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sim::metrics::Metrics;

/// A running Prometheus; it ends with this value.
pub struct Prometheus {
    process: Child,
    pub base: String,
    _directory: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Serves our API on a free port of the loopback and returns its address.
pub async fn serve(metrics: Arc<Metrics>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, metrics.prometheus()).await });
    base
}

impl Prometheus {
    /// Starts it over these samples; `None`, with a note, where it is not installed.
    pub async fn start(openmetrics: &str) -> Option<Self> {
        if Command::new("promtool").arg("--version").stdout(Stdio::null()).status().is_err() {
            let required = std::env::var("MIDWATCH_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
            assert!(!required, "prometheus and promtool are required and not on the path");
            eprintln!("skipped: prometheus and promtool are not on the path");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let (samples, store) = (directory.path().join("samples"), directory.path().join("store"));
        let config = directory.path().join("prometheus.yml");
        fs::write(&samples, openmetrics).unwrap();
        fs::write(&config, "global: {}\n").unwrap();
        let import = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&samples, &store])
            .output()
            .unwrap();
        assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", store.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--storage.tsdb.retention.time=100y", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, base: format!("http://127.0.0.1:{port}"), _directory: directory };
        server.ready().await;
        Some(server)
    }

    async fn ready(&self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/-/ready", self.base);
        let give_up = Instant::now() + Duration::from_secs(60);
        while !client.get(&url).send().await.is_ok_and(|r| r.status().is_success()) {
            assert!(Instant::now() < give_up, "Prometheus was not ready within a minute");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
