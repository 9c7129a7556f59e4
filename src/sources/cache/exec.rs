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
    printed: Printed,
    stderr: Output,
    status: Option<BoxFuture<'static, Option<Status>>>,
    /// Aborts the connection when it is dropped.
    _process: AttachedProcess,
    broken: bool,
}

/// What it prints, as far as it was not an answer yet.
struct Printed {
    stdout: Output,
    rest: Vec<u8>,
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
            printed: Printed { stdout: Box::new(stdout), rest: Vec::new() },
            stderr: Box::new(stderr),
            status,
            _process: process,
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

    /// Sends every command while it reads an answer for each: either pipe could fill up else.
    pub async fn send(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, CacheError>> {
        let lost = |what: &str| Err(CacheError::Lost(what.to_owned()));
        if self.broken {
            return commands.iter().map(|_| lost("the connection was given up before")).collect();
        }
        let mark = format!("midwatch-{:032x}", rand::random::<u128>());
        let echo = cli::line(&[b"ECHO".to_vec(), mark.clone().into_bytes()]);
        let mut script = Vec::new();
        for command in &commands {
            script.extend(cli::line(command));
            script.extend_from_slice(&echo);
        }
        // What it prints says more than that it can't be written to any more: only reading ends it.
        let write = async {
            if self.stdin.write_all(&script).await.is_ok() {
                drop(self.stdin.flush().await);
            }
            std::future::pending().await
        };
        let mut answers = tokio::select! {
            answers = self.printed.answers(&mark, commands.len()) => answers,
            none = write => none,
        };
        let whole = answers.iter().all(|a| !matches!(a, Err(CacheError::Lost(_) | CacheError::Garbled(_))));
        self.broken = !whole || answers.len() < commands.len();
        if answers.len() < commands.len() {
            answers.push(Err(self.ended().await));
        }
        answers.resize_with(commands.len(), || lost("the connection was given up before"));
        answers
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
        let words = said(&complaint).or_else(|| said(&self.printed.rest)).or(ended);
        let words = words.unwrap_or_else(|| "redis-cli has ended".to_owned());
        if words.contains("executable file not found") || words.contains("no such file") {
            return CacheError::Unreachable(
                "there is no redis-cli in the container; take via = \"port-forward\"".to_owned(),
            );
        }
        CacheError::Lost(words.chars().take(200).collect())
    }
}

impl Printed {
    /// Up to so many answers: fewer where it has ended, the last of them lost where it fell silent.
    async fn answers(&mut self, mark: &str, many: usize) -> Vec<Result<Reply, CacheError>> {
        let mark = format!("\"{mark}\"\n").into_bytes();
        let mut answers = Vec::with_capacity(many);
        while answers.len() < many {
            match self.answer(&mark).await {
                Ok(Some(printed)) => answers.push(cli::parse(&printed)),
                Ok(None) => break,
                Err(error) => {
                    answers.push(Err(error));
                    let given_up = || Err(CacheError::Lost("the connection was given up before".to_owned()));
                    answers.resize_with(many, given_up);
                }
            }
        }
        answers
    }

    /// What is printed before the next mark; None at the end.
    async fn answer(&mut self, mark: &[u8]) -> Result<Option<Vec<u8>>, CacheError> {
        let mut searched = 0;
        loop {
            let found = self.rest[searched..].windows(mark.len()).position(|w| w == mark);
            if let Some(at) = found.map(|at| at + searched) {
                return Ok(Some(self.rest.drain(..at + mark.len()).take(at).collect()));
            }
            searched = self.rest.len().saturating_sub(mark.len());
            if self.rest.len() > MOST_BYTES {
                return Err(CacheError::Lost(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
            }
            let mut buffer = vec![0; 64 << 10];
            match tokio::time::timeout(ANSWER, self.stdout.read(&mut buffer)).await {
                Err(_) => return Err(CacheError::Lost(format!("no answer within {} s", ANSWER.as_secs()))),
                Ok(Ok(n)) if n > 0 => self.rest.extend_from_slice(&buffer[..n]),
                Ok(_) => return Ok(None),
            }
        }
    }
}
