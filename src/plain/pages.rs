//! A pod and its log in lines: asked for as the pages ask, printed once they are there, and left again, so
//! that nothing typed later acts on what was only looked at.

use std::io::{Result, Write};
use std::time::Duration;

use tokio::time::Instant;

use super::{Await, Plain, naming, views};
use crate::effect::Effect;
use crate::input::Command;
use crate::model::nearest::nearest;
use crate::model::pod::PodDetail;
use crate::model::{Clean, Health, Key};
use crate::state::log::{LogPage, LogState};
use crate::state::pods::pod_health;
use crate::state::{Page, State};
use crate::ui::human;
use crate::update::typed;

/// What has not come by then is told as such.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Lines of a log, where no number is named, and the most that are read out.
const TAIL: u64 = 30;
const MOST_LINES: u64 = 1000;
/// Lines of a log that is followed are told in one go; what comes faster is counted.
const MOST_AT_ONCE: usize = 20;

/// What was asked for and is not printed yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    Pod,
    Log,
    /// So many lines of the log were told, or let go of.
    Follow(u64),
}

impl Plain {
    pub(super) fn pod(&mut self, state: &mut State, name: &str) -> Result<Vec<Effect>> {
        let Some(key) = self.one_pod(state, name)? else { return Ok(Vec::new()) };
        self.awaits = Some(Await::Page(Waiting::Pod, Instant::now() + PATIENCE));
        Ok(typed::pod(state, &key))
    }

    pub(super) fn log(&mut self, state: &mut State, words: &str, follows: bool) -> Result<Vec<Effect>> {
        let mut words = words.split_whitespace();
        let name = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let previous = rest.contains(&"previous");
        let tail = rest.iter().find_map(|w| w.parse::<u64>().ok()).unwrap_or(TAIL).min(MOST_LINES);
        // Without a name it is that of the pod that fails worst.
        let worst = state.derived.pods.unhealthy.first().map(|(_, p)| p.name.to_string());
        let name = if name.is_empty() { worst.as_deref().unwrap_or_default() } else { name };
        let Some(key) = self.one_pod(state, name)? else { return Ok(Vec::new()) };
        let waiting = if follows { Waiting::Follow(0) } else { Waiting::Log };
        self.awaits = Some(Await::Page(waiting, Instant::now() + PATIENCE));
        if follows {
            self.say(|out| writeln!(out, "following; an empty line ends it"))?;
        }
        Ok(typed::log(state, &key, tail, follows, previous))
    }

    fn one_pod(&mut self, state: &State, name: &str) -> Result<Option<Key>> {
        let found = if name.is_empty() { Vec::new() } else { naming::pods_named(state, name) };
        let clean = Clean::new(name);
        match found.as_slice() {
            [one] => return Ok(Some(one.clone())),
            [] if name.is_empty() => self.say(|out| writeln!(out, "which pod? 'pods' lists them"))?,
            [] => {
                let near = nearest(name, state.known.pods.iter().map(|p| p.name.as_str()));
                self.say(|out| writeln!(out, "no pod '{clean}'{near}"))?
            }
            several => self.say(|out| {
                writeln!(out, "'{clean}' may be:")?;
                several.iter().take(20).try_for_each(|k| writeln!(out, "  {}/{}", k.namespace, k.name))?;
                let more = several.len().saturating_sub(20);
                if more > 0 { writeln!(out, "  and {more} more") } else { Ok(()) }
            })?,
        };
        Ok(None)
    }

    /// Prints what was waited for, where it is there, and leaves its page.
    pub(super) fn page(
        &mut self,
        state: &mut State,
        waiting: Waiting,
        until: Instant,
    ) -> Result<Vec<Effect>> {
        let late = Instant::now() >= until;
        let buffer = &mut self.buffer;
        let done = match (state.view.pages.last(), &waiting) {
            (Some(Page::Pod(page)), Waiting::Pod) => match (&page.detail, &page.failure) {
                (Some((_, detail)), _) => {
                    describe(state, &page.key, detail, buffer)?;
                    true
                }
                (None, Some(f)) => {
                    writeln!(buffer, "{}: {}; {}", f.tried, f.happened, f.next)?;
                    true
                }
                (None, None) if late => {
                    writeln!(buffer, "{}: no answer in {} s", page.key.name, PATIENCE.as_secs())?;
                    true
                }
                (None, None) => false,
            },
            (Some(Page::Log(log)), Waiting::Log) => {
                let there = !matches!(log.state, LogState::Loading | LogState::Following);
                if there || late {
                    printed(log, buffer)?;
                }
                there || late
            }
            (Some(Page::Log(log)), Waiting::Follow(seen)) => {
                let seen = follow(log, *seen, buffer)?;
                let ended = matches!(log.state, LogState::Ended | LogState::Failed(_));
                if ended {
                    ending(log, buffer)?;
                }
                self.awaits = Some(Await::Page(Waiting::Follow(seen), until));
                ended
            }
            // It was left in another way.
            _ => {
                self.awaits = None;
                return Ok(Vec::new());
            }
        };
        Ok(if done { self.end_page(state) } else { Vec::new() })
    }

