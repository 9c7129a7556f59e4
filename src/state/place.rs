//! Where the user is, in a form that outlives the process: written down while it runs, so that after a
//! lost link the next midwatch can offer to go on from there.
//!
//! Nothing of the cluster is in it but names; what was under way is looked up by the audit log.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::walk::Walking;
use super::{Page, State};
use crate::model::scope::NamespaceChoice;
use crate::model::{Clean, Key};
use crate::panels::PANELS;

/// A session that is older than this is another shift's. Hours.
pub const MOST_HOURS: i64 = 12;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// When it was last seen to be so, to the minute.
    pub at: Timestamp,
    pub context: String,
    /// None: all namespaces.
    pub namespace: Option<String>,
    pub service: Option<String>,
    pub kubeconfig: Option<PathBuf>,
    /// The panel in focus, by its noun.
    pub focus: String,
    pub window_s: i64,
    pub lists: Vec<PlacedList>,
    pub pages: Vec<PlacedPage>,
    pub walk: Option<PlacedWalk>,
    /// What was under way, in words: the audit log knows the rest.
    pub operations: Vec<String>,
}

/// A list's cursor, filter and order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedList {
    pub panel: String,
    pub selected: Option<Key>,
    pub filter: String,
    pub sort: usize,
    pub reverse: bool,
}

/// The walk in progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedWalk {
    pub id: String,
    /// Its document: the path, or the name of one that ships with midwatch.
    pub document: String,
    pub section: Option<String>,
    pub title: String,
}

/// A page, as far as it can be opened again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacedPage {
    Panel(String),
    Pod(Key),
    Log(Key),
    Messages,
    Operations,
    Review,
    Walk,
}

impl Place {
    /// None: there is nothing to come back to, midwatch is as it started.
    pub fn of(state: &State) -> Option<Self> {
        let lists: Vec<PlacedList> =
            state.view.lists.iter().filter_map(|(p, list)| placed(*p, list)).collect();
        let walk = match &state.walk {
            Some(Walking::Open(view)) => {
                let place = &view.walk.place;
                let document = if place.path.is_empty() { &place.document } else { &place.path };
                let section = Some(place.section.clone()).filter(|s| !s.is_empty());
                let (id, title) = (view.walk.id.clone(), place.title.clone());
                Some(PlacedWalk { id, document: document.clone(), section, title })
            }
            _ => None,
        };
        let running = state.operations.iter().filter(|o| o.ended.is_none());
        let operations: Vec<String> = running.map(|o| o.title.clone()).collect();
        let moved = state.epoch > 0 || state.view.focus > 0;
        let is_at_start = state.view.pages.is_empty() && lists.is_empty() && walk.is_none();
        if state.scope.context.is_empty() || (is_at_start && operations.is_empty() && !moved) {
            return None;
        }
        let namespace = state.scope.namespace.as_ref().map(ToString::to_string);
        Some(Self {
            at: state.now,
            context: state.scope.context.to_string(),
            namespace,
            service: state.target.service.clone(),
            kubeconfig: state.target.kubeconfig.clone(),
            focus: PANELS[state.view.focus].noun().to_owned(),
            window_s: state.view.window.duration().as_secs(),
            lists,
            pages: state.view.pages.iter().filter_map(page).collect(),
            walk,
            operations,
        })
    }

    /// Whether the flags of this start ask for something else.
    pub fn fits(&self, target: &crate::model::scope::Target) -> bool {
        let namespace = match &target.namespace {
            NamespaceChoice::OfContext => true,
            NamespaceChoice::All => self.namespace.is_none(),
            NamespaceChoice::Named(name) => self.namespace.as_ref() == Some(name),
        };
        let context = target.context.as_ref().is_none_or(|name| *name == self.context);
        namespace && context && self.kubeconfig == target.kubeconfig
    }

    /// What is the same but for the time at which it was so.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }

    /// What there is to come back to, a line each.
    pub fn words(&self) -> Vec<String> {
        let namespace = self.namespace.as_deref().unwrap_or("all namespaces");
        let mut lines = vec![format!("{} / {namespace}", self.context)];
        let shown = self.pages.last().map(|page| match page {
            PlacedPage::Panel(noun) => noun.clone(),
            PlacedPage::Pod(key) => format!("pod {}", key.name),
            PlacedPage::Log(key) => format!("log of {}", key.name),
            PlacedPage::Messages => "messages".to_owned(),
            PlacedPage::Operations => "operations".to_owned(),
            PlacedPage::Review => "the review; what was not signed is gone".to_owned(),
            PlacedPage::Walk => "the walk".to_owned(),
        });
        let filters = self.lists.iter().filter(|l| !l.filter.is_empty());
        let filters: Vec<String> =
            filters.map(|l| format!("{} filtered by '{}'", l.panel, l.filter)).collect();
        lines.extend(shown.map(|shown| format!("at {shown}")));
        lines.extend(filters);
        lines.extend(self.walk.as_ref().map(|walk| format!("walk in progress: {}", walk.title)));
        lines.extend(self.operations.iter().map(|title| format!("was under way: {title} (it is looked up)")));
        // The file is ours, but what is shown is clean whoever wrote it.
        lines.into_iter().map(|line| Clean::from(line).to_string()).collect()
    }
}

fn placed(panel: usize, list: &super::view::ListView) -> Option<PlacedList> {
    let selected = list.selected.clone().filter(|_| list.pinned);
    let is_plain = selected.is_none() && list.filter.is_empty() && list.sort == 0 && !list.reverse;
    (!is_plain).then(|| PlacedList {
        panel: PANELS[panel].noun().to_owned(),
        selected,
        filter: list.filter.text.clone(),
        sort: list.sort,
        reverse: list.reverse,
    })
}

fn page(page: &Page) -> Option<PlacedPage> {
    Some(match page {
        Page::Panel(panel) => PlacedPage::Panel(PANELS[*panel].noun().to_owned()),
        Page::Pod(page) => PlacedPage::Pod(page.key.clone()),
        Page::Log(log) => PlacedPage::Log(Key::new(log.request.namespace.clone(), log.request.pod.clone())),
        Page::Messages { .. } => PlacedPage::Messages,
        Page::Operations { .. } => PlacedPage::Operations,
        Page::Review => PlacedPage::Review,
        Page::Walk => PlacedPage::Walk,
        Page::Output { .. } => return None,
    })
}

/// What is still to be found again, once the feeds have told of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returning {
    /// Panel and object.
    pub selected: Vec<(usize, Key)>,
    /// A pod, and whether its log was being read.
    pub pod: Option<(Key, bool)>,
}
