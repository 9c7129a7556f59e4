//! The fold, and the file that it is the fold of.

use std::path::Path;

use proptest::prelude::*;

use super::event::OfStep as S;
use super::store::{Open, Store, StoreError};
use super::*;
use crate::journal::Who;
use crate::model::Clean;
use crate::model::command::{OutputLine, Stream};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn who(name: &str) -> Who {
    Who { local: name.to_owned(), ..Who::default() }
}

fn steps() -> Vec<StepRef> {
    let step = |id: &str, kind, commands| StepRef {
        id: id.to_owned(),
        kind,
        section: vec!["First".to_owned()],
        parent: None,
        text: format!("step {id}"),
        commands,
    };
    vec![step("a", StepKind::Task, 0), step("b", StepKind::Command, 2), step("c", StepKind::Check, 1)]
}

fn event(second: i64, what: What) -> Event {
    Event { at: at(second), who: who("dana"), what }
}

fn of(step: &str, what: S) -> What {
    What::OfStep { step: step.to_owned(), what }
}

fn began(command: usize, session: &str) -> S {
    S::Began { command, session: session.to_owned(), plan: String::new() }
}

fn ended(command: usize, failed: Option<&str>) -> S {
    let words = "exit 0 after 1.0 s".to_owned();
    S::Ended {
        command,
        evidence: Evidence { words, failed: failed.map(str::to_owned), ..Evidence::default() },
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict { outcome, measured: Clean::new("8 %"), limit: Clean::new("objective 1 %"), at: None }
}

fn walk(events: Vec<What>) -> Walk {
    let started = What::Started { place: Place::default(), steps: steps() };
    let all = std::iter::once(started).chain(events);
    Walk::of("w", &all.enumerate().map(|(i, what)| event(i as i64, what)).collect::<Vec<_>>())
}

fn status(events: Vec<What>, step: &str) -> Status {
    walk(events).status(step)
}

#[test]
fn what_is_measured_and_what_is_said_are_two_states() {
    let checked = |o| status(vec![of("c", S::Checked { verdict: verdict(o) })], "c");
    assert_eq!(checked(Outcome::Pass), Status::Verified("8 %, objective 1 %".into()));
    assert_eq!(checked(Outcome::Fail), Status::Failed("8 %, objective 1 %".into()));
    assert!(
        matches!(checked(Outcome::CouldNotCheck), Status::Unknown(why) if why.starts_with("could not check"))
    );
    let said = status(vec![of("c", S::Attested { note: "I looked".into() })], "c");
    assert_eq!(said, Status::Attested("I looked".into()));
    assert_ne!(said.word(), checked(Outcome::Pass).word());
}

#[test]
fn a_step_is_verified_when_all_its_commands_have_ended_well() {
    let one = vec![of("b", began(0, "s")), of("b", ended(0, None))];
    assert_eq!(status(one.clone(), "b"), Status::ToDo);
    let both = [one.clone(), vec![of("b", began(1, "s")), of("b", ended(1, None))]].concat();
    assert_eq!(status(both.clone(), "b"), Status::Verified("exit 0 after 1.0 s".into()));
    let failed = [one, vec![of("b", began(1, "s")), of("b", ended(1, Some("exit code 3")))]].concat();
    assert_eq!(status(failed, "b"), Status::Failed("exit code 3".into()));
    let undone = walk([both, vec![of("b", S::Undone)]].concat());
    assert_eq!(undone.status("b"), Status::ToDo);
    assert_eq!(undone.steps["b"].evidence.len(), 2, "what was seen stays");
}

#[test]
fn a_step_with_steps_of_its_own_stands_where_they_stand() {
    let mut steps = steps();
    (steps[1].parent, steps[2].parent) = (Some("a".into()), Some("a".into()));
    let status = |events: Vec<What>| {
        let started = What::Started { place: Place::default(), steps: steps.clone() };
        let all: Vec<Event> = std::iter::once(started).chain(events).map(|what| event(0, what)).collect();
        Walk::of("w", &all).status("a")
    };
    let ran = vec![of("b", ended(0, None)), of("b", ended(1, None))];
    let check = of("c", S::Checked { verdict: verdict(Outcome::Pass) });
    assert_eq!(status(ran.clone()), Status::ToDo);
    assert!(matches!(status([ran.clone(), vec![check.clone()]].concat()), Status::Verified(_)));
    let said = of("c", S::Attested { note: String::new() });
    assert!(matches!(status([ran.clone(), vec![said]].concat()), Status::Attested(_)));
    let left_out = of("c", S::Skipped { reason: "no".into() });
    assert!(matches!(status([ran.clone(), vec![left_out]].concat()), Status::Skipped(_)));
    let own = of("a", S::Skipped { reason: "I know".into() });
    assert_eq!(status([ran, vec![check, own]].concat()), Status::Skipped("I know".into()));
    // A file that leads round in a circle is no trap.
    let mut round = steps.clone();
    round[0].parent = Some("b".into());
    let started = What::Started { place: Place::default(), steps: round };
    assert_eq!(Walk::of("w", &[event(0, started)]).status("a"), Status::ToDo);
}

#[test]
fn a_finished_walk_that_is_gone_on_with_is_not_finished() {
    let finished = vec![of("a", S::Attested { note: String::new() }), What::Finished];
    assert!(walk(finished.clone()).finished.is_some());
    let note = of("a", S::Noted { text: "later".into() });
    assert!(walk([finished.clone(), vec![What::Joined, note]].concat()).finished.is_some());
    assert!(walk([finished, vec![of("a", S::Undone)]].concat()).finished.is_none());
}

fn begin_walk(directory: &Path) -> (Store, Open) {
    let store = Store::new(directory.join("walks"));
    let place = Place { document: "failed-deployment".into(), ..Place::default() };
    let open = store.create(at(0), &who("dana"), place, steps()).unwrap();
    (store, open)
}

#[test]
fn what_was_begun_by_who_is_gone_is_unknown_and_never_begun_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mine) = begin_walk(directory.path());
    mine.begin(at(1), &who("dana"), "b", began(0, &mine.session), 1).unwrap();
    // While she is there, another who joins leaves it alone.
    let other = store.join(&mine.id, at(2), &who("erik")).unwrap();
    assert!(matches!(Walk::of("w", &store.read(&mine.id).unwrap()).status("b"), Status::Running(0)));
    let taken = other.begin(at(3), &who("erik"), "b", began(0, &other.session), 9).unwrap_err();
    assert!(matches!(taken, StoreError::Taken(_)), "{taken}");
    let id = mine.id.clone();
    // Her process is gone: its lock goes with it.
    drop(mine);
    drop(store.join(&id, at(4), &who("erik")).unwrap());
    let walk = Walk::of("w", &store.read(&id).unwrap());
    let Status::Unknown(why) = walk.status("b") else { panic!("{:?}", walk.status("b")) };
    assert!(why.contains("dana began it at 22:13:21Z"), "{why}");
}

