//! Open items: what was noted at the last sign-off and is not a pass yet.

use super::{LINES, Look, listed};
use crate::model::{Clean, Health, Outcome};
use crate::review::line::{Seen, detail};
use crate::review::title_of;
use crate::ui::human;

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let Some(baseline) = &look.asked.baseline else { return Err("nothing was signed off before".into()) };
    let noted = baseline.notes.iter().filter(|(id, _)| {
        // What was a pass already had no more than a remark.
        baseline.line(id).is_some_and(|l| l.outcome != Outcome::Pass)
    });
    let (mut rows, mut open, mut closed): (Vec<_>, Vec<Clean>, Vec<String>) = Default::default();
    for (id, note) in noted {
        let now = LINES.iter().find(|c| c.id == *id && c.id != "open").map(|c| (c.look)(look));
        let said = format!("'{}' ({})", note.text, note.by);
        let days = human::span(look.now().duration_since(note.since));
        let title = title_of(id);
        match now {
            Some(Ok(seen)) if seen.verdict.outcome == Outcome::Pass => {
                rows.push(detail(Health::Ok, format!("{title} is well again: {said}")));
                closed.push(title);
            }
            _ => {
                rows.push(detail(Health::Warning, format!("{title}, open for {days}: {said}")));
                open.push(Clean::from(title));
            }
        }
    }
    rows.sort_by_key(|d| std::cmp::Reverse(d.health));
    let well = match closed.len() {
        0 => String::new(),
        _ => format!("; closed: {}", listed(&closed, 3)),
    };
    let (judged, measured) = match open.len() {
        0 => (Outcome::Pass, format!("none{well}")),
        n => (Outcome::Warning, format!("{n} open: {}{well}", listed(&open, 3))),
    };
    Ok(Seen::new(judged, measured, "none").named(open).detailed(rows))
}
