//! What stands on the panels, as lines: worst first, words in place of marks, what is well only counted.

use std::io::{Result, Write};

use crate::model::filter::Filter;
use crate::model::objective::Better;
use crate::model::pod::Pod;
use crate::model::scope::NamespaceChoice;
use crate::model::signal::{BreakdownId, SignalId};
use crate::model::{FeedId, Health, Key};
use crate::panels::{ALERTS, BACKUPS, ERRORS, LATENCY, OBJECTIVES, PANELS, PODS, alerts, pods};
use crate::state::pods::{WorkloadRow, pod_health};
use crate::state::{State, measures};
use crate::ui::{human, operations};

/// Rows of a list that are read out; what is beyond is counted.
const MOST_ROWS: usize = 40;
/// Rows of a panel in the summary.
const MOST_IN_SUMMARY: usize = 5;

/// Signs that are read aloud badly, as words.
pub fn spoken(text: &str) -> String {
    text.replace(" · ", "; ").replace(" → ", " to ")
}

/// 'checkout on prod-eu-1 / shop'.
pub fn place(state: &State) -> String {
    let scope = &state.scope;
    let namespace = scope.namespace.as_deref().unwrap_or("all namespaces");
    let context = if scope.context.is_empty() { "no cluster yet" } else { scope.context.as_str() };
    let service = scope.service.as_ref().map(|s| format!("{s} on ")).unwrap_or_default();
    let read_only = if state.is_read_only() { ", read-only" } else { "" };
    format!("{service}{context} / {namespace}{read_only}")
}

/// Where it goes, before the cluster has answered.
pub fn destination(state: &State) -> String {
    let context = state.target.context.as_ref().map(|c| format!("context {c}, ")).unwrap_or_default();
    let service = state.target.service.as_ref().map(|s| format!(", service {s}")).unwrap_or_default();
    let namespace = match &state.target.namespace {
        NamespaceChoice::OfContext => "the context's namespace",
        NamespaceChoice::All => "all namespaces",
        NamespaceChoice::Named(name) => &format!("namespace {name}"),
    };
    format!("{context}{namespace}{service}")
}

/// The headline, then each panel with what is not well in it.
pub fn status(state: &State, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}, {}", place(state), human::clock(state.now))?;
    writeln!(out, "{}", headline(state))?;
    for panel in [PODS, LATENCY, ERRORS, BACKUPS, ALERTS, OBJECTIVES] {
        writeln!(out, "{}", verdict(state, panel))?;
        match panel {
            PODS => workloads(state, MOST_IN_SUMMARY, out)?,
            BACKUPS => backups_in_trouble(state, out)?,
            ALERTS => alert_lines(state, MOST_IN_SUMMARY, out)?,
            OBJECTIVES => objective_lines(state, true, out)?,
            _ => {}
        }
    }
    let running = state.running_operations();
    if running > 0 {
        writeln!(out, "operations under way: {running}; 'operations' lists them")?;
    }
    Ok(())
}

pub fn headline(state: &State) -> String {
    let headline = &state.derived.headline;
    let word = headline.health.word().to_uppercase();
    let text = if headline.text.is_empty() { "nothing to report" } else { &headline.text };
    spoken(&format!("{word}: {text}"))
}

/// 'pods: critical: 44 of 50 ready (5 s old)'.
pub fn verdict(state: &State, panel: usize) -> String {
    let Some((noun, (health, words))) =
        PANELS.get(panel).map(|p| p.noun()).zip(state.derived.verdicts.get(panel))
    else {
        return String::new();
    };
    let age = match state.panel_age(panel).map(human::data_age) {
        Some(age) if age != "now" => format!(" ({age} old)"),
        _ => String::new(),
    };
    spoken(&format!("{noun}: {}: {words}{age}", health.word()))
}

fn more(hidden: usize, what: &str, out: &mut impl Write) -> Result<()> {
    if hidden > 0 { writeln!(out, "  and {hidden} more {what}") } else { Ok(()) }
}

/// 'api: critical: 14 of 20 ready, revision 17 for 7m: 6 CrashLoopBackOff'.
pub fn workload(state: &State, row: &WorkloadRow) -> String {
    let name = match state.scope.namespace {
        Some(_) => row.key.name.to_string(),
        None => format!("{}/{}", row.key.namespace, row.key.name),
    };
    let age = row.since.map(|at| format!(" for {}", human::age(state.now.duration_since(at))));
    let revision = row.revision.map(|r| format!(", revision {r}{}", age.unwrap_or_default()));
    let words = if row.state.is_empty() { String::new() } else { format!(": {}", row.state) };
    format!(
        "{}/{name}: {}: {} of {} ready{}{words}",
        row.kind.noun(),
        row.health.word(),
        row.ready,
        row.wanted,
        revision.unwrap_or_default()
    )
}

