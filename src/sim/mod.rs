//! The simulated cluster: a stage on which the cockpit is shown, practised on and tested.
//!
//! It is reached through sockets on loopback only, by the same clients as a real
//! cluster. The rest of the program does not know it (only `main` starts it), and it
//! knows nothing of the rest.
//!
//! [`cluster`] is the Kubernetes API over one object store; [`world`] moves the objects
//! as kubelets and controllers would and writes what is measured into [`metrics`];
//! [`scenario`] says what goes wrong, [`fault`] how the API server misbehaves;
//! [`redis`] is the shop's cache as its own clients see it.

pub mod clock;
pub mod cluster;
pub mod container;
pub mod fault;
pub mod metrics;
pub mod redis;
pub mod scenario;
mod server;
mod slow;
#[cfg(test)]
mod tests;
mod tls;
pub mod world;

pub use cluster::http::RequestRecord;
pub use fault::{Fault, WriteFault};
pub use scenario::{Scenario, ScenarioError, scenarios};
pub use server::{Options, Sim, SimError, start};
pub use slow::Waiting;
