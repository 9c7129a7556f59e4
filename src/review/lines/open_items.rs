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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FeedId;
    use crate::review::signoff::{Note, SCHEMA, Signed};
    use crate::review::testing::{asked, denied, scope, state};
    use crate::review::{Kind, SignOff};
    use jiff::SignedDuration;

    #[test]
    fn a_note_is_open_until_its_line_passes() {
        let mut state = state();
        let mut asked = asked(&[]);
        assert!(look(&Look { state: &state, asked: &asked }).is_err(), "there was no sign-off");
        let at = state.now - SignedDuration::from_hours(24);
        let signed = |id: &str, outcome| Signed {
            id: id.into(),
            outcome,
            measured: "".into(),
            value: None,
            said: "".into(),
            names: Vec::new(),
        };
        let note = || Note { text: "ordered".into(), since: at, by: "dana".into() };
        asked.baseline = Some(SignOff {
            schema: SCHEMA.into(),
            scope: scope(Kind::Daily),
            at,
            reviewed: at,
            who: Default::default(),
            since: at,
            lines: vec![signed("quiet", Outcome::Fail), signed("cpu", Outcome::Pass)],
            notes: [("quiet".to_owned(), note()), ("cpu".to_owned(), note())].into(),
            reason: "".into(),
        });
        let seen = look(&Look { state: &state, asked: &asked }).unwrap();
        assert_eq!(&*seen.verdict.measured, "none; closed: silences", "a remark on a pass is no item");
        denied(&mut state, FeedId::Alerts);
        let seen = look(&Look { state: &state, asked: &asked }).unwrap();
        assert_eq!((seen.verdict.outcome, &*seen.verdict.measured), (Outcome::Warning, "1 open: silences"));
        assert!(seen.details[0].text.contains("open for 24 h: 'ordered' (dana)"), "{seen:?}");
    }
}
