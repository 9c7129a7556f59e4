//! What a walk leaves behind: Markdown for people, JSON for programs. It is made from the events alone,
//! so that it can be made when the document is gone.

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::{Evidence, StepRef};
use super::store::{Open, Store, StoreError};
use super::{Status, StepState, Walk};
use crate::journal::sha256;
use crate::model::Clean;
use crate::ui::human;

/// Writes both into the walk's folder, and says where.
///
/// # Errors
/// When they can't be written.
pub fn write(open: &Open) -> Result<Vec<String>, StoreError> {
    let walk = Walk::of(&open.id, &open.read_on(0)?.0);
    let directory = open.directory();
    let files = [
        open.put("report.md", &markdown(&walk, directory))?,
        open.put("report.json", &format!("{:#}\n", json(&walk, directory)))?,
    ];
    Ok(files.iter().map(|path| path.display().to_string()).collect())
}

/// The report of a walk that somebody asks for.
///
/// # Errors
/// When there is none of that name, or it can't be read.
pub fn of(directory: &Path, id: &str, as_json: bool) -> Result<String, StoreError> {
    let store = Store::new(directory.to_owned());
    let (walk, at) = (Walk::of(id, &store.read(id)?), store.directory_of(id)?);
    Ok(if as_json { format!("{:#}\n", json(&walk, &at)) } else { markdown(&walk, &at) })
}

/// Text that can't become markup of ours: one line, its signs taken literally.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in Clean::new(text).chars() {
        if "\\`*_{}[]<>#|~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Code that can hold back-ticks.
fn code(text: &str) -> String {
    let text = Clean::new(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

pub fn markdown(walk: &Walk, directory: &Path) -> String {
    let mut out = String::new();
    let place = &walk.place;
    let (settled, of) = walk.settled();
    _ = writeln!(out, "# {}\n", plain(&place.title));
    let mut rows: Vec<(&str, String)> = vec![("walk", code(&walk.id))];
    if let Some((at, who)) = &walk.started {
        rows.push(("begun", format!("{} by {}", clock(*at), plain(who))));
    }
    if let Some(at) = walk.finished {
        let took = walk.started.as_ref().map(|(began, _)| human::span(at.duration_since(*began)));
        rows.push(("finished", format!("{} after {}", clock(at), took.unwrap_or_default())));
    } else {
        rows.push(("finished", "no".to_owned()));
    }
    let scope = match (place.context.as_str(), place.namespace.as_str()) {
        ("", _) => "no cluster".to_owned(),
        (context, "") => format!("{context}, all namespaces"),
        (context, namespace) => format!("{context} / {namespace}"),
    };
    rows.push(("where", plain(&scope)));
    rows.push(("steps", format!("{settled} of {of} settled")));
    rows.push(("document", format!("{} sha256 {}", code(&place.document), place.sha256)));
    for (name, value) in &walk.parameters {
        rows.push(("parameter", format!("{} = {}", plain(name), code(value))));
    }
    rows.iter().for_each(|(name, value)| _ = writeln!(out, "- {name}: {value}"));
    let mut section: &[String] = &[];
    for step in &walk.order {
        if step.section != section {
            section = &step.section;
            _ = writeln!(out, "\n## {}", plain(&section.join(" › ")));
        }
        _ = writeln!(out);
        one(&mut out, step, &walk.status(&step.id), walk.steps.get(&step.id), directory);
    }
    for (id, state) in walk.steps.iter().filter(|(id, _)| !walk.order.iter().any(|s| s.id == **id)) {
        _ = writeln!(out, "\n## No longer in the document\n\n- {}: {}", code(id), state.status.word());
    }
    out
}

fn one(out: &mut String, step: &StepRef, status: &Status, state: Option<&StepState>, directory: &Path) {
    let nothing = StepState::default();
    let state = state.unwrap_or(&nothing);
    let by = state.by.as_ref().map(|(at, who)| format!(", {} by {}", clock(*at), plain(who)));
    let took = state.began.zip(state.by.as_ref()).map(|(began, (at, _))| at.duration_since(began));
    let took = took.filter(|d| d.as_secs() > 0).map(|d| format!(", after {}", human::span(d)));
    _ = writeln!(
        out,
        "- **{}** {}{}{}",
        status.word(),
        plain(&step.text),
        by.unwrap_or_default(),
        took.unwrap_or_default()
    );
    if !status.words().is_empty() {
        _ = writeln!(out, "  - {}", plain(&status.words().replace('\n', " / ")));
    }
    for note in &state.notes {
        let text = note.text.replace('\n', " / ");
        _ = writeln!(out, "  - note, {} by {}: {}", clock(note.at), plain(&note.who), plain(&text));
    }
    for (_, e) in &state.evidence {
        let words = e.failed.as_ref().unwrap_or(&e.words);
        let kept = if e.file.is_empty() {
            String::new()
        } else {
            format!(", {} of output in {}{}", human::bytes(e.bytes), code(&e.file), whole(directory, e))
        };
        let operation =
            if e.operation.is_empty() { String::new() } else { format!(", audit {}", code(&e.operation)) };
        _ = writeln!(out, "  - {} on {}: {}{kept}{operation}", code(&e.ran), plain(&e.host), plain(words));
    }
}

/// Whether the evidence is what it was: its name is the hash of what was kept.
fn is_whole(directory: &Path, evidence: &Evidence) -> bool {
    let named = evidence.file.strip_prefix("evidence/").and_then(|f| f.strip_suffix(".txt"));
    // Only a name: the event could have been written by anybody.
    let Some(hash) = named.filter(|n| n.bytes().all(|b| b.is_ascii_hexdigit())) else { return false };
    std::fs::read(directory.join("evidence").join(format!("{hash}.txt")))
        .is_ok_and(|bytes| sha256(&bytes) == hash)
}

fn whole(directory: &Path, evidence: &Evidence) -> &'static str {
    if is_whole(directory, evidence) { "" } else { " **(not what was written: changed or gone)**" }
}

/// The same as JSON: `walk`, where and when, and `steps` in the document's order.
pub fn json(walk: &Walk, directory: &Path) -> Value {
    let nothing = StepState::default();
    let step = |step: &StepRef| {
        let state = walk.steps.get(&step.id).unwrap_or(&nothing);
        let status = walk.status(&step.id);
        json!({
            "id": step.id,
            "kind": step.kind,
            "section": step.section,
            "text": step.text,
            "state": status.word(),
            "words": status.words(),
            "is_verified": matches!(status, Status::Verified(_)),
            "who": state.by.as_ref().map(|(_, who)| who),
            "at": state.by.as_ref().map(|(at, _)| at),
            "began": state.began,
            "verdict": state.verdict,
            "notes": state.notes.iter().map(|n| json!({"at": n.at, "who": n.who, "text": n.text})).collect::<Vec<_>>(),
            "evidence": state.evidence.iter().map(|(command, e)| {
                let mut value = serde_json::to_value(e).unwrap_or_default();
                value["command"] = json!(command);
                value["is_whole"] = json!(e.file.is_empty() || is_whole(directory, e));
                value
            }).collect::<Vec<_>>(),
        })
    };
    let (settled, of) = walk.settled();
    json!({
        "walk": walk.id,
        "place": walk.place,
        "started": walk.started.as_ref().map(|(at, _)| at),
        "by": walk.started.as_ref().map(|(_, who)| who),
        "finished": walk.finished,
        "parameters": walk.parameters,
        "settled": settled,
        "of": of,
        "steps": walk.order.iter().map(step).collect::<Vec<_>>(),
    })
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
