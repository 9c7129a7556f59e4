//! What a cache may answer instead of an answer, each with what to do next. No secret gets into
//! these words: they are the cache's own, cleaned, and ours.

use crate::model::Clean;

/// An error's text is a line; what is longer is no error of a cache.
const MOST_CHARS: usize = 200;

/// Why a question or an order to a cache came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// Nothing was sent: the connection was never there.
    #[error("it can't be reached: {0}; check that it runs, and network, port and 'via' of its [[cache]]")]
    Unreachable(String),
    /// Something was sent, and no whole answer came.
    #[error("the answer was lost: {0}; look at the cache before you do anything again")]
    Lost(String),
    /// What came is not the protocol.
    #[error("the answer makes no sense: {0}; check that the port is the cache's, and whether it wants TLS")]
    Garbled(String),
    /// The password could not be had. It is the reader's own text, which holds no secret.
    #[error("{0}")]
    Secret(String),
    /// The cache refused; nothing was done.
    #[error("{}", .0.sentence())]
    Refused(Refusal),
    /// A question that is none.
    #[error("'{0}' is not a question; report it: this is a fault of midwatch")]
    NotARead(String),
}

/// What kind of a refusal it is, by the word that it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NoPasswordGiven,
    WrongPassword,
    NotPermitted,
    Replica,
    UnknownCommand,
    Loading,
    CannotPersist,
    ClusterDown,
    Moved,
    Busy,
    ProtectedMode,
    TooManyClients,
    NoSuchDatabase,
    Other,
}

/// A refusal in the cache's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub text: Clean,
}

impl Refusal {
    /// Of an error line without its leading '-'.
    pub fn of(text: &str) -> Self {
        let text: String = text.chars().take(MOST_CHARS).collect();
        Self { reason: reason(&text), text: Clean::new(&text) }
    }

    fn sentence(&self) -> String {
        let text = &self.text;
        match self.next() {
            "" => format!("it answered '{text}'"),
            next => format!("it answered '{text}': {next}"),
        }
    }

    fn next(&self) -> &'static str {
        match self.reason {
            Reason::NoPasswordGiven => {
                "it wants a password; name one with password = { env = \"…\" } in its [[cache]], or take \
                 via = \"exec\" where the container has REDISCLI_AUTH"
            }
            Reason::WrongPassword => {
                "the user or the password is wrong; check 'username' and 'password' of its [[cache]]"
            }
            Reason::NotPermitted => {
                "the user may not do that; name another in its [[cache]], or ask for the permission (ACL SETUSER)"
            }
            Reason::Replica => "this is a replica; the master is where it must be done",
            Reason::UnknownCommand => {
                "the command is renamed or switched off there; use a pattern, or ask whoever runs it for the way it is meant"
            }
            Reason::Loading => "it is still reading its data; wait until it is ready, then try again",
            Reason::CannotPersist => "it can't save its data and refuses writes; look at its disk first",
            Reason::ClusterDown => {
                "the cluster has no master for some of its slots; look at CLUSTER INFO first"
            }
            Reason::Moved => "the slots have moved to another node; begin anew, and look at the plan again",
            Reason::Busy => "a script or a function blocks it; wait, or end that first (SCRIPT KILL)",
            Reason::ProtectedMode => {
                "it answers only on its own host; use via = \"exec\", or give it a password"
            }
            Reason::TooManyClients => "it has no room for one more client; look at its maxclients",
            Reason::NoSuchDatabase => "there is no such database; check 'database' of its [[cache]]",
            Reason::Other => "",
        }
    }
}

fn reason(text: &str) -> Reason {
    let lower = text.to_ascii_lowercase();
    let word = text.split_whitespace().next().unwrap_or_default();
    match word {
        "NOAUTH" => Reason::NoPasswordGiven,
        "WRONGPASS" => Reason::WrongPassword,
        "NOPERM" => Reason::NotPermitted,
        "READONLY" => Reason::Replica,
        "LOADING" => Reason::Loading,
        "MISCONF" => Reason::CannotPersist,
        "CLUSTERDOWN" => Reason::ClusterDown,
        "MOVED" | "ASK" => Reason::Moved,
        "BUSY" => Reason::Busy,
        "DENIED" => Reason::ProtectedMode,
        // memcached has 'ERROR' alone for a command that it does not know.
        "ERROR" => Reason::UnknownCommand,
        _ if lower.contains("unknown command") || lower.contains("unknown subcommand") => {
            Reason::UnknownCommand
        }
        // Before 6.0; and AUTH where no password is set.
        _ if lower.contains("invalid password") || lower.contains("without any password") => {
            Reason::WrongPassword
        }
        _ if lower.contains("unauthenticated") => Reason::NoPasswordGiven,
        _ if lower.contains("max number of clients") => Reason::TooManyClients,
        _ if lower.contains("db index is out of range") => Reason::NoSuchDatabase,
        _ => Reason::Other,
    }
}

impl CacheError {
    /// A refusal in the cache's words.
    pub fn refused(text: &str) -> Self {
        Self::Refused(Refusal::of(text))
    }

    /// Why it refused; None where it did not.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => Some(refusal.reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_refusal_says_what_to_do() {
        for (text, reason, next) in [
            ("NOAUTH Authentication required.", Reason::NoPasswordGiven, "password = {"),
            ("WRONGPASS invalid username-password pair or user is disabled.", Reason::WrongPassword, "check"),
            ("ERR invalid password", Reason::WrongPassword, "check"),
            ("NOPERM this user has no permissions to run the 'flushdb' command", Reason::NotPermitted, "ask"),
            ("READONLY You can't write against a read only replica.", Reason::Replica, "the master"),
            ("ERR unknown command 'FLUSHDB', with args beginning with: ", Reason::UnknownCommand, "renamed"),
            ("LOADING Redis is loading the dataset in memory", Reason::Loading, "wait"),
            ("MISCONF Redis is configured to save RDB snapshots", Reason::CannotPersist, "disk"),
            ("CLUSTERDOWN The cluster is down", Reason::ClusterDown, "CLUSTER INFO"),
            ("MOVED 3999 127.0.0.1:6381", Reason::Moved, "begin anew"),
            ("BUSY Redis is busy running a script.", Reason::Busy, "SCRIPT KILL"),
            ("DENIED Redis is running in protected mode", Reason::ProtectedMode, "exec"),
            ("ERR max number of clients reached", Reason::TooManyClients, "maxclients"),
            ("ERR DB index is out of range", Reason::NoSuchDatabase, "'database'"),
            ("CLIENT_ERROR unauthenticated", Reason::NoPasswordGiven, "password"),
            ("ERROR", Reason::UnknownCommand, "switched off"),
        ] {
            let error = CacheError::refused(text);
            assert_eq!(error.reason(), Some(reason), "{text}");
            assert!(error.to_string().contains(next), "{error}");
        }
        assert_eq!(CacheError::refused("ERR what").to_string(), "it answered 'ERR what'");
    }

    proptest! {
        #[test]
        fn any_text_is_a_short_and_clean_refusal(text in "\\PC{0,400}|[\\x00-\\x1f]{0,40}") {
            let shown = CacheError::refused(&text).to_string();
            prop_assert!(shown.chars().count() < 600 && !shown.chars().any(char::is_control));
        }
    }
}
