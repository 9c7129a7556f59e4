//! Pods: ready and wanted per workload, the unhealthy ones first, in kubectl's own words.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{PODS, Panel, RowKey, scrolled};
use crate::input::Layer;
use crate::model::pod::Pod;
use crate::model::{FeedId, Health, Key};
use crate::state::pods::{SORTS, WorkloadRow};
use crate::state::{Derived, State};
use crate::ui::human;
use crate::ui::paint::{Paint, fit, fit_right};
use crate::ui::theme::Role;

pub struct Pods;

/// Without these the panel can't say how the workloads are.
const NEEDED: [FeedId; 4] = [FeedId::Pods, FeedId::Deployments, FeedId::StatefulSets, FeedId::DaemonSets];

impl Panel for Pods {
    fn noun(&self) -> &'static str {
        "pods"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Pods, FeedId::Deployments, FeedId::StatefulSets, FeedId::DaemonSets]
    }

    fn layers(&self) -> &'static [Layer] {
        &[Layer::List]
    }

    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String) {
        let pods = &derived.pods;
        let known = pods.total > 0 || !pods.workloads.is_empty();
        let counted = format!("{} of {} ready", pods.ready, pods.wanted);
        match state.feeds_trouble(&NEEDED) {
            Some((health, words)) if known => (health, format!("{words} · {counted}")),
            Some((health, words)) => (health, words),
            None if !known => (Health::Unknown, "no pods in this namespace".into()),
            None if pods.workloads.is_empty() => (Health::Ok, format!("{} pods, no workloads", pods.total)),
            None => (pods.health, counted),
        }
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        let state = paint.state;
        if state.derived.pods.total == 0 && state.derived.pods.workloads.is_empty() {
            empty(paint, area);
            return;
        }
        let pods = &state.derived.pods;
        let foot = u16::from(area.height >= 8);
        let header = u16::from(area.height >= 6);
        let room = area.height - foot - header;
        // What is broken comes first; then at most two thirds for the workloads, and the pods that fail.
        let broken = u16::try_from(pods.unhealthy.len() * 2).unwrap_or(u16::MAX);
        let workloads = u16::try_from(pods.workloads.len()).unwrap_or(u16::MAX);
        let for_workloads = workloads.min(room.saturating_sub(broken.min(room * 2 / 3)).max(1));
        let widths = Widths::of(state, area.width);
        if header > 0 {
            let (name, ready) = (fit("WORKLOAD", widths.name), fit_right("READY", widths.ready));
            paint.text(area, 0, &format!("  {name} {ready} {:>4} {:>6}  STATE", "REV", "SINCE"), Role::Dim);
        }
        for (y, row) in (header..).zip(pods.workloads.iter().take(usize::from(for_workloads))) {
            let line = workload_line(paint, row, &widths);
            paint.line(area, y, line);
        }
        let mut y = header + for_workloads;
        if usize::from(for_workloads) < pods.workloads.len() && for_workloads > 1 {
            let hidden = pods.workloads.len() - usize::from(for_workloads) + 1;
            let more = format!("  and {hidden} more workloads");
            paint.clear(Rect { y: area.y + y - 1, height: 1, ..area });
            paint.text(area, y - 1, &more, Role::Dim);
        }
        let gap = u16::from(area.height > 12 && y + 1 < area.height - foot);
        y += gap;
        let mut told: Option<(&Pod, String)> = None;
        for (health, pod) in &pods.unhealthy {
            if y >= area.height - foot {
                break;
            }
            let line = unhealthy_line(paint, *health, pod);
            paint.line(area, y, line);
            y += 1;
            // Pods that fail alike fail for one reason: it is told once.
            let why = why(pod).unwrap_or_default();
            let alike = told.as_ref().is_some_and(|(before, told)| before.owner == pod.owner && *told == why);
            if !alike && !why.is_empty() && y < area.height - foot {
                paint.text(area, y, &format!("    {why}"), Role::Dim);
                y += 1;
            }
            told = Some((pod, why));
        }
        if foot > 0 {
            usage_line(paint, Rect { y: area.bottom() - 1, height: 1, ..area });
        }
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let state = paint.state;
        let list = state.view.list(PODS);
        let rows = &state.derived.rows.rows;
        let all = state.scope.namespace.is_none();
        let columns = Columns::new(area.width, all, state.derived.rows.longest_name);
        let sort = SORTS[list.sort % SORTS.len()];
        paint.text(area, 0, &columns.header(sort, list.reverse, paint.ascii()), Role::Dim);
        let height = usize::from(area.height.saturating_sub(2));
        if rows.is_empty() {
            if list.filter.is_empty() {
                empty(paint, Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area });
            } else {
                let text = format!("  no pod passes '{}'; / to change it", list.filter.text);
                paint.text(area, 1, &text, Role::Dim);
            }
        }
        let first = scrolled(list.index, height, rows.len());
        for (y, (index, (health, pod))) in (1..).zip(rows.iter().enumerate().skip(first).take(height)) {
            let line = columns.line(paint, *health, pod);
            paint.line(area, y, line);
            if index == list.index {
                let row = Rect { y: area.y + y, height: 1, ..area };
                paint.fill(row, Role::Selection);
            }
        }
        let shown = if list.filter.is_empty() {
            format!(" {} pods", rows.len())
        } else {
            format!(" {} of {} pods pass '{}'", rows.len(), state.derived.pods.total, list.filter.text)
        };
        let place = format!("{shown}, by {sort}, row {} ", (list.index + 1).min(rows.len()));
        paint.text(area, area.height.saturating_sub(1), &place, Role::Dim);
    }

    fn rows<'a>(&self, state: &'a State) -> Vec<RowKey<'a>> {
        let rows = state.derived.rows.rows.iter();
        rows.map(|(_, p)| RowKey { namespace: Some(&p.namespace), name: &p.name }).collect()
    }
}

