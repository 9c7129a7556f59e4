//! Reading the log for people and programs: a selection of records as text, JSON or CSV.

use std::path::Path;

use jiff::Timestamp;

use super::{JournalError, Phase, Record, file};
use crate::model::Clean;

/// Which records are wanted; all, when nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub since: Option<Timestamp>,
    pub action: Option<String>,
    pub user: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Csv,
}

impl Selection {
    fn wants(&self, record: &Record) -> bool {
        self.since.is_none_or(|t| record.at >= t)
            && self.action.as_ref().is_none_or(|a| *a == record.entry.action)
            && self.user.as_ref().is_none_or(|u| *u == record.who.user || *u == record.who.local)
    }
}

/// The records that are wanted, oldest first. Lines that are no records are left out: to find
/// them is the business of `verify`.
///
/// # Errors
/// When a file can't be read.
pub fn read(directory: &Path, selection: &Selection) -> Result<Vec<Record>, JournalError> {
    let mut out = Vec::new();
    for path in file::all(directory)? {
        for line in file::lines(&path)? {
            let line = line?;
            if let Ok(record) = serde_json::from_slice::<Record>(&line.bytes)
                && selection.wants(&record)
            {
                out.push(record);
            }
        }
    }
    Ok(out)
}

/// The operations that were confirmed and of which nothing has been seen since: what a
/// process that was killed has left behind.
///
/// # Errors
/// When a file can't be read.
pub fn unfinished(directory: &Path) -> Result<Vec<Record>, JournalError> {
    let mut open: Vec<Record> = Vec::new();
    for record in read(directory, &Selection::default())? {
        match record.entry.phase {
            Phase::Confirmed => open.push(record),
            Phase::Acted | Phase::Unknown => {
                if let Some(known) = open.iter_mut().find(|r| r.entry.operation == record.entry.operation) {
                    let task = std::mem::take(&mut known.entry.task);
                    *known = record;
                    known.entry.task = task;
                }
            }
            Phase::Outcome | Phase::Cancelled | Phase::Refused => {
                open.retain(|r| r.entry.operation != record.entry.operation);
            }
            Phase::Planned | Phase::Repaired | Phase::Pruned => {}
        }
    }
    Ok(open)
}

/// The same, of processes that are not there any more.
///
/// # Errors
/// When a file can't be read.
pub fn left_behind(directory: &Path) -> Result<Vec<Record>, JournalError> {
    let here = super::Who::here("").host;
    let alive = |pid: u32| Path::new(&format!("/proc/{pid}")).exists();
    let mut found = unfinished(directory)?;
    // Those of other machines that share the directory can't be asked.
    found.retain(|r| r.who.host == here && !alive(r.who.pid));
    Ok(found)
}

/// The records in the form that is asked for.
pub fn render(records: &[Record], format: Format) -> String {
    match format {
        Format::Text => records.iter().map(|r| line(r) + "\n").collect(),
        Format::Json => serde_json::to_string_pretty(records).unwrap_or_default() + "\n",
        Format::Csv => {
            let head = "seq,at,user,local,host,cluster,namespace,kind,name,action,phase,reason,words,operation,hash\n";
            head.to_owned() + &records.iter().map(csv).collect::<String>()
        }
    }
}

/// What stood in a record came from outside: it is cleaned before it meets a terminal.
fn line(r: &Record) -> String {
    let who = if r.who.user.is_empty() { &r.who.local } else { &r.who.user };
    let t = &r.entry.target;
    let object = match (t.kind.as_str(), t.namespace.as_str()) {
        (kind, "") => format!("{kind}/{}", t.name),
        (kind, namespace) => format!("{kind}/{} in {namespace}", t.name),
    };
    let at = r.at.strftime("%Y-%m-%d %H:%M:%SZ");
    let mut text =
        format!("{:>6}  {at}  {who:<12} {:<9} {:<10} {object}", r.seq, r.entry.phase.word(), r.entry.action);
    for (name, before) in &r.entry.before {
        let after = r.entry.after.get(name).map(String::as_str).unwrap_or_default();
        text += &format!("  {name} {before} → {after}");
    }
    if !r.entry.words.is_empty() {
        text += &format!("  {}", r.entry.words);
    }
    if !r.entry.reason.is_empty() {
        text += &format!("  because: {}", r.entry.reason);
    }
    if !r.entry.approver.is_empty() {
        text += &format!("  approved by {}", r.entry.approver);
    }
    Clean::new(&text).as_str().to_owned()
}

fn csv(r: &Record) -> String {
    let t = &r.entry.target;
    let fields = [
        &r.seq.to_string(),
        &r.at.to_string(),
        &r.who.user,
        &r.who.local,
        &r.who.host,
        &t.cluster,
        &t.namespace,
        &t.kind,
        &t.name,
        &r.entry.action,
        r.entry.phase.word(),
        &r.entry.reason,
        &r.entry.words,
        &r.entry.operation,
        &r.hash,
    ];
    fields.map(quoted).join(",") + "\n"
}

/// RFC 4180, and nothing that a spreadsheet would take for a formula.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula { format!("'{field}") } else { field.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}
