//! What each section of `midwatch.toml` holds, and which of its values make no sense.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::cache::read_caches;
use super::http::{ServiceRef, read_access, read_url};
use super::load::Base;
use super::reader::{At, Entry, Section, suggestion};
use super::units::{parse_duration, parse_value, show_duration, show_value};
use super::{
    Alertmanager, BackupExpectation, Config, Contact, HttpAccess, ProbeSpec, Prometheus, RecordSource,
};
use super::{commands, guardrails};
use crate::model::objective::{Better, Objective};
use crate::model::signal::SignalId;

/// The windows that the charts offer.
const WINDOWS: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(15), SignedDuration::from_hours(24));

/// Often enough to see every outage that a person would; more often is load.
const PROBE_EVERY: SignedDuration = SignedDuration::from_secs(15);

pub fn read(s: &mut Section<'_, '_>, base: &Base) -> Config {
    let defaults = Config::default();
    // The guardrails name them.
    let commands = commands::read(s, base);
    let value = |at: Option<At<String>>| at.map(|at| at.value);
    Config {
        path: None,
        service: value(s.string("service")),
        selectors: read_selectors(s),
        theme: value(s.string("theme")),
        keymap: value(s.string("keymap")),
        read_only: s.boolean("read_only").is_some_and(|at| at.value),
        ascii: s.boolean("ascii").map(|at| at.value),
        window: read_window(s).unwrap_or(defaults.window),
        runbooks: s.strings("runbooks").iter().map(|at| base.path(&at.value)).collect(),
        prometheus: s.section("prometheus", |s| read_prometheus(s, base)).unwrap_or_default(),
        alertmanager: s.section("alertmanager", |s| read_alertmanager(s, base)).unwrap_or_default(),
        objectives: s.section("objectives", |s| read_objectives(s)).unwrap_or(defaults.objectives),
        backups: read_backups(s),
        backup_records: read_records(s, base),
        probes: read_probes(s, base),
        guardrails: s.section("guardrails", |s| guardrails::read(s, &commands)).unwrap_or_default(),
        audit: s.section("audit", |s| s.string("path").map(|at| base.path(&at.value))).flatten(),
        commands,
        caches: named(s, "cache", |s| read_caches(s, base)),
        manifests: commands::read_manifests(s, base),
        contacts: s.sections("contact", read_contact).into_iter().flatten().collect(),
        origins: BTreeMap::new(),
    }
}

fn read_selectors(s: &mut Section<'_, '_>) -> Vec<String> {
    let written = s.strings("selectors");
    for at in &written {
        let is_pair =
            |part: &str| part.split_once('=').is_some_and(|(k, v)| !k.trim().is_empty() && !v.contains('='));
        if !at.value.split(',').all(is_pair) {
            let what = format!("'{}' is not a selector of labels", at.value);
            s.doc.problem(&at.span, what, Some("write it as \"app=api,tier=web\"".into()));
        }
    }
    written.into_iter().map(|at| at.value).collect()
}

fn read_window(s: &mut Section<'_, '_>) -> Option<SignedDuration> {
    let at = s.string("window")?;
    let window = s.doc.check(&at.span, parse_duration(&at.value))?;
    if window < WINDOWS.0 || window > WINDOWS.1 {
        let (least, most) = (show_duration(WINDOWS.0), show_duration(WINDOWS.1));
        s.doc.problem(&at.span, format!("the window must be between {least} and {most}"), None);
    }
    Some(window)
}

/// `url` or `service`, and the access.
fn read_endpoint(s: &mut Section<'_, '_>, base: &Base) -> (Option<String>, Option<ServiceRef>, HttpAccess) {
    let url = read_url(s, "url");
    let service = s.string("service").and_then(|at| s.doc.check(&at.span, at.value.parse::<ServiceRef>()));
    if url.is_some() && service.is_some() {
        s.doc.problem(&s.span, "both 'url' and 'service': one of them says where it is", None);
    }
    let access = read_access(s, base);
    if service.is_some() && access.has_authorization() {
        s.doc.problem(
            &s.span,
            "the API server's proxy strips 'bearer' and 'basic', so that they can't go with 'service'",
            Some("use 'url', with a port-forward if need be".into()),
        );
    }
    (url, service, access)
}

fn read_prometheus(s: &mut Section<'_, '_>, base: &Base) -> Prometheus {
    let (url, service, http) = read_endpoint(s, base);
    let queries = s.section("queries", |s| read_queries(s)).unwrap_or_default();
    Prometheus { url, service, http, queries, matchers: read_matchers(s, "matchers") }
}

