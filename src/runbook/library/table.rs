//! The list of runbooks, for `midwatch runbooks`: which there are, for which alerts, and how long nobody
//! has walked them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::Entry;
use crate::model::Clean;

/// When each was walked last, by its name.
pub type Walked = BTreeMap<String, Timestamp>;

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a Clean,
    origin: super::Origin,
    path: Option<&'a std::path::Path>,
    alerts: &'a [Clean],
    steps: usize,
    /// RFC 3339; null where it never was.
    last_walked: Option<Timestamp>,
}

#[derive(Serialize)]
struct All<'a> {
    runbooks: Vec<Listed<'a>>,
    /// What could not be read.
    troubles: &'a [String],
}

/// The list as JSON: `runbooks` and `troubles`.
///
/// # Errors
/// A path is not UTF-8.
pub fn json(entries: &[Entry], walked: &Walked, troubles: &[String]) -> serde_json::Result<String> {
    let runbooks = entries.iter().map(|entry| Listed {
        name: &entry.name,
        title: &entry.title,
        origin: entry.origin,
        path: entry.path.as_deref(),
        alerts: &entry.alerts,
        steps: entry.steps,
        last_walked: walked.get(&entry.name).copied(),
    });
    let all = All { runbooks: runbooks.collect(), troubles };
    serde_json::to_string_pretty(&all).map(|text| text + "\n")
}

/// The list for people, a line a runbook.
pub fn table(entries: &[Entry], walked: &Walked, now: Timestamp) -> String {
    let wide = entries.iter().map(|e| e.name.chars().count()).max().unwrap_or_default().min(40);
    let mut out = String::new();
    for entry in entries {
        let (name, origin) = (Clean::new(&entry.name), entry.origin.word());
        let when = last(walked.get(&entry.name).copied(), now);
        let steps = if entry.steps == 1 { "1 step".to_owned() } else { format!("{} steps", entry.steps) };
        _ = writeln!(out, "{name:<wide$}  {when:<22}  {steps:>9}  {origin:<13}  {}", entry.title);
    }
    if entries.is_empty() {
        out.push_str("no runbooks; write runbooks = [\"FOLDER\"] in midwatch.toml\n");
    }
    out
}

/// How long ago, in days.
fn last(walked: Option<Timestamp>, now: Timestamp) -> String {
    let Some(walked) = walked else { return "never walked".to_owned() };
    match now.duration_since(walked).as_hours() / 24 {
        ..=0 => "walked today".to_owned(),
        1 => "walked 1 day ago".to_owned(),
        days => format!("walked {days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::library::Origin;

    #[test]
    fn a_line_says_when_it_was_walked_last() {
        let entry = Entry {
            name: "failed-deployment".into(),
            title: "Failed \u{1b}[31mdeployment".into(),
            origin: Origin::Shipped,
            path: None,
            alerts: vec![],
            steps: 9,
        };
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let at = |time: &str| Walked::from([("failed-deployment".to_owned(), time.parse().unwrap())]);
        for (walked, want) in [
            (Walked::new(), "never walked"),
            (at("2026-11-20T02:00:00Z"), "walked today"),
            (at("2026-11-19T02:00:00Z"), "walked 1 day ago"),
            (at("2026-10-20T02:00:00Z"), "walked 31 days ago"),
            (at("2027-10-20T02:00:00Z"), "walked today"),
        ] {
            let line = table(std::slice::from_ref(&entry), &walked, now);
            assert!(
                line.contains(want) && line.contains("9 steps") && line.contains("Failed deployment"),
                "{line}"
            );
        }
        assert!(table(&[], &Walked::new(), now).contains("runbooks = "));
    }
}
