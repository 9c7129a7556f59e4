//! The morning review: what it finds in each scenario, how it is signed, and what the next day says.

use jiff::SignedDuration;
use midwatch::model::Outcome;
use midwatch::review::{Difference, Review};
use midwatch::sim::{self, Fault, Scenario};
use midwatch::state::review::Signing;

use crate::support::{Cockpit, origin, program};

const WIDE: (u16, u16) = (120, 40);

/// The review that is held, once its questions are answered.
async fn reviewed(cockpit: &mut Cockpit) -> Review {
    cockpit.until("the review", |s| s.review.as_ref().is_some_and(|r| r.review.is_some())).await;
    cockpit.state.review.as_ref().unwrap().review.clone().unwrap()
}

/// Opens the review in the scenario.
async fn open(scenario: &str, size: (u16, u16)) -> (Cockpit, Review) {
    let mut cockpit = Cockpit::open(scenario, size).await;
    cockpit.press("M");
    let review = reviewed(&mut cockpit).await;
    (cockpit, review)
}

fn not_passed(review: &Review) -> Vec<(&'static str, Outcome)> {
    let bad = review.lines.iter().filter(|l| l.outcome() != Outcome::Pass);
    bad.map(|l| (l.id, l.outcome())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calm_night_passes_in_every_line() {
    let (cockpit, review) = open("calm", WIDE).await;
    assert_eq!(not_passed(&review), [], "{}", cockpit.screen());
    assert!(review.lines.len() >= 17 && review.exit_code() == 0);
    let screen = cockpit.screen();
    assert!(screen.contains("First review: nothing to compare with"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_backup_is_found_signed_with_notes_and_told_the_next_day() {
    let (mut cockpit, review) = open("backup-missed", WIDE).await;
    let found = [("alerts", Outcome::Fail), ("backups", Outcome::Fail), ("disk", Outcome::Fail)];
    assert_eq!(not_passed(&review), found, "exactly what is wrong, and nothing else");

    // It can't be signed before each of them has a note.
    cockpit.press("S");
    assert!(cockpit.screen().contains("note on alerts"), "{}", cockpit.screen());
    cockpit.type_text("the backup's own");
    cockpit.press("enter S");
    assert!(cockpit.screen().contains("note on backups"), "{}", cockpit.screen());
    cockpit.type_text("volume ordered");
    cockpit.press("alt-enter");
    cockpit.type_text("retention set back to 14");
    cockpit.press("enter S");
    cockpit.type_text("as backups");
    cockpit.press("enter S");
    assert!(cockpit.screen().contains("sign off the morning review?"), "{}", cockpit.screen());
    cockpit.press("enter");
    cockpit
        .until("the sign-off", |s| matches!(s.review.as_ref().unwrap().signing, Signing::Done { .. }))
        .await;
    let files: Vec<_> = std::fs::read_dir(cockpit.directory.path().join("reviews")).unwrap().collect();
    assert_eq!(files.len(), 1);

    // The next morning, at the same place, everything is well again.
    let reviews = cockpit.directory.path().join("reviews");
    let (scenario, origin) = (Scenario::named("calm").unwrap(), origin() + SignedDuration::from_hours(24));
    let options = sim::Options { scenario, seed: 7, speed: 0.0, pods: None, origin };
    let mut next = Cockpit::over(sim::start(options).await.unwrap(), WIDE, |_| {}).await;
    let kept = next.directory.path().join("reviews");
    std::fs::create_dir(&kept).unwrap();
    for file in std::fs::read_dir(reviews).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, kept.join(path.file_name().unwrap())).unwrap();
    }
    next.settled().await;
    next.press("M");
    let review = reviewed(&mut next).await;
    let cockpit = next;
    let backups = review.line("backups").unwrap();
    assert_eq!(backups.outcome(), Outcome::Pass, "{}", cockpit.screen());
    assert!(
        matches!(&backups.difference, Difference::Changed(was) if was.starts_with("yesterday fail: backup-full"))
    );
    assert_eq!(review.line("cpu").unwrap().difference, Difference::Same);
    assert_eq!(review.since, origin - SignedDuration::from_hours(24), "since the sign-off");
    let closed = review.line("open").unwrap();
    assert_eq!(closed.outcome(), Outcome::Pass, "{closed:?}");
    let screen = cockpit.screen();
    for text in ["Differs from yesterday", "The same as yesterday", "signed off by"] {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_asked_is_not_passed_and_not_signed_without_a_reason() {
    let mut cockpit = Cockpit::open("calm", WIDE).await;
    cockpit.sim.set_fault(Fault { down: true, ..Fault::default() });
    cockpit.press("M");
    let review = reviewed(&mut cockpit).await;
    assert!(review.count(Outcome::CouldNotCheck) >= 5, "{}", cockpit.screen());
    assert_eq!(review.exit_code(), 2);
    assert_eq!(review.line("restarts").unwrap().outcome(), Outcome::CouldNotCheck);
    cockpit.press("S");
    assert!(cockpit.screen().contains("why it is signed though"), "{}", cockpit.screen());
    cockpit.press("esc S");
    cockpit.type_text("the API server is being replaced");
    cockpit.press("enter");
    let held = cockpit.state.review.as_ref().unwrap();
    assert_eq!(held.draft.reason, "the API server is being replaced");
    assert!(held.draft.missing(held.review.as_ref().unwrap()).reason_for.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_opens_its_panel_and_the_walk_goes_through_all_of_them() {
    let (mut cockpit, review) = open("backup-missed", WIDE).await;
    cockpit.press("j enter");
    assert!(cockpit.screen().contains("backup-full"), "{}", cockpit.screen());
    cockpit.press("esc w");
    assert!(cockpit.screen().contains(&format!("1 of {}", review.lines.len())), "{}", cockpit.screen());
    cockpit.press("right right");
    assert!(cockpit.screen().contains("disk: fail") && cockpit.screen().contains("objective 80 %"));
    cockpit.press("left");
    assert!(cockpit.screen().contains("backups: fail"), "{}", cockpit.screen());
    cockpit.press("esc");
    assert!(cockpit.screen().contains("First review"), "{}", cockpit.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_written_beside_each_other_and_never_over_another() {
    let (mut cockpit, _) = open("backup-missed", WIDE).await;
    for _ in 0..2 {
        let before = cockpit.state.notices.len();
        cockpit.press("R");
        cockpit.until("the report", |s| s.notices.len() > before).await;
    }
    let mut names: Vec<String> = std::fs::read_dir(cockpit.directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("midwatch-review"))
        .collect();
    names.sort();
    let stem = "midwatch-review-daily-2026-11-21-0312";
    assert_eq!(
        names,
        [format!("{stem}-2.html"), format!("{stem}-2.md"), format!("{stem}.html"), format!("{stem}.md")]
    );
}

macro_rules! documents {
    ($($name:ident $format:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (cockpit, _) = open("backup-missed", WIDE).await;
            let held = cockpit.state.review.as_ref().unwrap();
            let format = midwatch::review::report::Format::$format;
            insta::assert_snapshot!(midwatch::update::review::document(held, format, false).unwrap());
        })*
    };
}

documents! {
    as_text Text;
    as_markdown Markdown;
}

macro_rules! screens {
    ($($name:ident $scenario:literal $columns:literal $rows:literal $keys:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (mut cockpit, _) = open($scenario, ($columns, $rows)).await;
            cockpit.press($keys);
            insta::assert_snapshot!(cockpit.screen());
        })*
    };
}

screens! {
    review_80 "backup-missed" 80 24 "";
    review_120 "backup-missed" 120 40 "";
    review_200 "calm" 200 60 "";
    review_walk_80 "backup-missed" 80 24 "w right right";
    review_walk_120 "bad-deploy" 120 40 "w right right";
    review_note_80 "backup-missed" 80 24 "n";
}

/// `midwatch review` with these arguments: the exit code, what it says, and what it complains of.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(program())
        .arg("review")
        .args(arguments)
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_says_by_its_exit_code_what_it_found() {
    let (code, text, _) = run(&["--demo", "expiring-certificate"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("certificates     shop.example.com: 6 days left, at least 14"), "{text}");
    let (code, text, errors) = run(&["--demo", "backup-missed", "--sign-off", "--note", "backups=ordered"]);
    assert_eq!((code, text.as_str()), (Some(2), ""), "refused: {errors}");
    assert!(errors.contains("2 findings need a note"), "{errors}");
    let (code, _, errors) = run(&["--demo", "calm", "--sign-off", "--note", "nonsense=x"]);
    assert!(code == Some(2) && errors.contains("no line 'nonsense'; there are alerts,"), "{errors}");
    let (code, text, errors) = run(&["--kubeconfig", "/nowhere/at/all", "--format", "json"]);
    assert_eq!((code, text.as_str()), (Some(2), ""), "{errors}");
}

#[test]
fn a_report_goes_to_a_file_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("review.html");
    let notes = ["--note", "alerts=a", "--note", "backups=<b>", "--note", "disk=c"];
    let mut arguments = vec!["--demo", "backup-missed", "--format", "html", "--sign-off"];
    arguments.extend(["--output", path.to_str().unwrap()].into_iter().chain(notes));
    let (code, text, errors) = run(&arguments);
    assert_eq!((code, text.as_str()), (Some(1), ""), "{errors}");
    assert!(errors.contains("signed off by"), "{errors}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let html = std::fs::read_to_string(&path).unwrap();
    assert!(html.contains("&lt;b&gt;") && html.contains("<svg ") && html.contains("signed off by"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_weekly_review_has_lines_of_its_own() {
    let (mut cockpit, _) = open("calm", WIDE).await;
    cockpit.press("n");
    cockpit.type_text("of the morning");
    cockpit.press("enter v");
    let review = reviewed(&mut cockpit).await;
    assert_eq!(cockpit.state.review.as_ref().unwrap().draft, Default::default());
    assert_eq!(review.scope.kind, midwatch::review::Kind::Weekly);
    for id in ["slo", "latency-trend", "traffic-trend", "patterns", "restores"] {
        assert!(review.line(id).is_some(), "{id}:\n{}", cockpit.screen());
    }
    let trend = review.line("latency-trend").unwrap();
    assert_eq!(trend.outcome(), Outcome::Pass, "{trend:?}");
    cockpit.press("v v v");
    reviewed(&mut cockpit).await;
    let held = cockpit.state.review.as_ref().unwrap();
    let notes: Vec<&str> = held.draft.notes.values().map(String::as_str).collect();
    assert_eq!((held.kind, notes), (midwatch::review::Kind::Daily, vec!["of the morning"]), "notes stay");
}