/// Nothing to show: why, and what to do. Never an empty list that could mean both 'none' and 'failed'.
fn empty(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let lines = match state.feeds_trouble(&NEEDED) {
        Some((_, words)) => vec![format!("  {words}")],
        None => {
            let namespace = state.scope.namespace.as_deref().unwrap_or("any namespace");
            let keys = state.settings.keymap.keys(crate::input::Command::SwitchNamespace);
            vec![
                format!("  no pods in {namespace}"),
                format!("  {} chooses another namespace, -A shows all", keys.first().map_or("", |k| k)),
            ]
        }
    };
    for (y, text) in (0..).zip(lines) {
        paint.text(area, y, &text, Role::Dim);
    }
}

/// Columns of the workloads' table, as wide as what stands in them.
struct Widths {
    name: usize,
    ready: usize,
}

impl Widths {
    fn of(state: &State, width: u16) -> Self {
        let rows = || state.derived.pods.workloads.iter();
        let name = rows().map(|row| workload_name(state, row).len()).max().unwrap_or(0);
        let ready = rows().map(|row| format!("{}/{}", row.ready, row.wanted).len()).max().unwrap_or(0);
        Self { name: name.clamp(8, usize::from(width / 2).max(8)), ready: ready.clamp(5, 11) }
    }
}

fn workload_name(state: &State, row: &WorkloadRow) -> String {
    match state.scope.namespace {
        Some(_) => row.key.name.to_string(),
        None => format!("{}/{}", row.key.namespace, row.key.name),
    }
}