    /// Leaves the pod or the log that is open.
    pub(super) fn end_page(&mut self, state: &mut State) -> Vec<Effect> {
        self.awaits = None;
        match state.view.pages.last() {
            Some(Page::Pod(_) | Page::Log(_)) => typed::command(state, Command::Back),
            _ => Vec::new(),
        }
    }
}

fn describe(state: &State, key: &Key, detail: &PodDetail, out: &mut impl Write) -> Result<()> {
    if let Some(pod) = state.known.pods.get(key) {
        writeln!(out, "{}", views::pod(state, pod_health(pod, state.now), pod))?;
        let node = pod.node.as_ref().map(|n| format!("on {n}, ")).unwrap_or_default();
        let owner =
            pod.owner.as_ref().map(|o| format!(", of {}/{}", o.kind.noun(), o.name)).unwrap_or_default();
        writeln!(out, "  {node}{} old{owner}", human::age(state.now.duration_since(pod.created)))?;
    }
    for c in &detail.containers {
        let done = c.init && c.state.starts_with("Terminated: Completed");
        let health = if c.ready || done { Health::Ok } else { Health::Warning };
        let init = if c.init { " (init)" } else { "" };
        let (restarts, image) = (c.restarts, &c.image);
        writeln!(
            out,
            "  container {}{init}: {}: {}, {restarts} restarts, {image}",
            c.name,
            health.word(),
            c.state
        )?;
        if let Some(end) = &c.last_end {
            let ago = end.finished.map(|at| format!(", {} ago", human::age(state.now.duration_since(at))));
            let message = end.message.as_ref().map(|m| format!(": '{m}'")).unwrap_or_default();
            writeln!(
                out,
                "    last end: {}, exit {}{}{message}",
                end.reason,
                end.exit_code,
                ago.unwrap_or_default()
            )?;
        }
    }
    for c in detail.conditions.iter().filter(|c| &*c.status != "True") {
        let reason = c.reason.as_deref().unwrap_or_default();
        let message = c.message.as_deref().unwrap_or_default();
        writeln!(out, "  condition {} is {}: {reason} {message}", c.kind, c.status)?;
    }
    views::events(state, key, out)
}

fn line(line: &crate::model::log::LogLine, out: &mut impl Write) -> Result<()> {
    let at = line.at.map(|at| format!("{} ", at.strftime("%H:%M:%S"))).unwrap_or_default();
    writeln!(out, "| {at}{}", line.text)
}

fn printed(log: &LogPage, out: &mut impl Write) -> Result<()> {
    let container = log.request.container.as_deref().unwrap_or("its container");
    let which = if log.request.previous { ", before its last restart" } else { "" };
    writeln!(out, "log of {}, {container}{which}: {} lines", log.request.pod, log.lines.len())?;
    log.lines.iter().try_for_each(|l| line(l, out))?;
    ending(log, out)
}

fn ending(log: &LogPage, out: &mut impl Write) -> Result<()> {
    match &log.state {
        LogState::Failed(f) => writeln!(out, "{}: {}; {}", f.tried, f.happened, f.next),
        LogState::Ended => writeln!(out, "end of the log"),
        LogState::Loading | LogState::Following => {
            writeln!(out, "no more within {} s", PATIENCE.as_secs())
        }
    }
}

/// Prints what is new in a log; how many lines are behind then.
fn follow(log: &LogPage, seen: u64, out: &mut impl Write) -> Result<u64> {
    let all = log.dropped + log.lines.len() as u64;
    let fresh = usize::try_from(all.saturating_sub(seen)).unwrap_or(usize::MAX);
    let shown = fresh.min(MOST_AT_ONCE).min(log.lines.len());
    if fresh > shown {
        writeln!(out, "({} lines left out: more than can be followed)", fresh - shown)?;
    }
    log.lines.iter().skip(log.lines.len() - shown).try_for_each(|l| line(l, out))?;
    Ok(all)
}

/// What the newest command of the team's own has written.
pub fn output(state: &State, out: &mut impl Write) -> Result<()> {
    let newest = state.operations.iter().rev().find_map(|o| Some((o, o.output.as_ref()?)));
    let Some((operation, output)) = newest else {
        return writeln!(out, "no command of your own was run in this session");
    };
    writeln!(out, "{}: {} lines", operation.title, output.lines.len())?;
    let most = usize::try_from(MOST_LINES).unwrap_or(usize::MAX);
    let first = output.lines.len().saturating_sub(most);
    output.lines.iter().skip(first).try_for_each(|l| writeln!(out, "| {}", l.text))
}
