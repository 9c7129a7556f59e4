//! Real scripts: how they end, what is kept of what they write, and that nothing of them is left.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::model::Clean;
use crate::model::command::Stream;

fn script(text: &str) -> Run {
    command(&["sh", "-c", text])
}

fn command(argv: &[&str]) -> Run {
    Run {
        name: "test".into(),
        argv: argv.iter().map(|a| (*a).to_owned()).collect(),
        directory: std::env::temp_dir().display().to_string(),
        environment: Vec::new(),
        variables: BTreeMap::new(),
        timeout_s: 60,
    }
}

async fn ran(run: &Run) -> Ran {
    let (live, mut lines) = mpsc::channel(16);
    let reader = tokio::spawn(async move { while lines.recv().await.is_some() {} });
    let ran = run.start().unwrap().finish(live, CancellationToken::new()).await;
    reader.await.unwrap();
    ran
}

fn text(ran: &Ran, from: Stream) -> Vec<&str> {
    ran.lines.iter().filter(|l| l.from == from).map(|l| &*l.text).collect()
}

/// Runs a script that says 'ready', stops it then, and tells its other first lines.
async fn stopped(text: &str) -> Ran {
    let (live, mut lines) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let run = script(text);
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { run.start().unwrap().finish(live, stop).await }
    });
    while lines.recv().await.unwrap().text != Clean::new("ready") {}
    stop.cancel();
    let drained = tokio::spawn(async move { while lines.recv().await.is_some() {} });
    let ran = running.await.unwrap();
    drained.await.unwrap();
    ran
}

#[tokio::test]
async fn how_it_ended_is_told() {
    assert_eq!(ran(&script("exit 0")).await.exit, Exit::Exited(0));
    assert_eq!(ran(&script("exit 3")).await.exit, Exit::Exited(3));
    assert_eq!(ran(&script("kill -9 $$")).await.exit, Exit::Signalled(9));
}

#[tokio::test]
async fn both_streams_are_read_and_told_apart() {
    let ran = ran(&script("echo out; echo err >&2; printf last; printf 'ü\\tx' >&2")).await;
    assert_eq!(text(&ran, Stream::Out), ["out", "last"]);
    assert_eq!(text(&ran, Stream::Err), ["err", "ü    x"]);
    assert_eq!(ran.bytes, 16);
}

#[tokio::test]
async fn the_hash_is_that_of_what_was_written() {
    let ran = ran(&script("printf 'a\\nb'")).await;
    assert_eq!(ran.sha256, crate::journal::sha256(b"a\nb"));
}

#[tokio::test]
async fn what_a_terminal_would_act_on_does_not_pass() {
    let ran = ran(&script(
        r"printf '\033[2Jred\033]52;c;ZXZpbA==\007\n'; head -c 100000 /dev/urandom; printf '\n\377\376\000\n'",
    ))
    .await;
    assert_eq!(&*ran.lines[0].text, "red");
    for line in &ran.lines {
        assert!(!line.text.chars().any(char::is_control), "{line:?}");
    }
}

#[tokio::test]
async fn standard_input_is_empty_and_arguments_are_no_shell_s() {
    assert_eq!(ran(&command(&["cat"])).await.exit, Exit::Exited(0));
    let ran = ran(&command(&["printf", "%s|", "$(id)", "; rm x", "'a b'", "*"])).await;
    assert_eq!(text(&ran, Stream::Out), ["$(id)|; rm x|'a b'|*|"]);
}

#[tokio::test]
async fn the_environment_is_what_was_named() {
    // Cargo sets it for its tests: here it stands for a secret.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let mut run = command(&["env"]);
    let known = ["PATH", "HOME", "USER", "LANG", "TERM"];
    let names = |ran: &Ran| -> Vec<String> {
        text(ran, Stream::Out).iter().filter_map(|l| Some(l.split_once('=')?.0.to_owned())).collect()
    };
    let first = names(&ran(&run).await);
    assert!(first.iter().all(|n| known.contains(&n.as_str()) || n.starts_with("LC_")), "{first:?}");
    run.environment = vec!["CARGO_MANIFEST_DIR".into(), "NOT_SET_AT_ALL".into()];
    let second = ran(&run).await;
    assert!(names(&second).contains(&"CARGO_MANIFEST_DIR".to_owned()));
    assert!(text(&second, Stream::Out).contains(&"TERM=dumb"));
}

