//! What a guardrail lets nobody do alone: asked for, approved by another user, done once.

use std::sync::Arc;

use midwatch::config::Config;
use midwatch::model::action::{ActionId, Confirmed, ObjectKind, Progress};
use midwatch::model::scope::Target;
use midwatch::sim::{self, Scenario};
use midwatch::sources::Session;
use serde_json::json;

use crate::bench::{Bench, Came, request};
use crate::support::origin;

const WORKER: &str = "/apis/apps/v1/namespaces/shop/deployments/worker";

async fn stage(origin: jiff::Timestamp) -> Bench {
    let mut scenario = Scenario::named("calm").unwrap();
    let may = |verbs: serde_json::Value, resources: serde_json::Value| json!({"user": "viewer", "verbs": verbs, "resources": resources});
    scenario.rights = serde_json::from_value(json!([
        may(json!(["get", "list", "watch"]), json!(["*"])),
        may(json!(["create"]), json!(["configmaps", "selfsubjectreviews", "selfsubjectaccessreviews"])),
    ]))
    .unwrap();
    let options = sim::Options { scenario, seed: 7, speed: 0.0, pods: None, origin };
    let sim = sim::start(options).await.unwrap();
    let mut config = Config::default();
    config.guardrails.everywhere.max_replicas = Some(7);
    Bench::over(sim, config, false).await
}

