//! What a frame, an event, a list and a filter cost with 10,000 pods: `cargo bench --bench cockpit`.
//!
//! The cluster is the simulated one, read through its socket by the real sources before anything is
//! measured; pages of its list are kept and converted again.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't be set up has nothing to measure")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use midwatch::cli::Global;
use midwatch::clock::Clock;
use midwatch::config::Config;
use midwatch::model::filter::Filter;
use midwatch::model::{Batch, Change, FeedId, Observation};
use midwatch::msg::Msg;
use midwatch::panels::PODS;
use midwatch::sim::{self, Scenario};
use midwatch::sources::kubernetes::api::{self, Encoding, Want};
use midwatch::sources::kubernetes::kind::{Convert, Kind};
use midwatch::sources::kubernetes::list::{self, Part, Parts};
use midwatch::sources::kubernetes::pods::{PodWire, Pods};
use midwatch::sources::kubernetes::raw::Raw;
use midwatch::sources::session;
use midwatch::state::{Page, State};
use midwatch::terminal::capabilities::Capabilities;
use midwatch::terminal::encode::Encoder;
use midwatch::ui::theme::Depth;
use midwatch::{runtime, setup, ui, update};

const PODS_KNOWN: usize = 10_000;
const SIZE: (u16, u16) = (200, 60);

/// The cockpit with everything known, and its pods as the API server sent them, in each encoding.
struct Stage {
    state: State,
    json: Vec<Vec<u8>>,
    protobuf: Vec<Vec<u8>>,
}

async fn stage() -> Stage {
    let options = sim::Options {
        scenario: Scenario::named("bad-deploy").unwrap(),
        seed: 1,
        speed: 0.0,
        pods: Some(PODS_KNOWN),
        origin: "2026-11-21T03:12:09Z".parse().unwrap(),
    };
    let sim = sim::start(options).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
    let global = Global { kubeconfig: Some(kubeconfig), all_namespaces: true, ..Global::default() };
    let ticking = *sim.clock();
    let clock = Clock::new(move || ticking.now());
    let capabilities = Capabilities {
        depth: Depth::True,
        ascii: false,
        term: "xterm-256color".into(),
        reason: String::new(),
    };
    let mut state = setup::state(&global, Arc::new(Config::default()), &capabilities, clock.now(), SIZE);
    let settled = runtime::settle(&mut state, &clock, Duration::from_secs(120)).await;
    println!("{} pods known, {settled:?}", state.known.pods.len());
    let session = session::connect(&state.target).await.unwrap();
    let json = pages(&session, Encoding::Json).await;
    let protobuf = pages(&session, Encoding::Protobuf).await;
    Stage { state, json, protobuf }
}

async fn pages(session: &session::Session, encoding: Encoding) -> Vec<Vec<u8>> {
    let (mut pages, mut go_on) = (Vec::new(), String::new());
    loop {
        let uri = list::page_uri("/api/v1/pods", Some(list::PAGE), &go_on);
        let want = Want { encoding, stream: false };
        let response = api::get(&session.client, &uri, want, api::PATIENCE).await.unwrap();
        assert_eq!(Encoding::of(&response), encoding);
        let body = api::bytes(response.into_body(), api::MAX_BODY, api::PATIENCE).await.unwrap();
        go_on = taken(&body, encoding, |_| ());
        pages.push(body);
        if go_on.is_empty() {
            break;
        }
    }
    let bytes: usize = pages.iter().map(Vec::len).sum();
    println!("{encoding:?}: {} pages, {:.1} MiB", pages.len(), bytes as f64 / 1048576.0);
    pages
}

/// Gives out a page's items, and says where the list goes on.
fn taken(page: &[u8], encoding: Encoding, mut item: impl FnMut(&[u8])) -> String {
    let (mut parts, mut go_on) = (Parts::new(encoding), String::new());
    parts.push(page).unwrap();
    while let Some(part) = parts.take().unwrap() {
        match part {
            Part::Metadata(raw) => go_on = list::metadata(raw, encoding).unwrap().go_on,
            Part::Item(raw) => item(raw),
        }
    }
    go_on
}

/// What the feed makes of a page.
fn observed(page: &[u8], encoding: Encoding, convert: &mut Convert) -> Vec<Change> {
    let mut changes = Vec::new();
    taken(page, encoding, |raw| {
        let pod: PodWire = Raw::item(encoding, raw).read(Pods::MESSAGE).unwrap();
        changes.extend(Pods::convert(pod, convert).map(Change::Upsert));
    });
    changes
}

