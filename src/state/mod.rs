//! The only truth. `update` changes it, `draw` is a function of it; it does no I/O, and time is a
//! field of it.

pub mod actions;
pub mod answers;
pub mod changes;
pub mod derived;
pub mod known;
pub mod load;
pub mod log;
pub mod measures;
mod offers;
pub mod output;
pub mod place;
pub mod pods;
pub mod probed;
pub mod review;
pub mod step;
pub mod store;
pub mod view;
pub mod walk;
pub mod words;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::input::{Keymap, Layer};
use crate::model::scope::{Scope, Target};
use crate::model::signal::{Signal, SignalId};
use crate::model::{Failure, FeedId, Health};
use crate::ui::theme::Theme;
pub use derived::Derived;
pub use known::{Dirty, Known};
pub use view::{Overlay, Page, View};

/// How the program was set up; it doesn't change by what is observed.
#[derive(Clone, Debug)]
pub struct Settings {
    pub config: Arc<Config>,
    pub keymap: Keymap,
    pub theme: Theme,
    /// Themes to go through with the 'next theme' key.
    pub themes: Vec<Theme>,
    /// Runbooks that can be walked.
    pub runbooks: Arc<[crate::runbook::library::Entry]>,
    pub ascii: bool,
    pub read_only: bool,
}

/// What stands between us and the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// The kubeconfig is being read, the client made.
    Opening,
    Open,
    /// There is no cluster to ask: no kubeconfig, no such context.
    Failed(Failure),
}

/// A message of the program itself, kept: what vanished after five seconds was never read.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub at: Timestamp,
    pub health: Health,
    pub text: String,
}

/// Messages kept for the messages page.
const MAX_NOTICES: usize = 200;

#[derive(Clone, Debug)]
pub struct State {
    pub settings: Settings,
    pub now: Timestamp,
    /// When the scope was entered; feeds that have not answered are judged from here.
    pub entered: Timestamp,
    pub target: Target,
    pub scope: Scope,
    /// Goes up with every change of scope; batches of older ones are dropped.
    pub epoch: u32,
    pub connection: Connection,
    pub known: Known,
    /// How busy each workload has been.
    pub loads: load::Loads,
    pub derived: Derived,
    /// What was asked for checks.
    pub answers: answers::Answers,
    /// Signals that health probes stand in for, where there is no Prometheus.
    pub probed: BTreeMap<SignalId, Signal>,
    /// Outdated by what the user did, or by time: derived before the next frame.
    pub dirty: Dirty,
    /// Outdated by what was observed: derived before the next frame for data.
    pub observed: Dirty,
    pub view: View,
    pub notices: VecDeque<Notice>,
    /// What was confirmed in this session, oldest first.
    pub operations: Vec<actions::Operation>,
    /// Numbers the dialogs, so that an answer for an older one is dropped.
    pub dialogs: u64,
    /// The review that is held, and what was written of it.
    pub review: Option<Box<review::ReviewState>>,
    /// Numbers the reviews.
    pub reviews: u64,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The runbook that is being walked.
    pub walk: Option<walk::Walking>,
    /// Where the user was when it was last written down.
    pub kept: Option<place::Place>,
    /// What a session that was lost had selected and opened, while the feeds have not told of it.
    pub returning: Option<place::Returning>,
}

impl State {
    pub fn new(settings: Settings, target: Target, now: Timestamp, size: (u16, u16)) -> Self {
        let window = view::Window::nearest(settings.config.window);
        let mut state = Self {
            settings,
            now,
            entered: now,
            target,
            scope: Scope::default(),
            epoch: 0,
            connection: Connection::Opening,
            known: Known::default(),
            loads: load::Loads::new(),
            derived: Derived::default(),
            answers: answers::Answers::default(),
            probed: BTreeMap::new(),
            dirty: Dirty::ALL,
            observed: Dirty::default(),
            view: View::new(window),
            notices: VecDeque::new(),
            operations: Vec::new(),
            dialogs: 0,
            review: None,
            reviews: 0,
            size,
            walk: None,
            kept: None,
            returning: None,
        };
        state.settle();
        state
    }

