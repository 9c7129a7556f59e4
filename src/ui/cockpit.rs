//! The cockpit: all panels at once, as a grid where there is room, as a column of summaries where not.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::human;
use super::paint::Paint;
use super::theme::Role;
use crate::model::Health;
use crate::panels::{ALERTS, BACKUPS, ERRORS, LATENCY, OBJECTIVES, PANELS, PODS};

/// From here on the grid is better than the column.
const GRID: (u16, u16) = (100, 26);

pub fn draw(paint: &mut Paint<'_>, area: Rect) {
    if area.width >= GRID.0 && area.height >= GRID.1 { grid(paint, area) } else { column(paint, area) }
}

fn grid(paint: &mut Paint<'_>, area: Rect) {
    let strip = Rect { y: area.bottom() - 1, height: 1, ..area };
    objectives_line(paint, strip);
    let area = Rect { height: area.height - 1, ..area };
    // Backups and alerts need a handful of rows; what is left belongs to the charts and the pods.
    let rows = paint.state.derived.backups.len().max(crate::panels::alerts::lines(paint.state));
    let bottom = (u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(3)).clamp(6, area.height / 3);
    let top = area.height - bottom;
    // The charts' titles hold a sentence; the pods' table is narrower.
    let left = if area.width < 160 { area.width * 11 / 25 } else { area.width / 2 };
    let right = area.width - left;
    let upper = top / 2;
    panel(paint, PODS, Rect { width: left, height: top, ..area }, false);
    panel(paint, LATENCY, Rect { x: area.x + left, width: right, height: upper, ..area }, false);
    panel(
        paint,
        ERRORS,
        Rect { x: area.x + left, y: area.y + upper, width: right, height: top - upper },
        false,
    );
    panel(paint, BACKUPS, Rect { y: area.y + top, width: left, height: bottom, ..area }, false);
    panel(paint, ALERTS, Rect { x: area.x + left, y: area.y + top, width: right, height: bottom }, false);
}

/// Three lines a panel, the focused one takes what is left; panels that find no room are counted.
fn column(paint: &mut Paint<'_>, area: Rect) {
    let focus = paint.state.view.focus;
    let small = 3;
    let strip = u16::from(area.height >= 3);
    let mut room = area.height - strip;
    let mut shown = vec![focus];
    room = room.saturating_sub(small);
    for panel in [PODS, LATENCY, ERRORS, BACKUPS, ALERTS] {
        if panel != focus && room >= small {
            room -= small;
            shown.push(panel);
        }
    }
    shown.sort_unstable();
    let mut y = area.y;
    for index in &shown {
        let height = if *index == focus { small.min(area.height) + room } else { small };
        panel(paint, *index, Rect { y, height: height.min(area.bottom() - y), ..area }, true);
        y += height;
    }
    if strip > 0 {
        let line = Rect { y: area.bottom() - 1, height: 1, ..area };
        column_strip(paint, line, &shown);
    }
}

/// Which panels are hidden, with their state; in a narrow window only number and mark.
fn column_strip(paint: &mut Paint<'_>, area: Rect, shown: &[usize]) {
    let state = paint.state;
    let narrow = area.width < 60;
    let mut spans = vec![paint.span(if narrow { " hidden " } else { " " }, Role::Dim)];
    for (index, entry) in PANELS.iter().enumerate().filter(|(index, _)| !shown.contains(index)) {
        let (health, words) = &state.derived.verdicts[index];
        spans.push(paint.mark_span(*health));
        let text = match narrow {
            true => format!("{} ", index + 1),
            false => format!(" {} {}: {words}  ", index + 1, entry.noun()),
        };
        spans.push(paint.span(text, Role::Text));
    }
    if spans.len() > 1 {
        paint.line(area, 0, Line::from(spans));
    }
}

/// ' ● availability 99.93 %  ▲ cache hits 78 % (>85)': what is beyond its objective first.
fn objectives_line(paint: &mut Paint<'_>, area: Rect) {
    let state = paint.state;
    let focused = state.view.focus == OBJECTIVES;
    let key = if focused { Role::Focus } else { Role::Dim };
    let mut spans = vec![paint.span(format!(" {} ", OBJECTIVES + 1), key)];
    let mut measures: Vec<_> = state.derived.strip.iter().filter(|m| m.value.is_some()).collect();
    measures.sort_by_key(|m| std::cmp::Reverse(m.health));
    for measure in measures {
        let value = measure.value.map_or_else(String::new, |v| human::value(v, measure.id.unit()));
        let mut text = format!(" {} {value}", measure.id.noun());
        if let Some(objective) = measure.objective.as_ref().filter(|_| measure.health > Health::Ok) {
            let sign = match objective.better {
                crate::model::objective::Better::Higher => ">",
                crate::model::objective::Better::Lower => "<",
            };
            text += &format!(" ({sign}{})", human::value(objective.target, measure.id.unit()));
        }
        spans.push(paint.mark_span(measure.health));
        let role_style = if measure.health > Health::Ok {
            paint.health_style(measure.health)
        } else {
            paint.style(Role::Text)
        };
        spans.push(Span::styled(format!("{text}  "), role_style));
    }
    if spans.len() == 1 {
        let (health, words) = &state.derived.verdicts[OBJECTIVES];
        spans.push(paint.mark_span(*health));
        spans.push(paint.span(format!(" objectives: {words}"), Role::Dim));
    }
    paint.line(area, 0, Line::from(spans));
}

/// One panel with its frame: number, name, state and words in the title, the data's age at its end.
pub fn panel(paint: &mut Paint<'_>, index: usize, area: Rect, thin: bool) {
    let focused = paint.state.view.focus == index && paint.state.view.pages.is_empty();
    let inner = framed(paint, index, area, focused, thin);
    if inner.height > 0 && inner.width > 0 {
        PANELS[index].draw(paint, inner);
    }
}

/// The frame of a panel, in the cockpit or zoomed.
pub fn framed(paint: &mut Paint<'_>, index: usize, area: Rect, focused: bool, thin: bool) -> Rect {
    let state = paint.state;
    let (health, words) = state.derived.verdicts[index].clone();
    let name_style = if focused {
        paint.style(Role::Focus).add_modifier(ratatui::style::Modifier::REVERSED)
    } else {
        paint.style(Role::Title)
    };
    let noun = PANELS[index].noun();
    let mut title = noun.chars();
    let noun =
        title.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + title.as_str());
    let spans = vec![
        Span::styled(format!(" {} {noun} ", index + 1), name_style),
        Span::raw(" "),
        paint.mark_span(health),
        Span::styled(format!(" {words} "), paint.health_style(health)),
    ];
    // As wide at 'now' as at '10 s': what moves is written anew.
    let said = |age| format!(" {:>4} ", human::data_age(age));
    let age = state.panel_age(index).map(said).unwrap_or_default();
    let right = Line::from(paint.span(age, Role::Dim));
    paint.frame(area, Line::from(spans), right, focused, thin)
}
