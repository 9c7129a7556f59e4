//! `managedFields`: who has set what. Each write by a client leaves an entry; server-side apply
//! reads them.

use serde_json::{Value, json};

use super::json::{list, set, text, time};
use super::request::Request;
use super::schema::Message;
use super::schema::owned::{self, Paths};

/// One manager's entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    pub subresource: String,
    pub api_version: String,
    pub time: String,
    pub paths: Paths,
}

impl Entry {
    fn is(&self, manager: &str, operation: &str, subresource: &str) -> bool {
        self.manager == manager && self.operation == operation && self.subresource == subresource
    }

    /// As a conflict names it (`printManager` of the field manager).
    pub fn words(&self) -> String {
        let mut words = format!("\"{}\"", self.manager);
        if !self.subresource.is_empty() {
            words += &format!(" with subresource \"{}\"", self.subresource);
        }
        if self.operation == "Update" {
            words += &format!(" using {}", self.api_version);
        }
        words
    }
}

/// Who writes: `fieldManager`, or the beginning of the User-Agent, as the API server takes it.
pub fn manager(request: &Request) -> String {
    let asked = request.param("fieldManager");
    let agent = request.header("user-agent").split('/').next().unwrap_or_default();
    let name = if asked.is_empty() { agent } else { asked };
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

pub fn read(tree: &Value) -> Vec<Entry> {
    list(tree, "/metadata/managedFields")
        .iter()
        .map(|e| Entry {
            manager: text(e, "/manager").to_owned(),
            operation: text(e, "/operation").to_owned(),
            subresource: text(e, "/subresource").to_owned(),
            api_version: text(e, "/apiVersion").to_owned(),
            time: text(e, "/time").to_owned(),
            paths: owned::from_fields(&e["fieldsV1"]),
        })
        .collect()
}

pub fn write(tree: &mut Value, entries: &[Entry]) {
    let shown: Vec<Value> = entries
        .iter()
        .filter(|e| !e.paths.is_empty())
        .map(|e| {
            let mut entry = json!({
                "manager": e.manager, "operation": e.operation, "apiVersion": e.api_version, "time": e.time,
                "fieldsType": "FieldsV1", "fieldsV1": owned::to_fields(&e.paths),
            });
            if !e.subresource.is_empty() {
                entry["subresource"] = e.subresource.clone().into();
            }
            entry
        })
        .collect();
    if shown.is_empty() {
        tree["metadata"].as_object_mut().and_then(|m| m.remove("managedFields"));
    } else {
        set(tree, "/metadata", "managedFields", shown);
    }
}

/// What a write that is no apply leaves behind: its manager owns what it has changed, and nobody
/// else does any longer.
pub fn updated(ty: &'static Message, before: Option<&Value>, tree: &mut Value, by: &Entry) {
    let mut entries = before.map(read).unwrap_or_default();
    let after = owned::paths(ty, tree);
    let changed: Paths = match before {
        None => after.clone(),
        Some(before) => after
            .iter()
            .filter(|p| owned::get(ty, before, p) != owned::get(ty, tree, p) && !is_element(p, ty, before))
            .cloned()
            .collect(),
    };
    for entry in &mut entries {
        // What is gone is nobody's.
        entry.paths.retain(|p| after.contains(p) || owned::get(ty, tree, p).is_some());
        if !entry.is(&by.manager, "Update", &by.subresource) {
            entry.paths.retain(|p| !changed.contains(p));
        }
    }
    put(&mut entries, by, |paths| paths.extend(changed));
    write(tree, &entries);
}

/// An element of a list that was there before: only what it holds has changed.
fn is_element(path: &[String], ty: &'static Message, before: &Value) -> bool {
    path.last().is_some_and(|step| step.starts_with("k:")) && owned::get(ty, before, path).is_some()
}

/// Changes the paths of the entry that `by` names, made when it is missing.
pub fn put(entries: &mut Vec<Entry>, by: &Entry, change: impl FnOnce(&mut Paths)) {
    let at = entries.iter().position(|e| e.is(&by.manager, &by.operation, &by.subresource));
    let at = at.unwrap_or_else(|| {
        entries.push(Entry { paths: Paths::new(), ..by.clone() });
        entries.len() - 1
    });
    let before = entries[at].paths.clone();
    change(&mut entries[at].paths);
    if entries[at].paths != before {
        entries[at].time = by.time.clone();
    }
    entries[at].api_version.clone_from(&by.api_version);
}

/// The entry of the one who asks, without paths yet.
pub fn asking(
    request: &Request,
    operation: &str,
    subresource: &str,
    api_version: String,
    now_ms: i64,
) -> Entry {
    Entry {
        manager: manager(request),
        operation: operation.to_owned(),
        subresource: subresource.to_owned(),
        api_version,
        time: time(now_ms),
        paths: Paths::new(),
    }
}
