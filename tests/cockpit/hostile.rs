//! Whatever comes from outside, only what our own encoder makes reaches the terminal, and nothing
//! panics: what a real session has heard is told again with attacks in every field.

use midwatch::input::{Chord, Code, Keymap};
use midwatch::model::log::{LogEvent, LogLine};
use midwatch::model::pod::{Condition, Container, PodDetail, Resources};
use midwatch::model::scope::ContextName;
use midwatch::model::text::is_invisible;
use midwatch::model::{Batch, Change, Clean, Failure, FailureKind, Key, Observation};
use midwatch::msg::Msg;
use midwatch::panels::PANELS;
use midwatch::state::view::TextPurpose;
use midwatch::state::{Overlay, Page, State};
use midwatch::terminal::encode::Encoder;
use midwatch::terminal::sweep;
use midwatch::{ui, update};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::Cockpit;
use crate::templates::Template;

/// Everything that a terminal acts on or that changes how its neighbours are shown.
pub fn attacks() -> Vec<String> {
    let mut attacks: Vec<String> = [
        "\x1b[2J",
        "\x1b[31;1m",
        "\x1b[?1049l",
        "\x1b[6n",
        "\x1b[>c",
        "\x1b[20t",
        "\x1b[?2026h",
        "\x1b[1;1H\x1b[K",
        "\x1b[38;2;1;2;3",
        "\x1b",
        "\x1bc",
        "\x1b#8",
        "\x1b(0",
        "\x1bN\x1bO",
        "\x1b]0;title\x07",
        "\x1b]0;title\x1b\\",
        "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
        "\x1b]52;c;cm0gLXJmIC8=\x07",
        "\x1b]1337;File=:AAAA\x07",
        "\x1b]unfinished",
        "\x1bP$q\"p\x1b\\",
        "\x1bPq#0;2;0;0;0~\x1b\\",
        "\x1b_Gf=100;AAAA\x1b\\",
        "\x1b^privacy\x1b\\",
        "\x1bXstart of string\x1b\\",
        "\x1b\x1b[31m",
        "\x1b[\x1b]0;x\x07m",
        "\x1b[3\x181m",
        "\u{9b}31m",
        "\u{9d}0;title\u{9c}",
        "\u{90}q\u{9c}",
        "\u{85}\u{84}\u{8d}",
        "\r\nroot@host:~# ",
        "a\rb",
        "\u{202e}txt.exe\u{202c}",
        "\u{2066}\u{2067}\u{2068}\u{2069}",
        "\u{061c}\u{200e}\u{200f}",
        "zero\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}width",
        "\u{00ad}\u{180e}\u{3164}\u{115f}",
        "\u{e0041}\u{e0042}\u{e007f}",
        "\u{fff9}annotation\u{fffa}\u{fffb}",
        "\u{2028}\u{2029}",
        "👩\u{200d}👩\u{200d}👧\u{fe0f}",
        "漢字かな交じり文",
        "\u{fffd}\u{ffff}\u{10ffff}",
    ]
    .map(str::to_owned)
    .to_vec();
    attacks.extend((0..=0x9f_u32).filter_map(char::from_u32).filter(|c| c.is_control()).map(String::from));
    attacks.push("e".to_owned() + &"\u{301}\u{489}".repeat(500));
    attacks.push("\u{301}".repeat(500));
    attacks.push("W".repeat(5000));
    attacks
}

/// What the encoder may write: text, and of CSI only cursor movement, colours, erasing, and the modes
/// of the cursor and of synchronized updates.
#[track_caller]
pub fn assert_only_ours(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() || is_invisible(c)) {
        let sequence = &rest[at..];
        let body = sequence.strip_prefix("\x1b[").unwrap_or_else(|| {
            panic!("{what}: {:?} reaches the terminal", sequence.chars().take(12).collect::<String>())
        });
        let end = body.find(|c: char| !c.is_ascii_digit() && !matches!(c, ';' | '?')).unwrap_or(body.len());
        let (parameters, tail) = body.split_at(end);
        let ours = match (parameters, tail.chars().next()) {
            ("?25" | "?2026", Some('h' | 'l')) => true,
            (p, Some('H' | 'C' | 'K' | 'm' | 'J')) => !p.contains('?'),
            _ => false,
        };
        assert!(ours, "{what}: CSI {parameters}{:?} reaches the terminal", tail.chars().next());
        rest = &tail[1..];
    }
}

