//! What every screen has: the header above, the keys that work now below.

use jiff::SignedDuration;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::human;
use super::paint::{Paint, fit};
use super::theme::Role;
use crate::input::{Command, Layer};
use crate::model::{FailureKind, FeedId, Health};
use crate::state::known::STALE_AFTER;
use crate::state::{Connection, Page, State};

/// A message of the program stands in the last line for this long; then it is on the messages page.
const NOTICE_SHOWN: SignedDuration = SignedDuration::from_secs(10);

/// Draws header and hints; what is left between them is the body.
pub fn draw(paint: &mut Paint<'_>, area: Rect) -> Rect {
    let tall = area.height >= 12;
    identity(paint, area);
    if tall {
        headline(paint, Rect { y: area.y + 1, height: 1, ..area });
    }
    let above = if tall { 2 } else { 1 };
    hints(paint, Rect { y: area.bottom() - 1, height: 1, ..area });
    let body = Rect { y: area.y + above, height: area.height - above - 1, ..area };
    super::operations::strip(paint, body)
}

/// Who we are, what is looked at, how fresh it is, what time it is.
fn identity(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let scope = &state.scope;
    let namespace = scope.namespace.as_deref().unwrap_or("all namespaces");
    let cluster = match (&*scope.cluster, &*scope.context) {
        ("", "") => state.target.context.as_deref().unwrap_or("no cluster yet"),
        ("", context) => context,
        (cluster, _) => cluster,
    };
    // Where there is no line for it, the worst state stands first in this one.
    let health = state.derived.headline.health;
    let mut left = match area.height {
        ..12 => vec![
            paint.mark_span(health),
            Span::styled(format!(" {} ", health.word()), paint.health_style(health)),
        ],
        _ => vec![paint.span(" midwatch ", Role::Title)],
    };
    if let Some(service) = &scope.service {
        left.push(paint.span(format!(" {service} "), Role::Header));
    }
    left.push(paint.span(format!(" {cluster}"), Role::Title));
    left.push(paint.span(format!(" / {namespace} "), Role::Header));
    if state.is_read_only() {
        left.push(paint.span(" read-only ", Role::Key));
    }
    let (health, words) = connection(state);
    let left = Line::from(left);
    let width = usize::from(area.width);
    // In a narrow window the words for the connection matter more than the clock; whatever they
    // are, half of the line stays for what is looked at.
    let clock = if width < 40 { String::new() } else { format!("  {}", human::clock(state.now)) };
    let spare = width.saturating_sub(left.width()).max(width / 2);
    let words = fit(&words, spare.saturating_sub(super::paint::width(&clock) + 3));
    let mut right = vec![paint.mark_span(health), Span::raw(" ")];
    right.push(Span::styled(words.trim_end().to_owned(), paint.health_style(health)));
    right.push(paint.span(format!("{clock} "), Role::Header));
    let right = Line::from(right);
    let room = width.saturating_sub(right.width());
    let taken = left.width().min(room);
    paint.line(Rect { width: u16::try_from(room).unwrap_or(area.width), ..area }, 0, left);
    paint.right(area, 0, right, u16::try_from(taken).unwrap_or(0));
}

/// The connection to the cluster: its freshest feed speaks for it.
fn connection(state: &State) -> (Health, String) {
    if let Connection::Failed(failure) = &state.connection {
        return (Health::Unknown, format!("no cluster: {}", failure.happened));
    }
    let cluster =
        [FeedId::Pods, FeedId::Deployments, FeedId::StatefulSets, FeedId::DaemonSets, FeedId::Events];
    let statuses = || cluster.iter().map(|feed| (*feed, state.known.status(*feed)));
    let newest = statuses().filter_map(|(_, s)| s.ready_at).max();
    let failing = statuses().find(|(feed, s)| {
        s.failure.as_ref().is_some_and(|f| f.kind != FailureKind::Denied)
            && s.health(*feed, state.now) != Health::Ok
    });
    match (newest, failing) {
        (Some(at), None) => {
            let age = state.now.duration_since(at);
            let health = if age > STALE_AFTER { Health::Stale } else { Health::Ok };
            let word = if health == Health::Ok { "live" } else { "stale" };
            (health, format!("{word} {}", human::data_age(age)))
        }
        (newest, Some((_, status))) => {
            let since = status.failed_since.or(newest).map(human::clock).unwrap_or_default();
            let word = match status.failure.as_ref().map(|f| f.kind) {
                Some(FailureKind::Unauthenticated) => "not logged in",
                Some(FailureKind::Throttled) => "throttled",
                Some(FailureKind::ServerError) => "API errors",
                _ => "no API server",
            };
            (Health::Stale, format!("{word} since {since}"))
        }
        (None, None) if statuses().all(|(_, s)| s.failure.is_some()) => (Health::Denied, "denied".into()),
        (None, None) => (Health::Progress, "connecting".into()),
    }
}

fn headline(paint: &mut Paint<'_>, area: Rect) {
    let headline = &paint.state.derived.headline;
    let style = paint.health_style(headline.health);
    let word = if headline.health == Health::Critical {
        "CRITICAL".into()
    } else {
        headline.health.word().to_owned()
    };
    let text = if headline.text.is_empty() { "nothing to report".to_owned() } else { headline.text.clone() };
    let text =
        if headline.health == Health::Progress && headline.text.is_empty() { String::new() } else { text };
    let line = Line::from(vec![
        Span::raw(" "),
        paint.mark_span(headline.health),
        Span::styled(format!(" {word}  "), style),
        Span::styled(text, if headline.health > Health::Ok { style } else { paint.style(Role::Dim) }),
    ]);
    paint.line(area, 0, line);
}

