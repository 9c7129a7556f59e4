//! A pod's page: opened, and kept as fresh as the rest of the screen.

use jiff::SignedDuration;

use super::logs;
use crate::effect::Effect;
use crate::model::pod::PodDetail;
use crate::model::{Failure, FailureKind, Health, Key};
use crate::state::view::PodPage;
use crate::state::{Page, State};

/// A pod that changes all the time is asked for this often.
const AT_MOST: SignedDuration = SignedDuration::from_secs(2);
/// What may pass is asked for again after so long.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Conditions may change where the pod's row does not.
const AT_LEAST: SignedDuration = SignedDuration::from_secs(30);
/// An answer that has not come by then does not come.
const LOST: SignedDuration = SignedDuration::from_secs(60);

/// Asks for its details, and follows its log.
pub fn open(state: &mut State, key: &Key) -> Vec<Effect> {
    let Some(pod) = state.known.pods.get(key).cloned() else {
        state.notice(Health::Warning, format!("pod {} is gone", key.name));
        return Vec::new();
    };
    let log = logs::page(state, &pod, 200);
    let effects = vec![
        Effect::Describe { epoch: state.epoch, key: key.clone() },
        Effect::ReadLog { id: log.id, request: log.request.clone() },
    ];
    let page = PodPage {
        key: key.clone(),
        uid: pod.uid.clone(),
        asked: (state.now, pod),
        waiting: true,
        detail: None,
        failure: None,
        log,
        scroll: 0,
    };
    state.view.pages.push(Page::Pod(Box::new(page)));
    effects
}

/// Takes in what was asked for. What came before stays where nothing new did.
pub fn answered(state: &mut State, key: &Key, detail: Result<PodDetail, Failure>) {
    let now = state.now;
    // Its log may lie over it.
    let page = state.view.pages.iter_mut().find_map(|page| match page {
        Page::Pod(page) if page.key == *key => Some(page),
        _ => None,
    });
    let Some(page) = page else { return };
    page.waiting = false;
    match detail {
        Ok(detail) => {
            page.log.containers = detail.containers.iter().map(|c| c.name.clone()).collect();
            page.detail = Some((now, detail));
            page.failure = None;
        }
        Err(failure) => page.failure = Some(failure),
    }
}

/// Asks anew when the pod has changed, when an answer was none, and from time to time.
pub fn tick(state: &mut State) -> Option<Effect> {
    let now = state.now;
    let Some(Page::Pod(page)) = state.view.pages.last() else { return None };
    let pod = state.known.pods.get(&page.key).filter(|pod| pod.uid == page.uid)?;
    let changed = *page.asked.1 != **pod;
    let pause = match &page.failure {
        _ if page.waiting => LOST,
        Some(failure) if passes(failure.kind) => AGAIN,
        _ if changed => AT_MOST,
        _ => AT_LEAST,
    };
    (now.duration_since(page.asked.0) >= pause).then(|| ask(state)).flatten()
}

/// Asks for the details of the pod whose page is open, if one is.
pub fn ask(state: &mut State) -> Option<Effect> {
    let (now, epoch) = (state.now, state.epoch);
    let Some(Page::Pod(page)) = state.view.pages.last_mut() else { return None };
    // Another of its name is another pod.
    let pod = state.known.pods.get(&page.key).filter(|pod| pod.uid == page.uid)?;
    page.asked = (now, pod.clone());
    page.waiting = true;
    Some(Effect::Describe { epoch, key: page.key.clone() })
}

/// Whether it may be different the next time.
fn passes(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Unreachable
            | FailureKind::Throttled
            | FailureKind::ServerError
            | FailureKind::Unauthenticated
    )
}
