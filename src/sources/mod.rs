//! Where observations come from. One file a feed or family of feeds, one line in [`SOURCES`].
//!
//! A source runs as a task of its own until its scope is left, and speaks only in [`Batch`]es:
//! it holds no state that the screen depends on, and never waits for the screen.

pub mod alertmanager;
pub mod cache;
pub mod discover;
pub mod http;
pub mod kubernetes;
pub mod pace;
pub mod probes;
pub mod prometheus;
pub mod records;
pub mod session;
pub mod silences;
#[cfg(test)]
pub mod testing;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::{Batch, FeedId, Health};
pub use session::{Scope, Session, Target};

/// A feed or a family of feeds.
pub trait Source: Send + Sync {
    /// The word for it in `doctor` and in the documentation.
    fn noun(&self) -> &'static str;

    /// What it feeds: the screen knows before anything arrives what it is waiting for.
    fn feeds(&self) -> &'static [FeedId];

    /// Runs until `context.stop`; reports failures as `Change::Failed` and goes on trying,
    /// with back-off and jitter.
    fn run(&self, context: Context) -> BoxFuture<'static, ()>;

    /// Tries once everything that `run` needs, for `doctor`.
    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>>;
}

/// Every source there is.
pub static SOURCES: &[&dyn Source] = &[
    &kubernetes::server::Server,
    &kubernetes::pods::Pods,
    &kubernetes::deployments::Deployments,
    &kubernetes::statefulsets::StatefulSets,
    &kubernetes::daemonsets::DaemonSets,
    &kubernetes::replicasets::ReplicaSets,
    &kubernetes::controllerrevisions::ControllerRevisions,
    &kubernetes::events::Events,
    &kubernetes::nodes::Nodes,
    &kubernetes::jobs::Jobs,
    &kubernetes::cronjobs::CronJobs,
    &kubernetes::autoscalers::Autoscalers,
    &kubernetes::usage::Usage,
    &kubernetes::certificates::Certificates,
    &kubernetes::velero::VeleroBackups,
    &kubernetes::velero::VeleroSchedules,
    &prometheus::Prometheus,
    &alertmanager::Alertmanager,
    &kubernetes::acknowledgements::Acknowledgements,
    &records::BackupRecords,
    &probes::Probes,
];

/// What a source is given.
#[derive(Clone)]
pub struct Context {
    /// Goes into every batch.
    pub epoch: u32,
    pub session: Arc<Session>,
    pub config: Arc<Config>,
    /// Bounded: a source that is faster than the loop waits here.
    pub out: mpsc::Sender<Batch>,
    pub stop: CancellationToken,
    pub wants: watch::Receiver<Wants>,
    /// The services that were found in the cluster: one search for all sources of a scope.
    pub found: discover::Shared,
}

/// What the screen asks of the sources while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// How far back the charts reach.
    pub window: Duration,
    /// Goes up when the user asks for everything now.
    pub refresh: u32,
}

/// One line of `doctor`: what was tried, what came back, what to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub health: Health,
    /// 'pods', 'prometheus', 'backups'.
    pub subject: String,
    pub tried: String,
    pub found: String,
    /// None where there is nothing to do.
    pub next: Option<String>,
}
