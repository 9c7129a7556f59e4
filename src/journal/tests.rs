//! What the log is for: whoever changes it is found out, and whoever only had bad luck is not.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::checkpoint::{self, Checkpoint};
use super::show::{self, Format, Selection};
use super::*;

fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn entry(n: usize) -> Entry {
    let target = Target {
        cluster: "prod".into(),
        context: "prod".into(),
        namespace: "shop".into(),
        kind: "deployment".into(),
        name: "api".into(),
        uid: "u1".into(),
    };
    let value = |n: usize| [("replicas".to_owned(), n.to_string())].into();
    Entry {
        phase: Phase::Confirmed,
        action: "scale".into(),
        target,
        operation: format!("op{n}"),
        plan: String::new(),
        before: value(n),
        after: value(n + 1),
        reason: "load, \"peak\"".into(),
        approver: String::new(),
        words: String::new(),
        task: Default::default(),
    }
}

/// Records over two months.
fn log(directory: &Path) -> Journal {
    let journal = Journal::open(directory.to_owned()).unwrap();
    let who = Who::here("dana");
    for n in 0..6 {
        journal.append(at(n as i64 * 60 + i64::from(n > 2) * 40 * 86_400), &who, entry(n)).unwrap();
    }
    journal
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    file::all(directory).unwrap()
}

/// Changes the lines of the `i`th file.
fn rewrite(directory: &Path, i: usize, change: impl FnOnce(&mut Vec<String>)) {
    let path = &files(directory)[i];
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    std::fs::write(path, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
}

/// A record with another reason and a hash that fits it.
fn resealed(line: &str) -> String {
    let mut record: Record = serde_json::from_str(line).unwrap();
    record.entry.reason = "none".into();
    record.sealed().1
}

/// The whole log written anew from `from` on, every hash in order.
fn rechained(directory: &Path) {
    let mut prev: Option<String> = None;
    for path in files(directory) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut out = String::new();
        for line in text.lines() {
            let mut record: Record = serde_json::from_str(line).unwrap();
            record.entry.reason = "all is well".into();
            if let Some(prev) = prev.take() {
                record.prev = prev;
            }
            let (record, line) = record.sealed();
            prev = Some(record.hash);
            out += &(line + "\n");
        }
        std::fs::write(path, out).unwrap();
    }
}

