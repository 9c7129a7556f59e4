//! Programs with verbs: containers, versions, releases, clouds.

use super::programs::{options, wild};
use super::risk::{Arg, Told, ran_by_others};

pub fn docker(name: &str, args: &[Arg], depth: usize) -> Told {
    let mut rest = args;
    let mut is_compose = name == "docker-compose";
    // Options before the verb, of which these have a value.
    loop {
        match rest {
            [option, value, after @ ..]
                if !value.wild
                    && matches!(option.text.as_str(), "-f" | "--file" | "-p" | "--context" | "-H") =>
            {
                rest = after;
            }
            [verb, after @ ..] if verb.text == "compose" => {
                is_compose = true;
                rest = after;
            }
            _ => break,
        }
    }
    let word = |at: usize| rest.get(at).and_then(Arg::literal).unwrap_or("\0");
    match (word(0), word(1)) {
        ("ps" | "logs" | "images" | "top" | "version" | "port", _) => Told::Read,
        ("inspect" | "stats" | "info" | "events" | "diff" | "history", _) if !is_compose => Told::Read,
        ("container" | "image" | "volume" | "network", "ls" | "inspect" | "logs" | "top" | "stats") => {
            Told::Read
        }
        ("system", "df" | "info" | "events") => Told::Read,
        ("rm" | "rmi", _) | (_, "prune" | "rm") => Told::Destroy,
        ("down", _) if rest.iter().any(|a| matches!(a.text.as_str(), "-v" | "--volumes")) => Told::Destroy,
        ("exec" | "run", _) => ran_by_others(rest, depth).max(Told::Unknown),
        ("\0", _) => Told::Unknown,
        _ => Told::Change,
    }
}

pub fn git(args: &[Arg]) -> Told {
    let mut rest = args;
    while let [option, after @ ..] = rest
        && option.text == "--no-pager"
    {
        rest = after;
    }
    let Some((verb, after)) = rest.split_first() else { return Told::Read };
    // Options that write a file or run a program, and their abbreviations.
    let writes = |a: &Arg| {
        ["--o", "--ex", "--te", "--up", "-o", "-c"].iter().any(|o| a.text.starts_with(o))
            && a.text != "--oneline"
    };
    match verb.literal() {
        Some(
            "log" | "status" | "diff" | "show" | "blame" | "rev-parse" | "describe" | "ls-files" | "shortlog",
        ) if !wild(after) && !after.iter().any(writes) => Told::Read,
        Some("branch") => options(after, &["-a", "-r", "-v", "-vv", "--list", "--show-current"], false),
        Some("remote") => options(after, &["-v"], false),
        Some("push" | "reset" | "clean")
            if after
                .iter()
                .any(|a| matches!(a.text.as_str(), "--force" | "-f" | "--hard" | "-fd" | "-fdx")) =>
        {
            Told::Destroy
        }
        Some("push" | "commit" | "checkout" | "reset" | "merge" | "rebase" | "revert" | "pull") => {
            Told::Change
        }
        _ => Told::Unknown,
    }
}

pub fn helm(args: &[Arg]) -> Told {
    match args.first().and_then(Arg::literal) {
        Some("list" | "ls" | "status" | "history" | "get" | "version" | "show" | "search")
            if !args.iter().any(|a| a.text.starts_with("--post-r")) =>
        {
            Told::Read
        }
        Some("uninstall" | "delete") => Told::Destroy,
        Some("install" | "upgrade" | "rollback") => Told::Change,
        _ => Told::Unknown,
    }
}

pub fn terraform(args: &[Arg]) -> Told {
    let is_destroying = args.iter().any(|a| matches!(a.text.as_str(), "destroy" | "-destroy"));
    match args.first().and_then(Arg::literal) {
        _ if is_destroying => Told::Destroy,
        Some("show" | "output" | "version" | "validate") => Told::Read,
        Some("apply" | "import" | "taint") => Told::Change,
        _ => Told::Unknown,
    }
}

pub fn aws(args: &[Arg]) -> Told {
    let word = |at: usize| args.get(at).and_then(Arg::literal).unwrap_or("\0");
    match (word(0), word(1)) {
        ("s3", "ls") | ("sts", "get-caller-identity") => Told::Read,
        ("s3", "rm" | "rb") => Told::Destroy,
        (_, verb) if verb.starts_with("delete-") || verb.starts_with("terminate-") => Told::Destroy,
        (service, verb)
            if !service.starts_with('-') && (verb.starts_with("describe-") || verb.starts_with("list-")) =>
        {
            Told::Read
        }
        _ => Told::Unknown,
    }
}