/// Draws and encodes as the writer does, and looks at the bytes.
#[track_caller]
fn drawn(state: &mut State, encoder: &mut Encoder, what: &str) -> String {
    state.settle();
    let mut frame = ui::draw(state);
    assert_eq!((frame.buffer.area.width, frame.buffer.area.height), state.size, "{what}");
    assert!(frame.cursor.is_none_or(|c| frame.buffer.area.contains(c)), "{what}: {:?}", frame.cursor);
    let swept = sweep::sweep(&mut frame.buffer);
    assert_eq!(swept, 0, "{what}: only the second defence has held");
    let shown = midwatch::report::frame::text(&frame.buffer);
    let bytes = encoder.encode(frame);
    assert_only_ours(&bytes, what);
    shown
}

/// What a night with a bad deploy tells, an observation a message, and what the simulation lacks.
async fn heard() -> (State, Vec<Msg>) {
    let cockpit = Cockpit::open("bad-deploy", (120, 40)).await;
    let epoch = cockpit.state.epoch;
    let mut messages = Vec::new();
    for msg in cockpit.history.iter().chain(&extra(epoch, &cockpit.state)) {
        match msg {
            Msg::Batch(batch) => messages.extend(
                batch
                    .changes
                    .iter()
                    .map(|change| Msg::Batch(Batch { changes: vec![change.clone()], ..batch.clone() })),
            ),
            other => messages.push(other.clone()),
        }
    }
    // Settings, time and scope, but nothing that is known.
    let state = State::new(
        cockpit.state.settings.clone(),
        cockpit.state.target.clone(),
        cockpit.state.now,
        cockpit.state.size,
    );
    (state, messages)
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        tried: Clean::new("list pods"),
        happened: Clean::new("403: forbidden"),
        next: Clean::new("ask"),
    }
}

/// Messages that this simulated night does not send by itself.
fn extra(epoch: u32, state: &State) -> Vec<Msg> {
    let now = state.now;
    let probe = midwatch::model::signal::Probe {
        name: "health".into(),
        url: "http://api/health".into(),
        checks: vec![midwatch::model::signal::ProbeCheck {
            at: now,
            status: Some(503),
            latency_s: 0.2,
            ok: false,
            message: Some("unavailable".into()),
        }],
    };
    let batch =
        |feed, change| Msg::Batch(Batch { epoch, feed, at: now, changes: vec![Change::Upsert(change)] });
    let failed =
        |feed, kind| Msg::Batch(Batch { epoch, feed, at: now, changes: vec![Change::Failed(failure(kind))] });
    vec![
        batch(midwatch::model::FeedId::Probes, Observation::Probe(Box::new(probe))),
        failed(midwatch::model::FeedId::Nodes, FailureKind::Denied),
        failed(midwatch::model::FeedId::Events, FailureKind::ServerError),
        failed(midwatch::model::FeedId::Jobs, FailureKind::Throttled),
    ]
}

fn pod_detail(key: &Key, attack: &str) -> PodDetail {
    let text = |t: &str| Clean::new(&format!("{attack}{t}"));
    PodDetail {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: text("uid"),
        containers: vec![Container {
            name: text("api"),
            init: false,
            image: text("registry/api:1"),
            ready: false,
            state: text("Waiting"),
            since: None,
            restarts: 3,
            last_end: None,
            requests: Resources::default(),
            limits: Resources::default(),
        }],
        conditions: vec![Condition {
            kind: text("Ready"),
            status: text("False"),
            reason: Some(text("ContainersNotReady")),
            message: Some(text("not ready")),
            since: None,
        }],
        labels: vec![(text("app"), text("api"))],
        service_account: Some(text("default")),
        qos: Some(text("Burstable")),
    }
}

fn press(state: &mut State, keys: &str) {
    for key in keys.split_whitespace() {
        update::update(state, Msg::Key(key.parse().unwrap()));
        state.settle();
    }
}

