//! Kubernetes: one feed a kind over an own watch engine, and what is asked for when a page is
//! opened (a pod's detail, its log).
//!
//! `feed`, `list`, `watch` and `sink` are the engine; `api`, `lines`, `frames`, `protobuf`, `raw` and
//! `trouble` carry its requests; every other file is a kind: what is read of its objects, and what becomes of them.

pub mod acknowledgements;
pub mod api;
pub mod autoscalers;
pub mod backoff;
mod backup;
pub mod certificates;
mod check;
pub mod controllerrevisions;
pub mod cronjobs;
pub mod daemonsets;
pub mod deployments;
pub mod detail;
pub mod events;
mod feed;
mod frames;
pub mod jobs;
pub mod kind;
mod lines;
pub mod list;
pub mod logs;
mod meta;
pub mod nodes;
pub mod pods;
pub mod protobuf;
pub mod quantity;
pub mod raw;
pub mod replicasets;
mod revision;
pub mod server;
mod sink;
pub mod statefulsets;
pub mod trouble;
pub mod usage;
pub mod velero;
mod watch;
mod workload;

#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod wire_tests;

use futures::future::BoxFuture;

use crate::config::Config;
use crate::model::workload::{Workload, WorkloadKind};
use crate::model::{FeedId, Observation};
use crate::sources::{Context, Finding, Source};
use kind::Kind;

/// Equal for pod templates that differ only by a restart.
pub fn template_hash(template: &serde_json::Value) -> u64 {
    revision::TemplateOf(template).hash()
}

/// A workload as the cockpit knows it, from an object that was read whole.
pub fn workload_of(kind: WorkloadKind, object: &serde_json::Value, config: &Config) -> Option<Workload> {
    fn of<K: Kind>(object: &serde_json::Value, config: &Config) -> Option<Workload> {
        let wire = serde::Deserialize::deserialize(object).ok()?;
        match K::convert(wire, &mut kind::Convert::new(config))? {
            Observation::Workload(workload) => Some(*workload),
            _ => None,
        }
    }
    match kind {
        WorkloadKind::Deployment => of::<deployments::Deployments>(object, config),
        WorkloadKind::StatefulSet => of::<statefulsets::StatefulSets>(object, config),
        WorkloadKind::DaemonSet => of::<daemonsets::DaemonSets>(object, config),
        WorkloadKind::Job | WorkloadKind::Other => None,
    }
}

/// Every kind is a source.
impl<K: Kind> Source for K {
    fn noun(&self) -> &'static str {
        K::FEED.noun()
    }

    fn feeds(&self) -> &'static [FeedId] {
        K::FEEDS
    }

    fn run(&self, context: Context) -> BoxFuture<'static, ()> {
        Box::pin(feed::run::<K>(context, feed::Timing::default()))
    }

    fn check(&self, context: Context) -> BoxFuture<'static, Vec<Finding>> {
        Box::pin(async move { vec![check::kind::<K>(&context).await] })
    }
}
