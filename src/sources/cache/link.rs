//! A connection to one instance of a cache, whatever it goes through, with a deadline on
//! everything.

use std::time::Duration;

use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;

use super::error::CacheError;
use super::exec::Cli;
use super::memcached::Memcached;
use super::reply::Reply;
use super::stream::{self, Aside, Budget};
use super::{Login, Reach};
use crate::config::CacheKind;

/// Silence that is borne. Redis answers in microseconds; `slowlog` begins at 10 ms.
pub const ANSWER: Duration = Duration::from_secs(5);

/// What may be asked: none of these changes a key. AUTH, SELECT and the marks of `redis-cli` are
/// the link's own.
const QUESTIONS: &[&[&str]] = &[
    &["ping"],
    &["info"],
    &["role"],
    &["dbsize"],
    &["scan"],
    &["acl", "whoami"],
    &["acl", "dryrun"],
    &["command", "info"],
    &["config", "get"],
    &["cluster", "nodes"],
    &["cluster", "info"],
    &["stats"],
    &["version"],
];

/// One command: its words, which may be any bytes.
pub type Command = Vec<Vec<u8>>;

/// A connection to one instance.
pub struct Link {
    wire: Wire,
}

enum Wire {
    Resp(Resp),
    Cli(Box<Cli>),
    Memcached(Memcached),
}

struct Resp {
    connection: MultiplexedConnection,
    /// What moves the bytes; it ends with the link.
    driver: JoinHandle<()>,
    budget: Budget,
    aside: Aside,
}

impl Drop for Resp {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Connects and says who we are.
    ///
    /// # Errors
    /// When there is no connection within 5 s, or the cache does not let us in.
    pub async fn open(
        client: &kube::Client,
        kind: CacheKind,
        reach: &Reach,
        login: &Login,
    ) -> Result<Self, CacheError> {
        let wire = match (kind, reach) {
            (CacheKind::Redis, Reach::Exec { .. }) => {
                Wire::Cli(Box::new(Cli::open(client, reach, login).await?))
            }
            (CacheKind::Redis, _) => Wire::Resp(Resp::open(client, reach, login).await?),
            (CacheKind::Memcached, _) => {
                let (stream, budget, aside) = stream::open(client, reach).await?;
                Wire::Memcached(Memcached::new(stream, budget, aside))
            }
        };
        Ok(Self { wire })
    }

    /// Asks something that changes nothing.
    ///
    /// # Errors
    /// The cache's refusal, or why there is no answer.
    pub async fn ask(&mut self, words: &[&str]) -> Result<Reply, CacheError> {
        let command: Command = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        if !is_question(&command) {
            return Err(CacheError::NotARead(words.join(" ").chars().take(60).collect()));
        }
        self.one(command).await
    }

    /// Sends what changes something, in one go; an answer for each. For the gateway alone: an
    /// architecture test sees to that. Nothing of it is ever sent a second time.
    pub async fn order(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, CacheError>> {
        match &mut self.wire {
            Wire::Resp(resp) => resp.send(commands).await,
            Wire::Cli(cli) => cli.send(commands).await,
            Wire::Memcached(memcached) => memcached.send(commands).await,
        }
    }

    async fn one(&mut self, command: Command) -> Result<Reply, CacheError> {
        let nothing = || Err(CacheError::Lost("no answer".to_owned()));
        self.order(vec![command]).await.pop().unwrap_or_else(nothing)
    }
}

fn is_question(command: &[Vec<u8>]) -> bool {
    let same = |words: &&&[&str]| {
        words.len() <= command.len()
            && words.iter().zip(command).all(|(w, c)| c.eq_ignore_ascii_case(w.as_bytes()))
    };
    QUESTIONS.iter().find(same).is_some()
}

impl Resp {
    async fn open(client: &kube::Client, reach: &Reach, login: &Login) -> Result<Self, CacheError> {
        let (stream, budget, aside) = stream::open(client, reach).await?;
        // Of the set-up nothing is left to the crate, so that every refusal is seen as it came.
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER));
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|e| CacheError::Unreachable(e.to_string()))?;
        let driver = tokio::spawn(driver);
        let mut resp = Self { connection, driver, budget, aside };
        // Nothing but questions was sent so far: a lost answer is a connection that never was.
        resp.greet(login).await.map_err(|error| match error {
            CacheError::Lost(what) => CacheError::Unreachable(what),
            other => other,
        })?;
        Ok(resp)
    }

    async fn greet(&mut self, login: &Login) -> Result<(), CacheError> {
        let mut hello = Vec::new();
        if let Some(password) = &login.password {
            let user = login.username.iter().map(|u| u.as_bytes().to_vec());
            let auth = std::iter::once(b"AUTH".to_vec()).chain(user);
            hello.push(auth.chain([password.expose_secret().as_bytes().to_vec()]).collect());
        }
        if login.database != 0 {
            hello.push(vec![b"SELECT".to_vec(), login.database.to_string().into_bytes()]);
        }
        hello.push(vec![b"PING".to_vec()]);
        for answer in self.send(hello).await {
            answer?;
        }
        Ok(())
    }

    async fn send(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, CacheError>> {
        self.budget.renew();
        // Sent one behind the other without waiting: a pipeline, with an answer for each.
        let sent = commands.into_iter().map(|words| {
            let mut connection = self.connection.clone();
            async move {
                let mut command = redis::Cmd::new();
                for word in words {
                    command.arg(word);
                }
                match connection.send_packed_command(&command).await {
                    Ok(value) => Reply::try_from(value),
                    Err(error) => Err(of(&error)),
                }
            }
        });
        let mut answers = join_all(sent).await;
        if answers.iter().any(|a| matches!(a, Err(CacheError::Lost(_))))
            && let Some(said) = self.aside.said().await
        {
            let said: String = said.trim().chars().take(200).collect();
            for answer in &mut answers {
                if matches!(answer, Err(CacheError::Lost(_))) {
                    *answer = Err(CacheError::Lost(said.clone()));
                }
            }
        }
        answers
    }
}

/// From what the crate gives.
fn of(error: &RedisError) -> CacheError {
    if let Some(code) = error.code() {
        return CacheError::refused(format!("{code} {}", error.detail().unwrap_or_default()).trim_end());
    }
    if error.is_timeout() {
        return CacheError::Lost(format!("no answer within {} s", ANSWER.as_secs()));
    }
    if error.is_io_error() || error.is_connection_dropped() {
        return CacheError::Lost("the connection was closed".to_owned());
    }
    CacheError::Garbled(error.category().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Command {
        text.split(' ').map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn only_questions_are_questions() {
        for question in
            ["info", "INFO keyspace", "Scan 0 MATCH *", "ACL WHOAMI", "ACL DRYRUN x FLUSHDB ASYNC"]
        {
            assert!(is_question(&words(question)), "{question}");
        }
        for order in [
            "FLUSHDB",
            "UNLINK a",
            "ACL SETUSER x",
            "CONFIG SET a b",
            "CLUSTER RESET",
            "acl",
            "flush_all",
            "",
        ] {
            assert!(!is_question(&words(order)), "{order}");
        }
    }
}