type Tampering = (&'static str, fn(&Path));

const TAMPERINGS: &[Tampering] = &[
    ("a value edited", |d| rewrite(d, 0, |l| l[1] = l[1].replace("\"scale\"", "\"restart\""))),
    ("a time edited", |d| rewrite(d, 0, |l| l[1] = l[1].replace("2026", "2025"))),
    ("a user edited", |d| rewrite(d, 0, |l| l[2] = l[2].replace("dana", "eve"))),
    ("edited, with a hash that fits", |d| rewrite(d, 0, |l| l[1] = resealed(&l[1]))),
    ("the last edited, with a hash that fits", |d| rewrite(d, 1, |l| l[2] = resealed(&l[2]))),
    ("a record removed", |d| rewrite(d, 0, |l| drop(l.remove(1)))),
    ("the first removed", |d| rewrite(d, 0, |l| drop(l.remove(0)))),
    ("two exchanged", |d| rewrite(d, 0, |l| l.swap(0, 1))),
    ("one repeated", |d| rewrite(d, 0, |l| l.insert(1, l[1].clone()))),
    ("one inserted", |d| rewrite(d, 0, |l| l.insert(1, resealed(&l[1])))),
    ("a line of nothing", |d| rewrite(d, 0, |l| l.insert(1, String::new()))),
    ("a line of something else", |d| rewrite(d, 0, |l| l.insert(1, "{\"phase\": \"acted\"}".into()))),
    ("written in another form", |d| rewrite(d, 0, |l| l[1] = l[1].replace("\":", "\": "))),
    ("a field added", |d| rewrite(d, 0, |l| l[1] = l[1].replacen('{', "{\"note\":1,", 1))),
    ("other line ends", |d| rewrite(d, 0, |l| l[1] += "\r")),
    ("the first file removed", |d| std::fs::remove_file(&files(d)[0]).unwrap()),
    ("files exchanged", |d| {
        let f = files(d);
        let (a, b) = (std::fs::read(&f[0]).unwrap(), std::fs::read(&f[1]).unwrap());
        std::fs::write(&f[0], b).unwrap();
        std::fs::write(&f[1], a).unwrap();
    }),
    ("the tail cut", |d| rewrite(d, 1, |l| l.truncate(1))),
    ("the last file removed", |d| std::fs::remove_file(&files(d)[1]).unwrap()),
    ("everything removed", |d| files(d).iter().for_each(|f| std::fs::remove_file(f).unwrap())),
    ("everything written anew, every hash in order", rechained),
    ("a record torn by hand", |d| rewrite(d, 0, |l| l[1].truncate(40))),
];

#[test]
fn every_tampering_is_found() {
    for (what, tamper) in TAMPERINGS {
        let dir = tempfile::tempdir().unwrap();
        log(dir.path());
        let checkpoint = checkpoint::make(dir.path(), at(0), "bastion").unwrap();
        assert_eq!(verify(dir.path(), std::slice::from_ref(&checkpoint)).unwrap().findings, []);
        tamper(dir.path());
        let report = verify(dir.path(), &[checkpoint]).unwrap();
        assert!(!report.findings.is_empty(), "{what} was not found");
    }
}

#[test]
fn a_checkpoint_is_only_as_good_as_its_signature() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path());
    let checkpoint = checkpoint::make(dir.path(), at(0), "bastion").unwrap();
    let text = serde_json::to_string(&checkpoint).unwrap();
    assert_eq!(Checkpoint::read(&text, Some(&checkpoint.key)).unwrap(), checkpoint);
    assert!(Checkpoint::read(&text.replace("bastion", "elsewhere"), None).is_err());
    assert!(Checkpoint::read(&text, Some(&"0".repeat(64))).is_err());
    let key = std::fs::metadata(dir.path().join("checkpoint.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
    rewrite(dir.path(), 0, |l| l.swap(0, 1));
    let refused = checkpoint::make(dir.path(), at(0), "bastion").unwrap_err().to_string();
    assert!(refused.contains("not whole"), "{refused}");
}

#[test]
fn bad_luck_is_no_tampering() {
    let dir = tempfile::tempdir().unwrap();
    let journal = log(dir.path());
    // The clock is set back, over the end of a month.
    journal.append(at(-86_400), &Who::here("dana"), entry(7)).unwrap();
    // A crash in the middle of a record, and one that left nothing but a file.
    let path = files(dir.path()).pop().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{{\"version\":1,\"se")).unwrap();
    std::fs::write(dir.path().join("audit-2027-02.jsonl"), "").unwrap();
    let between = verify(dir.path(), &[]).unwrap();
    assert_eq!((between.findings.len(), between.notes.len()), (0, 1));
    let next = Journal::open(dir.path().to_owned()).unwrap();
    let record = next.append(at(50 * 86_400), &Who::here("eli"), entry(8)).unwrap();
    assert_eq!(record.seq, 9, "the repair is number 8");
    let report = verify(dir.path(), &[]).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.records, 9);
    assert!(report.notes[0].what.contains("record 8 says so"), "{:?}", report.notes);
    // What the crash left can't be taken away or changed afterwards.
    let torn = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, torn.replace("{\"version\":1,\"se\n", "")).unwrap();
    assert!(!verify(dir.path(), &[]).unwrap().findings.is_empty());
    std::fs::write(&path, torn.replace("{\"version\":1,\"se\n", "{\"version\":1,\"sf\n")).unwrap();
    assert!(!verify(dir.path(), &[]).unwrap().findings.is_empty());
}

#[test]
fn what_is_due_is_pruned_and_what_is_not_stays() {
    let dir = tempfile::tempdir().unwrap();
    let journal = log(dir.path());
    let who = Who::here("dana");
    let refused = prune(&journal, at(0), &who, 30).unwrap_err().to_string();
    assert!(refused.contains("7 years"), "{refused}");
    assert_eq!(prune(&journal, at(86_400), &who, KEPT_DAYS).unwrap(), Vec::<String>::new());
    let later = at((KEPT_DAYS + 20) * 86_400);
    assert_eq!(prune(&journal, later, &who, KEPT_DAYS).unwrap().len(), 1);
    let report = verify(dir.path(), &[]).unwrap();
    assert_eq!((report.findings.clone(), report.files, report.notes.len()), (vec![], 2, 1), "{report:?}");
}

