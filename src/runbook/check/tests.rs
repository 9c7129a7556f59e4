//! Checks as a whole: read, filled, and judged over states made by hand.

use proptest::prelude::*;

use super::*;
use crate::model::ask::{Answer, Sample};
use crate::model::cluster::{Autoscaler, Certificate, Node};
use crate::model::workload::{WorkloadKind, WorkloadRef};
use crate::model::{Batch, Change, Failure, FailureKind, Observation};

/// One of each kind, as they are written.
const EVERY_KIND: [&str; 13] = [
    "objective = \"p95 latency\"",
    "objective = \"error ratio\"\nwithin = \"budget\"",
    "pods = \"all\"",
    "pods = \"deployment/api\"\nready = \"90 %\"",
    "rollout = \"api\"",
    "autoscaler = \"all\"",
    "backup = \"all\"\nwithin = \"rpo\"",
    "alert = \"HighErrorRate\"",
    "certificate = \"all\"\nvalid_for = \"14 d\"",
    "nodes = \"all\"",
    "http = \"http://127.0.0.1/health\"",
    "promql = \"up\"\nabove = 0",
    "command = [\"true\"]",
];

fn check(text: &str) -> Check {
    Check::parse(text, 1).unwrap_or_else(|p| panic!("{text}: {p:?}"))
}

fn state() -> State {
    crate::setup::state(
        &Default::default(),
        std::sync::Arc::default(),
        &crate::terminal::capabilities::detect(),
        "2026-11-21T03:00:00Z".parse().unwrap(),
        (80, 24),
    )
}

fn observe(state: &mut State, feed: FeedId, observations: Vec<Observation>) {
    let upserts = observations.into_iter().map(Change::Upsert);
    let changes = std::iter::once(Change::Reset).chain(upserts).chain([Change::Ready]).collect();
    state.known.apply(Batch { epoch: 0, feed, at: state.now, changes });
    state.dirty = crate::state::Dirty::ALL;
    state.settle();
}

fn outcome(state: &State, text: &str) -> (Outcome, String) {
    let verdict = check(text).evaluate(state);
    (verdict.outcome, format!("{} / {}", verdict.measured, verdict.limit))
}

#[test]
fn what_is_wrong_is_told_at_its_place_in_the_file() {
    for (text, at, what, next) in [
        ("", (40, 1), "not said what to check", "begin with one of"),
        ("objectiv = \"cpu\"", (40, 1), "not said what", "did you mean 'objective'?"),
        ("\n  rolout = 'api'", (41, 3), "not said what", "did you mean 'rollout'?"),
        ("pods = \"all\"\nalert = \"X\"", (41, 1), "'alert' beside 'pods'", "two checks"),
        (
            "objective = \"p95 latenzy\"",
            (40, 13),
            "nothing that midwatch measures",
            "did you mean 'p95 latency'?",
        ),
        (
            "objective = \"cpu\"\nwithin = \"targat\"",
            (41, 10),
            "'targat' is no value",
            "did you mean 'target'?",
        ),
        ("objective = \"cpu\"\nbelow = \"5 s\"", (41, 9), "is not a ratio", ""),
        ("objective = \"cpu\"\nwithin = \"budget\"", (40, 1), "one of errors", "error ratio"),
        ("objective = \"cpu\"\nabove = \"5 %\"\nbelow = \"9 %\"", (40, 1), "'below' beside 'above'", ""),
        ("pods = \"all\"\nreddy = 3", (41, 1), "unknown key 'reddy'", "did you mean 'ready'?"),
        ("pods = 3", (40, 8), "must be a string", ""),
        ("pods = \"\"", (40, 8), "'pods' is empty", ""),
        ("rollout = \"api\"\nis = \"don\"", (41, 6), "no value of 'is'", "known here: complete"),
        ("alert = \"X\"\nfor = \"5m\"", (40, 1), "only since when an alert fires", "leave"),
        ("certificate = \"all\"\nvalid_for = \"14\"", (41, 13), "not a duration", ""),
        ("http = \"ftp://x\"", (40, 8), "is no URL", "https://"),
        ("promql = \"up\"", (40, 1), "what the value has to be", "above"),
        ("promql = \"up\"\nabove = \"x\"", (41, 9), "not a number", ""),
        ("command = []", (40, 1), "nothing to run", "pg_isready"),
        ("command = \"ls\"", (40, 1), "nothing to run", "pg_isready"),
        ("pods = ", (40, 8), "", ""),
    ] {
        let problem = Check::parse(text, 40).expect_err(text);
        assert_eq!((problem.line, problem.column), at, "{text}: {problem:?}");
        assert!(problem.what.contains(what) && problem.next.contains(next), "{text}: {problem:?}");
    }
    assert!(Check::parse(&"x".repeat(20_000), 1).unwrap_err().what.contains("16 KiB"));
}

