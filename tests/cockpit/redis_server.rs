//! Real Redis servers for tests, and a way through which connections can be cut.
//!
//! Needs `redis-server` on the path; skipped with a note where it is missing, unless
//! `MIDWATCH_REQUIRE_SERVERS=1`.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::PATIENCE;

/// Whether the program is there; a missing one is a failure where servers are required.
pub fn installed() -> bool {
    let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    if there.is_err() {
        let required = std::env::var("MIDWATCH_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
        assert!(!required, "redis-server is required and not on the path");
        eprintln!("skipped: redis-server is not on the path");
    }
    there.is_ok()
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub struct Server {
    process: Child,
    pub port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts one with more arguments; None where it is not installed.
    pub async fn start(more: &[&str]) -> Option<Self> {
        installed().then_some(())?;
        Some(Self::start_at(free_port(), more).await)
    }

    pub async fn start_at(port: u16, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"])
            .arg(directory.path())
            .args(["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"])
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port, _directory: directory };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "redis-server was not ready");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        server
    }

    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The first line of the answer to each of these inline commands; a bulk string's own first line.
    pub async fn say(&self, commands: &[&str]) -> Vec<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut said = Vec::new();
        for command in commands {
            stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if let Some(length) = line.trim().strip_prefix('$').and_then(|n| n.parse::<usize>().ok()) {
                let mut text = vec![0; length + 2];
                stream.read_exact(&mut text).await.unwrap();
                line = String::from_utf8_lossy(&text).into_owned();
            }
            said.push(line.trim_end().to_owned());
        }
        said
    }

    /// One command, answered.
    pub async fn ask(&self, command: &str) -> String {
        self.say(&[command]).await.remove(0)
    }

    /// How often a command was carried out.
    pub async fn calls(&self, command: &str) -> u64 {
        let stats = self.ask("INFO commandstats").await;
        let line = stats
            .lines()
            .find_map(|l| l.strip_prefix(&format!("cmdstat_{command}:calls=")).map(str::to_owned));
        line.map_or(0, |l| l.split(',').next().unwrap().parse().unwrap())
    }

    /// Keys of the first database.
    pub async fn keys(&self) -> u64 {
        self.ask("DBSIZE").await.trim_start_matches(':').parse().unwrap()
    }
}

/// When a way cuts its connections.
#[derive(Clone, Copy)]
pub enum Cut {
    /// After so many connections nobody gets through any more.
    After(usize),
    /// One connection, counted from 1, does not get through.
    Only(usize),
    /// The request gets through, and its answer does not.
    AnswerTo(&'static [u8]),
    /// The request does not get through.
    Request(&'static [u8]),
}

/// A way to a server through a port of its own.
pub async fn way_at(listener: TcpListener, to: u16, cut: Cut) -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((near, _)) = listener.accept().await {
            connections += 1;
            if matches!(cut, Cut::After(n) if connections > n)
                || matches!(cut, Cut::Only(n) if connections == n)
            {
                continue;
            }
            tokio::spawn(carry(near, to, cut, counted.clone()));
        }
    });
    seen
}

async fn carry(near: TcpStream, to: u16, cut: Cut, seen: Arc<AtomicUsize>) {
    let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut far_in, &mut near_out).await.ok() });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n) = near_in.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        if let Cut::AnswerTo(word) | Cut::Request(word) = cut
            && buffer[..n].windows(word.len()).any(|w| w == word)
            // Permission is asked for in the same words.
            && !buffer[..n].windows(6).any(|w| w == b"DRYRUN" || w == b"COMMAN")
        {
            seen.fetch_add(1, Ordering::SeqCst);
            back.abort();
            if matches!(cut, Cut::AnswerTo(_)) {
                far_out.write_all(&buffer[..n]).await.ok();
            }
            return;
        }
        if far_out.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
    back.abort();
}
