//! The Kubernetes API of the simulated cluster: one object store, one set of generic
//! handlers, and a table of kinds.

pub mod auth;
pub mod discovery;
pub mod http;
pub mod json;
pub mod kinds;
pub mod list;
pub mod object;
pub mod pod_status;
pub mod reply;
pub mod request;
pub mod select;
pub mod status;
pub mod store;
pub mod table;
pub mod watch;
