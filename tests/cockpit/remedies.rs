//! Each scenario that an action can cure, cured by keys: from the alarm to 'recovered', and back
//! again by undo where there is one.

use std::time::Duration;

use midwatch::model::Health;
use midwatch::model::action::{ActionId, ObjectKind, Progress};

use crate::bench::{Bench, request};
use crate::support::Cockpit;

/// Confirms the plan that is shown, with the name where it has to be typed, and sees it to its end.
pub async fn confirm(cockpit: &mut Cockpit) -> String {
    cockpit.until_armed().await;
    let before = cockpit.state.operations.len();
    match cockpit.name_to_type() {
        Some(name) => {
            cockpit.type_text(&name);
            cockpit.press("enter enter");
        }
        None => cockpit.press("right enter"),
    }
    cockpit.until("the operation", move |s| s.operations.len() > before).await;
    cockpit.until_over().await;
    match &cockpit.state.operations.last().unwrap().progress {
        Progress::Done(words) => words.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Chooses the subject by its name, where the action asks for it.
pub async fn choose(cockpit: &mut Cockpit, key: &str, name: &str) {
    cockpit.press(key);
    let wanted = name.to_owned();
    cockpit.until_shown(&wanted).await;
    cockpit.type_text(name);
    cockpit.press("enter");
}

/// Lets time pass until the headline is fine, for a quarter of an hour at most.
pub async fn recovered(cockpit: &mut Cockpit) {
    for _ in 0..15 {
        cockpit.advance(Duration::from_secs(60)).await;
        cockpit.settled_at_now().await;
        if cockpit.state.derived.headline.health == Health::Ok {
            return;
        }
    }
    panic!("it did not recover:\n{}", cockpit.screen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traffic_spike_is_carried_by_more_pods_and_scaled_back_by_undo() {
    let mut cockpit = Cockpit::open("traffic-spike", (120, 40)).await;
    assert_ne!(cockpit.state.derived.headline.health, Health::Ok);
    choose(&mut cockpit, "s", "deployment/api").await;
    cockpit.until_shown("replicas  20").await;
    cockpit.press("backspace backspace");
    cockpit.type_text("48");
    cockpit.press("enter");
    assert!(confirm(&mut cockpit).await.contains("48 of 48 ready"));
    recovered(&mut cockpit).await;
    let effect = cockpit.state.operations[0].effect.clone();
    cockpit.press("u");
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("replicas 48 → 20"), "{}", cockpit.screen());
    // Too few for the spike: some of them may not be ready.
    let undone = confirm(&mut cockpit).await;
    assert!(undone.contains(" of 20 ready"), "{undone}, {effect:?}");
    let pods = cockpit.state.derived.pods.workloads.iter().find(|w| &*w.key.name == "api").unwrap();
    assert_eq!(pods.wanted, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_cache_is_flushed() {
    let mut cockpit = Cockpit::open("poisoned-cache", (120, 40)).await;
    assert_ne!(cockpit.state.derived.headline.health, Health::Ok);
    choose(&mut cockpit, "f", "cache/cache").await;
    cockpit.until_shown("the keys that a pattern names").await;
    cockpit.press("down enter");
    confirm(&mut cockpit).await;
    recovered(&mut cockpit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leak_is_held_off_by_a_restart() {
    let mut cockpit = Cockpit::open("memory-leak", (120, 40)).await;
    choose(&mut cockpit, "r", "deployment/worker").await;
    assert!(confirm(&mut cockpit).await.contains("6 of 6 ready"));
    recovered(&mut cockpit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_deploy_is_rolled_back_and_forward_again_by_undo() {
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    cockpit.press("b enter");
    cockpit.until_shown("back from revision 17").await;
    cockpit.press("enter");
    assert!(confirm(&mut cockpit).await.contains("20 of 20 ready"));
    recovered(&mut cockpit).await;
    let effect = cockpit.state.operations[0].effect.clone().expect("what came of it is told");
    assert!(effect.starts_with("error ratio 8.1 % →") && effect.contains("within"), "{effect}");
    cockpit.press("u");
    cockpit.until_armed().await;
    assert!(cockpit.screen().contains("revision 18 → 17"), "{}", cockpit.screen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_fails_again_is_not_called_done() {
    let stage = crate::support::stage("backup-missed").await;
    let mut bench = Bench::over(stage, midwatch::config::Config::default(), false).await;
    let full = bench.subject(ObjectKind::CronJob, "backup-full").await;
    let progress = bench.act(&request(ActionId::BackUp, full, &[])).await;
    let told = matches!(&progress, Progress::Failed(words) if words.contains("the Job has failed"));
    assert!(told, "{progress:?}");
}
