//! What the cockpit knows, in plain types: no I/O, no drawing, every value serialisable,
//! so that what was seen can be recorded, replayed and used as a test.

pub mod acknowledgement;
pub mod action;
pub mod alert;
pub mod ask;
pub mod backup;
pub mod budget;
pub mod change;
pub mod cluster;
pub mod command;
pub mod cron;
pub mod feed;
pub mod filter;
pub mod health;
pub mod log;
pub mod nearest;
pub mod objective;
pub mod pod;
pub mod quiet;
pub mod scope;
pub mod signal;
pub mod text;
pub mod uid;
pub mod verdict;
pub mod workload;

pub use feed::{Batch, Change, Failure, FailureKind, FeedId, Key, Observation};
pub use health::Health;
pub use text::Clean;
pub use uid::Uid;
pub use verdict::{Outcome, Verdict};
