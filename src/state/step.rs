//! The machine's clock was set while we looked. What was stamped by it moves along, so that nothing
//! becomes old, or fresh again, by the clock alone; what the cluster stamped stays as it is.

use jiff::{SignedDuration, Timestamp};

use super::actions::{Dialog, Stage};
use super::{Overlay, Page, State};
use crate::model::Health;
use crate::ui::human;

/// Less is taken over without a word.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(10);

/// `at`, after the clock was set.
pub fn moved(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

/// See [`moved`].
pub fn shift(at: &mut Timestamp, by: SignedDuration) {
    *at = moved(*at, by);
}

impl State {
    /// Takes over a clock that was set by so much.
    pub fn step(&mut self, by: SignedDuration) {
        shift(&mut self.now, by);
        shift(&mut self.entered, by);
        for status in self.known.feeds.values_mut() {
            status.ready_at.iter_mut().chain(&mut status.failed_since).for_each(|at| shift(at, by));
        }
        self.known.observed_marks.iter_mut().for_each(|mark| shift(&mut mark.at, by));
        self.loads.values_mut().for_each(|load| load.step(by));
        self.answers.step(by);
        self.notices.iter_mut().for_each(|notice| shift(&mut notice.at, by));
        for operation in &mut self.operations {
            shift(&mut operation.since, by);
            operation.ended.iter_mut().for_each(|at| shift(at, by));
        }
        for page in &mut self.view.pages {
            if let Page::Pod(page) = page {
                shift(&mut page.asked.0, by);
                page.detail.iter_mut().for_each(|(at, _)| shift(at, by));
            }
        }
        if let Some(Overlay::Dialog(dialog)) = &mut self.view.overlay {
            step_dialog(dialog, by);
        }
        if let Some(review) = &mut self.review {
            shift(&mut review.begun, by);
        }
        self.dirty = super::Dirty::ALL;
        if by.abs() >= WORTH_TELLING {
            let way = if by.is_negative() { "back" } else { "forward" };
            let text = format!("the clock of this machine was set {way} by {}", human::span(by.abs()));
            self.notice(Health::Warning, text);
        }
    }
}

fn step_dialog(dialog: &mut Dialog, by: SignedDuration) {
    shift(&mut dialog.since, by);
    if let Stage::Shown(shown) | Stage::Confirming(shown) = &mut dialog.stage {
        shift(&mut shown.since, by);
    }
}
