//! One client of one pod: who it is, which database it looks at, and the way from a
//! request to its command.

use std::sync::Arc;

use super::commands::{Command, Found, Rights, find};
use super::resp::Reply;
use super::{Redis, User};
use crate::sim::world::World;
use crate::sim::world::cache::{Eye, MASTER};

/// A connection's state.
pub struct Session {
    pub redis: Arc<Redis>,
    /// The pod that it is connected to.
    pub pod: String,
    /// Since when the server that it is connected to has been running.
    pub server_since_ms: i64,
    pub id: u64,
    pub address: String,
    pub since_ms: i64,
    pub user: Option<User>,
    pub db: u8,
    pub protocol: u8,
    pub name: String,
    /// The connection ends after this reply.
    pub over: bool,
}

impl Session {
    /// A new client of a pod of the cache; `None` when nothing runs there.
    pub fn new(redis: &Arc<Redis>, pod: &str, address: String) -> Option<Self> {
        let since_ms = redis.now_ms();
        let eye = redis.world().cache_eye(pod, 0, since_ms)?;
        let id = redis.clients.enter(pod, &address, since_ms);
        Some(Self {
            redis: redis.clone(),
            pod: pod.to_owned(),
            server_since_ms: eye.since_ms,
            id,
            address,
            since_ms,
            user: None,
            db: 0,
            protocol: 2,
            name: String::new(),
            over: false,
        })
    }

    pub fn is_replica(&self) -> bool {
        self.pod != MASTER
    }

    /// Whether the server that it is connected to still runs.
    pub fn alive(&self) -> bool {
        self.eye(&self.redis.world()).is_some_and(|eye| eye.since_ms == self.server_since_ms)
    }

    /// How its pod sees its database.
    pub fn eye(&self, world: &World) -> Option<Eye> {
        world.cache_eye(&self.pod, self.db, self.redis.now_ms())
    }

    /// Answers one request.
    pub fn answer(&mut self, args: &[Vec<u8>]) -> Reply {
        self.redis.count_command();
        let command = match find(args) {
            Found::Command(command) => command,
            Found::Error(text) => return Reply::Error(text),
        };
        if !command.takes(args.len()) {
            return wrong_arity(command);
        }
        if let Some(refusal) = self.refusal(command) {
            return refusal;
        }
        self.redis.clients.seen(self.id, self, command.name);
        (command.run)(self, args)
    }

    fn refusal(&self, command: &Command) -> Option<Reply> {
        let Some(user) = self.user else {
            return (command.rights != Rights::Anyone)
                .then(|| Reply::error("NOAUTH Authentication required."));
        };
        if !command.allowed(user) {
            let name = command.name;
            return Some(Reply::Error(format!(
                "NOPERM this user has no permissions to run the '{name}' command"
            )));
        }
        let refused = command.rights == Rights::Write && self.is_replica();
        refused.then(|| Reply::error("READONLY You can't write against a read only replica."))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.redis.clients.leave(self.id);
    }
}

pub fn wrong_arity(command: &Command) -> Reply {
    Reply::Error(format!("ERR wrong number of arguments for '{}' command", command.name))
}

/// An argument as text, for names and options, which are ASCII.
pub fn word(args: &[Vec<u8>], at: usize) -> String {
    args.get(at).map(|a| String::from_utf8_lossy(a).to_ascii_lowercase()).unwrap_or_default()
}

/// An argument as a whole number.
pub fn integer(args: &[Vec<u8>], at: usize) -> Option<i64> {
    std::str::from_utf8(args.get(at)?).ok()?.parse().ok()
}
