//! Where the user is: focus, pages, overlays, cursors. Selections name objects, not rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tui_textarea::TextArea;

use super::State;
use super::actions::Dialog;
use super::log::LogPage;
use super::place::Place;
use super::review::ReviewNote;
use crate::input::{Chord, Command};
use crate::model::action::{ActionId, Request, Subject};
use crate::model::filter::Filter;
use crate::model::pod::{Pod, PodDetail};
use crate::model::{Failure, Key};
use crate::panels::RowKey;

/// How far back the charts reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(usize);

impl Window {
    const ALL: [(i64, &'static str); 6] =
        [(15, "15 min"), (60, "1 h"), (180, "3 h"), (360, "6 h"), (720, "12 h"), (1440, "24 h")];

    pub fn nearest(wanted: SignedDuration) -> Self {
        let minutes = wanted.as_mins();
        let index = Self::ALL.iter().position(|(m, _)| *m >= minutes).unwrap_or(Self::ALL.len() - 1);
        Self(index)
    }

    pub fn wider(self) -> Self {
        Self((self.0 + 1).min(Self::ALL.len() - 1))
    }

    pub fn narrower(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(Self::ALL[self.0].0)
    }

    pub fn word(self) -> &'static str {
        Self::ALL[self.0].1
    }
}

/// A screen above the cockpit; the last one is shown.
#[derive(Clone, Debug)]
pub enum Page {
    /// The zoomed panel, an index into `PANELS`.
    Panel(usize),
    Pod(Box<PodPage>),
    Log(Box<LogPage>),
    Messages {
        scroll: usize,
    },
    /// The review that is held.
    Review,
    /// What was confirmed in this session.
    Operations {
        scroll: usize,
    },
    /// The runbook that is being walked.
    Walk,
    /// What the command of an operation writes.
    Output {
        operation: String,
        /// Lines up from the end; 0 while the end is shown.
        scroll: usize,
    },
}

/// A pod's page: containers, conditions, events, and its live log.
#[derive(Clone, Debug)]
pub struct PodPage {
    pub key: Key,
    /// The pod that was opened; another of the same name is another pod.
    pub uid: crate::model::Uid,
    /// When its details were asked for last, and what it was then.
    pub asked: (Timestamp, Arc<Pod>),
    /// Its answer has not come yet.
    pub waiting: bool,
    /// What came last, and when.
    pub detail: Option<(Timestamp, PodDetail)>,
    /// Why the newest question has no answer.
    pub failure: Option<Failure>,
    pub log: LogPage,
    pub scroll: usize,
}

/// What lies over the page and takes the keys.
#[derive(Clone, Debug)]
pub enum Overlay {
    Help {
        scroll: usize,
    },
    /// Quitting is asked once: the key again, or Enter.
    Quit,
    /// Stopping an operation is asked in the same way.
    Stop {
        operation: String,
    },
    Choice(Box<Choice>),
    Dialog(Box<Dialog>),
    Text(Box<TextEntry>),
    /// What is said of a line of the review.
    ReviewNote(Box<ReviewNote>),
    /// Signing a review is asked once.
    SignOff,
    /// Whether to go on where a session was lost.
    ComeBack(Box<Place>),
}

/// A list to choose from, narrowed by typing.
#[derive(Clone, Debug)]
pub struct Choice {
    pub kind: ChoiceKind,
    pub query: TextArea<'static>,
    pub entries: Vec<ChoiceEntry>,
    /// Indices into `entries`, best match first.
    pub matches: Vec<usize>,
    pub selected: usize,
    /// None while they are being asked for.
    pub loaded: Option<Result<(), Failure>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceKind {
    Palette,
    Context,
    Namespace,
    Service,
    /// What an action is to be done to.
    Subject(ActionId),
    /// All actions.
    Actions,
    /// What was done and can be undone.
    Undo,
    /// Which runbook to walk.
    Runbook,
    /// What to copy, or to write to a file.
    Copy,
}

/// What a picture of the screen is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFormat {
    Text,
    Ansi,
    Svg,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceEntry {
    pub label: String,
    pub hint: String,
    pub target: ChoiceTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChoiceTarget {
    Command(Command),
    Panel(usize),
    Pod(Key),
    Workload(Key),
    Context(String),
    /// None: all namespaces.
    Namespace(Option<String>),
    Service(Option<String>),
    Window(Window),
    Act(ActionId, Subject),
    /// A runbook, by its name.
    Walk(String),
    /// With its answers: an undo.
    Request(Box<Request>),
    /// Into the terminal's clipboard.
    Copy {
        what: String,
        text: String,
    },
    CopyFrame,
    WriteFrame(FrameFormat),
}

/// A line of text that is being typed.
#[derive(Clone, Debug)]
pub struct TextEntry {
    pub purpose: TextPurpose,
    pub field: TextArea<'static>,
    /// Why what stands there can't be used.
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPurpose {
    Filter,
    Search,
    /// Of the walk; what exactly stands there.
    Walk,
}

impl TextEntry {
    pub fn text(&self) -> String {
        self.field.lines().join(" ")
    }
}

/// Cursor, filter and order of one list.
#[derive(Clone, Debug, Default)]
pub struct ListView {
    /// The selected object; rows may move, it stays.
    pub selected: Option<Key>,
    /// Where it stood, for when it is gone.
    pub index: usize,
    /// The rows have been shown with a cursor: from then on it keeps to its object. Before, the first
    /// row is selected, whichever comes to be the worst while the feeds come in.
    pub pinned: bool,
    pub filter: Filter,
    pub sort: usize,
    pub reverse: bool,
}

#[derive(Clone, Debug)]
pub struct View {
    /// An index into `PANELS`.
    pub focus: usize,
    pub pages: Vec<Page>,
    pub overlay: Option<Overlay>,
    /// By panel.
    pub lists: BTreeMap<usize, ListView>,
    pub window: Window,
    /// Chords of an unfinished sequence.
    pub pending: Vec<Chord>,
    /// Numbers the logs that are asked for, so that a late line of an older one is dropped.
    pub log_id: u64,
    pub refresh: u32,
}

impl View {
    pub fn new(window: Window) -> Self {
        Self {
            focus: 0,
            pages: Vec::new(),
            overlay: None,
            lists: BTreeMap::new(),
            window,
            pending: Vec::new(),
            log_id: 0,
            refresh: 0,
        }
    }

    /// Shows a panel on a page of its own.
    pub fn zoom(&mut self, panel: usize) {
        self.lists.entry(panel).or_default().pinned = true;
        match self.pages.last_mut() {
            Some(Page::Panel(shown)) => *shown = panel,
            _ => self.pages.push(Page::Panel(panel)),
        }
    }

    pub fn list(&self, panel: usize) -> ListView {
        self.lists.get(&panel).cloned().unwrap_or_default()
    }

    /// Whether a panel has a page of its own, in front or behind others.
    pub fn shows(&self, panel: usize) -> bool {
        self.pages.iter().any(|page| matches!(page, Page::Panel(shown) if *shown == panel))
    }

    /// The panel whose rows the cursor moves in.
    pub fn active_panel(&self) -> usize {
        match self.pages.last() {
            Some(Page::Panel(panel)) => *panel,
            _ => self.focus,
        }
    }

    /// The log that is on the screen, alone or on a pod's page.
    pub fn log_mut(&mut self) -> Option<&mut LogPage> {
        match self.pages.last_mut() {
            Some(Page::Log(log)) => Some(log),
            Some(Page::Pod(page)) => Some(&mut page.log),
            _ => None,
        }
    }
}

/// A one-line field for filters, searches and queries.
pub fn line_field(text: &str) -> TextArea<'static> {
    let mut field = TextArea::new(vec![text.to_owned()]);
    field.move_cursor(tui_textarea::CursorMove::End);
    field
}

/// Keeps the cursor of each list that is open on its object, or, if that is gone, where it stood.
pub fn keep_selection(state: &mut State) {
    for panel in 0..crate::panels::PANELS.len() {
        if !state.view.shows(panel) {
            continue;
        }
        let list = state.view.list(panel);
        let keys = crate::panels::PANELS[panel].rows(state);
        let selected = list.selected.as_ref().filter(|_| list.pinned);
        // It mostly stands where it stood; to look for it among 50,000 takes as long as a frame.
        let at = selected.and_then(|key| {
            let stays = keys.get(list.index).is_some_and(|row| row.is(key));
            if stays { Some(list.index) } else { keys.iter().position(|row| row.is(key)) }
        });
        let index = if list.pinned { at.unwrap_or(list.index) } else { 0 };
        let index = index.min(keys.len().saturating_sub(1));
        let selected = keys.get(index).map(RowKey::key);
        let list = state.view.lists.entry(panel).or_default();
        (list.index, list.selected) = (index, selected);
    }
}
