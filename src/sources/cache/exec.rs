//! `redis-cli` in the container, by the API server's `exec`: for caches whose password only the
//! container has, and for networks that let no port through.
//!
//! Commands go in by standard input: the command line of an exec stands in the API server's audit
//! log, and a password has no business there. Each command is followed by an ECHO of a word that
//! nobody can guess: what is printed before it is the answer. (redis-cli before 7.0 sends a command
//! again by itself when the connection breaks; nothing from here does.)

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::cli;
use super::error::CacheError;
use super::link::{ANSWER, Command};
use super::reply::Reply;
use super::stream::CONNECT;
use super::{Login, Reach};

/// Largest answer; see the stream's.
const MOST_BYTES: usize = 8 << 20;
/// What it complains of on its second output is a line.
const MOST_COMPLAINT: usize = 4 << 10;

type Input = Box<dyn AsyncWrite + Unpin + Send>;
type Output = Box<dyn AsyncRead + Unpin + Send>;

pub struct Cli {
    stdin: Input,
    stdout: Output,
    stderr: Output,
    status: Option<BoxFuture<'static, Option<Status>>>,
    /// Aborts the connection when it is dropped.
    _process: AttachedProcess,
    rest: Vec<u8>,
    broken: bool,
}

impl Cli {
    /// Starts redis-cli and says who we are.
    pub async fn open(client: &kube::Client, reach: &Reach, login: &Login) -> Result<Self, CacheError> {
        let unreachable = |what: &str| CacheError::Unreachable(what.to_owned());
        let Reach::Exec { namespace, pod, container, port } = reach else {
            return Err(unreachable("redis-cli runs in a pod only"));
        };
        let (port, database) = (port.to_string(), login.database.to_string());
        let command = ["redis-cli", "--no-raw", "-p", port.as_str(), "-n", database.as_str()];
        let params = AttachParams::default()
            .container(container.as_str())
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .tty(false);
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let started = tokio::time::timeout(CONNECT, pods.exec(pod, command, &params)).await;
        let mut process = started
            .map_err(|_| unreachable("no connection within 5 s"))?
            .map_err(|e| unreachable(&super::kube_words(&e, "exec")))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (process.stdin(), process.stdout(), process.stderr())
        else {
            return Err(unreachable("the command has no input or output"));
        };
        let status = process.take_status().map(FutureExt::boxed);
        let mut cli = Self {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            status,
            _process: process,
            rest: Vec::new(),
            broken: false,
        };
        cli.greet(login).await.map_err(|error| match error {
            CacheError::Lost(what) => CacheError::Unreachable(what),
            other => other,
        })?;
        Ok(cli)
    }

    async fn greet(&mut self, login: &Login) -> Result<(), CacheError> {
        let mut hello = Vec::new();
        if let Some(password) = &login.password {
            let user = login.username.iter().map(|u| u.as_bytes().to_vec());
            let auth = std::iter::once(b"AUTH".to_vec()).chain(user);
            hello.push(auth.chain([password.expose_secret().as_bytes().to_vec()]).collect());
        }
        hello.push(vec![b"PING".to_vec()]);
        for answer in self.send(hello).await {
            answer?;
        }
        Ok(())
    }

    /// Sends every command, then reads an answer for each.
    pub async fn send(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, CacheError>> {
        let mark = format!("midwatch-{:032x}", rand::random::<u128>());
        let echo = cli::line(&[b"ECHO".to_vec(), mark.clone().into_bytes()]);
        let mut script = Vec::new();
        for command in &commands {
            script.extend(cli::line(command));
            script.extend_from_slice(&echo);
        }
        let sent = if self.broken { Err(()) } else { self.write(&script).await };
        let mut answers = Vec::with_capacity(commands.len());
        for _ in &commands {
            let answer = match sent {
                Ok(()) if !self.broken => self.answer(&mark).await,
                _ => Err(CacheError::Lost("the connection was given up before".to_owned())),
            };
            self.broken |= matches!(answer, Err(CacheError::Lost(_) | CacheError::Garbled(_)));
            answers.push(answer);
        }
        answers
    }

    async fn write(&mut self, script: &[u8]) -> Result<(), ()> {
        let write = async {
            self.stdin.write_all(script).await?;
            self.stdin.flush().await
        };
        match tokio::time::timeout(ANSWER, write).await {
            Ok(Ok(())) => Ok(()),
            // What is printed says more than that nothing could be written.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(()),
        }
    }

    /// What is printed before the next mark.
    async fn answer(&mut self, mark: &str) -> Result<Reply, CacheError> {
        let mark = format!("\"{mark}\"\n").into_bytes();
        let mut searched = 0;
        loop {
            let found = self.rest[searched..].windows(mark.len()).position(|w| w == mark);
            if let Some(at) = found.map(|at| at + searched) {
                let printed: Vec<u8> = self.rest.drain(..at + mark.len()).take(at).collect();
                return cli::parse(&printed);
            }
            searched = self.rest.len().saturating_sub(mark.len());
            if self.rest.len() > MOST_BYTES {
                return Err(CacheError::Lost(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
            }
            let mut buffer = vec![0; 64 << 10];
            match tokio::time::timeout(ANSWER, self.stdout.read(&mut buffer)).await {
                Err(_) => return Err(CacheError::Lost(format!("no answer within {} s", ANSWER.as_secs()))),
                Ok(Ok(n)) if n > 0 => self.rest.extend_from_slice(&buffer[..n]),
                Ok(_) => return Err(self.ended().await),
            }
        }
    }

    /// Why it is over: what it printed last, what it complained of, or how it ended.
    async fn ended(&mut self) -> CacheError {
        let mut complaint = Vec::new();
        let mut limited = (&mut self.stderr).take(MOST_COMPLAINT as u64);
        drop(tokio::time::timeout(ANSWER, limited.read_to_end(&mut complaint)).await);
        let status = match self.status.take() {
            Some(status) => tokio::time::timeout(ANSWER, status).await.ok().flatten(),
            None => None,
        };
        let said = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).trim().lines().next().unwrap_or_default().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let ended = status.and_then(|s| s.message).filter(|m| !m.is_empty());
        let words = said(&complaint).or_else(|| said(&self.rest)).or(ended);
        let words = words.unwrap_or_else(|| "redis-cli has ended".to_owned());
        if words.contains("executable file not found") || words.contains("no such file") {
            return CacheError::Unreachable(
                "there is no redis-cli in the container; take via = \"port-forward\"".to_owned(),
            );
        }
        CacheError::Lost(words.chars().take(200).collect())
    }
}
