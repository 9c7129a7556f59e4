//! Alerts: firing first, with severity, age, whether silenced, and the runbook.

use jiff::Timestamp;
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
        // Silenced by someone, or inhibited by another.
        let silenced = derived.alerts.len() - firing.len();
        let acknowledged = firing.iter().filter(|a| state.acknowledgement(a).is_some()).count();
        let mut words = match firing.len() {
            0 => "none firing".to_owned(),
            n => format!("{n} firing"),
        };
        if acknowledged > 0 {
            words += &format!(", {acknowledged} acknowledged");
        }
        if silenced > 0 {
            words += &format!(", {silenced} suppressed");
        }
        let health = firing.iter().map(|a| a.health()).max().unwrap_or(Health::Ok);
        match state.feeds_trouble(&[FeedId::Alerts]) {
            Some((trouble, why)) if derived.alerts.is_empty() => (trouble, why),
            Some((trouble, why)) => (trouble, format!("{why} · {words}")),
            None => (health, words),
        }
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        let groups = groups(paint.state);
        if groups.is_empty() {
            empty(paint, area);
            return;
        }
        let height = usize::from(area.height);
        for (y, group) in (0..area.height).zip(&groups) {
            let line = line(paint, area, group.first, &group.subject(), group.since);
            paint.line(area, y, line);
        }
        if groups.len() > height && height > 0 {
            let hidden = format!("  and {} more", groups.len() + 1 - height);
            paint.clear(Rect { y: area.bottom() - 1, height: 1, ..area });
            paint.text(area, area.height - 1, &hidden, Role::Dim);
        }
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let list = paint.state.view.list(ALERTS);
        let detail = (area.height / 2).min(14);
        let upper = Rect { height: area.height - detail, ..area };
        rows(paint, upper, list.index);
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

/// Alerts of one name, severity and state: twenty pods that crash are one line.
pub struct Group<'a> {
    pub first: &'a Alert,
    subjects: Vec<&'a str>,
    pub since: Timestamp,
}

impl Group<'_> {
    /// What they are about, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.subjects.clone();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// 'api' or '6x api' or '3x api, web'.
    pub fn subject(&self) -> String {
        let names = self.names();
        let count =
            if self.subjects.len() > 1 { format!("{}x ", self.subjects.len()) } else { String::new() };
        format!("{count}{}", names.join(", "))
    }
}

/// The lines that the panel has to say in the cockpit.
pub fn lines(state: &State) -> usize {
    groups(state).len()
}

/// All alerts, alike ones together.
pub fn groups(state: &State) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for alert in &state.derived.alerts {
        let alike = |g: &&mut Group<'_>| {
            (&g.first.name, &g.first.severity, g.first.state) == (&alert.name, &alert.severity, alert.state)
        };
        match groups.iter_mut().find(alike) {
            Some(group) => {
                group.subjects.push(subject(alert));
                group.since = group.since.min(alert.starts_at);
            }
            None => {
                let (subjects, since) = (vec![subject(alert)], alert.starts_at);
                groups.push(Group { first: alert, subjects, since });
            }
        }
    }
    groups
}

/// What an alert is about: the most telling of the usual labels.
fn subject(alert: &Alert) -> &str {
    [
        "workload",
        "deployment",
        "statefulset",
        "service",
        "cronjob",
        "job_name",
        "name",
        "pod",
        "instance",
        "node",
    ]
    .iter()
    .find_map(|wanted| alert.labels.iter().find(|(name, _)| &**name == *wanted))
    .map_or("", |(_, value)| value.as_str())
}

fn empty(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let why = state.feed_words(FeedId::Alerts).unwrap_or_else(|| "nothing is firing".into());
    paint.text(area, 0, &format!("  {why}"), Role::Dim);
    if let Some(failure) = state.known.status(FeedId::Alerts).failure {
        paint.text(area, 1, &format!("  {}", failure.next), Role::Dim);
    }
}

fn rows(paint: &mut Paint<'_>, area: Rect, selected: usize) {
    let alerts = filtered(paint.state);
    if alerts.is_empty() {
        empty(paint, area);
        return;
    }
    let first = scrolled(selected, usize::from(area.height), alerts.len());
    for (y, (index, alert)) in (0..area.height).zip(alerts.iter().enumerate().skip(first)) {
        let pod = alert.labels.iter().find(|(name, _)| &**name == "pod").map(|(_, v)| v.as_str());
        let line = line(paint, area, alert, pod.unwrap_or_else(|| subject(alert)), alert.starts_at);
        paint.line(area, y, line);
        if index == selected {
            paint.fill(Rect { y: area.y + y, height: 1, ..area }, Role::Selection);
        }
    }
}

fn line(paint: &Paint<'_>, area: Rect, alert: &Alert, subject: &str, since: Timestamp) -> Line<'static> {
    let health = if alert.state == AlertState::Suppressed { Health::NotConfigured } else { alert.health() };
    let names = usize::from(area.width / 3).clamp(14, 26);
    let subjects = usize::from(area.width / 4).clamp(8, 30);
    let age = human::span(paint.state.now.duration_since(since));
    Line::from(vec![
        paint.mark_span(health),
        Span::styled(format!(" {} ", fit(&alert.name, names)), paint.health_style(health)),
        paint.span(
            format!("{} {} {} ", fit(subject, subjects), fit(&alert.severity, 8), fit(&age, 8)),
            Role::Text,
        ),
        paint.span(standing(paint.state, alert), Role::Dim),
    ])
}

/// 'ack dana, 24 min left'.
fn acknowledged(state: &State, alert: &Alert) -> Option<String> {
    let lease = state.acknowledgement(alert)?;
    let left = lease.until.duration_since(state.now);
    Some(format!("ack {}, {} left", lease.holder, human::span(left)))
}

/// 'ack dana, 24 min left  runbook  the summary'.
pub fn standing(state: &State, alert: &Alert) -> String {
    let state = match alert.state {
        AlertState::Suppressed if !alert.silenced_by.is_empty() => "silenced".to_owned(),
        AlertState::Suppressed => "inhibited".to_owned(),
        AlertState::Active => match (acknowledged(state, alert), state.feed_health(FeedId::Acknowledgements))
        {
            (Some(words), _) => words,
            (None, Health::Ok) => "not acknowledged".to_owned(),
            // Nobody can say that nobody has it.
            (None, _) => "not silenced".to_owned(),
        },
        AlertState::Unprocessed => "unprocessed".to_owned(),
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