fn read_alertmanager(s: &mut Section<'_, '_>, base: &Base) -> Alertmanager {
    let (url, service, http) = read_endpoint(s, base);
    Alertmanager { url, service, http, filter: read_matchers(s, "filter") }
}

/// Prometheus' and Alertmanager's matchers have one syntax.
fn read_matchers(s: &mut Section<'_, '_>, key: &'static str) -> Vec<String> {
    let written = s.strings(key);
    for at in &written {
        if let Err(why) = promql_parser::parser::parse(&format!("x{{{}}}", at.value)) {
            s.doc.problem(
                &at.span,
                format!("not a label matcher: {why}"),
                Some("write it as 'cluster=\"eu\"'".into()),
            );
        }
    }
    written.into_iter().map(|at| at.value).collect()
}

fn signal_named(s: &Section<'_, '_>, name: &At<String>) -> Option<SignalId> {
    let found = SignalId::of_noun(&name.value);
    if found.is_none() {
        let known = SignalId::NAMED.map(SignalId::noun);
        s.doc.problem(
            &name.span,
            format!("unknown signal '{}'", name.value),
            suggestion(&name.value, &known),
        );
    }
    found
}

fn read_queries(s: &mut Section<'_, '_>) -> BTreeMap<SignalId, String> {
    let mut queries = BTreeMap::new();
    for (name, entry) in s.entries() {
        let Some(signal) = signal_named(s, &name) else { continue };
        match entry {
            Entry::Text(query) => match promql_parser::parser::parse(&query.value) {
                Ok(_) => _ = queries.insert(signal, query.value),
                Err(why) => s.doc.problem(&query.span, format!("not PromQL: {why}"), None),
            },
            Entry::Table { span, .. } | Entry::Other(span) => {
                s.doc.problem(&span, format!("the query of '{}' must be a string", name.value), None);
            }
        }
    }
    queries
}

fn read_objectives(s: &mut Section<'_, '_>) -> Vec<Objective> {
    let mut objectives = Objective::defaults();
    for (name, entry) in s.entries() {
        let Some(signal) = signal_named(s, &name) else { continue };
        let default = objectives.iter().find(|o| o.signal == signal).cloned();
        let read = s.enter_entry(entry, |s| read_objective(s, signal, default.as_ref())).flatten();
        if let Some(objective) = read {
            match objectives.iter_mut().find(|o| o.signal == signal) {
                Some(default) => *default = objective,
                None => objectives.push(objective),
            }
        }
    }
    objectives
}

/// The warning is the target where it is not set; the critical tier is the default one where
/// that is beyond the warning.
fn read_objective(
    s: &mut Section<'_, '_>,
    signal: SignalId,
    default: Option<&Objective>,
) -> Option<Objective> {
    let better = Better::of(signal);
    let worse = |a: f64, b: f64| match better {
        Better::Lower => a > b,
        Better::Higher => a < b,
    };
    let show = |v: f64| show_value(v, signal.unit());
    let mut tier = |key| {
        let at = s.scalar(key)?;
        let value = s.doc.check(&at.span, parse_value(&at.value, signal.unit()))?;
        Some(At { value, span: at.span })
    };
    let (target, warning, critical) = (tier("target"), tier("warning"), tier("critical"));
    let Some(target) = target else {
        if s.is_missing("target") {
            s.doc.problem(&s.span, format!("the objective for '{}' needs a 'target'", signal.noun()), None);
        }
        return None;
    };
    let warning = warning.unwrap_or_else(|| target.clone());
    if worse(target.value, warning.value) {
        let what = format!(
            "'warning' ({}) must not be better than 'target' ({})",
            show(warning.value),
            show(target.value)
        );
        s.doc.problem(&warning.span, what, None);
    }
    let critical = match (critical, default.map(|o| o.critical)) {
        (Some(critical), _) => critical,
        (None, Some(value)) if !worse(warning.value, value) => At { value, span: s.span.clone() },
        (None, known) => {
            let why = known.map_or(String::new(), |v| {
                format!(": its default, {}, is better than 'warning', {}", show(v), show(warning.value))
            });
            s.doc.problem(&warning.span, format!("'critical' is needed too{why}"), None);
            return None;
        }
    };
    if worse(warning.value, critical.value) {
        let what = format!(
            "'critical' ({}) must not be better than 'warning' ({})",
            show(critical.value),
            show(warning.value)
        );
        s.doc.problem(&critical.span, what, None);
    }
    Some(Objective { signal, better, target: target.value, warning: warning.value, critical: critical.value })
}