/// The other user, in a session of their own.
async fn other(bench: &Bench) -> Arc<Session> {
    let target = Target {
        kubeconfig: Some(bench.directory.path().join("kubeconfig")),
        context: Some("prod-eu-1-viewer".into()),
        ..Target::default()
    };
    Arc::new(midwatch::sources::session::connect(&target).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_limit_it_takes_somebody_else_and_counts_once() {
    let mut bench = stage(origin()).await;
    let worker = bench.subject(ObjectKind::Deployment, "worker").await;
    let up = request(ActionId::Scale, worker.clone(), &[("replicas", "8")]);
    let preview = bench.preview(&up).await;
    assert!(preview.approval_missing && preview.blocked().is_none());
    let line = preview.checks.iter().find(|c| c.about.as_str() == "approval").unwrap();
    assert!(line.words.contains("8 replicas are over max_replicas = 7"), "{line:?}");

    let Came::Not(Confirmed::Asked(next)) = bench.confirm(&preview).await else { panic!("it was done") };
    let short = &preview.plan[..16];
    assert_eq!(next.as_str(), format!("another user runs: midwatch approve {short} -n shop"));
    assert_eq!(bench.object(WORKER).await["spec"]["replicas"], 6, "nothing was done");

    let open = bench.gateway.open_plans(&bench.session, "shop").await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].asked_by.as_str(), open[0].title.as_str()),
        ("oncall", "scale deployment/worker in shop")
    );
    assert!(open[0].lines[0].contains("replicas 6 → 8"), "{open:?}");
    // Not by oneself, whatever $USER says.
    let own = bench.gateway.approve(&bench.session, &open[0]).await.unwrap_err();
    assert!(own.happened.contains("it is your own"), "{own:?}");
    let dana = other(&bench).await;
    bench.gateway.approve(&dana, &open[0]).await.unwrap();

    let preview = bench.preview(&up).await;
    assert!(!preview.approval_missing);
    let line = preview.checks.iter().find(|c| c.about.as_str() == "approval").unwrap();
    assert!(line.words.contains("approved by viewer until"), "{line:?}");
    assert!(matches!(bench.confirm(&preview).await, Came::Over(Progress::Done(_))));
    assert_eq!(bench.object(WORKER).await["spec"]["replicas"], 8);
    let records = bench.audit();
    let confirmed = records.iter().find(|r| !r.entry.approver.is_empty()).expect("the approver is recorded");
    assert_eq!((confirmed.entry.approver.as_str(), confirmed.who.user.as_str()), ("viewer", "oncall"));
    assert!(records.iter().any(|r| r.entry.action == "approve" && r.who.user == "viewer"));

    // The same again is another matter.
    let down = request(ActionId::Scale, worker, &[("replicas", "6")]);
    assert!(matches!(bench.act(&down).await, Progress::Done(_)));
    assert!(bench.preview(&up).await.approval_missing, "an approval counts once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_of_one_plan_for_a_while() {
    let mut bench = stage(origin()).await;
    let worker = bench.subject(ObjectKind::Deployment, "worker").await;
    let up = |n: &str| request(ActionId::Scale, worker.clone(), &[("replicas", n)]);
    let preview = bench.preview(&up("8")).await;
    bench.confirm(&preview).await;
    let open = bench.gateway.open_plans(&bench.session, "shop").await.unwrap();
    let dana = other(&bench).await;
    bench.gateway.approve(&dana, &open[0]).await.unwrap();
    assert!(bench.preview(&up("9")).await.approval_missing, "nine is not eight");
    bench.sim.advance(std::time::Duration::from_secs(31 * 60)).await;
    assert!(bench.preview(&up("8")).await.approval_missing, "half an hour is over");
    assert_eq!(bench.gateway.open_plans(&bench.session, "shop").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_not_what_its_hash_says_is_not_shown() {
    let mut bench = stage(origin()).await;
    let worker = bench.subject(ObjectKind::Deployment, "worker").await;
    let preview = bench.preview(&request(ActionId::Scale, worker, &[("replicas", "8")])).await;
    bench.confirm(&preview).await;
    let path = format!("/api/v1/namespaces/shop/configmaps/midwatch-plan-{}", &preview.plan[..16]);
    let mut map = bench.object(&path).await;
    let plan = map["data"]["plan"].as_str().unwrap().replace("\"replicas\":\"8\"", "\"replicas\":\"7\"");
    assert_ne!(plan, map["data"]["plan"].as_str().unwrap());
    map["data"]["plan"] = plan.into();
    map["metadata"] = json!({"name": "forged", "labels": {"midwatch.dev/kind": "plan"}});
    bench.make("/api/v1/namespaces/shop/configmaps", map).await;
    assert_eq!(bench.gateway.open_plans(&bench.session, "shop").await.unwrap().len(), 1, "only the true one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_lists_what_waits_and_approves_what_is_named() {
    // The command goes by the wall clock.
    let mut bench = stage(jiff::Timestamp::now()).await;
    let worker = bench.subject(ObjectKind::Deployment, "worker").await;
    let up = request(ActionId::Scale, worker, &[("replicas", "8")]);
    let preview = bench.preview(&up).await;
    bench.confirm(&preview).await;
    let home = bench.directory.path().to_owned();
    let run = |context: &'static str, args: Vec<String>| {
        let home = home.clone();
        tokio::task::spawn_blocking(move || {
            let mut command = std::process::Command::new(crate::support::program());
            command.env("HOME", &home).env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
            command.args(["approve", "--context", context, "-n", "shop", "--kubeconfig"]);
            let done = command.arg(home.join("kubeconfig")).args(args).output().unwrap();
            let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
            (done.status.code(), text)
        })
    };
    let short = preview.plan[..16].to_owned();
    let (code, text) = run("prod-eu-1-viewer", vec![]).await.unwrap();
    assert!(code == Some(0) && text.contains(&short) && text.contains("replicas 6 → 8"), "{text}");
    let named = |name: &str| vec![short.clone(), "--name".to_owned(), name.to_owned()];
    let (code, text) = run("prod-eu-1", named("worker")).await.unwrap();
    assert!(code == Some(2) && text.contains("it is your own"), "{text}");
    let (code, text) = run("prod-eu-1-viewer", named("web")).await.unwrap();
    assert!(code == Some(2) && text.contains("'web' is not 'worker': nothing was approved"), "{text}");
    let (code, text) = run("prod-eu-1-viewer", vec![short.clone()]).await.unwrap();
    assert!(code == Some(2) && text.contains("no terminal to type the name on"), "{text}");
    let (code, text) = run("prod-eu-1-viewer", vec!["ffff".into()]).await.unwrap();
    assert!(code == Some(2) && text.contains("no plan 'ffff' waits"), "{text}");
    let (code, text) = run("prod-eu-1-viewer", named("worker")).await.unwrap();
    assert!(code == Some(0) && text.contains("approved: scale deployment/worker"), "{text}");
    assert!(!bench.preview(&up).await.approval_missing);
}