fn workloads(state: &State, most: usize, out: &mut impl Write) -> Result<()> {
    let rows = &state.derived.pods.workloads;
    let bad: Vec<_> = rows.iter().filter(|row| row.health != Health::Ok).collect();
    for row in bad.iter().take(most) {
        writeln!(out, "  {}", spoken(&workload(state, row)))?;
    }
    more(bad.len().saturating_sub(most), "workloads are not well", out)
}

/// 'api-x2x7k: critical: CrashLoopBackOff, 7 restarts, the last 40s ago: exit 1 ...'.
pub fn pod(state: &State, health: Health, pod: &Pod) -> String {
    let namespace = match state.scope.namespace {
        Some(_) => String::new(),
        None => format!("{}/", pod.namespace),
    };
    let last =
        pod.last_restart.map(|at| format!(", the last {} ago", human::age(state.now.duration_since(at))));
    let restarts = match pod.restarts {
        0 => String::new(),
        1 => format!(", 1 restart{}", last.unwrap_or_default()),
        n => format!(", {n} restarts{}", last.unwrap_or_default()),
    };
    let why = pods::why(pod).filter(|_| health > Health::Ok).map(|w| format!(": {w}")).unwrap_or_default();
    let (ready, containers) = (pod.ready, pod.containers);
    format!(
        "{namespace}{}: {}: {}, {ready}/{containers} ready{restarts}{why}",
        pod.name,
        health.word(),
        pod.status
    )
}

/// Workloads and the pods that are not well; with a filter the pods that pass it.
pub fn pods(state: &State, filter: &str, out: &mut impl Write) -> Result<()> {
    let filter = match Filter::parse(filter) {
        Ok(filter) => filter,
        Err(why) => return writeln!(out, "{why}"),
    };
    writeln!(out, "{}", verdict(state, PODS))?;
    if filter.is_empty() {
        for row in state.derived.pods.workloads.iter().take(MOST_ROWS) {
            writeln!(out, "  {}", spoken(&workload(state, row)))?;
        }
        more(state.derived.pods.workloads.len().saturating_sub(MOST_ROWS), "workloads", out)?;
        for (health, p) in state.derived.pods.unhealthy.iter().take(MOST_ROWS) {
            writeln!(out, "  {}", pod(state, *health, p))?;
        }
        return more(state.derived.pods.unhealthy.len().saturating_sub(MOST_ROWS), "pods are not well", out);
    }
    let passes = || state.known.pods.iter().filter(|p| filter.pod(p, state.now));
    for p in passes().take(MOST_ROWS) {
        writeln!(out, "  {}", pod(state, pod_health(p, state.now), p))?;
    }
    match passes().count() {
        0 => writeln!(out, "  no pod passes '{}'", filter.text),
        n => more(n.saturating_sub(MOST_ROWS), "pods pass; a longer filter shows fewer", out),
    }
}

/// 'HighErrorRate, page, 7 min: not acknowledged  runbook  summary'.
pub fn alert(state: &State, group: &alerts::Group<'_>) -> String {
    let (alert, subject) = (group.first, group.subject());
    let about = if subject.is_empty() { String::new() } else { format!(" about {subject}") };
    let age = human::span(state.now.duration_since(group.since));
    let standing = alerts::standing(state, alert).replace("  ", ", ");
    format!("{}{about}, {}, for {age}: {standing}", alert.name, alert.severity)
}

fn alert_lines(state: &State, most: usize, out: &mut impl Write) -> Result<()> {
    let groups = alerts::groups(state);
    for group in groups.iter().take(most) {
        writeln!(out, "  {}: {}", group.first.health().word(), alert(state, group))?;
    }
    more(groups.len().saturating_sub(most), "kinds of alerts; 'alerts' lists them", out)
}

