//! memcached's text protocol, as far as `stats`, `version` and `flush_all` go.
//! https://github.com/memcached/memcached/blob/master/doc/protocol.txt

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::CacheError;
use super::link::{ANSWER, Command};
use super::reply::Reply;
use super::stream::{Aside, Budget, Stream};

/// `stats` has about a hundred lines.
const MOST_BYTES: usize = 64 << 10;

pub struct Memcached {
    stream: Stream,
    budget: Budget,
    aside: Aside,
    rest: Vec<u8>,
    /// After a lost answer what comes can't be told from what was asked before.
    broken: bool,
}

impl Memcached {
    pub fn new(stream: Stream, budget: Budget, aside: Aside) -> Self {
        Self { stream, budget, aside, rest: Vec::new(), broken: false }
    }

    /// Sends one command after the other; an answer for each.
    pub async fn send(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, CacheError>> {
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let answer = tokio::time::timeout(ANSWER, self.exchange(&command)).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(CacheError::Lost(format!("no answer within {} s", ANSWER.as_secs())))
            });
            self.broken |= matches!(answer, Err(CacheError::Lost(_) | CacheError::Garbled(_)));
            answers.push(answer);
        }
        answers
    }

    async fn exchange(&mut self, command: &Command) -> Result<Reply, CacheError> {
        if self.broken {
            return Err(CacheError::Lost("the connection was given up before".to_owned()));
        }
        self.budget.renew();
        let mut line = command.join(&b' ');
        line.extend_from_slice(b"\r\n");
        let sent = self.stream.write_all(&line).await;
        if let Err(error) = sent {
            return Err(self.lost(&error.to_string()).await);
        }
        let mut all = Vec::new();
        loop {
            let line = self.line().await?;
            let text = String::from_utf8_lossy(&line).into_owned();
            match text.split(' ').next().unwrap_or_default() {
                "STAT" => {
                    let rest = text.strip_prefix("STAT ").unwrap_or_default();
                    let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                    all.extend([name, value].map(|t| Reply::Bytes(t.as_bytes().to_vec())));
                    if all.len() > MOST_BYTES / 8 {
                        return Err(CacheError::Garbled("too many lines".to_owned()));
                    }
                }
                "END" => return Ok(Reply::List(all)),
                "OK" | "VERSION" => return Ok(Reply::Bytes(line)),
                "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => return Err(CacheError::refused(&text)),
                _ => return Err(CacheError::Garbled("a line that memcached does not say".to_owned())),
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, CacheError> {
        loop {
            if let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=end).collect();
                while line.last().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
                    line.pop();
                }
                return Ok(line);
            }
            if self.rest.len() > MOST_BYTES {
                return Err(CacheError::Garbled("a line without an end".to_owned()));
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) => return Err(self.lost("the connection was closed").await),
                Ok(n) => self.rest.extend_from_slice(&buffer[..n]),
                Err(error) => return Err(self.lost(&error.to_string()).await),
            }
        }
    }

    async fn lost(&mut self, what: &str) -> CacheError {
        CacheError::Lost(self.aside.said().await.unwrap_or_else(|| what.to_owned()))
    }
}
