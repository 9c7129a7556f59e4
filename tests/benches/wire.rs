//! How long the whole list of 10,000 pods takes until it is in the state, beside its mere download
//! with the same `Accept`: `cargo bench --bench wire`.
//!
//! The API server is the simulated one, in a process of its own. Figures are printed, not judged.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be set up has nothing to measure")]

#[path = "support/program.rs"]
mod program;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use midwatch::cli::Global;
use midwatch::clock::Clock;
use midwatch::config::Config;
use midwatch::model::{Change, FeedId, Observation};
use midwatch::msg::Msg;
use midwatch::sources::kubernetes::api::{self, Encoding, Want};
use midwatch::sources::kubernetes::list::{Part, Parts};
use midwatch::sources::session::{NamespaceChoice, connect};
use midwatch::sources::{Context, SOURCES, Session, Target, Wants};
use midwatch::terminal::capabilities::Capabilities;
use midwatch::ui::theme::Depth;
use midwatch::{setup, update};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const PODS: usize = 10_000;
const TIMES: usize = 5;

fn simulation(kubeconfig: &Path) -> Child {
    let mut child = Command::new(program::program())
        .args(["sim", "calm", "--pods", &PODS.to_string(), "--kubeconfig-out"])
        .arg(kubeconfig)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with("stop ")), "no simulation");
    child
}

async fn session(kubeconfig: &Path) -> Session {
    let target = Target {
        kubeconfig: Some(kubeconfig.to_owned()),
        namespace: NamespaceChoice::All,
        ..Target::default()
    };
    connect(&target).await.unwrap()
}

/// Until the last byte is here; nothing is made of them.
async fn download(session: &Session, encoding: Encoding, compressed: bool) -> (Duration, usize) {
    let started = Instant::now();
    let want = Want { encoding, stream: !compressed };
    let uri = "/api/v1/pods?resourceVersion=0";
    let mut body = api::get(&session.client, uri, want, api::PATIENCE).await.unwrap().into_body();
    let mut bytes = 0;
    while let Some(piece) = api::piece(&mut body, api::PATIENCE).await.unwrap() {
        bytes += piece.len();
    }
    (started.elapsed(), bytes)
}

/// The same, taken apart into items.
async fn taken_apart(session: &Session) -> Duration {
    let started = Instant::now();
    let want = Want { encoding: Encoding::Protobuf, stream: false };
    let uri = "/api/v1/pods?resourceVersion=0";
    let mut body = api::get(&session.client, uri, want, api::PATIENCE).await.unwrap().into_body();
    let (mut parts, mut items) = (Parts::new(Encoding::Protobuf), 0);
    while let Some(piece) = api::piece(&mut body, api::PATIENCE).await.unwrap() {
        parts.push(&piece).unwrap();
        while let Some(part) = parts.take().unwrap() {
            items += usize::from(matches!(part, Part::Item(_)));
        }
    }
    assert!(items >= PODS);
    started.elapsed()
}

/// Until the first and the last pod are in the state, and ready to be drawn.
async fn known(session: Session) -> (Duration, Duration) {
    let capabilities = Capabilities {
        depth: Depth::True,
        ascii: false,
        term: "xterm-256color".into(),
        reason: String::new(),
    };
    let config = Arc::new(Config::default());
    let now = Clock::wall().now();
    let mut state = setup::state(&Global::default(), config.clone(), &capabilities, now, (120, 40));
    let (out, mut batches) = mpsc::channel(64);
    let (_want, wants) = watch::channel(Wants { window: Duration::from_secs(3600), refresh: 0 });
    let stop = CancellationToken::new();
    let (session, epoch) = (Arc::new(session), state.epoch);
    let context =
        Context { epoch, session, config, out, stop: stop.clone(), wants, found: Default::default() };
    let source = SOURCES.iter().find(|source| source.feeds() == [FeedId::Pods]).unwrap();
    let started = Instant::now();
    tokio::spawn(source.run(context));
    let mut first = None;
    loop {
        let batch = batches.recv().await.unwrap();
        let ready = batch.changes.iter().any(|change| matches!(change, Change::Ready));
        let pods = batch.changes.iter().any(|c| matches!(c, Change::Upsert(Observation::Pod(_))));
        update::update(&mut state, Msg::Batch(batch));
        state.settle();
        if pods {
            first.get_or_insert_with(|| started.elapsed());
        }
        if ready {
            break;
        }
    }
    assert!(state.known.pods.len() >= PODS);
    stop.cancel();
    (first.unwrap(), started.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

async fn measure(kubeconfig: &Path) {
    for (encoding, compressed) in [
        (Encoding::Json, false),
        (Encoding::Json, true),
        (Encoding::Protobuf, false),
        (Encoding::Protobuf, true),
    ] {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let session = session(kubeconfig).await;
            let (took, received) = download(&session, encoding, compressed).await;
            times.push(took);
            bytes = received;
        }
        let how = format!("{encoding:?}{}", if compressed { ", gzip" } else { "" });
        println!("download, {how:<16} {:>8.1} ms, {:>5.1} MB unpacked", median(times), bytes as f64 / 1e6);
    }
    let (mut apart, mut first, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        apart.push(taken_apart(&session(kubeconfig).await).await);
        let (one, last) = known(session(kubeconfig).await).await;
        first.push(one);
        all.push(last);
    }
    println!("taken apart                {:>8.1} ms", median(apart));
    println!("first pods in the state    {:>8.1} ms", median(first));
    println!("all pods in the state      {:>8.1} ms", median(all));
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    let mut sim = simulation(&kubeconfig);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&kubeconfig));
    sim.kill().unwrap();
    sim.wait().unwrap();
}
