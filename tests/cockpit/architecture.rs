//! The design's rules about who knows whom, read from the `use` lines and paths in the sources.

use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                // What tests need of each other is their own business.
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                files.push((name, code));
            }
        }
    }
    assert!(files.len() > 50, "the sources were not found");
    files
}

/// Files under `folders` in which one of `words` stands, outside comments.
fn offenders(folders: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, code) in sources() {
        if !folders.iter().any(|f| name.starts_with(f)) {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            if let Some(word) = words.iter().find(|w| line.contains(**w)) {
                found.push(format!("{name}:{}: {word}", number + 1));
            }
        }
    }
    found
}

#[test]
fn drawing_and_state_know_no_io() {
    let io = [
        "tokio",
        "kube::",
        "reqwest",
        "std::fs",
        // Addresses are data; sockets are not.
        "std::net::Tcp",
        "std::net::Udp",
        "std::net::ToSocketAddrs",
        "crate::sources",
        "crate::runtime",
        "Timestamp::now",
    ];
    let pure = [
        "ui/",
        "panels/",
        "state/",
        "update/",
        "model/",
        "input/",
        "msg.rs",
        "effect.rs",
        "review/lines/",
        "review/report/",
    ];
    assert_eq!(offenders(&pure, &io), Vec::<String>::new());
}

#[test]
fn the_simulation_and_the_rest_do_not_know_each_other() {
    let rest = [
        "ui/",
        "panels/",
        "state/",
        "update/",
        "model/",
        "input/",
        "sources/",
        "runtime/",
        "config/",
        "terminal/",
        "report/",
        "review/",
    ];
    assert_eq!(offenders(&rest, &["crate::sim", "midwatch::sim", "super::sim"]), Vec::<String>::new());
    let known = [
        "crate::model",
        "crate::sources",
        "crate::state",
        "crate::ui",
        "crate::panels",
        "crate::runtime",
        "crate::config",
        "crate::terminal",
        "crate::update",
        "crate::msg",
        "crate::effect",
    ];
    assert_eq!(offenders(&["sim/"], &known), Vec::<String>::new());
}

#[test]
fn nothing_outside_the_simulation_changes_a_cluster() {
    let mutating = [
        "Method::POST",
        "Method::PUT",
        "Method::PATCH",
        "Method::DELETE",
        ".patch(",
        ".delete(&",
        ".replace(&",
        "Api::<",
        "Request::post",
        "Request::put",
        "Request::patch",
        "Request::delete",
    ];
    // Queries to Prometheus are posted: they can be long. Access reviews are questions, too.
    let questions =
        ["sources/http", "sources/prometheus", "sources/kubernetes/server.rs", "sources/kubernetes/check.rs"];
    let found: Vec<String> = offenders(&["sources/", "runtime/", "doctor"], &mutating)
        .into_iter()
        .filter(|o| !questions.iter().any(|q| o.starts_with(q)))
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn only_the_gateway_holds_what_changes_a_cluster() {
    let everywhere = ["actions/", "sources/", "runtime/", "state/", "update/", "ui/", "journal/", "main.rs"];
    let changing = [".hand()", ".alter(", "Request::patch", "Request::delete", "Request::put"];
    let hands = offenders(&everywhere, &changing);
    assert!(!hands.is_empty(), "the gateway itself was not found");
    let outside: Vec<&String> = hands.iter().filter(|o| !o.starts_with("actions/gateway/act/")).collect();
    assert_eq!(outside, Vec::<&String>::new());
}

#[test]
fn only_the_gateway_runs_what_the_team_has_configured() {
    let everywhere = ["actions/", "sources/", "runtime/", "state/", "update/", "ui/", "journal/", "config/"];
    let started = offenders(&everywhere, &["Command::new(", ".start()", ".process_group("]);
    // A secret's command only reads.
    let ours = ["actions/gateway/run/", "actions/gateway/act/command.rs", "config/secret.rs"];
    let is_ours = |o: &&String| ours.iter().any(|f| o.starts_with(f)) || o.contains("tests.rs:");
    let outside: Vec<&String> = started.iter().filter(|o| !is_ours(o)).collect();
    assert!(started.len() > outside.len(), "the gateway itself was not found");
    assert_eq!(outside, Vec::<&String>::new());
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(name, code)| code.lines().count() > 500 && !name.ends_with("tests.rs"))
        .map(|(name, code)| format!("{name}: {} lines", code.lines().count()))
        .collect();
    assert_eq!(long, Vec::<String>::new(), "over 500 lines: is there a seam?");
    let silent: Vec<String> =
        sources().iter().filter(|(_, code)| !code.starts_with("//!")).map(|(name, _)| name.clone()).collect();
    assert_eq!(silent, Vec::<String>::new(), "files that do not say why they exist");
}

#[test]
fn only_the_gateway_orders_a_cache_about() {
    let found: Vec<String> = offenders(&[""], &[".order("])
        .into_iter()
        // The link's own questions go the same way, after a look whether they are questions.
        .filter(|o| !o.starts_with("sources/cache/link.rs"))
        .collect();
    assert!(
        !found.is_empty() && found.iter().all(|o| o.starts_with("actions/gateway/act/cache.rs")),
        "{found:?}"
    );
}
