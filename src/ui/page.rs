//! Pages above the cockpit: a zoomed panel, a pod, a log, the messages.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cockpit::framed;
use super::human;
use super::paint::{Paint, fit, wrap};
use super::theme::Role;
use crate::model::Health;
use crate::model::pod::{Pod, PodDetail};
use crate::panels::PANELS;
use crate::state::log::{LogPage, LogState, SINCE};
use crate::state::pods::pod_health;
use crate::state::view::PodPage;
use crate::state::{Page, State};

pub fn draw(paint: &mut Paint<'_>, area: Rect, page: &Page) {
    match page {
        Page::Panel(index) => {
            let inner = framed(paint, *index, area, true, area.height < 12);
            if inner.height > 0 && inner.width > 0 {
                PANELS[*index].draw_zoomed(paint, inner);
            }
        }
        Page::Pod(page) => pod(paint, area, page),
        Page::Log(log) => {
            let title = log_title(paint, log);
            let inner = paint.frame(area, title, Line::default(), true, true);
            log_lines(paint, inner, log);
        }
        Page::Review => super::review::page(paint, area),
        Page::Walk => super::walk::page(paint, area),
        Page::Messages { scroll } => messages(paint, area, *scroll),
        Page::Operations { scroll } => super::operations::page(paint, area, *scroll),
        Page::Output { operation, scroll } => super::output::page(paint, area, operation, *scroll),
    }
}

fn find<'a>(state: &'a State, page: &PodPage) -> Option<&'a Pod> {
    state.known.pods.get(&page.key).map(AsRef::as_ref).filter(|pod| pod.uid == page.uid)
}

fn pod(paint: &mut Paint<'_>, area: Rect, page: &PodPage) {
    let state = paint.state;
    let pod = find(state, page);
    let (health, status) = match pod {
        Some(pod) => (pod_health(pod, state.now), pod.status.to_string()),
        None => (Health::Unknown, "gone: it was deleted, or replaced by another of its name".into()),
    };
    let title = Line::from(vec![
        paint.span(format!(" {} ", page.key.name), Role::Focus),
        paint.mark_span(health),
        Span::styled(format!(" {status} "), paint.health_style(health)),
    ]);
    let inner = paint.frame(area, title, Line::default(), true, true);
    let lines = pod_lines(paint, page, pod, usize::from(inner.width));
    let upper = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(inner.height * 3 / 5);
    for (y, line) in (0..upper).zip(lines.into_iter().skip(page.scroll)) {
        paint.line(inner, y, line);
    }
    let lower = Rect { y: inner.y + upper, height: inner.height - upper, ..inner };
    let title = log_title(paint, &page.log);
    let log = paint.frame(lower, title, Line::default(), false, true);
    log_lines(paint, log, &page.log);
}

