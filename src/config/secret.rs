//! Secrets are named in the configuration, never written in it: a file, a variable, or a command.

use std::path::PathBuf;

/// Where a secret comes from. Its value is read when it is needed and is never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Env(String),
    /// An argv; standard output without the last newline is the secret.
    Command(Vec<String>),
}