fn workload_line(paint: &Paint<'_>, row: &WorkloadRow, widths: &Widths) -> Line<'static> {
    let state = paint.state;
    let health = row.health.in_doubt(state.doubt(&NEEDED));
    let ready = fit_right(&format!("{}/{}", row.ready, row.wanted), widths.ready);
    let revision = row.revision.map_or_else(|| "–".into(), |r| r.to_string());
    let since = row.since.map_or_else(|| "–".into(), |at| human::age(state.now.duration_since(at)));
    let name = fit(&workload_name(state, row), widths.name);
    Line::from(vec![
        paint.mark_span(health),
        paint.span(format!(" {name} {ready} {revision:>4} {since:>6}  "), Role::Text),
        Span::styled(row.state.clone(), paint.health_style(health)),
    ])
}

/// A pod that is not well: its status, and its restarts as kubectl writes them.
fn unhealthy_line(paint: &Paint<'_>, health: Health, pod: &Pod) -> Line<'static> {
    let restarts = restarts(paint.state, pod);
    let text = format!(" {} {}", pod.name, pod.status);
    // Of a broken pod it goes without saying.
    let ready = match health {
        Health::Critical => String::new(),
        _ if pod.is_ready => String::new(),
        _ => format!("  {}/{} ready", pod.ready, pod.containers),
    };
    Line::from(vec![
        paint.mark_span(health),
        Span::styled(text, paint.health_style(health)),
        paint.span(format!("{restarts}{ready}"), Role::Text),
    ])
}

/// 'OOMKilled, exit 137', "exit 1 'missing PAYMENT_URL'", or the message of what keeps it waiting.
pub fn why(pod: &Pod) -> Option<String> {
    let end = pod.last_end.as_ref().map(|end| {
        let code = if end.signal != 0 {
            format!("signal {}", end.signal)
        } else {
            format!("exit {}", end.exit_code)
        };
        let reason = if &*end.reason == "Error" { code } else { format!("{}, {code}", end.reason) };
        match &end.message {
            Some(message) if !message.is_empty() => format!("{reason} '{message}'"),
            _ => reason,
        }
    });
    end.or_else(|| pod.trouble.as_ref().map(ToString::to_string))
}

/// ' 6x 40s': how often it restarted, and how long ago the last time was.
fn restarts(state: &State, pod: &Pod) -> String {
    match (pod.restarts, pod.last_restart) {
        (0, _) => String::new(),
        (n, Some(at)) => format!(" {n}x {}", human::age(state.now.duration_since(at))),
        (n, None) => format!(" {n}x"),
    }
}

/// 'CPU 41 %   memory 63 %   nodes 12/12'.
fn usage_line(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let nodes = &state.known.nodes;
    let ready = nodes.iter().filter(|n| n.ready).count();
    let mut parts = Vec::new();
    for (index, name) in [
        (crate::model::signal::SignalId::CpuRatio, "CPU"),
        (crate::model::signal::SignalId::MemoryRatio, "memory"),
    ] {
        if let Some(value) = state.derived.strip.iter().find(|m| m.id == index).and_then(|m| m.value) {
            parts.push(format!("{name} {}", human::percent(value)));
        }
    }
    match state.feed_health(FeedId::Nodes) {
        Health::Ok => parts.push(format!("nodes {ready}/{}", nodes.len())),
        Health::Denied => parts.push("nodes denied".into()),
        _ => {}
    }
    paint.text(area, 0, &parts.join("   "), Role::Dim);
}

/// Which columns fit, and how wide they are. They keep their place while rows change.
struct Columns {
    namespace: usize,
    name: usize,
    resources: bool,
    node: usize,
}

impl Columns {
    fn new(width: u16, all_namespaces: bool, longest: usize) -> Self {
        let width = usize::from(width);
        // Mark, READY, STATUS, RESTARTS, AGE take 48 columns.
        let mut room = width.saturating_sub(48);
        let namespace = if all_namespaces { 16.min(room / 3) } else { 0 };
        room -= namespace;
        let name = longest.clamp(12, 44).min(room.max(8));
        room = room.saturating_sub(name);
        let resources = room >= 28;
        room = room.saturating_sub(if resources { 28 } else { 0 });
        Self { namespace, name, resources, node: if room >= 10 { room.min(40) } else { 0 } }
    }

    fn header(&self, sort: &str, reverse: bool, ascii: bool) -> String {
        let arrow = match (reverse, ascii) {
            (false, false) => "↓",
            (true, false) => "↑",
            (false, true) => "v",
            (true, true) => "^",
        };
        let title =
            |name: &str, of: &str| if sort == of { format!("{name}{arrow}") } else { name.to_owned() };
        let mut text = String::from("  ");
        if self.namespace > 0 {
            text += &fit("NAMESPACE", self.namespace - 1);
            text.push(' ');
        }
        text += &fit(&title("NAME", "name"), self.name);
        text += &format!(
            " {:>6} {} {:<15} {:>6}",
            "READY",
            fit(&title("STATUS", "state"), 16),
            title("RESTARTS", "restarts"),
            title("AGE", "age")
        );
        if self.resources {
            text += &format!(" {:>13} {:>13}", title("CPU", "cpu"), title("MEMORY", "memory"));
        }
        if self.node > 0 {
            text += &format!("  {}", title("NODE", "node"));
        }
        text
    }

    fn line(&self, paint: &Paint<'_>, health: Health, pod: &Pod) -> Line<'static> {
        let state = paint.state;
        let mut before = String::from(" ");
        if self.namespace > 0 {
            before += &fit(&pod.namespace, self.namespace - 1);
            before.push(' ');
        }
        before += &fit(&pod.name, self.name);
        before += &format!(" {:>6} ", format!("{}/{}", pod.ready, pod.containers));
        let restarts = match (pod.restarts, pod.last_restart) {
            (n, Some(at)) if n > 0 => format!("{n} ({} ago)", human::age(state.now.duration_since(at))),
            (n, _) => n.to_string(),
        };
        let age = human::age(state.now.duration_since(pod.created));
        let mut after = format!(" {} {:>6}", fit(&restarts, 15), age);
        if self.resources {
            let key = Key { namespace: pod.namespace.clone(), name: pod.name.clone() };
            let used = state.known.usage.get(&key);
            let cpu = used.map_or_else(|| "–".into(), |u| human::cpu(u.cpu_millicores));
            let memory = used.map_or_else(|| "–".into(), |u| human::memory(u.memory_bytes));
            let of = |limit: Option<String>| limit.map_or_else(String::new, |l| format!("/{l}"));
            let cpu_of =
                of((pod.requests.cpu_millicores > 0).then(|| human::cpu(pod.requests.cpu_millicores)));
            let memory_of = of((pod.limits.memory_bytes > 0).then(|| human::memory(pod.limits.memory_bytes)));
            after +=
                &format!(" {} {}", fit_right(&(cpu + &cpu_of), 13), fit_right(&(memory + &memory_of), 13));
        }
        if self.node > 0 {
            after += &format!("  {}", fit(pod.node.as_deref().unwrap_or("–"), self.node - 2));
        }
        Line::from(vec![
            paint.mark_span(health.in_doubt(state.doubt(&[FeedId::Pods]))),
            paint.span(before, Role::Text),
            Span::styled(
                fit(&pod.status, 16),
                if health > Health::Ok { paint.health_style(health) } else { paint.style(Role::Text) },
            ),
            paint.span(after, Role::Text),
        ])
    }
}
