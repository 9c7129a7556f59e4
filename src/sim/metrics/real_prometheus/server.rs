//! Servers for comparison: the installed Prometheus and Alertmanager, and ours.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; it ends with this value.
pub struct Server {
    process: Child,
    pub base: String,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Serves a router on a free port of the loopback and returns its address.
pub async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

/// Whether the program is there; a missing one is a failure where servers are required.
fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        let required = std::env::var("MIDWATCH_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "{program} is required and not on the path");
        eprintln!("skipped: {program} is not on the path");
    }
    there.is_ok()
}

impl Server {
    /// Prometheus over samples in OpenMetrics' text; `None`, with a note, where it is not
    /// installed.
    pub async fn prometheus(openmetrics: &str) -> Option<Self> {
        if !installed("prometheus") || !installed("promtool") {
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
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", store.display()),
            "--storage.tsdb.retention.time=100y".into(),
        ];
        Some(Self::start("prometheus", &arguments, directory).await)
    }

    /// Prometheus with a configuration and without samples; `None`, with a note, where it is
    /// not installed.
    pub async fn scraping(configuration: &str) -> Option<Self> {
        if !installed("prometheus") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.yml");
        fs::write(&config, configuration).unwrap();
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", directory.path().join("store").display()),
        ];
        Some(Self::start("prometheus", &arguments, directory).await)
    }

    /// Alertmanager with a configuration, under the name that Debian gives it; `None`, with a
    /// note, where it is not installed.
    pub async fn alertmanager(configuration: &str) -> Option<Self> {
        if !installed("prometheus-alertmanager") {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("alertmanager.yml");
        fs::write(&config, configuration).unwrap();
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", directory.path().join("store").display()),
            "--cluster.listen-address=".into(),
        ];
        Some(Self::start("prometheus-alertmanager", &arguments, directory).await)
    }

    async fn start(program: &str, arguments: &[String], directory: tempfile::TempDir) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(arguments)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, base: format!("http://127.0.0.1:{port}"), _directory: directory };
        server.ready().await;
        server
    }

    async fn ready(&self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/-/ready", self.base);
        let give_up = Instant::now() + Duration::from_secs(60);
        while !client.get(&url).send().await.is_ok_and(|r| r.status().is_success()) {
            assert!(Instant::now() < give_up, "{url} was not ready within a minute");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
