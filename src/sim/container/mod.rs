//! What a container answers to whoever runs a command in it: a few programs that a runbook
//! uses, over what the world knows of the pod. Everything else is not there, in the words
//! of the container runtime.

mod cli_format;
mod curl;
mod environment;
mod files;
mod filters;
mod postgres;
mod process;
mod programs;
mod redis_cli;
mod shell;
mod shell_words;
mod terminal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use super::cluster::http::Api;
use super::cluster::json::{list, text};
use super::world::cache::catalogue::mix;
use super::world::physics::deployment_of;
use super::world::pod::{PodRun, fnv};

pub use process::{Ended, Io, run};

/// All that one command may write, and all that it may read: nobody practises with more.
pub const OUTPUT_BYTES: usize = 8 * 1024 * 1024;
pub const INPUT_BYTES: usize = 1024 * 1024;

/// What a program has written, and its exit code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub code: i32,
}

impl Output {
    pub fn text(text: impl Into<String>) -> Self {
        Self { stdout: text.into().into_bytes(), ..Self::default() }
    }

    pub fn failed(code: i32, text: impl Into<String>) -> Self {
        Self { stderr: text.into().into_bytes(), code, ..Self::default() }
    }
}

/// A container that a command is run in.
pub struct Container {
    pub api: Arc<Api>,
    pub run: PodRun,
    /// Its name in the pod.
    pub name: String,
    pub image: String,
    /// The pod, as the API has it.
    pub pod: Arc<Value>,
    /// Names and values, as the pod's spec has them.
    pub env: Vec<(String, String)>,
    /// Whether the command writes to a terminal.
    pub tty: bool,
}

/// What a container is, which says which programs are in its image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Api,
    Web,
    Worker,
    Cache,
    Backup,
    Monitoring,
    /// One of those that have been put there to fill the cluster.
    Other,
    /// Nothing but its own binary.
    Bare,
}

impl Container {
    pub fn new(api: &Arc<Api>, run: PodRun, name: &str, pod: Arc<Value>, tty: bool) -> Self {
        let image = run.containers.iter().find(|(n, _)| n == name).map(|(_, image)| image.clone());
        let mut new = Self {
            api: api.clone(),
            run,
            name: name.to_owned(),
            image: image.unwrap_or_default(),
            pod,
            env: Vec::new(),
            tty,
        };
        new.env = environment::of(&new);
        new
    }

    /// The workload that it belongs to.
    pub fn app(&self) -> &str {
        if self.run.owner.0 == "ReplicaSet" { deployment_of(&self.run) } else { &self.run.owner.1 }
    }

    pub fn role(&self) -> Role {
        match (self.run.namespace.as_str(), self.app()) {
            ("shop", "api") => Role::Api,
            ("shop", "web") => Role::Web,
            ("shop", "worker") => Role::Worker,
            ("shop", "cache") => Role::Cache,
            ("monitoring", "prometheus" | "alertmanager") => Role::Monitoring,
            ("kube-system", "coredns") => Role::Bare,
            _ if self.image.contains("backup") => Role::Backup,
            _ => Role::Other,
        }
    }

    /// Its part of the pod's spec.
    pub fn spec(&self) -> Option<&Value> {
        list(&self.pod, "/spec/containers").iter().find(|c| text(c, "/name") == self.name)
    }

    /// The first port that it says it listens on.
    pub fn port(&self) -> Option<u16> {
        let ports = self.spec().map(|c| list(c, "/ports")).unwrap_or_default();
        ports.first().and_then(|p| p["containerPort"].as_u64()).and_then(|p| u16::try_from(p).ok())
    }

    pub fn now_ms(&self) -> i64 {
        self.api.clock.now_ms()
    }

    /// What the main process is called.
    pub fn main_process(&self) -> String {
        match self.role() {
            Role::Api | Role::Web | Role::Worker => format!("node /app/{}.js", self.app()),
            Role::Cache => "redis-server *:6379".to_owned(),
            Role::Backup => format!("/usr/local/bin/{}", self.app()),
            _ => format!("/bin/{}", self.app()),
        }
    }

    /// The user that everything in it runs as: name and id.
    pub fn user(&self) -> (&'static str, u32) {
        match self.role() {
            Role::Cache => ("redis", 999),
            Role::Api | Role::Web | Role::Worker => ("node", 1000),
            Role::Monitoring => ("nobody", 65534),
            _ => ("root", 0),
        }
    }

    /// An id as the runtime gives one, of 64 hexadecimal digits.
    pub fn runtime_id(&self, salt: &str) -> String {
        let seed = fnv(&format!("{}/{}/{salt}", self.run.uid, self.name));
        let part = |n: u64| format!("{:016x}", mix(seed.wrapping_add(n)));
        (0..4).map(part).collect()
    }
}
