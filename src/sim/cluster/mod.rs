//! The Kubernetes API of the simulated cluster: one object store, one set of generic
//! handlers, and a table of kinds.

pub mod auth;
mod control;
pub mod delete;
pub mod discovery;
pub mod eviction;
pub mod http;
pub mod json;
pub mod kinds;
pub mod list;
mod logs;
pub mod object;
mod patch;
pub mod pod_status;
pub mod proxy;
pub mod reply;
pub mod request;
pub mod select;
pub mod status;
pub mod store;
pub mod stream;
pub mod table;
mod usage;
mod validate;
pub mod watch;
mod write;
