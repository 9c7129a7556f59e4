//! Every action through the gateway: done, undone, in read-only mode, and with every fault at
//! every step: nothing is done twice, and the log tells the truth.

use midwatch::config::Config;
use midwatch::journal::Phase;
use midwatch::model::action::{ActionId, Confirmed, Planned, Progress};
use midwatch::sim::WriteFault;

use crate::bench::{Bench, Came, EVERY};

#[test]
fn every_action_is_tested() {
    let tested: Vec<ActionId> = EVERY.iter().map(|(action, ..)| *action).collect();
    // A command of the team's own is not done to the cluster: it has tests of its own.
    let to_the_cluster: Vec<ActionId> = ActionId::ALL
        .iter()
        .copied()
        .filter(|a| !matches!(a, ActionId::Command | ActionId::RunbookCommand))
        .collect();
    assert_eq!(tested, to_the_cluster);
}

/// Runs `test` for every action, some at a time, each in a cluster of its own.
async fn for_every_action<F: Future<Output = ()> + Send + 'static>(test: impl Fn(usize) -> F) {
    let mut running = tokio::task::JoinSet::new();
    for line in 0..EVERY.len() {
        if running.len() >= 3 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(test(line));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_comes_about_and_its_undo_brings_back_what_was() {
    for_every_action(there_and_back).await;
}

async fn there_and_back(line: usize) {
    let (action, kind, ..) = EVERY[line];
    let mut bench = Bench::furnished(Config::default(), false).await;
    let request = bench.case(line).await;
    let before = (bench.acts(), bench.phases().len());
    let preview = bench.preview(&request).await;
    let done = match bench.confirm(&preview).await {
        Came::Over(progress) => progress,
        Came::Not(answer) => panic!("{action:?}: {answer:?}"),
    };
    assert!(matches!(done, Progress::Done(_)), "{action:?}: {done:?}");
    let writes = match action {
        ActionId::Canary => 2,
        // Not by the API server: how often a cache is flushed is counted in `redis`.
        ActionId::FlushCache => 0,
        _ => 1,
    };
    // The simulated controllers are not counted: they don't come through the front door.
    assert_eq!(bench.acts() - before.0, writes, "{action:?}");
    use Phase::{Acted, Confirmed, Outcome, Planned};
    assert_eq!(bench.phases()[before.1..], [Planned, Confirmed, Acted, Outcome], "{action:?}");
    let Some(back) = preview.back else { return };
    // The very same request again, answered by the state as it is now.
    let undone = bench.act(&back).await;
    assert!(matches!(undone, Progress::Done(_)), "{action:?} undone: {undone:?}");
    if let Ok(midwatch::model::action::Planned::Preview(again)) = bench.plan(&request).await {
        assert_eq!(again.before, preview.before, "{kind:?} {action:?}: all is as it was");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_sends_only_questions_whatever_is_asked_for() {
    let mut config = Config::default();
    config.guardrails.everywhere.require_reason = true;
    let mut bench = Bench::furnished(config, true).await;
    let before = bench.acts();
    for (line, (action, ..)) in EVERY.iter().enumerate() {
        let request = bench.case(line).await;
        // What is not there to be ended can't be planned at all.
        let Ok(Planned::Preview(preview)) = bench.plan(&request).await else {
            assert!(matches!(action, ActionId::Expire | ActionId::Release), "{action:?}");
            continue;
        };
        assert!(preview.blocked().is_some_and(|c| c.words.contains("read-only")), "{action:?}");
        assert!(matches!(bench.confirm(&preview).await, Came::Not(_)), "{action:?}");
    }
    assert_eq!(bench.acts(), before);
    let dry = bench.sim.requests().into_iter().filter(|r| r.dry_run).count();
    assert_eq!(dry, 0, "not even dry runs");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// For certain not done.
    Not,
    /// Done once, and found to be.
    Once,
}

const FAULTS: &[(WriteFault, Expected)] = &[
    (WriteFault::Refuse(401), Expected::Not),
    (WriteFault::Refuse(403), Expected::Not),
    (WriteFault::Refuse(409), Expected::Not),
    (WriteFault::Refuse(422), Expected::Not),
    (WriteFault::Refuse(429), Expected::Not),
    (WriteFault::Refuse(500), Expected::Not),
    (WriteFault::Refuse(503), Expected::Not),
    (WriteFault::LoseRequest, Expected::Not),
    (WriteFault::LoseAnswer, Expected::Once),
    (WriteFault::Stall, Expected::Once),
];

/// Whether the fault lets us know that nothing was done.
fn is_certain(fault: WriteFault) -> bool {
    matches!(fault, WriteFault::Refuse(400..=499))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_with_every_fault_is_done_once_or_not_at_all() {
    for_every_action(with_every_fault).await;
}

async fn with_every_fault(line: usize) {
    let (action, ..) = EVERY[line];
    // These are faults of the API server's; those of a cache are in `redis`.
    if action == ActionId::FlushCache {
        return;
    }
    let mut bench = Bench::furnished(Config::default(), false).await;
    for (fault, expected) in FAULTS {
        let request = bench.case(line).await;
        // Once it was done, it can't be done again to the same.
        let Ok(Planned::Preview(preview)) = bench.plan(&request).await else { break };
        if preview.blocked().is_some() {
            break;
        }
        let (acts, records) = (bench.acts(), bench.phases().len());
        bench.set_write_fault(Some(*fault));
        let came = bench.confirm(&preview).await;
        bench.set_write_fault(None);
        let Came::Over(progress) = came else { panic!("{action:?} {fault:?}: {came:?}") };
        let done = bench.acts() - acts;
        let phases = bench.phases()[records..].to_vec();
        let last = bench.audit().last().unwrap().entry.words.clone();
        let told = format!("{action:?} {fault:?}: {progress:?} {phases:?} '{last}'");
        assert_eq!(phases[0], Phase::Confirmed, "{told}");
        match expected {
            Expected::Not => {
                assert_eq!(done, 0, "{told}");
                if is_certain(*fault) {
                    assert!(matches!(progress, Progress::Failed(_)), "{told}");
                    assert_eq!(phases[1..], [Phase::Refused], "{told}");
                } else {
                    assert!(matches!(progress, Progress::Unknown(_)), "{told}");
                    assert_eq!(phases[1..], [Phase::Unknown, Phase::Outcome], "{told}");
                }
            }
            Expected::Once => {
                assert_eq!(done, 1, "{told}");
                assert!(phases.contains(&Phase::Unknown), "{told}");
                let half = action == ActionId::Canary;
                let seen = matches!(progress, Progress::Done(_)) || half;
                assert!(seen, "{told}");
                assert!(!half || last.contains("1 of 2 changes made"), "{told}");
            }
        }
    }
}

/// Ends the recording process at one phase of an operation, as `kill -9` would: the log is as it
/// was then, by a process that is not there any more.
pub fn cut_after(bench: &Bench, phase: Phase) {
    let directory = bench.directory.path().join("audit");
    let file = std::fs::read_dir(&directory).unwrap().map(|f| f.unwrap().path());
    let file = file.into_iter().find(|f| f.extension().is_some_and(|e| e == "jsonl")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let records = bench.audit();
    let last = records.iter().rposition(|r| r.entry.phase == phase).unwrap();
    let kept: Vec<&str> = text.lines().take(last + 1).collect();
    std::fs::remove_dir_all(&directory).unwrap();
    let journal = midwatch::journal::Journal::open(directory).unwrap();
    for line in kept {
        let record: midwatch::journal::Record = serde_json::from_str(line).unwrap();
        // No process has this number: the kernel's own limit is 2^22.
        let who = midwatch::journal::Who { pid: u32::MAX, ..record.who };
        journal.append(record.at, &who, record.entry).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_left_behind_is_looked_up_and_never_done_again() {
    for_every_action(killed).await;
}

async fn killed(line: usize) {
    let (action, ..) = EVERY[line];
    // It was recorded, and the process ended before, or after, the request.
    for (phase, sent) in [(Phase::Confirmed, false), (Phase::Confirmed, true), (Phase::Acted, true)] {
        // No fault of the API server's keeps a flush from its cache.
        if action == ActionId::FlushCache && !sent {
            continue;
        }
        let mut bench = Bench::furnished(Config::default(), false).await;
        let request = bench.case(line).await;
        bench.set_write_fault((!sent).then_some(WriteFault::LoseRequest));
        let preview = bench.preview(&request).await;
        bench.confirm(&preview).await;
        bench.set_write_fault(None);
        cut_after(&bench, phase);
        let acts = bench.acts();
        let next = bench.another();
        tokio::spawn(next.recover(bench.session.clone()));
        let came = bench.until_over().await;
        let Came::Over(progress) = came else { panic!("{action:?} {phase:?}: {came:?}") };
        let told = format!("{action:?} {phase:?} sent {sent}: {progress:?}");
        assert_eq!(bench.acts(), acts, "{told}: it was done again");
        match (sent, &progress) {
            (true, Progress::Done(_)) => {}
            // It can't be told from what was never sent; what is said must not be 'done'.
            (false, Progress::Unknown(_) | Progress::Failed(_)) => {}
            _ => panic!("{told}"),
        }
        assert_eq!(bench.phases().last(), Some(&Phase::Outcome), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statefulset_that_waits_for_its_broken_pod_says_which_to_delete() {
    use midwatch::model::action::ObjectKind;
    let mut bench = Bench::over(crate::support::stage("calm").await, Config::default(), false).await;
    let cache = "/apis/apps/v1/namespaces/shop/statefulsets/cache";
    let bad = serde_json::json!({"spec": {"template": {"spec": {"containers":
        [{"name": "redis", "image": "registry.example.com/shop/nothing:missing"}]}}}});
    let name = bench.object(cache).await["spec"]["template"]["spec"]["containers"][0]["name"].clone();
    let mut bad = bad;
    bad["spec"]["template"]["spec"]["containers"][0]["name"] = name;
    bench.patch(cache, bad).await;
    for _ in 0..24 {
        bench.sim.advance(std::time::Duration::from_secs(5)).await;
    }
    let subject = bench.subject(ObjectKind::StatefulSet, "cache").await;
    let back = crate::bench::request(ActionId::RollBack, subject, &[]);
    let Ok(Planned::Ask(midwatch::model::action::Question::Pick { options, chosen, .. })) =
        bench.plan(&back).await
    else {
        panic!("it has revisions");
    };
    let mut back = back;
    back.answers.insert("revision".into(), options[chosen].value.clone());
    let preview = bench.preview(&back).await;
    assert!(preview.checks.iter().any(|c| c.about.as_str() == "stuck pod"), "{:?}", preview.checks);
    bench.begin(&preview);
    let stuck = bench.until(|p| matches!(p, Progress::Stuck(..)) || p.is_over()).await;
    let Came::Over(Progress::Stuck(words, next)) = stuck else { panic!("{stuck:?}") };
    assert!(words.contains("waits for cache-3, which is broken and of the old revision"), "{words}");
    let deletion = bench.preview(&next).await;
    bench.begin(&deletion);
    // Two operations run now: the deletion is over first.
    for _ in 0..2 {
        let over = bench.until_over().await;
        assert!(matches!(over, Came::Over(Progress::Done(_))), "{over:?}");
    }
    let object = bench.object(cache).await;
    assert_eq!(object["status"]["readyReplicas"], 4);
}

/// Faults of the whole API server, set before a step of the pipeline.
fn outages() -> Vec<midwatch::sim::Fault> {
    use midwatch::sim::Fault;
    vec![
        Fault { down: true, ..Fault::default() },
        Fault { error_ratio: 1.0, ..Fault::default() },
        Fault { too_many_ratio: 1.0, retry_after_s: 1, ..Fault::default() },
        Fault { expired_token: true, ..Fault::default() },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_before_the_act_keeps_it_from_being_done() {
    for_every_action(outage_before).await;
}

async fn outage_before(line: usize) {
    let (action, ..) = EVERY[line];
    let mut bench = Bench::furnished(Config::default(), false).await;
    let request = bench.case(line).await;
    let acts = bench.acts();
    for fault in outages() {
        bench.sim.set_fault(fault.clone());
        let planned = bench.plan(&request).await;
        bench.sim.set_fault(Default::default());
        // Without an answer there is no plan, and the failure says what to do.
        let failure = planned.expect_err("nothing could be read");
        assert!(!failure.next.is_empty() && !failure.happened.is_empty(), "{action:?} {failure:?}");

        let preview = bench.preview(&request).await;
        bench.sim.set_fault(fault.clone());
        let came = bench.confirm(&preview).await;
        bench.sim.set_fault(Default::default());
        assert!(matches!(came, Came::Not(_)), "{action:?} {fault:?}: {came:?}");
        assert_eq!(bench.audit().last().unwrap().entry.phase, Phase::Refused, "{action:?}");
    }
    assert_eq!(bench.acts(), acts, "{action:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_after_the_act_hides_the_outcome_only_for_its_time() {
    for line in [0, 1, 2, 5] {
        let (action, ..) = EVERY[line];
        for fault in outages() {
            let mut bench = Bench::furnished(Config::default(), false).await;
            let request = bench.case(line).await;
            let preview = bench.preview(&request).await;
            let acts = bench.acts();
            bench.stands_still = true;
            bench.begin(&preview);
            let sent = bench.until(|p| matches!(p, Progress::Watching(_))).await;
            assert!(matches!(sent, Came::Over(Progress::Watching(_))), "{action:?}: {sent:?}");
            bench.sim.set_fault(fault);
            let hidden =
                bench.until(|p| matches!(p, Progress::Watching(w) if w.contains("can't be seen"))).await;
            assert!(matches!(hidden, Came::Over(_)), "{action:?}: {hidden:?}");
            bench.stands_still = false;
            bench.sim.set_fault(Default::default());
            let over = bench.until_over().await;
            assert!(matches!(over, Came::Over(Progress::Done(_))), "{action:?}: {over:?}");
            assert_eq!(bench.acts(), acts + 1, "{action:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_recorded_is_not_done() {
    let mut bench = Bench::furnished(Config::default(), false).await;
    let request = bench.case(0).await;
    let acts = bench.acts();
    bench.lose_the_log("No space left on device (os error 28)");
    let preview = bench.preview(&request).await;
    let came = bench.confirm(&preview).await;
    let Came::Not(Confirmed::Refused(failure)) = came else { panic!("{came:?}") };
    assert!(failure.happened.contains("No space left"), "{failure:?}");
    assert!(failure.next.contains("nothing was done"), "{failure:?}");
    assert_eq!(bench.acts(), acts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_was_replaced_under_the_dialog_is_another() {
    let mut bench = Bench::furnished(Config::default(), false).await;
    let pod = bench.case(EVERY.iter().position(|(a, ..)| *a == ActionId::DeletePod).unwrap()).await;
    let preview = bench.preview(&pod).await;
    // Somebody else deletes it while the dialog is open.
    assert!(matches!(bench.act(&pod).await, Progress::Done(_)));
    let acts = bench.acts();
    let came = bench.confirm(&preview).await;
    assert!(matches!(&came, Came::Not(Confirmed::Refused(_))), "{came:?}");
    assert_eq!(bench.acts(), acts);
}