#[tokio::test]
async fn what_can_t_be_started_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let plain = file("plain", "#!/bin/sh\n", 0o644);
    let orphan = file("orphan", "#!/no/such/interpreter\n", 0o755);
    let data = file("data", "\u{1}\u{2}", 0o755);
    for (argv, words) in [
        (vec!["midwatch-no-such-program"], "not on the PATH"),
        (vec!["./no-such-program"], "is not there"),
        (vec![plain.as_str()], "chmod +x"),
        (vec![orphan.as_str()], "interpreter"),
        (vec![data.as_str()], "no program of this machine"),
        (vec![], "nothing to run"),
    ] {
        let Err(why) = command(&argv).start() else { panic!("{argv:?} was started") };
        assert!(why.contains(words), "{why}");
    }
    let mut lost = script("true");
    lost.directory = dir.path().join("gone").display().to_string();
    let Err(why) = lost.start() else { panic!() };
    assert_eq!(lost.trouble().as_ref(), Some(&why), "the dialog says it before");
    assert!(why.contains("the directory") && why.contains("configuration"), "{why}");
}

#[tokio::test]
async fn a_relative_program_is_looked_for_in_its_directory() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("here.sh");
    std::fs::write(&path, "#!/bin/sh\npwd -P\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut run = command(&["./here.sh"]);
    run.directory = dir.path().display().to_string();
    let ran = ran(&run).await;
    assert_eq!(text(&ran, Stream::Out), [dir.path().canonicalize().unwrap().display().to_string()]);
}

#[tokio::test]
async fn cancelled_it_is_sent_term() {
    let ran =
        stopped("trap 'echo put in order; exit 7' TERM; echo ready; while :; do sleep 0.05; done").await;
    assert_eq!((ran.exit.clone(), ran.killed), (Exit::Cancelled, false));
    assert!(text(&ran, Stream::Out).contains(&"put in order"), "{ran:?}");
}

#[tokio::test]
async fn what_ignores_term_is_killed_with_all_it_started() {
    let ran =
        stopped("trap '' TERM; echo $$; sleep 1000 & echo $!; echo ready; while :; do wait; done").await;
    assert_eq!((ran.exit.clone(), ran.killed), (Exit::Cancelled, true));
    for pid in text(&ran, Stream::Out).iter().filter_map(|l| l.parse().ok()).filter_map(Pid::from_raw) {
        until_gone(pid).await;
    }
}

/// Not there, or a zombie of somebody else's.
fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.map_or(true, |s| s.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

async fn until_gone(pid: Pid) {
    let gone = async {
        while !is_gone(pid) {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(Duration::from_secs(60), gone).await.expect("it runs on");
}

#[tokio::test]
async fn its_time_is_over() {
    let mut run = script("echo begun; sleep 1000");
    run.timeout_s = 0;
    let ran = ran(&run).await;
    assert_eq!((ran.exit, ran.killed), (Exit::TimedOut, false));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hang_us() {
    let ran = ran(&script("sleep 1000 & echo $!; exit 4")).await;
    assert_eq!(ran.exit, Exit::Exited(4));
    assert!(text(&ran, Stream::Note)[0].contains("still runs"), "{ran:?}");
    let pid = Pid::from_raw(text(&ran, Stream::Out)[0].parse().unwrap()).unwrap();
    assert!(!is_gone(pid), "what a command leaves behind on purpose is not ours to end");
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

#[tokio::test]
async fn no_zombie_is_left() {
    let run = script("exit 0");
    let running = run.start().unwrap();
    let pid = Pid::from_raw(running.pid().unwrap().cast_signed()).unwrap();
    let (live, _lines) = mpsc::channel(1);
    running.finish(live, CancellationToken::new()).await;
    assert!(rustix::process::test_kill_process(pid).is_err(), "{pid:?} was not waited for");
}

#[tokio::test]
async fn a_flood_is_capped_and_a_slow_receiver_blocks_nobody() {
    let run = script("head -c 10000000 /dev/zero | tr '\\0' 'x' | fold -w 99");
    let (live, mut lines) = mpsc::channel(4);
    let ran = run.start().unwrap().finish(live, CancellationToken::new()).await;
    assert_eq!((ran.exit.clone(), ran.bytes > 10_000_000), (Exit::Exited(0), true));
    let kept: usize = ran.lines.iter().map(|l| l.text.len()).sum();
    assert!(kept <= output::MAX_KEPT, "{kept}");
    assert!(ran.lines.iter().any(|l| l.from == Stream::Note && l.text.contains("lines left out")));
    let mut shown = 0;
    while lines.recv().await.is_some() {
        shown += 1;
    }
    assert_eq!(shown, 4, "as many as the receiver had room for");
}

#[tokio::test]
async fn dropped_it_is_ended() {
    let running = script("echo $$; exec sleep 1000").start().unwrap();
    let pid = Pid::from_raw(running.pid().unwrap().cast_signed()).unwrap();
    drop(running);
    until_gone(pid).await;
}
