//! The shop's cache as Redis clients see it: RESP2 and RESP3 over the world's entries.
//!
//! One pod is the master, the others are its replicas. Nothing is done here that the world
//! does not feel: a flush makes the hits fall until the cache is warm again.

mod about;
mod access;
mod clients;
mod commands;
mod config;
mod glob;
mod info;
pub mod inline;
mod keys;
#[cfg(test)]
mod real_redis;
mod request;
pub mod resp;
mod serve;
pub mod session;
#[cfg(test)]
mod tests;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use secrecy::SecretString;

use self::clients::Clients;
use super::clock::Clock;
use super::world::World;

pub use serve::{listen, serve};

/// The port that a pod of the cache listens on.
pub const PORT: u16 = 6379;

/// A user of Redis' access control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum User {
    /// May do everything.
    Default,
    /// May read: `~* +@read +@connection +info +role +dbsize +acl|whoami`.
    Viewer,
}

impl User {
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Viewer => "viewer",
        }
    }

    pub fn named(name: &[u8]) -> Option<Self> {
        [Self::Default, Self::Viewer].into_iter().find(|u| u.name().as_bytes() == name)
    }
}

/// What all connections to all pods of the cache share.
pub struct Redis {
    world: Arc<Mutex<World>>,
    clock: Clock,
    password: SecretString,
    viewer_password: SecretString,
    clients: Clients,
    commands_done: AtomicU64,
    /// FLUSHDB alone, as INFO commandstats counts it.
    flushes: AtomicU64,
}

impl Redis {
    pub fn new(
        world: Arc<Mutex<World>>,
        clock: Clock,
        password: SecretString,
        viewer_password: SecretString,
    ) -> Self {
        let (clients, commands_done, flushes) = Default::default();
        Self { world, clock, password, viewer_password, clients, commands_done, flushes }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn count_command(&self) {
        self.commands_done.fetch_add(1, Ordering::Relaxed);
    }
}
