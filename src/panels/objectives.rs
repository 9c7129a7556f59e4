//! Objectives that are not among the four panels: availability, cache, capacity, certificates.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Panel;
use crate::input::Layer;
use crate::model::objective::Better;
use crate::model::{FeedId, Health};
use crate::state::{Derived, State};
use crate::ui::human;
use crate::ui::paint::{Paint, fit, fit_right};
use crate::ui::theme::Role;

pub struct Objectives;

impl Panel for Objectives {
    fn noun(&self) -> &'static str {
        "objectives"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::Signals]
    }

    fn layers(&self) -> &'static [Layer] {
        &[]
    }

    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String) {
        let measured: Vec<_> = derived.strip.iter().filter(|m| m.value.is_some()).collect();
        if measured.is_empty() {
            return state
                .feeds_trouble(&[FeedId::Signals])
                .unwrap_or_else(|| (Health::Unknown, "none is measured".into()));
        }
        let count = |health| measured.iter().filter(|m| m.health == health).count();
        let mut words = Vec::new();
        for health in
            [Health::Critical, Health::Warning, Health::Stale, Health::Denied, Health::Unknown, Health::Ok]
        {
            let n = count(health);
            if n > 0 {
                words.push(format!("{n} {}", health.word()));
            }
        }
        let worst = measured.iter().map(|m| m.health).max().unwrap_or_default();
        (worst, words.join(", "))
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        self.draw_zoomed(paint, area);
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let state = paint.state;
        let head = format!(
            "  {} {:>12}  {:>10} {:>10} {:>10}",
            fit("OBJECTIVE", 18),
            "NOW",
            "TARGET",
            "WARNING",
            "CRITICAL"
        );
        paint.text(area, 0, &head, Role::Dim);
        for (y, m) in (1..area.height).zip(&state.derived.strip) {
            let unit = m.id.unit();
            let value = m.value.map_or_else(|| "–".into(), |v| human::value(v, unit));
            let tiers = m.objective.as_ref().map_or_else(
                || format!("{:>10} {:>10} {:>10}", "–", "–", "–"),
                |o| {
                    let sign = if o.better == Better::Higher { "<" } else { ">" };
                    let tier = |v: f64| fit_right(&format!("{sign}{}", human::value(v, unit)), 10);
                    format!(
                        "{} {} {}",
                        fit_right(&human::value(o.target, unit), 10),
                        tier(o.warning),
                        tier(o.critical)
                    )
                },
            );
            let health = match m.health {
                Health::Ok if m.objective.is_none() => Health::NotConfigured,
                health => health,
            };
            let why = m.why.as_ref().map(|w| format!("  {w}")).unwrap_or_default();
            let style =
                if m.health > Health::Ok { paint.health_style(m.health) } else { paint.style(Role::Text) };
            let line = Line::from(vec![
                paint.mark_span(health),
                paint.span(format!(" {} ", fit(m.id.noun(), 18)), Role::Text),
                Span::styled(fit_right(&value, 12), style),
                paint.span(format!("  {tiers}"), Role::Dim),
                paint.span(why, Role::Dim),
            ]);
            paint.line(area, y, line);
        }
    }
}