pub(super) fn duration(s: &mut Section<'_, '_>, key: &'static str) -> Option<At<SignedDuration>> {
    let at = s.string(key)?;
    let value = s.doc.check(&at.span, parse_duration(&at.value))?;
    Some(At { value, span: at.span })
}

pub(super) fn required(s: &mut Section<'_, '_>, what: &str, key: &'static str) -> Option<At<String>> {
    let at = s.string(key);
    if at.as_ref().is_none_or(|at| at.value.trim().is_empty()) {
        let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        s.doc.problem(&s.span, format!("{article} {what} needs a '{key}'"), None);
        return None;
    }
    at
}

/// Names by which things are told apart must differ.
pub(super) fn distinct(s: &Section<'_, '_>, what: &str, names: &[At<String>]) {
    for (i, at) in names.iter().enumerate() {
        if names[..i].iter().any(|earlier| earlier.value == at.value) {
            s.doc.problem(&at.span, format!("a second {what} of the name '{}'", at.value), None);
        }
    }
}

/// What `read` reads, each with a name of its own.
fn named<'d, 't, T>(
    s: &mut Section<'d, 't>,
    what: &str,
    read: impl FnOnce(&mut Section<'d, 't>) -> Vec<(At<String>, T)>,
) -> Vec<T> {
    let (names, all): (Vec<_>, Vec<_>) = read(s).into_iter().unzip();
    distinct(s, what, &names);
    all
}

fn read_backups(s: &mut Section<'_, '_>) -> Vec<BackupExpectation> {
    let read = s.sections("backup", |s| {
        let name = required(s, "backup", "name");
        let (every, rpo) = (duration(s, "every"), duration(s, "rpo"));
        if let (Some(every), Some(rpo)) = (&every, &rpo)
            && rpo.value < every.value
        {
            let (rpo_text, every_text) = (show_duration(rpo.value), show_duration(every.value));
            let what = format!("an RPO of {rpo_text} can't be kept by a backup every {every_text}");
            s.doc.problem(&rpo.span, what, None);
        }
        let mut plain = |key| duration(s, key).map(|at| at.value);
        let (rto, retention, verified_within) = (plain("rto"), plain("retention"), plain("verified_within"));
        name.map(|name| {
            let (every, rpo) = (every.map(|at| at.value), rpo.map(|at| at.value));
            let expectation =
                BackupExpectation { name: name.value.clone(), every, rpo, rto, retention, verified_within };
            (name, expectation)
        })
    });
    let (names, expectations): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    distinct(s, "backup", &names);
    expectations
}

fn read_records(s: &mut Section<'_, '_>, base: &Base) -> Vec<RecordSource> {
    let read = s.sections("backup_record", |s| {
        let file = s.string("file").map(|at| RecordSource::File(base.path(&at.value)));
        let url = read_url(s, "url");
        let http = read_access(s, base);
        match (file, url) {
            (Some(file), None) => Some(file),
            (None, Some(url)) => Some(RecordSource::Url { url, http: Box::new(http) }),
            _ => {
                s.doc.problem(&s.span, "a backup_record needs either 'file' or 'url'", None);
                None
            }
        }
    });
    read.into_iter().flatten().collect()
}

fn read_probes(s: &mut Section<'_, '_>, base: &Base) -> Vec<ProbeSpec> {
    let read = s.sections("probe", |s| {
        let url = read_url(s, "url");
        if url.is_none() && s.is_missing("url") {
            s.doc.problem(&s.span, "a probe needs a 'url'", None);
        }
        let every = duration(s, "every");
        if let Some(at) = every.as_ref().filter(|at| at.value < SignedDuration::from_secs(1)) {
            s.doc.problem(&at.span, "a probe can't be more frequent than once a second", None);
        }
        let name = s.string("name");
        let http = read_access(s, base);
        let url = url?;
        let name = name.unwrap_or_else(|| At { value: url.clone(), span: s.span.clone() });
        let every = every.map_or(PROBE_EVERY, |at| at.value);
        Some((name.clone(), ProbeSpec { name: name.value, url, every, http }))
    });
    let (names, probes): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    distinct(s, "probe", &names);
    probes
}

fn read_contact(s: &mut Section<'_, '_>) -> Option<Contact> {
    let (name, reach) = (required(s, "contact", "name"), required(s, "contact", "reach"));
    name.zip(reach).map(|(name, reach)| Contact { name: name.value, reach: reach.value })
}
