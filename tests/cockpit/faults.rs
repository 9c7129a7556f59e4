//! What breaks while somebody looks: the cockpit stays responsive, tells the truth, and goes on by
//! itself when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use midwatch::clock::Clock;
use midwatch::model::{Change, FailureKind, FeedId, Health};
use midwatch::msg::Msg;
use midwatch::sim::{Fault, RequestRecord, Sim};
use midwatch::state::{Overlay, Page, State};

use crate::gate::{Gate, Mode};
use crate::support::{Cockpit, PATIENCE, origin, stage};

pub const WIDE: (u16, u16) = (120, 40);
/// Feeds that every cluster of the simulation answers; those of metrics.k8s.io may be older than 30 s.
const ANSWERED: [FeedId; 7] = [
    FeedId::Pods,
    FeedId::Deployments,
    FeedId::Events,
    FeedId::Nodes,
    FeedId::CronJobs,
    FeedId::Signals,
    FeedId::Alerts,
];

pub fn all_are(state: &State, health: Health) -> bool {
    ANSWERED.iter().all(|feed| state.feed_health(*feed) == health)
}

/// What every feed is, for a failed assertion.
pub fn told(state: &State) -> BTreeMap<FeedId, (Health, Option<String>)> {
    ANSWERED.iter().map(|feed| (*feed, (state.feed_health(*feed), state.feed_words(*feed)))).collect()
}

/// Whether something on the screen is said to be well; the runs of backups are history.
fn looks_healthy(screen: &str) -> bool {
    screen.lines().any(|line| line.contains("● ") && !line.contains("●●") || line.contains("│ ●"))
}

/// How often a session was entered.
pub fn connections(cockpit: &Cockpit) -> usize {
    cockpit.history.iter().filter(|msg| matches!(msg, Msg::Connected { .. })).count()
}

/// Failures of one kind that were told since `seen` messages.
pub fn failures(cockpit: &Cockpit, seen: usize, kind: FailureKind) -> Vec<String> {
    let batches = cockpit.history[seen..].iter().filter_map(|msg| match msg {
        Msg::Batch(batch) => Some(batch),
        _ => None,
    });
    let failed =
        batches.flat_map(|b| b.changes.iter().map(|c| (b.feed, c))).filter_map(|(feed, c)| match c {
            Change::Failed(f) if f.kind == kind => Some(format!("{feed:?}: {}; {}", f.happened, f.next)),
            _ => None,
        });
    failed.collect()
}

/// Whole lists that were asked for, by kind.
fn lists(requests: &[RequestRecord]) -> BTreeMap<String, usize> {
    let mut lists = BTreeMap::new();
    // What is polled is a list each time.
    let watched = requests.iter().filter(|r| !r.resource.contains("metrics") && !r.resource.is_empty());
    for r in watched {
        let pages = r.verb == "list" && !r.query.contains("continue=");
        if pages || r.query.contains("sendInitialEvents=true") {
            *lists.entry(r.resource.clone()).or_default() += 1;
        }
    }
    lists
}

/// A clock that can be set, on a machine that can sleep.
#[derive(Clone, Default)]
struct Hands {
    set_s: Arc<AtomicI64>,
    slept_s: Arc<AtomicU64>,
}

impl Hands {
    fn clock(&self, sim: &Sim) -> Clock {
        let (ticking, passing, started) = (*sim.clock(), *sim.clock(), Instant::now());
        let (wall, running, machine) = (self.clone(), self.clone(), self.clone());
        Clock::of(
            move || {
                ticking.now() + SignedDuration::from_secs(wall.set_s.load(Ordering::Relaxed)) + wall.slept()
            },
            move || Duration::try_from(passing.now().duration_since(origin())).unwrap() + running.slept(),
            move || started.elapsed() + machine.slept(),
        )
    }

    fn slept(&self) -> Duration {
        Duration::from_secs(self.slept_s.load(Ordering::Relaxed))
    }

    fn set_by(&self, seconds: i64) {
        self.set_s.fetch_add(seconds, Ordering::Relaxed);
    }

