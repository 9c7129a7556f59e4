//! The simulated cluster: a stage on which the cockpit is shown, practised on and tested.
//!
//! It is reached through sockets on loopback only, by the same clients as a real
//! cluster. The rest of the program does not know it (only `main` starts it), and it
//! knows nothing of the rest.

pub mod clock;
pub mod metrics;
