//! Everything that we may ask of the world outside, as plain data.

use crate::model::Key;
use crate::model::log::LogRequest;
use crate::model::scope::Target;

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    /// Give the terminal back and stop, as Ctrl-Z does.
    Suspend,
    /// Leave the scope and enter another; batches carry `epoch` from then on.
    Connect {
        epoch: u32,
        target: Target,
    },
    /// The charts' window, or 'everything now', has changed.
    Wants {
        window_s: u64,
        refresh: u32,
    },
    Describe {
        epoch: u32,
        key: Key,
    },
    /// Replaces the log that is being read.
    ReadLog {
        id: u64,
        request: LogRequest,
    },
    StopLog,
    ListContexts {
        target: Target,
    },
    ListNamespaces {
        epoch: u32,
    },
    /// Draw everything anew, whatever the terminal shows.
    Repaint,
}
