//! The Kubernetes API of the simulated cluster: one object store, one set of generic
//! handlers, and a table of kinds.

mod apply;
pub mod auth;
mod autoscaling_v1;
mod control;
pub mod delete;
pub mod discovery;
pub mod eviction;
pub mod http;
pub mod json;
pub mod kinds;
pub mod list;
mod logs;
mod managers;
pub mod object;
mod openapi;
mod patch;
pub mod pod_status;
pub mod proxy;
pub mod reply;
pub mod request;
mod scale;
pub mod schema;
pub mod select;
pub mod served;
pub mod status;
pub mod store;
pub mod stream;
pub mod table;
mod usage;
mod validate;
pub mod watch;
mod write;