#[test]
fn what_is_expected_is_said_as_a_person_would() {
    for (text, words) in [
        ("objective = \"p95 latency\"", "p95 latency within its objective"),
        ("objective = \"error ratio\"\nbeyond = \"target\"", "error ratio beyond its objective"),
        ("objective = \"cpu\"\nbelow = \"80 %\"\nfor = \"5m\"", "cpu below 80 %, for 5m"),
        ("pods = \"all\"", "all pods ready, none crash-looping"),
        ("pods = \"deployment/api\"\nready = 3", "3 or more pods of deployment/api ready"),
        ("pods = \"api\"\nready = \"90 %\"", "90 % or more of pods of api ready"),
        ("rollout = \"deployment/<deployment>\"", "rollout of deployment/<deployment> complete"),
        ("autoscaler = \"web\"", "autoscaler of web below its maximum"),
        ("backup = \"full\"\nverified_within = \"30 d\"", "backup full within its RPO, verified within 30 d"),
        ("alert = \"HighCPU\"", "alert HighCPU not firing"),
        ("alert = \"all\"\nseverity = \"page\"", "no page alert firing"),
        ("certificate = \"a.example\"", "certificate of a.example valid for 14 d or more"),
        ("nodes = \"all\"", "every node ready, without pressure, taking pods"),
        ("http = \"http://x/h?token=1\"\nwithin = \"2s\"", "http://x/h answers 200 within 2s"),
        ("promql = \"up\"\nabove = 0.5\nunit = \"ratio\"", "up above 50 %"),
        (
            "command = [\"redis-cli\", \"PING\"]\nstdout = \"PONG\"",
            "'redis-cli PING' ends with exit code 0, and writes 'PONG'",
        ),
    ] {
        assert_eq!(check(text).words(), words);
    }
}

#[test]
fn parameters_are_asked_for_once_and_nothing_is_judged_before() {
    let rollout = check("rollout = \"deployment/<deployment>\"\nnamespace = \"<namespace>\"");
    assert_eq!(rollout.parameters(), ["deployment", "namespace"]);
    let verdict = rollout.evaluate(&state());
    assert!(verdict.measured.contains("<deployment>"), "{verdict:?}");
    let values = [("deployment", "api"), ("namespace", "shop")];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let filled = rollout.filled(&values).unwrap();
    assert!(filled.parameters().is_empty());
    assert_eq!(filled.words(), "rollout of deployment/api complete");

    let http = check("http = \"https://<host>/health\"\ncontains = \"<host>\"");
    assert_eq!((http.parameters(), http.ask()), (vec!["host".to_owned()], None));
    let values = [("host".to_owned(), "shop.example.com/../".to_owned())].into();
    assert!(http.filled(&values).unwrap_err().contains("<host>"));
    let values = [("host".to_owned(), "shop.example.com".to_owned())].into();
    let Some(Ask::Http { url, .. }) = http.filled(&values).unwrap().ask() else { panic!() };
    assert_eq!(url, "https://shop.example.com/health");
}

#[test]
fn nothing_passes_that_is_not_known() {
    let mut state = state();
    let all = |state: &State| EVERY_KIND.map(|text| (outcome(state, text), text));
    for ((outcome, said), text) in all(&state) {
        assert_eq!(outcome, Outcome::CouldNotCheck, "{text}: {said}");
    }
    // Feeds that answered with nothing.
    for feed in FeedId::ALL {
        observe(&mut state, feed, Vec::new());
    }
    for ((outcome, said), text) in all(&state) {
        let none_is_well = text.starts_with("alert");
        assert_eq!(outcome == Outcome::Pass, none_is_well, "{text}: {said}");
    }
    // What was known has grown old.
    state.now += jiff::SignedDuration::from_mins(5);
    for ((outcome, said), text) in all(&state) {
        assert_eq!(outcome, Outcome::CouldNotCheck, "{text}: {said}");
    }
    let failure = Failure {
        kind: FailureKind::Denied,
        tried: "list alerts".into(),
        happened: "403".into(),
        next: "ask for it".into(),
    };
    let changes = vec![Change::Failed(failure)];
    state.known.apply(Batch { epoch: 0, feed: FeedId::Alerts, at: state.now, changes });
    let (outcome, said) = outcome(&state, "alert = \"X\"");
    assert_eq!(outcome, Outcome::CouldNotCheck);
    assert!(said.contains("alertmanager: denied"), "{said}");
}