#[test]
fn who_has_not_seen_the_latest_begins_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (_store, open) = begin_walk(directory.path());
    open.append(at(1), &who("erik"), of("b", S::Attested { note: String::new() })).unwrap();
    let refused = open.begin(at(2), &who("dana"), "b", began(0, "s"), 1).unwrap_err().to_string();
    assert!(refused.contains("erik has been at this step"), "{refused}");
    open.begin(at(3), &who("dana"), "b", began(0, "s"), 2).unwrap();
}

#[test]
fn an_event_that_was_cut_short_spoils_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (store, open) = begin_walk(directory.path());
    open.append(at(1), &who("dana"), of("a", S::Attested { note: "x".into() })).unwrap();
    let file = open.directory().join("events.jsonl");
    let whole = std::fs::read(&file).unwrap();
    let cut = whole.len() - 20;
    std::fs::write(&file, &whole[..cut]).unwrap();
    assert_eq!(store.read(&open.id).unwrap().len(), 1);
    open.append(at(2), &who("dana"), of("a", S::Skipped { reason: "y".into() })).unwrap();
    let walk = Walk::of("w", &store.read(&open.id).unwrap());
    assert_eq!(walk.status("a"), Status::Skipped("y".into()));
}

#[test]
fn files_are_for_their_owner_and_ids_are_names() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (store, open) = begin_walk(directory.path());
    let line = OutputLine { from: Stream::Out, text: Clean::new("seen") };
    let file = open.keep(&[line]).unwrap();
    for path in [open.directory().join("events.jsonl"), open.directory().join(&file)] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    for id in ["../walks", ".", "", "a/b", "gone"] {
        assert!(matches!(store.read(id), Err(StoreError::NoSuch(_))), "{id}");
    }
    assert_eq!(store.list().len(), 1);
    assert_eq!(store::last_walked(&directory.path().join("walks"))["failed-deployment"], at(0));
}