/// The keys that work now, the one that leads to the cause first; or the newest message.
fn hints(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    if let Some(notice) = state.notices.back().filter(|n| state.now.duration_since(n.at) < NOTICE_SHOWN) {
        let line = Line::from(vec![
            Span::raw(" "),
            paint.mark_span(notice.health),
            Span::styled(format!(" {}", notice.text), paint.health_style(notice.health)),
        ]);
        paint.line(area, 0, line);
        return;
    }
    let mut spans = vec![Span::raw(" ")];
    let mut width = 1;
    let always = last_hints(paint);
    // Whatever has room: how to find the rest, and the way out.
    let room = usize::from(area.width).saturating_sub(always.width());
    let mut push = |key: String, doc: &str, role: Role| {
        let text_width = super::paint::width(&key) + super::paint::width(doc) + 3;
        if width + text_width <= room {
            width += text_width;
            spans.push(paint.span(key, Role::Key));
            spans.push(paint.span(format!(" {doc}  "), role));
        }
    };
    if let Some((keys, doc)) = lead(state) {
        push(keys, &doc, Role::Text);
    }
    for (commands, doc) in shown(state) {
        let keys: Vec<String> =
            commands.iter().filter_map(|c| state.settings.keymap.keys(*c).into_iter().next()).collect();
        if !keys.is_empty() {
            push(keys.join(" "), doc, Role::Dim);
        }
    }
    spans.extend(always);
    paint.line(area, 0, Line::from(spans));
}

/// '? keys  q quit'.
fn last_hints(paint: &Paint<'_>) -> Line<'static> {
    let mut spans = Vec::new();
    for (command, doc) in [(Command::Help, "keys"), (Command::Quit, "quit")] {
        if let Some(key) = paint.state.settings.keymap.keys(command).into_iter().next() {
            spans.push(paint.span(key, Role::Key));
            spans.push(paint.span(format!(" {doc}  "), Role::Dim));
        }
    }
    Line::from(spans)
}

fn lead(state: &State) -> Option<(String, String)> {
    if !state.view.pages.is_empty() || state.view.overlay.is_some() {
        return None;
    }
    let (commands, doc) = state.derived.headline.lead.as_ref()?;
    let keys: Vec<String> =
        commands.iter().filter_map(|c| state.settings.keymap.keys(*c).into_iter().next()).collect();
    let mark = if state.settings.ascii { ">" } else { "▸" };
    (keys.len() == commands.len()).then(|| (format!("{mark} {}", keys.join(" then ")), doc.clone()))
}

/// The hints for where we are: commands that share a word stand together.
fn shown(state: &State) -> Vec<(Vec<Command>, &'static str)> {
    use crate::model::action::ActionId as A;
    use Command as C;
    let mut hints: Vec<(Vec<C>, &'static str)> = match state.view.pages.last() {
        Some(Page::Log(_)) => vec![
            (vec![C::Back], "back"),
            (vec![C::Follow], "follow"),
            (vec![C::Previous], "previous"),
            (vec![C::Since], "since"),
            (vec![C::Search], "search"),
            (vec![C::NextMatch, C::PreviousMatch], "match"),
            (vec![C::Wrap], "wrap"),
            (vec![C::NextContainer], "container"),
        ],
        Some(Page::Pod(_)) => {
            vec![(vec![C::Back], "back"), (vec![C::Logs], "whole log"), (vec![C::NextContainer], "container")]
        }
        Some(Page::Walk) => {
            return vec![
                (vec![C::DoStep], "do"),
                (vec![C::Attest], "tick as attested"),
                (vec![C::Skip], "skip"),
                (vec![C::Note], "note"),
                (vec![C::Untick], "undo tick"),
                (vec![C::NextOpen], "next open"),
                (vec![C::Beside], "panels"),
                (vec![C::Back], "leave (kept)"),
                (vec![C::WalkReport], "report"),
            ];
        }
        Some(Page::Operations { .. }) => vec![(vec![C::Back], "back"), (vec![C::Undo], "undo")],
        Some(Page::Output { .. }) => {
            vec![(vec![C::Back], "back"), (vec![C::Stop], "stop it"), (vec![C::Output], "older output")]
        }
        Some(Page::Review) => super::review::hints(state),
        Some(Page::Messages { .. }) => vec![(vec![C::Back], "back")],
        Some(Page::Panel(_)) => vec![(vec![C::Back], "back")],
        None => vec![(vec![C::FocusNext], "next panel"), (vec![C::Open], "zoom")],
    };
    let layers = state.layers();
    if matches!(state.view.pages.last(), Some(Page::Panel(_))) && layers.contains(&Layer::List) {
        hints.push((vec![C::Filter], "filter"));
        if state.view.active_panel() == crate::panels::PODS {
            hints.push((vec![C::SortNext, C::SortReverse], "sort"));
            hints.push((vec![C::Open], "pod"));
            hints.push((vec![C::Logs], "log"));
        }
    }
    if state.view.active_panel() == crate::panels::ALERTS && state.view.pages.len() < 2 {
        hints.push((vec![C::Act(A::Acknowledge)], "acknowledge"));
        hints.push((vec![C::Act(A::Silence)], "silence"));
        hints.push((vec![C::Runbooks], "runbook"));
    }
    if layers.contains(&Layer::Chart) {
        hints.push((vec![C::Wider, C::Narrower], "window"));
    }
    hints.extend([
        (vec![C::Act(A::Scale)], "scale"),
        (vec![C::Act(A::Restart)], "restart"),
        (vec![C::Act(A::RollBack)], "roll back"),
        (vec![C::Actions], "actions"),
        (vec![C::Runbooks], "runbooks"),
        (vec![C::SwitchNamespace], "namespace"),
        (vec![C::Palette], "palette"),
    ]);
    hints
}