fn node(name: &str) -> Node {
    Node {
        name: name.into(),
        ready: true,
        unschedulable: false,
        pressure: Vec::new(),
        allocatable: Default::default(),
        created: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

#[test]
fn nodes_and_autoscalers() {
    let mut state = state();
    let pressed = Node { pressure: vec!["DiskPressure".into()], ..node("n2") };
    let cordoned = Node { unschedulable: true, ..node("n3") };
    let nodes = [node("n1"), pressed, cordoned].map(|n| Observation::Node(Box::new(n)));
    observe(&mut state, FeedId::Nodes, nodes.into());
    for (text, want, said) in [
        ("nodes = \"all\"", Outcome::Fail, "1 of 3 ready; n2: DiskPressure"),
        ("nodes = \"n1\"", Outcome::Pass, "1 of 1 ready"),
        ("nodes = \"n3\"\nis = \"cordoned\"", Outcome::Pass, "1 of 1 cordoned"),
        ("nodes = \"n1\"\nis = \"cordoned\"", Outcome::Fail, "takes new pods"),
        ("nodes = \"n9\"", Outcome::CouldNotCheck, "no node n9"),
    ] {
        let (outcome, words) = outcome(&state, text);
        assert!(outcome == want && words.contains(said), "{text}: {outcome:?} {words}");
    }
    let autoscaler = |name: &str, current, desired| {
        let target = WorkloadRef { kind: WorkloadKind::Deployment, name: name.into() };
        let (namespace, name) = ("shop".into(), format!("{name}-hpa").into());
        Observation::Autoscaler(Box::new(Autoscaler {
            namespace,
            name,
            target,
            min: 2,
            max: 10,
            current,
            desired,
            limited: None,
        }))
    };
    observe(&mut state, FeedId::Autoscalers, vec![autoscaler("web", 5, 5), autoscaler("api", 9, 10)]);
    for (text, want) in [
        ("autoscaler = \"all\"", Outcome::Fail),
        ("autoscaler = \"deployment/web\"", Outcome::Pass),
        ("autoscaler = \"api\"\nis = \"at max\"", Outcome::Pass),
        ("autoscaler = \"worker\"", Outcome::CouldNotCheck),
    ] {
        assert_eq!(outcome(&state, text).0, want, "{text}");
    }
}

#[test]
fn certificates_cover_their_hosts_and_the_first_to_end_decides() {
    let mut state = state();
    let certificate = |name: &str, host: &str, end: Option<&str>| {
        let not_after = end.map(|end| end.parse().unwrap());
        let (namespace, name, dns_names) = ("shop".into(), name.into(), vec![host.into()]);
        let certificate = Certificate { namespace, name, dns_names, not_after, ready: true, message: None };
        Observation::Certificate(Box::new(certificate))
    };
    let known = vec![
        certificate("a", "*.example.com", Some("2026-11-27T03:00:00Z")),
        certificate("b", "example.org", Some("2027-01-21T03:00:00Z")),
    ];
    observe(&mut state, FeedId::Certificates, known.clone());
    for (text, want, said) in [
        ("certificate = \"all\"", Outcome::Fail, "a ends in 6 d"),
        ("certificate = \"shop.example.com\"", Outcome::Fail, "a ends in 6 d"),
        ("certificate = \"shop.example.com\"\nvalid_for = \"5 d\"", Outcome::Pass, "5 days or more"),
        ("certificate = \"example.org\"", Outcome::Pass, "b ends in"),
        ("certificate = \"x.y.example.com\"", Outcome::CouldNotCheck, "no certificate of"),
    ] {
        let (outcome, words) = outcome(&state, text);
        assert!(outcome == want && words.contains(said), "{text}: {outcome:?} {words}");
    }
    let with_unknown = known.into_iter().skip(1).chain([certificate("c", "c.example", None)]).collect();
    observe(&mut state, FeedId::Certificates, with_unknown);
    let (outcome, words) = outcome(&state, "certificate = \"all\"");
    assert!(outcome == Outcome::CouldNotCheck && words.contains("the end of c"), "{words}");
}

/// The outcome once `answer` has come.
fn answered(text: &str, answer: Answer) -> (Outcome, String) {
    let mut state = state();
    let ask = check(text).ask().expect(text);
    let now = state.now;
    state.answers.due(0, [ask.clone()], now, crate::state::answers::EVERY);
    state.answers.arrived(&ask, Ok(answer), now);
    outcome(&state, text)
}

#[test]
fn what_was_asked_for_is_judged() {
    let http = |status, took_ms, found| Answer::Http { status, took_ms, found };
    let ran = |exit, found| Answer::Ran { exit, found, said: "the end".into() };
    let values = |values: &[&str], warning: Option<&str>| Answer::Values {
        values: values.iter().map(|v| Sample { labels: "pod=\"a\"".into(), value: (*v).into() }).collect(),
        warning: warning.map(Clean::from),
    };
    let health = "http = \"http://127.0.0.1/\"\ncontains = \"up\"\nwithin = \"2s\"";
    let ready = "command = [\"pg_isready\"]\nstdout = \"accepting\"";
    let up = "promql = \"up\"\nabove = 0\nbelow = 3";
    for (text, answer, want) in [
        (health, http(200, 1_500, Some(true)), Outcome::Pass),
        (health, http(200, 2_500, Some(true)), Outcome::Fail),
        (health, http(200, 1, Some(false)), Outcome::Fail),
        (health, http(200, 1, None), Outcome::Fail),
        (health, http(302, 1, Some(true)), Outcome::Fail),
        (health, ran(Some(0), None), Outcome::CouldNotCheck),
        (ready, ran(Some(0), Some(true)), Outcome::Pass),
        (ready, ran(Some(0), Some(false)), Outcome::Fail),
        (ready, ran(Some(2), Some(true)), Outcome::Fail),
        (ready, ran(None, None), Outcome::CouldNotCheck),
        (up, values(&["1"], None), Outcome::Pass),
        (up, values(&["1", "2"], Some("PromQL info: not a counter")), Outcome::Pass),
        (up, values(&["1"], Some("one store did not answer")), Outcome::CouldNotCheck),
        (up, values(&["1", "3"], None), Outcome::Fail),
        (up, values(&["+Inf"], None), Outcome::Fail),
        (up, values(&["1", "NaN"], None), Outcome::CouldNotCheck),
        (up, values(&[], None), Outcome::CouldNotCheck),
    ] {
        let (outcome, said) = answered(text, answer.clone());
        assert_eq!(outcome, want, "{text} {answer:?}: {said}");
    }
}

#[test]
fn only_what_looks_for_trouble_confirms_it() {
    for (text, confirms) in [
        ("objective = \"error ratio\"\nbeyond = \"critical\"", true),
        ("alert = \"X\"\nis = \"firing\"", true),
        ("rollout = \"api\"\nis = \"failed\"", true),
        ("autoscaler = \"api\"\nis = \"at max\"", true),
        ("alert = \"X\"", false),
        ("objective = \"error ratio\"", false),
        ("pods = \"all\"", false),
    ] {
        assert_eq!(check(text).confirms_trouble(), confirms, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}", line in any::<usize>()) {
        if let Err(problem) = Check::parse(&text, line) {
            prop_assert!(!problem.what.is_empty());
        }
    }

    #[test]
    fn any_keys_and_values_are_read_or_refused(
        kind in 0..EVERY_KIND.len(),
        key in "objective|pods|ready|within|beyond|above|below|for|is|namespace|valid_for|without_restart|status|exit|stdout|severity|[a-z_]{1,9}",
        value in "\"(\\PC|[<>$\\{\\}])\\PC{0,12}\"|-?[0-9]{1,22}(\\.[0-9]{1,5})?|true|\\[\\]|\\{\\}|\"[0-9]{0,19} ?(s|d|%|ms|h)\"|nan|1979-05-27",
    ) {
        if let Ok(check) = Check::parse(&format!("{}\n{key} = {value}", EVERY_KIND[kind]), 7) {
            check.words();
            check.parameters();
            prop_assert!(!check.evaluate(&state()).is_pass());
        }
    }
}
