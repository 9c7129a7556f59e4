//! `midwatch.toml`: what can't be found out. Everything is optional.

mod cache;
mod commands;
mod error;
mod guardrails;
mod http;
mod init;
mod load;
pub mod reader;
pub mod secret;
mod sections;
mod show;
pub mod units;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::SignedDuration;

pub use crate::model::backup::BackupExpectation;
use crate::model::command::{CommandSpec, ManifestSpec};
use crate::model::objective::Objective;
use crate::model::signal::SignalId;
pub use cache::{CacheKind, CachePlace, CacheSpec, CacheUrl, PlaceRef, Via};
pub use error::{ConfigError, Problem, place};
pub use guardrails::{Guardrails, Limits};
pub use http::{HttpAccess, ServiceRef};
pub use init::{Findings, init_text};

/// The configuration as the rest of the program uses it: validated, with every default filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; None where there is none.
    pub path: Option<PathBuf>,
    pub service: Option<String>,
    /// Workloads that belong to the service: `matchLabels` selectors; empty: all of the namespace.
    pub selectors: Vec<String>,
    pub theme: Option<String>,
    pub keymap: Option<String>,
    pub read_only: bool,
    pub ascii: Option<bool>,
    /// How far back the charts reach at start.
    pub window: SignedDuration,
    /// All that are judged: the file's, and the defaults for signals that it does not name.
    pub objectives: Vec<Objective>,
    pub prometheus: Prometheus,
    pub alertmanager: Alertmanager,
    pub backups: Vec<BackupExpectation>,
    pub backup_records: Vec<RecordSource>,
    pub probes: Vec<ProbeSpec>,
    /// Empty: found in the cluster.
    pub caches: Vec<CacheSpec>,
    pub guardrails: Guardrails,
    /// Where the audit log is; None: in the user's state directory.
    pub audit: Option<PathBuf>,
    /// The team's own, `[[action]]`.
    pub commands: Vec<CommandSpec>,
    pub manifests: Vec<ManifestSpec>,
    pub contacts: Vec<Contact>,
    pub runbooks: Vec<PathBuf>,
    /// The line of the file on which each value stands, by its path (`prometheus.url`).
    pub origins: BTreeMap<String, usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Prometheus {
    /// None: looked for in the cluster.
    pub url: Option<String>,
    /// Reached through the API server's proxy.
    pub service: Option<ServiceRef>,
    pub http: HttpAccess,
    /// Signals whose query is set by hand instead of by convention.
    pub queries: BTreeMap<SignalId, String>,
    /// Extra label matchers for the conventions' queries, `namespace="shop"`.
    pub matchers: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Alertmanager {
    pub url: Option<String>,
    pub service: Option<ServiceRef>,
    pub http: HttpAccess,
    /// Alertmanager matchers that say which alerts are ours; empty: all.
    pub filter: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum RecordSource {
    File(PathBuf),
    Url { url: String, http: Box<HttpAccess> },
}

#[derive(Clone, Debug)]
pub struct ProbeSpec {
    pub name: String,
    pub url: String,
    pub every: SignedDuration,
    pub http: HttpAccess,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub name: String,
    pub reach: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: None,
            service: None,
            selectors: Vec::new(),
            theme: None,
            keymap: None,
            read_only: false,
            ascii: None,
            window: SignedDuration::from_hours(1),
            objectives: Objective::defaults(),
            prometheus: Prometheus::default(),
            alertmanager: Alertmanager::default(),
            backups: Vec::new(),
            backup_records: Vec::new(),
            probes: Vec::new(),
            caches: Vec::new(),
            guardrails: Guardrails::default(),
            audit: None,
            commands: Vec::new(),
            manifests: Vec::new(),
            contacts: Vec::new(),
            runbooks: Vec::new(),
            origins: BTreeMap::new(),
        }
    }
}