/// Every view, one after the other; each is shown at two sizes.
fn visit(state: &mut State, attack: &str) {
    let mut encoder = Encoder::default();
    let mut look = |state: &mut State, what: &str| {
        let mut all = String::new();
        for size in [(80, 24), (160, 50)] {
            update::update(state, Msg::Resize { columns: size.0, rows: size.1 });
            all += &drawn(state, &mut encoder, &format!("{what} with {attack:?}"));
        }
        all
    };
    look(state, "cockpit");
    for (index, panel) in PANELS.iter().enumerate() {
        press(state, &format!("{} enter", index + 1));
        assert!(matches!(state.view.pages.last(), Some(Page::Panel(p)) if *p == index));
        look(state, panel.noun());
        press(state, "down down");
        look(state, panel.noun());
        press(state, "esc");
    }
    press(state, "1 enter g");
    let key = state.view.list(0).selected.expect("a pod to open");
    press(state, "enter");
    let Some(Page::Pod(page)) = state.view.pages.last() else { panic!("no pod's page") };
    let id = page.log.id;
    let detail = Box::new(Ok(pod_detail(&key, attack)));
    update::update(state, Msg::Detail { epoch: state.epoch, key: key.clone(), detail });
    let now = state.now;
    let line = |i: u32| LogLine { at: Some(now), text: Clean::new(&format!("{i} {attack}line")) };
    update::update(state, Msg::Log { id, event: LogEvent::Lines((0..60).map(line).collect()) });
    assert!(look(state, "pod").contains("line"));
    press(state, "l");
    let Some(Page::Log(log)) = state.view.pages.last() else { panic!("no log") };
    let id = log.id;
    update::update(state, Msg::Log { id, event: LogEvent::Lines((0..60).map(line).collect()) });
    press(state, "/");
    update::update(state, Msg::Paste(attack.to_owned()));
    look(state, "search");
    press(state, "enter w n b");
    look(state, "log");
    update::update(state, Msg::Log { id, event: LogEvent::Failed(failure(FailureKind::ServerError)) });
    look(state, "failed log");
    press(state, "esc esc esc M");
    look(state, "messages");
    press(state, "esc ?");
    look(state, "help");
    press(state, "esc 1 enter /");
    assert!(matches!(&state.view.overlay, Some(Overlay::Text(t)) if t.purpose == TextPurpose::Filter));
    update::update(state, Msg::Paste(format!("{attack}restarts>")));
    look(state, "filter");
    press(state, "esc esc");
    choices(state, attack, &mut look);
}

