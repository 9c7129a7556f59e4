//! A check's TOML → what it checks. Exactly one key says what; the others say how.

use jiff::SignedDuration;
use toml::de::DeTable;

use super::{Kind, alerts, asked, backups, cluster, objective, workloads};
use crate::config::reader::{At, Doc, Section, suggestion};
use crate::config::units::parse_duration;
use crate::config::{Problem, place};

/// The keys that say what is checked.
const KINDS: [&str; 11] = [
    "objective",
    "pods",
    "rollout",
    "autoscaler",
    "backup",
    "alert",
    "certificate",
    "nodes",
    "http",
    "promql",
    "command",
];
/// More was not written by a person. Bytes.
const MAX_TEXT: usize = 16 << 10;

pub type Keys<'d, 't> = Section<'d, 't>;

/// # Errors
/// The first thing that is wrong; lines count from 1 within `text`.
pub fn read(text: &str) -> Result<Kind, Problem> {
    let wrong = |line, column, what: String, next| Problem { line, column, what, next };
    if text.len() > MAX_TEXT {
        return Err(wrong(1, 1, format!("a check is at most {} KiB long", MAX_TEXT >> 10), None));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        return Err(wrong(line, column, error.message().trim().replace('\n', ", "), None));
    }
    let table = table.get_ref();
    let (kind, another) = {
        let mut kinds = KINDS.iter().copied().filter(|kind| table.contains_key(*kind));
        (kinds.next(), kinds.next())
    };
    let Some(kind) = kind else {
        let first = table.keys().next();
        let (line, column) = place(text, first.map_or(0, |key| key.span().start));
        let next = match first {
            Some(key) => suggestion(key.get_ref(), &KINDS),
            None => Some(format!("begin with one of {}", KINDS.join(", "))),
        };
        return Err(wrong(line, column, "it is not said what to check".to_owned(), next));
    };
    if let Some((another, span)) =
        another.and_then(|a| Some((a, table.keys().find(|k| k.get_ref() == a)?.span())))
    {
        let (line, column) = place(text, span.start);
        let next = Some("make two checks of it".to_owned());
        return Err(wrong(line, column, format!("'{another}' beside '{kind}'"), next));
    }
    let doc = Doc::new(text);
    let mut keys = Section::root(&doc, table);
    let read = of_kind(kind, &mut keys);
    keys.close();
    let (problems, _) = doc.finish();
    match (problems.into_iter().next(), read) {
        (Some(problem), _) => Err(problem),
        (None, Some(kind)) => Ok(kind),
        (None, None) => Err(wrong(1, 1, format!("'{kind}' can't be read"), None)),
    }
}

fn of_kind(kind: &str, keys: &mut Keys<'_, '_>) -> Option<Kind> {
    Some(match kind {
        "objective" => Kind::Objective(objective::Objective::read(keys)?),
        "pods" => Kind::Pods(workloads::Pods::read(keys)?),
        "rollout" => Kind::Rollout(workloads::Rollout::read(keys)?),
        "autoscaler" => Kind::Autoscaler(workloads::Autoscaler::read(keys)?),
        "backup" => Kind::Backup(backups::Backup::read(keys)?),
        "alert" => Kind::Alert(alerts::Alert::read(keys)?),
        "certificate" => Kind::Certificate(cluster::Certificate::read(keys)?),
        "nodes" => Kind::Nodes(cluster::Nodes::read(keys)?),
        "http" => Kind::Http(asked::Http::read(keys)?),
        "promql" => Kind::PromQl(asked::PromQl::read(keys)?),
        _ => Kind::Command(asked::Command::read(keys)?),
    })
}

/// A text that is there and not empty.
pub fn text(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<String> {
    let read = keys.string(key)?;
    if read.value.trim().is_empty() {
        keys.doc.problem(&read.span, format!("'{key}' is empty"), None);
        return None;
    }
    Some(read.value)
}

/// 'all', or a name.
pub fn all_or_name(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<Option<String>> {
    text(keys, key).map(|name| (name != "all").then_some(name))
}

/// One of the words of `choices`; `default` where the key is not there.
pub fn choice<T: Copy>(
    keys: &mut Keys<'_, '_>,
    key: &'static str,
    choices: &[(&str, T)],
    default: T,
) -> Option<T> {
    if keys.is_missing(key) {
        // Asked for all the same: else a wrong key would not be told that this one is known.
        let _ = keys.string(key);
        return Some(default);
    }
    let read = keys.string(key)?;
    let found = choices.iter().find(|(word, _)| *word == read.value).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        keys.doc.problem(
            &read.span,
            format!("'{}' is no value of '{key}'", read.value),
            suggestion(&read.value, &words),
        );
    }
    found
}

/// What is read out of a string or a number by `parse`.
pub fn value<T>(
    keys: &mut Keys<'_, '_>,
    key: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let At { value, span } = keys.scalar(key)?;
    keys.doc.check(&span, parse(&value))
}

pub fn duration(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<SignedDuration> {
    value(keys, key, parse_duration)
}

/// A finite number as it is written.
pub fn number(text: &str) -> Result<f64, String> {
    match text.trim().replace('_', "").parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("'{text}' is not a number")),
    }
}

/// A problem with the whole of the check.
pub fn refuse(keys: &Keys<'_, '_>, what: &str, next: &str) {
    keys.doc.problem(&keys.span, what, Some(next.to_owned()));
}