fn feed(state: &mut State, changes: Vec<Change>) {
    let (epoch, at) = (state.epoch, state.now);
    update::update(state, Msg::Batch(Batch { epoch, feed: FeedId::Pods, at, changes }));
}

fn zoomed(state: &State) -> State {
    let mut state = state.clone();
    state.view.pages.push(Page::Panel(PODS));
    state.settle();
    state
}

/// A thousand pods of the list that restart once more.
fn events(state: &State) -> Vec<Change> {
    let restarted = |pod: &Arc<midwatch::model::pod::Pod>| {
        let mut pod = pod.as_ref().clone();
        pod.restarts += 1;
        pod.last_restart = Some(state.now);
        Change::Upsert(Observation::Pod(Box::new(pod)))
    };
    state.known.pods.iter().step_by(state.known.pods.len() / 1000).take(1000).map(restarted).collect()
}

fn frames(c: &mut Criterion, state: &State) {
    c.bench_function("frame, cockpit at 200x60", |b| b.iter(|| ui::draw(black_box(state))));
    let zoomed = zoomed(state);
    c.bench_function("frame, pods zoomed at 200x60", |b| b.iter(|| ui::draw(black_box(&zoomed))));
    let mut ticking = state.clone();
    let mut now = state.now;
    c.bench_function("a second passes: tick and settle", |b| {
        b.iter(|| {
            now += Duration::from_secs(1);
            update::update(&mut ticking, Msg::Tick(now));
            ticking.settle();
        });
    });
}

fn changes(c: &mut Criterion, stage: &Stage) {
    let changes = events(&stage.state);
    c.bench_function("1,000 pod events applied and settled", |b| {
        b.iter_batched_ref(
            || (stage.state.clone(), changes.clone()),
            |(state, changes)| {
                feed(state, std::mem::take(changes));
                state.settle();
            },
            BatchSize::LargeInput,
        );
    });
    let empty = State::new(stage.state.settings.clone(), stage.state.target.clone(), stage.state.now, SIZE);
    for (encoding, pages) in [(Encoding::Json, &stage.json), (Encoding::Protobuf, &stage.protobuf)] {
        c.bench_function(&format!("10,000 pods from pages of {encoding:?}"), |b| {
            b.iter_batched_ref(
                || empty.clone(),
                |state| {
                    let mut convert = Convert::new(&state.settings.config.clone());
                    feed(state, vec![Change::Reset]);
                    for page in pages {
                        feed(state, observed(page, encoding, &mut convert));
                    }
                    feed(state, vec![Change::Ready]);
                    state.settle();
                },
                BatchSize::LargeInput,
            );
        });
    }
    let mut state = zoomed(&stage.state);
    let mut filters = ["api", "!api restarts>0", "status=crash", ""].iter().cycle();
    c.bench_function("10,000 rows filtered", |b| {
        b.iter(|| {
            let filter = Filter::parse(filters.next().unwrap()).unwrap();
            state.view.lists.entry(PODS).or_default().filter = filter;
            state.dirty.pods = true;
            state.settle();
        });
    });
}

fn encoding(c: &mut Criterion, state: &State) {
    let first = ui::draw(state);
    let mut later = state.clone();
    update::update(&mut later, Msg::Tick(state.now + Duration::from_secs(1)));
    later.settle();
    let second = ui::draw(&later);
    let other = ui::draw(&zoomed(state));
    for (name, next) in
        [("nothing changed", &first), ("a second later", &second), ("everything changed", &other)]
    {
        let mut encoder = Encoder::default();
        encoder.encode(first.clone());
        println!("{name}: {} bytes", encoder.encode(next.clone()).len());
        c.bench_function(&format!("encoding, {name}"), |b| {
            b.iter_batched(
                || {
                    let mut encoder = Encoder::default();
                    encoder.encode(first.clone());
                    (encoder, next.clone())
                },
                |(mut encoder, next)| encoder.encode(next),
                BatchSize::LargeInput,
            );
        });
    }
}

fn all(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(stage());
    drop(runtime);
    assert!(stage.state.known.pods.len() >= PODS_KNOWN, "the cluster is not complete");
    frames(c, &stage.state);
    changes(c, &stage);
    encoding(c, &stage.state);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(4));
    targets = all
}
criterion_main!(benches);
