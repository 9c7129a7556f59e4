//! Alerts: firing first, with severity, age, whether silenced, and the runbook.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{ALERTS, Panel, scrolled};
use crate::input::Layer;
use crate::model::alert::{Alert, AlertState};
use crate::model::{Clean, FeedId, Health, Key};
use crate::state::{Derived, State};
use crate::ui::human;
use crate::ui::paint::{Paint, fit, wrap};
use crate::ui::theme::Role;

pub struct Alerts;

impl Panel for Alerts {
    fn noun(&self) -> &'static str {
        "alerts"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Alerts]
    }

    fn layers(&self) -> &'static [Layer] {
        &[Layer::List]
    }

    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String) {
        let firing: Vec<_> = derived.alerts.iter().filter(|a| a.state != AlertState::Suppressed).collect();
        let silenced = derived.alerts.len() - firing.len();
        let mut words = match firing.len() {
            0 => "none firing".to_owned(),
            n => format!("{n} firing"),
        };
        if silenced > 0 {
            words += &format!(", {silenced} silenced");
        }
        let health = firing.iter().map(|a| a.health()).max().unwrap_or(Health::Ok);
        match state.feeds_trouble(&[FeedId::Alerts]) {
            Some((trouble, why)) if derived.alerts.is_empty() => (trouble, why),
            Some((trouble, why)) => (trouble, format!("{why} · {words}")),
            None => (health, words),
        }
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        rows(paint, area, None);
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let list = paint.state.view.list(ALERTS);
        let detail = (area.height / 2).min(14);
        let upper = Rect { height: area.height - detail, ..area };
        rows(paint, upper, Some(list.index));
        let below = Rect { y: area.bottom() - detail, height: detail, ..area };
        let visible = filtered(paint.state);
        if let Some(alert) = visible.get(list.index) {
            let alert = (*alert).clone();
            describe(paint, below, &alert);
        }
    }

    fn rows(&self, state: &State) -> Vec<Key> {
        let key = |a: &Alert| Key { namespace: Clean::default(), name: a.fingerprint.clone() };
        filtered(state).iter().map(|a| key(a)).collect()
    }
}

fn filtered(state: &State) -> Vec<&Alert> {
    let filter = state.view.list(ALERTS).filter;
    let passes = |a: &&Alert| {
        let mut cells: Vec<&str> = vec![&a.name, &a.severity];
        cells.extend(a.labels.iter().map(|(_, v)| v.as_str()));
        filter.words(&cells)
    };
    state.derived.alerts.iter().map(AsRef::as_ref).filter(passes).collect()
}

fn rows(paint: &mut Paint<'_>, area: Rect, selected: Option<usize>) {
    let state = paint.state;
    let alerts = filtered(state);
    if alerts.is_empty() {
        let why = state.feed_words(FeedId::Alerts).unwrap_or_else(|| "nothing is firing".into());
        paint.text(area, 0, &format!("  {why}"), Role::Dim);
        let next = state.known.status(FeedId::Alerts).failure.map(|f| f.next);
        if let Some(next) = next {
            paint.text(area, 1, &format!("  {next}"), Role::Dim);
        }
        return;
    }
    let height = usize::from(area.height);
    let first = scrolled(selected.unwrap_or(0), height, alerts.len());
    let names = usize::from(area.width / 3).clamp(14, 28);
    for (y, (index, alert)) in (0..area.height).zip(alerts.iter().enumerate().skip(first)) {
        let health =
            if alert.state == AlertState::Suppressed { Health::NotConfigured } else { alert.health() };
        let line = Line::from(vec![
            paint.mark_span(health),
            Span::styled(format!(" {} ", fit(&alert.name, names)), paint.health_style(health)),
            paint.span(
                format!(
                    "{} {:<8} ",
                    fit(&alert.severity, 8),
                    human::span(state.now.duration_since(alert.starts_at))
                ),
                Role::Text,
            ),
            paint.span(standing(alert), Role::Dim),
        ]);
        paint.line(area, y, line);
        if selected == Some(index) {
            paint.fill(Rect { y: area.y + y, height: 1, ..area }, Role::Selection);
        }
    }
    if selected.is_none() && alerts.len() > height && height > 0 {
        let hidden = format!("  and {} more", alerts.len() + 1 - height);
        paint.clear(Rect { y: area.bottom() - 1, height: 1, ..area });
        paint.text(area, area.height - 1, &hidden, Role::Dim);
    }
}

fn standing(alert: &Alert) -> String {
    let state = match alert.state {
        AlertState::Suppressed if !alert.silenced_by.is_empty() => "silenced",
        AlertState::Suppressed => "inhibited",
        AlertState::Active => "not silenced",
        AlertState::Unprocessed => "unprocessed",
    };
    let runbook = if alert.runbook.is_some() { "  runbook" } else { "" };
    let summary = alert.summary.as_ref().map(|s| format!("  {s}")).unwrap_or_default();
    format!("{state}{runbook}{summary}")
}

fn describe(paint: &mut Paint<'_>, area: Rect, alert: &Alert) {
    let mut lines =
        vec![format!("{}  {}, since {}", alert.name, alert.severity, human::clock(alert.starts_at))];
    lines.extend(alert.summary.iter().chain(&alert.description).map(ToString::to_string));
    lines.extend(alert.runbook.iter().map(|r| format!("runbook   {r}")));
    let labels: Vec<String> = alert.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    lines.push(format!("labels    {}", labels.join(" ")));
    if !alert.silenced_by.is_empty() {
        let ids: Vec<&str> = alert.silenced_by.iter().map(Clean::as_str).collect();
        lines.push(format!("silenced  by {}", ids.join(", ")));
    }
    let rule = if paint.ascii() { "-" } else { "─" };
    paint.text(area, 0, &rule.repeat(usize::from(area.width)), Role::Border);
    let wrapped = lines.iter().flat_map(|l| wrap(l, usize::from(area.width.saturating_sub(2))));
    for (y, text) in (1..area.height).zip(wrapped) {
        paint.text(
            Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area },
            y,
            &text,
            if y == 1 { Role::Title } else { Role::Text },
        );
    }
}
