//! kubectl's verbs: which look, which change, which destroy.

use super::risk::{Arg, Told, ran_by_others};

/// Options that may stand before the verb, and have a value.
pub const GLOBAL_WITH_VALUE: [&str; 8] =
    ["-n", "--namespace", "--context", "--cluster", "--kubeconfig", "--user", "--as", "--request-timeout"];

const READS: [&str; 9] =
    ["get", "describe", "logs", "top", "explain", "version", "api-resources", "api-versions", "events"];

const CHANGES: [&str; 20] = [
    "apply",
    "create",
    "patch",
    "edit",
    "replace",
    "scale",
    "set",
    "label",
    "annotate",
    "autoscale",
    "expose",
    "cordon",
    "uncordon",
    "drain",
    "taint",
    "run",
    "attach",
    "cp",
    "debug",
    "certificate",
];

pub fn told(args: &[Arg], depth: usize) -> Told {
    let Some(at) = verb(args) else { return Told::Unknown };
    let Some(verb) = args.get(at).and_then(Arg::literal) else { return Told::Unknown };
    let rest = args.get(at + 1..).unwrap_or_default();
    let next = rest.iter().find(|a| a.wild || !a.text.starts_with('-')).and_then(Arg::literal);
    let is_forced = rest.iter().any(|a| a.text == "--force" || a.text == "--force=true");
    match (verb, next) {
        ("delete", _) => Told::Destroy,
        _ if is_forced => Told::Destroy,
        (verb, _) if READS.contains(&verb) => Told::Read,
        // The next argument is the verb's: one that is not known could be any.
        ("rollout", Some("status" | "history")) if rest.first().and_then(Arg::literal) == next => Told::Read,
        ("rollout", Some("restart" | "undo" | "pause" | "resume")) => Told::Change,
        ("config", Some("view" | "get-contexts" | "current-context" | "get-clusters"))
            if rest.first().and_then(Arg::literal) == next =>
        {
            Told::Read
        }
        ("auth", Some("can-i" | "whoami")) if rest.first().and_then(Arg::literal) == next => Told::Read,
        // 'dump' writes files.
        ("cluster-info", None) if rest.is_empty() => Told::Read,
        ("diff" | "wait", _) if !rest.iter().any(|a| a.wild) => Told::Read,
        ("exec", _) => exec(rest, depth),
        (verb, _) if CHANGES.contains(&verb) => Told::Change,
        _ => Told::Unknown,
    }
}

/// What runs in the container.
fn exec(args: &[Arg], depth: usize) -> Told {
    ran_by_others(args, depth).max(Told::Unknown)
}

/// Where the verb stands; None where an option comes before it of which it is not known whether the next
/// word is its value.
pub fn verb(args: &[Arg]) -> Option<usize> {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let text = arg.text.as_str();
        if arg.wild {
            return None;
        }
        if !text.starts_with('-') {
            return Some(at);
        }
        let is_known = |o: &str| text.strip_prefix(o).is_some_and(|rest| rest.starts_with('='));
        at += if GLOBAL_WITH_VALUE.contains(&text) {
            // The value may be several words, of which one is the verb.
            if args.get(at + 1).is_none_or(|value| value.wild) {
                return None;
            }
            2
        } else if GLOBAL_WITH_VALUE.iter().any(|o| is_known(o)) {
            1
        } else {
            return None;
        };
    }
    None
}
