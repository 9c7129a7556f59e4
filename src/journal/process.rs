//! Who writes: the user as the API server knows it, and where the process runs.

use serde::{Deserialize, Serialize};

/// The writer of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// As the API server calls the user of this session; empty before it has answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `$USER`, which proves nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub local: String,
    /// The address that an SSH session comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ssh: String,
    pub host: String,
    pub pid: u32,
}

impl Who {
    /// This process, for a user that the API server has named.
    pub fn here(user: &str) -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self {
            user: user.to_owned(),
            local: variable("USER"),
            ssh: variable("SSH_CONNECTION").split(' ').next().unwrap_or_default().to_owned(),
            host,
            pid: std::process::id(),
        }
    }

    /// For people: who the API server says it is, else who the machine says it is.
    pub fn name(&self) -> String {
        let name = if self.user.is_empty() { &self.local } else { &self.user };
        if name.is_empty() { "somebody".to_owned() } else { name.clone() }
    }
}

/// Which start of the machine this is, and the milliseconds since it.
pub fn uptime() -> (String, u64) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let ms =
        u64::try_from(now.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000;
    (boot.trim().to_owned(), ms)
}