fn pod_lines(paint: &Paint<'_>, page: &PodPage, pod: Option<&Pod>, width: usize) -> Vec<Line<'static>> {
    let state = paint.state;
    let mut lines = Vec::new();
    if let Some(pod) = pod {
        let owner =
            pod.owner.as_ref().map_or_else(|| "none".into(), |o| format!("{}/{}", o.kind.noun(), o.name));
        let place = format!(
            "{}  of {owner}  on {}  ip {}  age {}",
            pod.namespace,
            pod.node.as_deref().unwrap_or("no node"),
            pod.ip.map_or_else(|| "–".into(), |ip| ip.to_string()),
            human::age(state.now.duration_since(pod.created)),
        );
        lines.push(Line::from(paint.span(place, Role::Text)));
        if let Some(why) = crate::panels::pods::why(pod) {
            lines.push(marked(paint, &format!("last end: {why}")));
        }
    }
    if let Some(failure) = &page.failure {
        lines.push(Line::from_iter(paint.failure(failure, page.detail.is_some())));
        // First, as the rest may be cut.
        let since = page.detail.as_ref().map_or_else(String::new, |(at, _)| {
            format!("what follows is {} old; ", human::age(state.now.duration_since(*at)))
        });
        lines.push(Line::from(paint.span(format!("{since}{}", failure.next), Role::Dim)));
    }
    match &page.detail {
        Some((_, detail)) => detail_lines(paint, detail, width, &mut lines),
        None if page.failure.is_some() => {}
        None => lines.push(Line::from(paint.span("asking for containers and conditions", Role::Dim))),
    }
    event_lines(paint, page, width, &mut lines);
    lines
}

/// A line of what is not well: its mark, then its words.
fn marked(paint: &Paint<'_>, text: &str) -> Line<'static> {
    Line::from(vec![paint.mark_span(Health::Warning), paint.span(format!(" {text}"), Role::Warning)])
}

fn detail_lines(paint: &Paint<'_>, detail: &PodDetail, width: usize, lines: &mut Vec<Line<'static>>) {
    let now = paint.state.now;
    lines.push(Line::from(paint.span(
        format!("  {} {} {:>8} {:>6}  IMAGE", fit("CONTAINER", 16), fit("STATE", 34), "RESTARTS", "SINCE"),
        Role::Dim,
    )));
    for c in &detail.containers {
        let name = if c.init { format!("{} (init)", c.name) } else { c.name.to_string() };
        let since = c.since.map_or_else(|| "–".into(), |at| human::age(now.duration_since(at)));
        let health = if c.ready || (c.init && c.state.starts_with("Terminated: Completed")) {
            Health::Ok
        } else {
            Health::Warning
        };
        let style = if health == Health::Ok { paint.style(Role::Text) } else { paint.health_style(health) };
        lines.push(Line::from(vec![
            paint.mark_span(health),
            paint.span(format!(" {} ", fit(&name, 16)), Role::Text),
            Span::styled(fit(&c.state, 34), style),
            paint.span(format!(" {:>8} {since:>6}  {}", c.restarts, c.image), Role::Text),
        ]));
        if let Some(end) = &c.last_end {
            let ago = end
                .finished
                .map_or_else(String::new, |at| format!(" {} ago", human::age(now.duration_since(at))));
            let message = end.message.as_ref().map(|m| format!(" '{m}'")).unwrap_or_default();
            let text = format!("  last end: {} exit {}{ago}{message}", end.reason, end.exit_code);
            lines.push(Line::from(paint.span(text, Role::Dim)));
        }
    }
    let bad: Vec<_> = detail.conditions.iter().filter(|c| &*c.status != "True").collect();
    let good = detail.conditions.len() - bad.len();
    lines.push(Line::from(paint.span(format!("CONDITIONS  {good} true"), Role::Dim)));
    for c in bad {
        let reason = c.reason.as_deref().unwrap_or_default();
        let message = c.message.as_deref().unwrap_or_default();
        let text = format!("{} is {}: {reason} {message}", c.kind, c.status);
        for text in wrap(&text, width.saturating_sub(4)) {
            lines.push(marked(paint, &text));
        }
    }
}

fn event_lines(paint: &Paint<'_>, page: &PodPage, width: usize, lines: &mut Vec<Line<'static>>) {
    let state = paint.state;
    let mut events: Vec<_> = state
        .known
        .events
        .iter()
        .filter(|e| &*e.kind == "Pod" && e.object == page.key.name && e.namespace == page.key.namespace)
        .collect();
    events.sort_by_key(|e| std::cmp::Reverse(e.last));
    let title = match (events.len(), state.feed_words(crate::model::FeedId::Events)) {
        (_, Some(words)) => format!("EVENTS  {words}"),
        (0, None) => "EVENTS  none in the last hour (older ones are not kept by the cluster)".into(),
        (n, None) => format!("EVENTS  {n}"),
    };
    lines.push(Line::from(paint.span(title, Role::Dim)));
    for e in events.iter().take(8) {
        let ago = human::age(state.now.duration_since(e.last));
        let times = if e.count > 1 { format!(" ({} times)", e.count) } else { String::new() };
        let text = format!("{ago:>6} {} {}{times}", fit(&e.reason, 18), e.message);
        let text = fit(&text, width.saturating_sub(2)).trim_end().to_owned();
        lines.push(if e.warning {
            marked(paint, &text)
        } else {
            Line::from(paint.span(format!("  {text}"), Role::Text))
        });
    }
}

fn log_title(paint: &Paint<'_>, log: &LogPage) -> Line<'static> {
    let container = log.request.container.as_deref().unwrap_or("default container");
    let which = if log.request.previous { "before its last restart" } else { "now" };
    let (health, state) = match &log.state {
        LogState::Loading => (Health::Progress, "loading".to_owned()),
        LogState::Following if log.request.follow && log.scroll == 0 => (Health::Ok, "following".into()),
        LogState::Following => (Health::Ok, "read".into()),
        LogState::Ended => (Health::NotConfigured, "end of log".into()),
        LogState::Failed(f) => (f.health(!log.lines.is_empty()), format!("{}: {}", f.tried, f.happened)),
    };
    let since = SINCE.get(log.since).map_or("all", |(_, word)| word);
    let dropped =
        if log.dropped > 0 { format!(", {} older lines let go", log.dropped) } else { String::new() };
    let scrolled =
        if log.scroll > 0 { format!(", {} lines from the end", log.scroll) } else { String::new() };
    let search = if log.search.is_empty() { String::new() } else { format!(", search '{}'", log.search) };
    Line::from(vec![
        paint.span(format!(" log of {} / {container} {which} ", log.request.pod), Role::Title),
        paint.mark_span(health),
        Span::styled(format!(" {state}"), paint.health_style(health)),
        paint.span(
            format!(", since {since}, {} lines{dropped}{scrolled}{search} ", log.lines.len()),
            Role::Dim,
        ),
    ])
}

/// Only the lines that are on the screen are made: a wrapped paragraph of 10,000 lines costs 27 ms.
fn log_lines(paint: &mut Paint<'_>, area: Rect, log: &LogPage) {
    let width = usize::from(area.width).max(1);
    if log.lines.is_empty() && area.height > 0 {
        let text = match &log.state {
            LogState::Loading => "  loading".to_owned(),
            LogState::Failed(f) => format!("  {}", f.next),
            _ => "  no lines".into(),
        };
        paint.text(area, 0, &text, Role::Dim);
        return;
    }
    let mut rows: Vec<(String, bool)> = Vec::new();
    for line in log.lines.iter().rev().skip(log.scroll) {
        let found = log.matches(line);
        let at = line.at.map(|at| format!("{} ", at.strftime("%H:%M:%S"))).unwrap_or_default();
        let text = format!("{at}{}", line.text);
        let pieces = if log.wrap { wrap(&text, width) } else { vec![text] };
        rows.extend(pieces.into_iter().rev().map(|piece| (piece, found)));
        if rows.len() >= usize::from(area.height) {
            break;
        }
    }
    rows.truncate(usize::from(area.height));
    for (y, (text, found)) in (0..area.height).zip(rows.into_iter().rev()) {
        paint.text(area, y, &text, if found { Role::Match } else { Role::Text });
    }
}

fn messages(paint: &mut Paint<'_>, area: Rect, scroll: usize) {
    let title = Line::from(paint.span(" messages, newest first ", Role::Focus));
    let inner = paint.frame(area, title, Line::default(), true, area.height < 12);
    let notices = &paint.state.notices;
    if notices.is_empty() {
        paint.text(inner, 0, "  none so far", Role::Dim);
    }
    for (y, notice) in (0..inner.height).zip(notices.iter().rev().skip(scroll)) {
        let line = Line::from(vec![
            paint.span(format!(" {} ", human::clock(notice.at)), Role::Dim),
            paint.mark_span(notice.health),
            paint.span(format!(" {}", notice.text), Role::Text),
        ]);
        paint.line(inner, y, line);
    }
}