    /// Derives anew what the messages since the last call have made outdated.
    pub fn settle(&mut self) {
        let observed = std::mem::take(&mut self.observed);
        self.dirty.add(observed);
        self.settle_keys();
    }

    /// The same but for what was only observed: a key's frame does not wait for it.
    pub fn settle_keys(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.pods {
            self.derived.pods = Arc::new(pods::derive(self));
        }
        if dirty.usage {
            self.loads = load::observe(self);
        }
        if self.feed_health(FeedId::Usage) != Health::Ok {
            // Whether it lasts is not known over a gap.
            self.loads.clear();
        }
        let listed = self.view.shows(crate::panels::PODS);
        if listed != self.derived.rows.listed || (listed && (dirty.pods || dirty.rows)) {
            self.derived.rows = if listed { pods::rows(self) } else { Default::default() };
        }
        if dirty.pods || dirty.rest {
            self.probed = probed::derive(self);
            let derived = derived::derive(self);
            self.derived = Derived { rows: std::mem::take(&mut self.derived.rows), ..derived };
        }
        view::keep_selection(self);
    }

    pub fn notice(&mut self, health: Health, text: impl Into<String>) {
        if self.notices.len() == MAX_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(Notice { at: self.now, health, text: text.into() });
    }

    /// Whether something that the user has asked for is still to come.
    pub fn is_waiting(&self) -> bool {
        let overlay = match &self.view.overlay {
            Some(Overlay::Choice(choice)) => choice.loaded.is_none(),
            Some(Overlay::Dialog(dialog)) => match &dialog.stage {
                actions::Stage::Planning | actions::Stage::Confirming(_) => true,
                actions::Stage::Shown(shown) => !shown.armed,
                actions::Stage::Asking { .. } | actions::Stage::Failed(_) => false,
            },
            _ => false,
        };
        let page = match self.view.pages.last() {
            Some(Page::Pod(page)) => page.waiting || page.log.state == log::LogState::Loading,
            Some(Page::Log(log)) => log.state == log::LogState::Loading,
            Some(Page::Review) => self.review.as_ref().is_some_and(|held| held.review.is_none()),
            Some(Page::Walk) => matches!(self.walk, Some(walk::Walking::Opening(_))),
            _ => false,
        };
        overlay || page
    }

    pub fn feed_health(&self, feed: FeedId) -> Health {
        match &self.connection {
            Connection::Failed(_) if self.known.status(feed).ready_at.is_none() => Health::Unknown,
            _ => self.known.status(feed).health(feed, self.now),
        }
    }

    /// The layers that are asked for a key now, topmost first.
    pub fn layers(&self) -> Vec<Layer> {
        match &self.view.overlay {
            Some(Overlay::Text(_)) => return vec![Layer::Text],
            Some(Overlay::Choice(_)) => return vec![Layer::Choice],
            Some(Overlay::Dialog(_) | Overlay::ReviewNote(_) | Overlay::SignOff | Overlay::ComeBack(_)) => {
                return Vec::new();
            }
            Some(Overlay::Help { .. } | Overlay::Quit | Overlay::Stop { .. }) | None => {}
        }
        let mut layers = match self.view.pages.last() {
            Some(Page::Log(_)) => vec![Layer::Log, Layer::List],
            Some(Page::Pod(_)) => vec![Layer::Pod, Layer::List],
            Some(Page::Review) => vec![Layer::Review, Layer::List],
            Some(Page::Messages { .. } | Page::Operations { .. } | Page::Output { .. }) => vec![Layer::List],
            Some(Page::Walk) => vec![Layer::Walk, Layer::List],
            Some(Page::Panel(panel)) => crate::panels::PANELS[*panel].layers().to_vec(),
            None => crate::panels::PANELS[self.view.focus].layers().to_vec(),
        };
        layers.push(Layer::Global);
        layers
    }
}