fn choices(state: &mut State, attack: &str, look: &mut impl FnMut(&mut State, &str) -> String) {
    let text = |t: &str| Clean::new(&format!("{attack}{t}"));
    press(state, ":");
    look(state, "palette");
    update::update(state, Msg::Paste(attack.to_owned()));
    look(state, "palette, narrowed");
    press(state, "esc V");
    look(state, "services");
    press(state, "esc N");
    let names = Ok(vec![text("shop"), text("kube-system")]);
    update::update(state, Msg::Namespaces { epoch: state.epoch, names });
    look(state, "namespaces");
    press(state, "esc C");
    let context =
        ContextName { name: text("prod"), cluster: text("eu"), namespace: Some(text("x")), current: true };
    update::update(state, Msg::Contexts(Ok(vec![context])));
    look(state, "contexts");
    press(state, "enter");
    look(state, "another scope");
    let failed =
        Template::new(&Msg::ConnectFailed { epoch: state.epoch, failure: failure(FailureKind::Unreachable) });
    update::update(state, failed.attacked(attack));
    look(state, "no cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_in_every_field_of_everything_reach_no_terminal() {
    let (start, messages) = heard().await;
    let templates: Vec<Template> = messages.iter().map(Template::new).collect();
    let fields: usize = templates.iter().map(|t| t.texts.len()).sum();
    assert!(fields > 1000, "only {fields} fields were found to attack");
    for attack in attacks() {
        let mut state = start.clone();
        for template in &templates {
            update::update(&mut state, template.attacked(&attack));
        }
        visit(&mut state, &attack);
    }
}

/// The second defence alone: whatever stands in a cell, and however it came there.
#[test]
fn attacks_in_cells_reach_no_terminal() {
    let attacks = attacks();
    let area = ratatui::layout::Rect::new(0, 0, 20, 10);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    for (cell, attack) in buffer.content.iter_mut().zip(&attacks) {
        cell.set_symbol(attack);
    }
    assert!(sweep::sweep(&mut buffer) > 50);
    let bytes = Encoder::default().encode(ui::Frame { buffer, cursor: None, dialog: None });
    assert_only_ours(&bytes, "cells");
}

#[derive(Clone, Debug)]
enum Step {
    Key(Chord),
    Paste(String),
    Resize(u16, u16),
    Tick(i64),
    /// One of the messages that were heard, changed by the seed.
    Heard(prop::sample::Index, u64),
    Batch(prop::sample::Index, Vec<u64>),
    Forget(prop::sample::Index, u8),
}

fn bound() -> Vec<Chord> {
    ["default", "vim", "emacs"]
        .iter()
        .filter_map(|name| Keymap::preset(name))
        .flat_map(|map| map.all().flat_map(|(_, chords, _)| chords.to_vec()).collect::<Vec<_>>())
        .collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_chord =
        (any::<char>(), any::<[bool; 3]>(), 0..14_u8).prop_map(|(c, [ctrl, alt, shift], code)| {
            let code = match code {
                0 => Code::F(c as u8),
                1 => Code::Backspace,
                2 => Code::Delete,
                3 => Code::Home,
                _ => Code::Char(c),
            };
            Chord { code, ctrl, alt, shift }
        });
    let step = prop_oneof![
        12 => prop::sample::select(bound()).prop_map(Step::Key),
        3 => any_chord.prop_map(Step::Key),
        1 => any::<String>().prop_map(Step::Paste),
        2 => (0..220_u16, 0..70_u16).prop_map(|(c, r)| Step::Resize(c, r)),
        // Our own clock may be wrong, but by decades, not by millennia.
        1 => (0..4_000_000_000_i64).prop_map(Step::Tick),
        12 => (any::<prop::sample::Index>(), any::<u64>()).prop_map(|(i, s)| Step::Heard(i, s)),
        2 => (any::<prop::sample::Index>(), prop::collection::vec(any::<u64>(), 0..20))
            .prop_map(|(i, s)| Step::Batch(i, s)),
        1 => (any::<prop::sample::Index>(), 0..4_u8).prop_map(|(i, k)| Step::Forget(i, k)),
    ];
    prop::collection::vec(step, 1..60)
}

fn messages_of(step: &Step, templates: &[Template], heard: &[Msg]) -> Vec<Msg> {
    let odd =
        |index: &prop::sample::Index, seed: u64| index.get(templates).odd(&mut StdRng::seed_from_u64(seed));
    match step {
        Step::Key(chord) => vec![Msg::Key(*chord)],
        Step::Paste(text) => vec![Msg::Paste(text.clone())],
        Step::Resize(columns, rows) => vec![Msg::Resize { columns: *columns, rows: *rows }],
        Step::Tick(second) => jiff::Timestamp::from_second(*second).map(Msg::Tick).into_iter().collect(),
        Step::Heard(index, seed) => vec![odd(index, *seed)],
        Step::Batch(index, seeds) => seeds.iter().map(|seed| odd(index, *seed)).collect(),
        Step::Forget(index, kind) => {
            let Msg::Batch(batch) = index.get(heard) else { return Vec::new() };
            let change = match kind {
                0 => Change::Reset,
                1 => Change::Ready,
                2 => Change::Failed(failure(FailureKind::Unreachable)),
                _ => Change::Delete(Key::new("shop", "api")),
            };
            vec![Msg::Batch(Batch { changes: vec![change], ..batch.clone() })]
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sequence_of_messages_panics_or_breaks_a_frame() {
    let (start, heard) = heard().await;
    let templates: Vec<Template> = heard.iter().map(Template::new).collect();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&steps(), |steps| {
        let mut state = start.clone();
        // Half of what is known stands there before anything odd comes.
        for msg in heard.iter().step_by(2) {
            update::update(&mut state, msg.clone());
        }
        let mut encoder = Encoder::default();
        for step in &steps {
            for msg in messages_of(step, &templates, &heard) {
                update::update(&mut state, msg);
            }
            drawn(&mut state, &mut encoder, &format!("{step:?}"));
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