/// All alerts, or those whose name begins so, with all that they say.
pub fn alerts(state: &State, name: &str, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", verdict(state, ALERTS))?;
    if name.is_empty() {
        return alert_lines(state, MOST_ROWS, out);
    }
    let wanted = name.to_lowercase();
    let named = || state.derived.alerts.iter().filter(|a| a.name.to_lowercase().contains(&wanted));
    for a in named().take(MOST_ROWS / 4) {
        writeln!(out, "  {}, {}, since {}", a.name, a.severity, human::clock(a.starts_at))?;
        for text in a.summary.iter().chain(&a.description) {
            writeln!(out, "    {text}")?;
        }
        if let Some(runbook) = &a.runbook {
            writeln!(out, "    runbook: {runbook}")?;
        }
        let labels: Vec<String> = a.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        writeln!(out, "    labels: {}", labels.join(" "))?;
        writeln!(out, "    {}", alerts::standing(state, a))?;
    }
    match named().count() {
        0 => writeln!(out, "  no alert '{name}' fires"),
        n => more(n.saturating_sub(MOST_ROWS / 4), "of that name", out),
    }
}

fn rows(
    state: &State,
    id: BreakdownId,
    title: &str,
    said: fn(f64) -> String,
    out: &mut impl Write,
) -> Result<()> {
    let Some(breakdown) = state.known.breakdowns.get(&id) else {
        let why = state.feed_words(FeedId::Signals).unwrap_or_else(|| "no data".into());
        return writeln!(out, "  {title}: {why}");
    };
    let rows: Vec<String> =
        breakdown.rows.iter().take(8).map(|(name, value)| format!("{name} {}", said(*value))).collect();
    let rows = if rows.is_empty() { "none".to_owned() } else { rows.join("; ") };
    writeln!(out, "  {title}: {rows}")
}

pub fn errors(state: &State, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", verdict(state, ERRORS))?;
    if let Some(rate) = measures::traffic(state) {
        writeln!(out, "  {} req/s", human::count(rate))?;
    }
    if let Some(budget) = &state.derived.budget {
        writeln!(out, "  error budget: {}: {}", budget.health.word(), budget.words)?;
    }
    rows(state, BreakdownId::ErrorsByRoute, "error ratio by route", human::percent, out)?;
    rows(state, BreakdownId::ErrorsByCode, "errors/s by code", human::count, out)
}

pub fn latency(state: &State, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", verdict(state, LATENCY))?;
    let said = |(id, name)| {
        let measure = measures::measure(state, id);
        let why = measure.why.clone().unwrap_or_else(|| "not known".into());
        format!("{name} {}", measure.value.map_or(why, human::seconds))
    };
    let all = [(SignalId::LatencyP50, "p50"), (SignalId::LatencyP95, "p95"), (SignalId::LatencyP99, "p99")];
    writeln!(out, "  {}", all.map(said).join(", "))?;
    rows(state, BreakdownId::SlowestRoutes, "slowest routes, p95", human::seconds, out)
}

fn backups_in_trouble(state: &State, out: &mut impl Write) -> Result<()> {
    let bad = || state.derived.backups.iter().filter(|(_, health, _)| *health >= Health::Stale);
    for (backup, health, words) in bad().take(MOST_IN_SUMMARY) {
        writeln!(out, "  {}: {}: {words}", backup.name, health.word())?;
    }
    more(bad().count().saturating_sub(MOST_IN_SUMMARY), "backups are in trouble", out)
}

pub fn backups(state: &State, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", verdict(state, BACKUPS))?;
    for (backup, health, words) in state.derived.backups.iter().take(MOST_ROWS) {
        let last =
            backup.age(state.now).map_or_else(|| "never".into(), |age| format!("{} ago", human::span(age)));
        let rpo = backup.rpo.map(|rpo| format!(", RPO {}", human::span(rpo))).unwrap_or_default();
        let next = match (backup.suspended, backup.next) {
            (true, _) => ", its schedule is suspended".to_owned(),
            (false, Some(at)) => format!(", next in {}", human::span(at.duration_since(state.now))),
            (false, None) => String::new(),
        };
        let size = backup.last_success.as_ref().and_then(|r| r.size_bytes).map(human::bytes);
        let size = size.map(|s| format!(", {s}")).unwrap_or_default();
        writeln!(out, "  {}: {}: {words}", backup.name, health.word())?;
        writeln!(out, "    last success {last}{rpo}{next}{size}")?;
        let runs = backup.runs.iter().take(14).map(|r| format!("{:?}", r.outcome).to_lowercase());
        writeln!(out, "    runs, newest first: {}", counted(runs))?;
    }
    more(state.derived.backups.len().saturating_sub(MOST_ROWS), "backups", out)
}

