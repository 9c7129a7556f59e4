//! Copying and sharing: what goes to the terminal's clipboard, what is written to a file, and that
//! the pictures of the README are what the demo shows.

use midwatch::effect::Effect;
use midwatch::model::Health;
use midwatch::msg::Msg;
use midwatch::update::update;

use crate::support::Cockpit;

/// Chooses from the list of what can be copied; what it comes to.
fn chosen(cockpit: &mut Cockpit, query: &str) -> Vec<Effect> {
    cockpit.press("y");
    cockpit.type_text(query);
    update(&mut cockpit.state, Msg::Key("enter".parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_rows_errors_and_the_screen_are_sent() {
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    cockpit.press("enter esc y");
    let copies = cockpit.screen();
    assert!(copies.contains("headline") && !copies.contains("  name  "), "no cursor is seen here: {copies}");
    cockpit.press("esc enter");
    let pod = cockpit.state.view.list(0).selected.unwrap();
    assert_eq!(chosen(&mut cockpit, "name"), [Effect::Copy(pod.name.to_string())]);
    let told = cockpit.state.notices.back().unwrap();
    assert_eq!(told.text, format!("name: sent to the terminal's clipboard ({} B)", pod.name.len()));
    let [Effect::Copy(row)] = &chosen(&mut cockpit, "row")[..] else { panic!("nothing was sent") };
    assert!(row.starts_with(&format!("shop {} ", pod.name)) && row.contains("CrashLoopBackOff"), "{row}");
    let [Effect::Copy(headline)] = &chosen(&mut cockpit, "headline")[..] else { panic!("nothing was sent") };
    assert!(headline.starts_with("critical: "), "{headline}");
    let shown = cockpit.screen();
    let [Effect::Copy(screen)] = &chosen(&mut cockpit, "screen clipboard")[..] else {
        panic!("nothing was sent")
    };
    // All but the last line, which tells what was sent.
    let body = |text: &str| text.lines().take(30).map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(body(screen), body(&shown));
    cockpit.state.notice(Health::Critical, "the audit log can't be written");
    let [Effect::Copy(error)] = &chosen(&mut cockpit, "error")[..] else { panic!("nothing was sent") };
    assert_eq!(error, "the audit log can't be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_go_with_their_labels() {
    let mut cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    cockpit.press("5 enter");
    let [Effect::Copy(row)] = &chosen(&mut cockpit, "row")[..] else { panic!("nothing was sent") };
    assert!(row.contains("alertname=\"") && row.contains(" since "), "{row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_screen_is_written_to_files_that_are_new() {
    let mut cockpit = Cockpit::open("calm", (80, 24)).await;
    for (query, extension) in [("text file", "txt"), ("ansi", "ansi"), ("svg", "svg")] {
        cockpit.press("y");
        cockpit.type_text(query);
        cockpit.press("enter");
        cockpit
            .until("the file", move |s| s.notices.back().is_some_and(|n| n.text.contains(extension)))
            .await;
        let path = cockpit.directory.path().join(format!("midwatch-20261121T031209Z.{extension}"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("prod-eu-1"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_terminal_does_not_take_is_not_sent() {
    let mut cockpit = Cockpit::open("calm", (500, 200)).await;
    assert_eq!(chosen(&mut cockpit, "screen clipboard"), []);
    let told = &cockpit.state.notices.back().unwrap().text;
    assert!(told.ends_with("terminals take 75 kB at most; write a file instead"), "{told}");
}

/// The commands that make the README's pictures, a line each: the file, and what midwatch is asked.
const PICTURES: &str = include_str!("../../assets/pictures/commands.txt");

/// `UPDATE_PICTURES=1` writes them anew.
#[test]
fn the_pictures_of_the_readme_are_what_the_demo_shows() {
    let readme = include_str!("../../README.md");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures");
    for line in PICTURES.lines().filter(|l| !l.starts_with('#')) {
        let (file, asked) = line.split_once(": ").unwrap();
        assert!(readme.contains(&format!("assets/pictures/{file}")), "{file} is in no place of the README");
        let arguments = asked.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>(),
            _ => vec![part.to_owned()],
        });
        let home = tempfile::tempdir().unwrap();
        let done = crate::commands::command(crate::support::program(), home.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(!done.stdout.is_empty(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        let path = folder.join(file);
        if std::env::var("UPDATE_PICTURES").as_deref() == Ok("1") {
            std::fs::write(&path, &done.stdout).unwrap();
        }
        let is = std::fs::read(&path).unwrap_or_default() == done.stdout;
        assert!(
            is,
            "{file} is not what `midwatch {asked}` shows; UPDATE_PICTURES=1 cargo test pictures writes it anew"
        );
    }
}
