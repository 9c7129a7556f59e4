//! Copying and sharing: what is under the cursor, or the screen, to the terminal's clipboard or to a
//! file.
//!
//! Over SSH there is one way to the clipboard of the machine one sits at: OSC 52, which the terminal
//! does not answer. So it is 'sent', never 'copied'.

use crate::effect::Effect;
use crate::model::{Failure, Health, Key};
use crate::panels::{ALERTS, BACKUPS, PANELS, PODS};
use crate::report::frame;
use crate::state::view::{ChoiceEntry, ChoiceTarget, FrameFormat};
use crate::state::{Page, State};
use crate::terminal::sweep;
use crate::ui::{self, human};

/// xterm takes 100,000 characters of base64, and others less than that say so in their manuals; this
/// is how many bytes they hold.
pub const MOST_BYTES: usize = 74_994;

/// What can be copied from here.
pub fn entries(state: &State) -> Vec<ChoiceEntry> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    if let Some((name, row)) = selected(state) {
        texts.push(("name", name));
        texts.push(("row", row));
    }
    texts.extend(page_texts(state));
    texts.extend(error(state).map(|text| ("error", text)));
    let headline = &state.derived.headline;
    texts.push(("headline", format!("{}: {}", headline.health.word(), headline.text)));
    let text = |(what, text): (&str, String)| ChoiceEntry {
        label: format!("{what:<9} {text}"),
        hint: human::bytes(text.len() as u64),
        target: ChoiceTarget::Copy { what: what.to_owned(), text },
    };
    let frames = [
        ("screen    as text, to the clipboard", ChoiceTarget::CopyFrame),
        ("screen    as a text file", ChoiceTarget::WriteFrame(FrameFormat::Text)),
        ("screen    as a file with colours (ANSI)", ChoiceTarget::WriteFrame(FrameFormat::Ansi)),
        ("screen    as a picture (SVG)", ChoiceTarget::WriteFrame(FrameFormat::Svg)),
    ];
    let frame = |(label, target): (&str, ChoiceTarget)| {
        let hint =
            if target == ChoiceTarget::CopyFrame { String::new() } else { "this directory".to_owned() };
        ChoiceEntry { label: label.to_owned(), hint, target }
    };
    texts.into_iter().map(text).chain(frames.into_iter().map(frame)).collect()
}

/// The name under the cursor, and its row in words.
fn selected(state: &State) -> Option<(String, String)> {
    match state.view.pages.last() {
        Some(Page::Pod(page)) => pod(state, &page.key),
        Some(Page::Log(log)) => pod(state, &Key::new(log.request.namespace.clone(), log.request.pod.clone())),
        // The cockpit's panels show no cursor: what is not seen there is not copied.
        Some(Page::Panel(panel)) => {
            let key = state.view.list(*panel).selected?;
            match *panel {
                PODS => pod(state, &key),
                BACKUPS => backup(state, &key),
                ALERTS => alert(state, &key),
                _ => None,
            }
        }
        None | Some(_) => None,
    }
}

/// As `kubectl get pods -A -o wide` has it.
fn pod(state: &State, key: &Key) -> Option<(String, String)> {
    let pod = state.known.pods.get(key)?;
    let age = human::short(state.now.duration_since(pod.created));
    let node = pod.node.as_deref().unwrap_or("<none>");
    let row = format!(
        "{} {} {}/{} {} {} {age} {node}",
        pod.namespace, pod.name, pod.ready, pod.containers, pod.status, pod.restarts
    );
    Some((pod.name.to_string(), row))
}

fn backup(state: &State, key: &Key) -> Option<(String, String)> {
    let (backup, health, words) =
        state.derived.backups.iter().find(|(b, ..)| b.name == key.name && b.namespace == key.namespace)?;
    let place = if backup.namespace.is_empty() { String::new() } else { format!("{} ", backup.namespace) };
    Some((backup.name.to_string(), format!("{place}{} {}: {words}", backup.name, health.word())))
}

/// With its labels, as Prometheus writes them.
fn alert(state: &State, key: &Key) -> Option<(String, String)> {
    let alert = state.derived.alerts.iter().find(|a| a.fingerprint == key.name)?;
    let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let summary = alert.summary.as_deref().map(|s| format!(" {s}")).unwrap_or_default();
    let since = human::clock(alert.starts_at);
    Some((alert.name.to_string(), format!("{{{}}} since {since}{summary}", labels.join(", "))))
}

/// What the page that is shown is about.
fn page_texts(state: &State) -> Vec<(&'static str, String)> {
    match state.view.pages.last() {
        Some(Page::Log(log)) => {
            let from_end = log.scroll.min(log.lines.len().saturating_sub(1));
            let line = log.lines.iter().rev().nth(from_end);
            line.map(|line| ("line", line.text.to_string())).into_iter().collect()
        }
        Some(Page::Walk) => {
            let Some(view) = state.open_walk() else { return Vec::new() };
            let Some(step) = view.step() else { return Vec::new() };
            let command = view.next_command(step).map(|(_, command)| ("command", command.text.clone()));
            command.into_iter().chain([("step", view.title(step))]).collect()
        }
        _ => Vec::new(),
    }
}

/// What is wrong with what is shown: why the panel has no data, or what was told last.
fn error(state: &State) -> Option<String> {
    let words = |f: &Failure| format!("{}: {}; {}", f.tried, f.happened, f.next);
    let panel = PANELS[state.view.active_panel()];
    let failed = panel.feeds().iter().find_map(|feed| state.known.status(*feed).failure);
    if let Some(failure) = failed {
        return Some(words(&failure));
    }
    let wrong = |n: &&crate::state::Notice| matches!(n.health, Health::Warning | Health::Critical);
    state.notices.iter().rev().find(wrong).map(|n| n.text.clone())
}

/// Sends a text to the terminal's clipboard.
pub fn copy(state: &mut State, what: &str, text: String) -> Vec<Effect> {
    let size = human::bytes(text.len() as u64);
    if text.len() > MOST_BYTES {
        let most = human::bytes(MOST_BYTES as u64);
        state.notice(
            Health::Warning,
            format!("{what}: {size}, and terminals take {most} at most; write a file instead"),
        );
        return Vec::new();
    }
    state.notice(Health::Ok, format!("{what}: sent to the terminal's clipboard ({size})"));
    vec![Effect::Copy(text)]
}

pub fn copy_frame(state: &mut State) -> Vec<Effect> {
    let text = frame::text(&swept(state));
    copy(state, "screen", text)
}

/// The screen as a file, under a name that is free.
pub fn write_frame(state: &mut State, format: FrameFormat) -> Vec<Effect> {
    let buffer = swept(state);
    let (extension, text) = match format {
        FrameFormat::Text => ("txt", frame::text(&buffer)),
        FrameFormat::Ansi => ("ansi", frame::ansi(&buffer)),
        FrameFormat::Svg => ("svg", frame::svg(&buffer, state.settings.theme.is_light)),
    };
    let name = format!("midwatch-{}.{extension}", state.now.strftime("%Y%m%dT%H%M%SZ"));
    vec![Effect::Report { files: vec![(name, text)] }]
}

/// What is on the screen, without the list that it was chosen from.
fn swept(state: &State) -> ratatui::buffer::Buffer {
    let mut buffer = ui::draw(state).buffer;
    sweep::sweep(&mut buffer);
    if state.settings.ascii {
        sweep::asciify(&mut buffer);
    }
    buffer
}