#[test]
fn a_report_says_when_evidence_is_not_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let (store, open) = begin_walk(directory.path());
    let file = open.keep(&[OutputLine { from: Stream::Out, text: Clean::new("seen") }]).unwrap();
    let evidence = Evidence {
        ran: "echo `seen`".into(),
        words: "exit 0".into(),
        file: file.clone(),
        ..Evidence::default()
    };
    open.append(at(1), &who("da|na"), of("b", S::Ended { command: 0, evidence })).unwrap();
    let report = || {
        let walk = Walk::of(&open.id, &store.read(&open.id).unwrap());
        (report::markdown(&walk, open.directory()), report::json(&walk, open.directory()))
    };
    let (markdown, json) = report();
    assert!(markdown.contains("`` echo `seen` ``") && !markdown.contains("changed or gone"), "{markdown}");
    assert!(markdown.contains("da\\|na"), "{markdown}");
    assert_eq!(json["steps"][1]["evidence"][0]["is_whole"], true);
    std::fs::write(open.directory().join(&file), "other").unwrap();
    let (markdown, json) = report();
    assert!(markdown.contains("changed or gone"), "{markdown}");
    assert_eq!(json["steps"][1]["evidence"][0]["is_whole"], false);
}

fn any_event() -> impl Strategy<Value = What> {
    let step = prop_oneof![Just("a"), Just("b"), Just("c"), Just("gone")];
    let outcome = prop_oneof![Just(Outcome::Pass), Just(Outcome::Fail), Just(Outcome::CouldNotCheck)];
    let what = prop_oneof![
        (0usize..3).prop_map(|c| began(c, "s")),
        (0usize..3, any::<bool>()).prop_map(|(c, ok)| ended(c, (!ok).then_some("exit code 1"))),
        outcome.prop_map(|o| S::Checked { verdict: verdict(o) }),
        "\\PC{0,8}".prop_map(|note| S::Attested { note }),
        "\\PC{1,8}".prop_map(|reason| S::Skipped { reason }),
        "\\PC{1,8}".prop_map(|text| S::Noted { text }),
        Just(S::Undone),
        Just(S::Interrupted { why: "gone".into() }),
        Just(S::NotBegun { why: "refused".into() }),
    ];
    prop_oneof![
        8 => (step, what).prop_map(|(step, what)| of(step, what)),
        1 => Just(What::Joined),
        1 => Just(What::Finished),
        1 => ("[a-z]{1,4}", "\\PC{0,8}").prop_map(|(name, value)| What::Parameter { name, value }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever the file ends, after whichever byte: what is read is a beginning of what was written, and
    /// the walk is its fold.
    #[test]
    fn a_walk_is_the_fold_of_what_is_on_disk(events in prop::collection::vec(any_event(), 0..12), cut in any::<prop::sample::Index>()) {
        let directory = tempfile::tempdir().unwrap();
        let (store, open) = begin_walk(directory.path());
        for (i, what) in events.iter().enumerate() {
            open.append(at(i as i64), &who("dana"), what.clone()).unwrap();
        }
        let all = store.read(&open.id).unwrap();
        prop_assert_eq!(all.iter().skip(1).map(|e| e.what.clone()).collect::<Vec<_>>(), events);
        let file = open.directory().join("events.jsonl");
        let bytes = std::fs::read(&file).unwrap();
        let cut = cut.index(bytes.len() + 1);
        std::fs::write(&file, &bytes[..cut]).unwrap();
        let left = store.read(&open.id).unwrap();
        let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        prop_assert_eq!(&left[..], &all[..lines]);
        let mut grown = Walk::of(&open.id, &[]);
        left.iter().for_each(|e| grown.apply(e));
        prop_assert_eq!(grown, Walk::of(&open.id, &left));
    }
}