    fn sleep(&self, seconds: u64) {
        self.slept_s.fetch_add(seconds, Ordering::Relaxed);
    }
}

async fn timed(hands: &Hands) -> Cockpit {
    let sim = stage("calm").await;
    let clock = hands.clock(&sim);
    let mut cockpit = Cockpit::timed(sim, WIDE, clock, |_| {}).await;
    cockpit.settled().await;
    cockpit
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_for_five_minutes_of_a_storm() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    let storm = Fault { churn_per_s: 400, ..Fault::default() };
    cockpit.sim.set_fault(storm.clone());
    let seen = cockpit.history.len();
    cockpit.until_some(seen).await;
    cockpit.sim.set_fault(Fault { down: true, ..storm.clone() });
    cockpit.until("every failure", |s| ANSWERED.iter().all(|f| s.known.status(*f).failure.is_some())).await;
    for _ in 0..5 {
        cockpit.advance(Duration::from_secs(60)).await;
        assert!(all_are(&cockpit.state, Health::Stale), "{:?}", told(&cockpit.state));
        let screen = cockpit.screen();
        assert!(screen.contains("no API server since 03:12:09Z"), "{screen}");
        assert!(!looks_healthy(&screen), "something looks healthy:\n{screen}");
        // Keys act on what is known, at once.
        cockpit.press("1 enter");
        assert!(cockpit.screen().contains("web-"), "{}", cockpit.screen());
        cockpit.press("esc");
    }
    assert!(cockpit.screen().contains("stale 5 min"), "{}", cockpit.screen());
    let asked = cockpit.sim.requests().len();
    cockpit.sim.set_fault(storm);
    cockpit.until("everything to be live again", |s| all_are(s, Health::Ok)).await;
    cockpit.until_shown("live now").await;
    assert_eq!(connections(&cockpit), 1, "it went on without a restart");
    let lists = lists(&cockpit.sim.requests()[asked..]);
    assert!(lists.values().all(|n| *n <= 1), "one list per kind at most: {lists:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_only_half_there_are_stale_within_30_s_and_replaced() {
    let sim = stage("calm").await;
    let gate = Gate::before(&sim).await;
    let kubeconfig = gate.kubeconfig(&sim);
    let mut cockpit = Cockpit::over(sim, WIDE, |flags| {
        std::fs::write(flags.kubeconfig.as_ref().unwrap(), kubeconfig).unwrap();
    })
    .await;
    cockpit.settled().await;
    let before = cockpit.state.now;
    gate.set(Mode::Frozen);
    cockpit.sim.advance(Duration::from_secs(31)).await;
    cockpit.tick();
    assert!(all_are(&cockpit.state, Health::Stale), "{:?}", told(&cockpit.state));
    let screen = cockpit.screen();
    assert!(!looks_healthy(&screen) && screen.contains("stale 20 s"), "{screen}");
    cockpit.until("silence to be told", |s| s.known.status(FeedId::Pods).failure.is_some()).await;
    let failure = cockpit.state.known.status(FeedId::Pods).failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure:?}");
    // What was frozen stays dead; what is opened from now on works.
    let accepted = gate.accepted();
    gate.set(Mode::Flows);
    cockpit.until("new connections", |s| all_are(s, Health::Ok)).await;
    assert!(gate.accepted() > accepted);
    assert!(ANSWERED.iter().all(|f| cockpit.state.known.status(*f).ready_at > Some(before)));
    assert_eq!(connections(&cockpit), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_begin_and_are_silent_then_are_not_taken_for_answers() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    let silence = Fault { stall_body_ratio: 1.0, stall_ms: [3_600_000; 2], ..Fault::default() };
    cockpit.sim.set_fault(silence);
    cockpit.advance(Duration::from_secs(31)).await;
    assert!(all_are(&cockpit.state, Health::Stale), "{:?}", told(&cockpit.state));
    cockpit.until("silence to be told", |s| s.known.status(FeedId::Usage).failure.is_some()).await;
    let failure = cockpit.state.known.status(FeedId::Usage).failure.unwrap();
    assert!(failure.happened.contains("silence") || failure.happened.contains("no answer"), "{failure:?}");
    cockpit.sim.set_fault(Fault::default());
    cockpit.until("everything to be live again", |s| all_are(s, Health::Ok)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_makes_nothing_old_and_nothing_fresh() {
    for by in [3600, -3600] {
        let hands = Hands::default();
        let mut cockpit = timed(&hands).await;
        cockpit.press("1 enter r");
        cockpit.until_armed().await;
        let left = |state: &State| match &state.view.overlay {
            Some(Overlay::Dialog(d)) => d.since,
            other => panic!("{other:?}"),
        };
        let (before, opened) = (cockpit.state.now, left(&cockpit.state));
        hands.set_by(by);
        cockpit.tick();
        assert_eq!(cockpit.state.now.duration_since(before).as_secs(), by);
        assert!(all_are(&cockpit.state, Health::Ok), "{by}: {:?}", told(&cockpit.state));
        assert_eq!(cockpit.state.now.duration_since(left(&cockpit.state)), before.duration_since(opened));
        assert!(cockpit.screen().contains("the clock of this machine was set"), "{}", cockpit.screen());
        assert!(!cockpit.screen().contains(" -"), "a negative age:\n{}", cockpit.screen());
        // From now on time passes as before: dialogs run out, and silence is stale.
        cockpit.sim.set_fault(Fault { down: true, ..Fault::default() });
        cockpit.advance(Duration::from_secs(70)).await;
        assert!(cockpit.state.view.overlay.is_none(), "{by}: {}", cockpit.screen());
        assert!(all_are(&cockpit.state, Health::Stale), "{by}: {:?}", told(&cockpit.state));
        cockpit.sim.set_fault(Fault::default());
        cockpit.until("everything to be live again", |s| all_are(s, Health::Ok)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_between_us_and_the_cluster_change_no_verdict() {
    for by in [3600, -3600] {
        let hands = Hands::default();
        hands.set_by(by);
        let mut cockpit = timed(&hands).await;
        cockpit.sim.set_fault(Fault { skew_s: -by, ..Fault::default() });
        cockpit.advance(Duration::from_secs(5)).await;
        cockpit.settled_at_now().await;
        assert!(all_are(&cockpit.state, Health::Ok), "{by}: {:?}", told(&cockpit.state));
        let latency = cockpit.state.derived.latency.as_ref().map(|m| (m.health, m.why.clone()));
        assert_eq!(latency, Some((Health::Ok, None)), "{by}");
        assert!(!cockpit.screen().contains(" -"), "a negative age:\n{}", cockpit.screen());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sleep_everything_is_old_until_it_was_asked_anew() {
    let hands = Hands::default();
    let sim = stage("calm").await;
    let gate = Gate::before(&sim).await;
    let (clock, kubeconfig) = (hands.clock(&sim), gate.kubeconfig(&sim));
    let mut cockpit = Cockpit::timed(sim, WIDE, clock, |flags| {
        std::fs::write(flags.kubeconfig.as_ref().unwrap(), kubeconfig).unwrap();
    })
    .await;
    cockpit.settled().await;
    // Whatever stood between has forgotten the connections meanwhile.
    gate.set(Mode::Frozen);
    hands.sleep(3600);
    cockpit.tick();
    assert!(all_are(&cockpit.state, Health::Stale), "{:?}", told(&cockpit.state));
    assert!(cockpit.screen().contains("stale 60 min"), "{}", cockpit.screen());
    let (woken, asked) = (cockpit.state.now, cockpit.sim.requests().len());
    gate.set(Mode::Flows);
    cockpit.until("everything to be live again", |s| all_are(s, Health::Ok)).await;
    assert!(ANSWERED.iter().all(|f| cockpit.state.known.status(*f).ready_at >= Some(woken)));
    let lists = lists(&cockpit.sim.requests()[asked..]);
    assert!(lists["pods"] == 1 && lists.values().all(|n| *n <= 1), "{lists:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_takes_half_a_minute_holds_nothing_up() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    cockpit.sim.set_fault(Fault { prometheus_ms: 40_000, alertmanager_ms: 40_000, ..Fault::default() });
    cockpit.press("ctrl-r");
    // Whatever was asked before has its answer: the last that there are before the time moves.
    let deadline = Instant::now() + PATIENCE;
    while cockpit.sim.waiting_for_prometheus().now() == 0 || cockpit.sim.waiting_for_alertmanager().now() == 0
    {
        cockpit.drained().await;
        assert!(Instant::now() < deadline, "nothing waits");
    }
    cockpit.drained().await;
    cockpit.advance(Duration::from_secs(31)).await;
    // Asking again and again does not pile up questions.
    for _ in 0..20 {
        cockpit.press("ctrl-r");
    }
    let slow = [FeedId::Signals, FeedId::Alerts];
    let now = cockpit.state.now;
    cockpit
        .until("the rest to go on", |s| {
            let rest = ANSWERED.iter().filter(|f| !slow.contains(f));
            rest.clone().all(|f| s.feed_health(*f) == Health::Ok)
                && s.known.status(FeedId::Usage).ready_at >= Some(now)
        })
        .await;
    assert!(
        slow.iter().all(|f| cockpit.state.feed_health(*f) == Health::Stale),
        "{:?}",
        told(&cockpit.state)
    );
    cockpit.until("it to be told", |s| slow.iter().all(|f| s.known.status(*f).failure.is_some())).await;
    for feed in slow {
        let words = cockpit.state.feed_words(feed).unwrap();
        // A round of questions that had begun before has some answers.
        let told = ["no answer within 30 s", "it is slow: a round of questions took 3"];
        assert!(told.iter().any(|why| words.contains(&format!("stale 20 s: {why}"))), "{words}");
    }
    let (prometheus, alertmanager) =
        (cockpit.sim.waiting_for_prometheus(), cockpit.sim.waiting_for_alertmanager());
    assert!(prometheus.now() <= 1 && alertmanager.now() <= 1, "{prometheus:?} {alertmanager:?}");
    assert!(prometheus.most() <= 5 && alertmanager.most() <= 2, "{prometheus:?} {alertmanager:?}");
    cockpit.sim.set_fault(Fault::default());
    cockpit.press("ctrl-r");
    cockpit.until("everything to be live again", |s| all_are(s, Health::Ok)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pods_page_is_asked_for_again_until_it_is_there_and_then_stays_fresh() {
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    cockpit.sim.set_fault(Fault { too_many_ratio: 1.0, retry_after_s: 1, ..Fault::default() });
    cockpit.press("1 enter g enter");
    cockpit.until_shown("? get pod").await;
    cockpit.sim.set_fault(Fault::default());
    cockpit.advance_quietly(Duration::from_secs(6)).await;
    cockpit.until_shown("CONDITIONS").await;
    assert!(!cockpit.screen().contains("get pod"), "{}", cockpit.screen());
    // What has changed since is there too, and what came stays where nothing new does.
    let restarts = |state: &State| match state.view.pages.last() {
        Some(Page::Pod(page)) => page.detail.as_ref().map(|(_, d)| d.containers[0].restarts),
        _ => None,
    };
    let before = restarts(&cockpit.state);
    cockpit.advance_quietly(Duration::from_secs(330)).await;
    cockpit.until("the restart", |s| restarts(s) > before).await;
    cockpit.sim.set_fault(Fault { error_ratio: 1.0, ..Fault::default() });
    cockpit.advance_quietly(Duration::from_secs(31)).await;
    cockpit.until_shown("what follows is 31s old").await;
    assert!(cockpit.screen().contains("◌ get pod"), "{}", cockpit.screen());
    assert!(cockpit.screen().contains("CONDITIONS"), "{}", cockpit.screen());
    // Another pod of its name is not asked for in its place.
    let Some(Page::Pod(page)) = cockpit.state.view.pages.last_mut() else { panic!("no pod's page") };
    (page.uid, page.waiting) = ("another".into(), false);
    cockpit.press("ctrl-r");
    assert!(matches!(cockpit.state.view.pages.last(), Some(Page::Pod(page)) if !page.waiting));
}
