//! Each scenario that an action can cure, cured by keys: from the alarm to 'recovered', and back
//! again by undo where there is one.

use std::time::Duration;

use midwatch::model::Health;
use midwatch::model::action::{ActionId, ObjectKind, Progress};

use crate::bench::{Bench, request};
use crate::support::Cockpit;

/// Confirms the plan that is shown, and sees it to its end.
pub async fn confirm(cockpit: &mut Cockpit) -> String {
    begin(cockpit).await;
    cockpit.until_over().await;
    match &cockpit.state.operations.last().unwrap().progress {
        Progress::Done(words) => words.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Confirms the plan that is shown, with the name where it has to be typed.
async fn begin(cockpit: &mut Cockpit) {
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
        // So that every watch has its bookmark.
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
async fn a_deploy_in_the_night_is_rolled_back() {
    let mut cockpit = Cockpit::open("incident", (120, 40)).await;
    assert_eq!(cockpit.state.derived.headline.health, Health::Ok);
    cockpit.advance(Duration::from_secs(300)).await;
    cockpit.until("the alarm", |state| state.derived.headline.health == Health::Critical).await;
    choose(&mut cockpit, "b", "deployment/api").await;
    cockpit.until_shown("back from revision 17").await;
    cockpit.press("enter");
    assert!(confirm(&mut cockpit).await.contains("20 of 20 ready"));
    recovered(&mut cockpit).await;
}

/// A cockpit with a configuration; `{directory}` in it is where `files` and the kubeconfig are.
async fn configured(scenario: &str, config: &str, files: &[(&str, &str)]) -> Cockpit {
    let sim = crate::support::stage(scenario).await;
    let mut cockpit = Cockpit::over(sim, (120, 40), |global| {
        let directory = global.kubeconfig.as_deref().and_then(std::path::Path::parent).unwrap();
        for (name, text) in files {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let path = directory.join("midwatch.toml");
        std::fs::write(&path, config.replace("{directory}", directory.to_str().unwrap())).unwrap();
        global.config = Some(path);
    })
    .await;
    cockpit.settled().await;
    assert_ne!(cockpit.state.derived.headline.health, Health::Ok, "{}", cockpit.screen());
    cockpit
}

const RETENTION: &str = "apiVersion: batch/v1
kind: CronJob
metadata: {name: backup-full}
spec:
  jobTemplate: {spec: {template: {spec: {containers: [{name: backup, env: [{name: RETENTION_DAYS, value: '14'}]}]}}}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_backup_is_made_up_for_once_there_is_room() {
    let config = "[[manifest]]\nname = \"retention\"\nfile = \"{directory}/retention.yaml\"\n";
    let mut cockpit = configured("backup-missed", config, &[("retention.yaml", RETENTION)]).await;
    choose(&mut cockpit, "m", "retention").await;
    confirm(&mut cockpit).await;
    choose(&mut cockpit, "B", "backup-full").await;
    begin(&mut cockpit).await;
    // It writes 41 GB.
    cockpit.advance(Duration::from_secs(1800)).await;
    cockpit.until_over().await;
    // The Jobs that failed go on to be told of, until somebody deletes them.
    cockpit
        .until("a backup within its RPO", |state| {
            state
                .derived
                .backups
                .iter()
                .any(|(b, health, _)| &*b.name == "backup-full" && *health == Health::Ok)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_by_an_issuer_that_works() {
    if std::process::Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        return crate::commands::skip("kubectl");
    }
    let config = r#"
[[action]]
name = "issuer"
run = ["kubectl", "--kubeconfig={directory}/kubeconfig", "-n", "shop", "patch", "certificate", "shop-tls",
       "--type=merge", "--patch-file={directory}/issuer.yaml"]
"#;
    let issuer = ("issuer.yaml", "spec: {issuerRef: {name: letsencrypt-prod}}");
    let mut cockpit = configured("expiring-certificate", config, &[issuer]).await;
    choose(&mut cockpit, "x", "issuer").await;
    confirm(&mut cockpit).await;
    recovered(&mut cockpit).await;
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