#[test]
fn what_was_under_way_is_known_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let journal = log(dir.path());
    let who = Who::here("dana");
    for (n, phase) in [(0, Phase::Acted), (0, Phase::Outcome), (1, Phase::Acted), (2, Phase::Cancelled)] {
        journal.append(at(999_999), &who, Entry { phase, ..entry(n) }).unwrap();
    }
    let open = show::unfinished(dir.path()).unwrap();
    let states: Vec<_> = open.iter().map(|r| (r.entry.operation.as_str(), r.entry.phase)).collect();
    use Phase::{Acted, Confirmed};
    assert_eq!(states, [("op1", Acted), ("op3", Confirmed), ("op4", Confirmed), ("op5", Confirmed)]);
}

#[test]
fn shown_as_text_json_and_csv() {
    let dir = tempfile::tempdir().unwrap();
    let journal = log(dir.path());
    let hostile = Entry { words: "a\u{1b}]52;c;x\u{7}b".into(), reason: "=cmd()".into(), ..entry(9) };
    journal.append(at(1), &Who::here("eli"), hostile).unwrap();
    let all = show::read(dir.path(), &Selection::default()).unwrap();
    let text = show::render(&all, Format::Text);
    assert_eq!(text.lines().count(), 7);
    assert!(
        text.contains("confirmed scale      deployment/api in shop  replicas 0 → 1")
            && !text.contains('\u{1b}'),
        "{text}"
    );
    let csv = show::render(&all, Format::Csv);
    assert!(csv.contains(",\"load, \"\"peak\"\"\",") && csv.contains(",'=cmd(),"), "{csv}");
    let json: Vec<Record> = serde_json::from_str(&show::render(&all, Format::Json)).unwrap();
    assert_eq!(json, all);
    let eli = Selection { user: Some("eli".into()), ..Selection::default() };
    assert_eq!(show::read(dir.path(), &eli).unwrap().len(), 1);
    let since = Selection { since: Some(at(39 * 86_400)), ..Selection::default() };
    assert_eq!(show::read(dir.path(), &since).unwrap().len(), 3);
    let scale = Selection { action: Some("restart".into()), ..Selection::default() };
    assert!(show::read(dir.path(), &scale).unwrap().is_empty());
}

#[test]
fn a_log_that_cannot_be_written_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = Journal::open(blocked.join("audit")).unwrap_err().to_string();
    assert!(error.contains("could not make") && error.contains("[audit] path"), "{error}");
    let journal = log(dir.path());
    rewrite(dir.path(), 1, |l| l[2] = "{}".into());
    let error = journal.append(at(0), &Who::here("dana"), entry(1)).unwrap_err().to_string();
    assert!(error.contains("audit verify"), "{error}");
}

const WRITERS: usize = 8;
const EACH: usize = 1_000;

#[test]
fn eight_processes_write_at_once_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let children: Vec<_> = (0..WRITERS)
        .map(|_| {
            let mut command = Command::new(&program);
            command.args(["--ignored", "--exact", "journal::tests::one_writer", "--nocapture"]);
            command
                .env("MIDWATCH_TEST_JOURNAL", dir.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let report = verify(dir.path(), &[]).unwrap();
    assert_eq!((report.findings.as_slice(), report.notes.as_slice()), ([].as_slice(), [].as_slice()));
    assert_eq!(report.records, (WRITERS * EACH) as u64);
}

#[test]
#[ignore = "the child of the test above"]
fn one_writer() {
    let Some(directory) = std::env::var_os("MIDWATCH_TEST_JOURNAL") else { return };
    let journal = Journal::open(directory.into()).unwrap();
    let who = Who::here("dana");
    for n in 0..EACH {
        journal.append(at(n as i64), &who, entry(n)).unwrap();
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_the_files_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("audit-2026-01.jsonl"), &bytes).unwrap();
        let _ = verify(dir.path(), &[]).unwrap();
        let _ = Checkpoint::read(&String::from_utf8_lossy(&bytes), None);
        let journal = Journal::open(dir.path().to_owned()).unwrap();
        let _ = journal.append(at(0), &Who::default(), entry(0));
    }

    #[test]
    fn one_changed_byte_is_found(place in 0_usize..100_000, byte in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        log(dir.path());
        let checkpoint = checkpoint::make(dir.path(), at(0), "bastion").unwrap();
        let path = &files(dir.path())[0];
        let mut bytes = std::fs::read(path).unwrap();
        let place = place % bytes.len();
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        std::fs::write(path, bytes).unwrap();
        prop_assert!(!verify(dir.path(), &[checkpoint]).unwrap().findings.is_empty());
    }
}