/// '3 succeeded, failed, 2 succeeded': what is alike one after the other is counted.
fn counted(words: impl Iterator<Item = String>) -> String {
    let mut runs: Vec<(usize, String)> = Vec::new();
    for word in words {
        match runs.last_mut() {
            Some((n, last)) if *last == word => *n += 1,
            _ => runs.push((1, word)),
        }
    }
    if runs.is_empty() {
        return "none".to_owned();
    }
    let said = |(n, word): &(usize, String)| if *n == 1 { word.clone() } else { format!("{n} {word}") };
    runs.iter().map(said).collect::<Vec<_>>().join(", ")
}

fn objective_lines(state: &State, only_bad: bool, out: &mut impl Write) -> Result<()> {
    for m in state.derived.strip.iter().filter(|m| !only_bad || m.health >= Health::Stale) {
        let unit = m.id.unit();
        let why = m.why.as_ref().map(|w| format!(", {w}")).unwrap_or_default();
        let value = m.value.map_or_else(|| "no value".into(), |v| human::value(v, unit));
        let tiers = m.objective.as_ref().map_or_else(String::new, |o| {
            let beyond = if o.better == Better::Higher { "under" } else { "over" };
            let said = |v| human::value(v, unit);
            format!(
                ", target {}, warning {beyond} {}, critical {beyond} {}",
                said(o.target),
                said(o.warning),
                said(o.critical)
            )
        });
        // Nothing was promised of it: a value, not a verdict.
        let word = if m.objective.is_none() && m.value.is_some() { "no objective" } else { m.health.word() };
        writeln!(out, "  {}: {word}: {value}{tiers}{why}", m.id.noun())?;
    }
    Ok(())
}

pub fn objectives(state: &State, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", verdict(state, OBJECTIVES))?;
    objective_lines(state, false, out)
}

pub fn changes(state: &State, out: &mut impl Write) -> Result<()> {
    if state.derived.marks.is_empty() {
        return writeln!(out, "nothing has changed in the last day");
    }
    for mark in state.derived.marks.iter().rev().take(MOST_ROWS) {
        let by = if mark.automatic { ", by a controller" } else { "" };
        let at = human::moment(mark.at, state.now);
        writeln!(out, "  {at} {} of {}: {}{by}", mark.kind.word(), mark.workload.name, spoken(&mark.what))?;
    }
    Ok(())
}

pub fn operations(state: &State, out: &mut impl Write) -> Result<()> {
    if state.operations.is_empty() {
        return writeln!(
            out,
            "nothing was done in this session; 'midwatch audit show' has what was done before"
        );
    }
    for o in state.operations.iter().rev() {
        writeln!(out, "  {} in {} of {}, {}", o.title, o.namespace, o.context, human::clock(o.since))?;
        writeln!(out, "    {}: {}", operations::health(o).word(), spoken(operations::words(o)))?;
        if let Some(effect) = &o.effect {
            writeln!(out, "    {}", spoken(effect))?;
        }
        if o.next.is_some() {
            writeln!(out, "    it does not go on by itself: 'go-on' does what it needs")?;
        }
        writeln!(out, "    undo: {}", o.undo)?;
    }
    Ok(())
}

/// Where the data comes from, and how old it is.
pub fn feeds(state: &State, out: &mut impl Write) -> Result<()> {
    for feed in FeedId::ALL {
        let health = state.feed_health(feed);
        let age = state.known.status(feed).age(state.now).map(human::data_age);
        let words = state.feed_words(feed).or(age).unwrap_or_default();
        writeln!(out, "  {}: {}: {words}", feed.noun(), health.word())?;
    }
    Ok(())
}

pub fn events(state: &State, key: &Key, out: &mut impl Write) -> Result<()> {
    if let Some(words) = state.feed_words(FeedId::Events) {
        return writeln!(out, "  events: {words}");
    }
    let of_it = |e: &&crate::model::cluster::ClusterEvent| {
        &*e.kind == "Pod" && e.object == key.name && e.namespace == key.namespace
    };
    let mut events: Vec<_> = state.known.events.iter().filter(of_it).collect();
    events.sort_by_key(|e| std::cmp::Reverse(e.last));
    if events.is_empty() {
        return writeln!(out, "  events: none in the last hour");
    }
    for e in events.iter().take(8) {
        let word = if e.warning { "warning" } else { "event" };
        let times = if e.count > 1 { format!(", {} times", e.count) } else { String::new() };
        let ago = human::age(state.now.duration_since(e.last));
        writeln!(out, "  {word}: {ago} ago{times}: {}: {}", e.reason, e.message)?;
    }
    Ok(())
}
