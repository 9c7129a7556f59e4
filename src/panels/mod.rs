//! The panels of the cockpit: one file each, and one line in [`PANELS`].

pub mod alerts;
pub mod backups;
pub mod errors;
pub mod latency;
pub mod objectives;
pub mod pods;

use ratatui::layout::Rect;

use crate::input::Layer;
use crate::model::{Clean, FeedId, Health, Key};
use crate::state::{Derived, State};
use crate::ui::paint::Paint;

/// A panel is a view of the state: it holds nothing itself.
pub trait Panel: Sync {
    fn noun(&self) -> &'static str;

    /// What it shows the age of.
    fn feeds(&self) -> &'static [FeedId];

    /// The key layers that hold while it is focused or zoomed.
    fn layers(&self) -> &'static [Layer];

    /// Its state, and the words of its title.
    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String);

    /// Its summary in the cockpit: what matters most stands in the first lines.
    fn draw(&self, paint: &mut Paint<'_>, area: Rect);

    /// All of it, on a page of its own.
    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect);

    /// The objects that the cursor of the zoomed panel moves through.
    fn rows<'a>(&self, _state: &'a State) -> Vec<RowKey<'a>> {
        Vec::new()
    }
}

/// What a row is of: a [`Key`] without its own hold on the names, since there may be 50,000.
#[derive(Clone, Copy, Debug)]
pub struct RowKey<'a> {
    /// None: it has no namespace.
    pub namespace: Option<&'a Clean>,
    pub name: &'a Clean,
}

impl RowKey<'_> {
    pub fn key(&self) -> Key {
        Key { namespace: self.namespace.cloned().unwrap_or_default(), name: self.name.clone() }
    }

    pub fn is(&self, key: &Key) -> bool {
        *self.name == key.name && self.namespace.is_none_or(|namespace| *namespace == key.namespace)
    }
}

pub static PANELS: [&dyn Panel; 6] = [
    &pods::Pods,
    &latency::Latency,
    &errors::Errors,
    &backups::Backups,
    &alerts::Alerts,
    &objectives::Objectives,
];

/// Places in [`PANELS`].
pub const PODS: usize = 0;
pub const LATENCY: usize = 1;
pub const ERRORS: usize = 2;
pub const BACKUPS: usize = 3;
pub const ALERTS: usize = 4;
pub const OBJECTIVES: usize = 5;

/// The rows of a list that are on the screen: from which one on, so that the selected one is among them.
pub fn scrolled(selected: usize, height: usize, len: usize) -> usize {
    // The cursor keeps to the middle, so that one sees what comes on either side.
    selected.saturating_sub(height / 2).min(len.saturating_sub(height))
}
