//! Which step is which when the document has changed since.

use std::collections::HashMap;

use crate::runbook::document::{Document, StepId};

/// Twelve hexadecimal digits: with ten thousand steps, two are the same in one document of five million.
const DIGITS: usize = 12;

/// Gives each step its id: by its section's path, the step that it is nested in, its kind, its text (a
/// fence's whole text, in `contents`: what was approved is not what another command of the same name
/// does), and its place among its equals. A step that is added, removed or moved elsewhere changes no
/// other's.
pub fn identify(document: &mut Document, contents: &[String]) {
    let paths: Vec<String> = (0..document.sections.len())
        .map(|section| {
            let mut path: Vec<&str> = document.path(section).iter().map(|t| t.as_str()).collect();
            // The last eight say which; and deep nesting costs nothing.
            let last = path.split_off(path.len().saturating_sub(8));
            last.join("\n")
        })
        .collect();
    let mut seen: HashMap<StepId, usize> = HashMap::new();
    let mut ids: Vec<StepId> = Vec::with_capacity(document.steps.len());
    for (index, step) in document.steps.iter().enumerate() {
        let parent = step.parent.and_then(|p| ids.get(p)).map_or("", String::as_str);
        let path = paths.get(step.section).map_or("", String::as_str);
        let content = contents.get(index).map_or("", String::as_str);
        let key = format!("{path}\0{parent}\0{:?}\0{}\0{content}", step.kind, step.text);
        let base = digits(&key);
        let place = seen.entry(base.clone()).or_default();
        ids.push(if *place == 0 { base } else { digits(&format!("{key}\0{place}")) });
        *place += 1;
    }
    for (step, id) in document.steps.iter_mut().zip(ids) {
        step.id = id;
    }
}

fn digits(key: &str) -> StepId {
    let mut id = crate::journal::sha256(key.as_bytes());
    id.truncate(DIGITS);
    id
}
