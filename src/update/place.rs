//! Going on where a session ended that was never left: what is kept of this one, and how the place of
//! another is taken.

use jiff::SignedDuration;

use super::{commands, enter, pod, review, walk};
use crate::effect::{Effect, Wanted};
use crate::input::{Chord, Code};
use crate::model::filter::Filter;
use crate::model::scope::NamespaceChoice;
use crate::model::{FeedId, Health};
use crate::panels::PANELS;
use crate::state::place::{Place, PlacedPage, Returning};
use crate::state::view::Window;
use crate::state::{Overlay, Page, State};

/// So old what is kept may be, though nothing has moved: it tells when a session ended.
const KEPT_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Offers the place of a session that was lost.
pub fn offer(state: &mut State, place: Place) {
    state.view.overlay = Some(Overlay::ComeBack(Box::new(place)));
}

/// Keeps where the user is, where that has changed.
pub fn keep(state: &mut State) -> Vec<Effect> {
    // What was lost stays on offer until it is answered, also if this one is lost too.
    if matches!(state.view.overlay, Some(Overlay::ComeBack(_))) || state.returning.is_some() {
        return Vec::new();
    }
    let now = Place::of(state);
    let same = match (&now, &state.kept) {
        (Some(now), Some(kept)) => now.is_as(kept) && now.at.duration_since(kept.at) < KEPT_EVERY,
        (None, None) => true,
        _ => false,
    };
    if same {
        return Vec::new();
    }
    state.kept = now.clone();
    vec![Effect::Keep(now.map(Box::new))]
}

/// Enter goes on, Esc begins anew; a key that was typed ahead does neither.
pub fn answer(state: &mut State, chord: Chord) -> Vec<Effect> {
    let leaves = chord == (Chord { ctrl: true, ..Chord::plain(Code::Char('c')) });
    if leaves {
        return vec![Effect::Quit];
    }
    if chord != Chord::plain(Code::Enter) && chord != Chord::plain(Code::Esc) {
        return Vec::new();
    }
    let Some(Overlay::ComeBack(place)) = state.view.overlay.take() else { return Vec::new() };
    let mut effects = vec![Effect::Settled];
    if chord == Chord::plain(Code::Enter) {
        effects.extend(go_on(state, *place));
    }
    effects
}

fn go_on(state: &mut State, place: Place) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut target = state.target.clone();
    target.context = Some(place.context);
    target.namespace = place.namespace.map_or(NamespaceChoice::All, NamespaceChoice::Named);
    target.service = place.service;
    let scope = &state.scope;
    let is_here = target.context.as_deref() == Some(scope.context.as_str())
        && matches!(&target.namespace, NamespaceChoice::Named(name) if scope.namespace.as_deref() == Some(name))
        && target.service == state.target.service;
    if !is_here {
        effects.extend(enter(state, target));
    }
    let panel = |noun: &str| PANELS.iter().position(|p| p.noun() == noun);
    state.view.focus = panel(&place.focus).unwrap_or(0);
    state.view.window = Window::nearest(SignedDuration::from_secs(place.window_s));
    effects.push(commands::wants(state));
    let mut returning = Returning::default();
    for list in place.lists {
        let Some(at) = panel(&list.panel) else { continue };
        let view = state.view.lists.entry(at).or_default();
        view.filter = Filter::parse(&list.filter).unwrap_or_default();
        (view.sort, view.reverse) = (list.sort, list.reverse);
        returning.selected.extend(list.selected.map(|key| (at, key)));
    }
    let walks = place.walk.is_some();
    if let Some(resumed) = place.walk {
        effects.extend(walk::open(state, resumed.document, resumed.section, Wanted::Resume(resumed.id)));
        state.view.pages.clear();
    }
    for page in place.pages {
        match page {
            PlacedPage::Panel(noun) => panel(&noun).into_iter().for_each(|at| state.view.zoom(at)),
            PlacedPage::Pod(key) => returning.pod = Some((key, false)),
            PlacedPage::Log(key) => returning.pod = Some((key, true)),
            PlacedPage::Messages => state.view.pages.push(Page::Messages { scroll: 0 }),
            PlacedPage::Operations => state.view.pages.push(Page::Operations { scroll: 0 }),
            PlacedPage::Review => effects.extend(review::open(state)),
            PlacedPage::Walk if walks => walk::show(state),
            PlacedPage::Walk => {}
        }
    }
    state.dirty = crate::state::Dirty::ALL;
    state.returning = Some(returning);
    effects
}

/// Finds again what was selected and opened, as the feeds tell of it; a key of the user's ends it.
pub fn return_to(state: &mut State) -> Vec<Effect> {
    let Some(mut returning) = state.returning.take() else { return Vec::new() };
    let has_come = |state: &State, feeds: &[FeedId]| {
        feeds.iter().all(|feed| state.known.status(*feed).ready_at.is_some())
    };
    returning.selected.retain(|(panel, key)| {
        if !has_come(state, PANELS[*panel].feeds()) {
            return true;
        }
        let list = state.view.lists.entry(*panel).or_default();
        (list.selected, list.pinned) = (Some(key.clone()), true);
        false
    });
    let mut effects = Vec::new();
    if has_come(state, &[FeedId::Pods])
        && let Some((key, reads_log)) = returning.pod.take()
    {
        if state.known.pods.get(&key).is_none() {
            state.notice(Health::Warning, format!("pod {} is gone", key.name));
        } else {
            effects.extend(pod::open(state, &key));
            if reads_log {
                effects.extend(super::logs::open(state));
            }
        }
    }
    if !returning.selected.is_empty() || returning.pod.is_some() {
        state.returning = Some(returning);
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::testing;

    #[test]
    fn what_is_kept_says_when_it_was_so_to_the_minute() {
        let mut state = testing::state();
        state.scope.context = "prod".into();
        assert_eq!(keep(&mut state), [], "it is as it started");
        state.view.zoom(0);
        let kept = |effects: Vec<Effect>| match &effects[..] {
            [Effect::Keep(Some(place))] => Some(place.at),
            _ => None,
        };
        assert_eq!(kept(keep(&mut state)), Some(state.now));
        state.now += SignedDuration::from_secs(59);
        assert_eq!(keep(&mut state), [], "nothing has moved");
        state.now += SignedDuration::from_secs(1);
        assert_eq!(kept(keep(&mut state)), Some(state.now));
        state.view.pages.clear();
        state.view.lists.clear();
        assert_eq!(keep(&mut state), [Effect::Keep(None)], "there is nothing to come back to");
    }
}
