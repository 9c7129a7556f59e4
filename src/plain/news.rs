//! What has changed since it was said last, in lines: worst first, each once, and never more than can be
//! listened to. What is compared is the state, not the words: numbers move all the time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::io::{Result, Write};

use jiff::{SignedDuration, Timestamp};

use super::views;
use crate::model::alert::AlertState;
use crate::model::{FeedId, Health};
use crate::panels::{ERRORS, LATENCY, alerts};
use crate::state::State;
use crate::state::pods::WorkloadRow;
use crate::ui::{human, operations};

/// Lines of changes a minute. Speech at 200 words a minute takes three seconds for such a line.
pub const MOST_A_MINUTE: usize = 20;
/// What has just been said is not said anew so soon: what flaps is told by how it stands then.
const SETTLES: SignedDuration = SignedDuration::from_secs(20);

/// Two marks of a workload that are this close are of one change.
const SAME_CHANGE: SignedDuration = SignedDuration::from_mins(3);

/// The fact that tells how fresh the data is.
const DATA: &str = "data";

/// One thing that can change.
struct Fact {
    key: String,
    health: Health,
    /// What it takes to be news, beside the health.
    class: String,
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is well or not.
    State,
    /// It is there or not: an alert.
    Event,
    /// A moment on the time line; its class is the second.
    Mark,
    /// How far something has come.
    Progress,
}

/// As it was said last.
struct Said {
    health: Health,
    class: String,
    text: String,
    kind: Kind,
    at: Timestamp,
}

/// What was told, and when.
#[derive(Default)]
pub struct News {
    said: BTreeMap<String, Said>,
    /// When the lines of the last minute were told.
    lines: VecDeque<Timestamp>,
    /// Changes that were too many to be told.
    left_out: usize,
}

impl News {
    /// Takes everything as it stands for told.
    pub fn begin(&mut self, state: &State) {
        self.said.clear();
        for fact in facts(state) {
            self.take(fact, state.now - SETTLES);
        }
    }

    fn take(&mut self, fact: Fact, at: Timestamp) {
        let Fact { key, health, class, text, kind } = fact;
        self.said.insert(key, Said { health, class, text, kind, at });
    }

    /// Says what has changed.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn tell(&mut self, state: &State, out: &mut impl Write) -> Result<()> {
        let now = state.now;
        while self.lines.front().is_some_and(|at| now.duration_since(*at) >= SignedDuration::from_mins(1)) {
            self.lines.pop_front();
        }
        let facts = facts(state);
        let mut lines: Vec<(Health, String)> = self.gone(&facts, now);
        let fresh = facts.iter().any(|f| f.key == DATA && f.health == Health::Ok);
        for fact in facts {
            // What is silent is told once, and not again by each that is not known for it.
            let by_silence = !fresh && fact.key != DATA && is_not_known(fact.health);
            if by_silence && self.said.contains_key(&fact.key) {
                continue;
            }
            if let Some(line) = self.line(&fact, now) {
                lines.push((fact.health, line));
                self.take(fact, now);
            }
        }
        lines.sort_by_key(|(health, _)| Reverse(*health));
        let room = MOST_A_MINUTE.saturating_sub(self.lines.len());
        let at = human::clock(now);
        if room > 0 && self.left_out > 0 {
            let n = std::mem::take(&mut self.left_out);
            writeln!(out, "{at} {n} more changes were too many to be told; 'status' has how it stands")?;
            self.lines.push_back(now);
        }
        self.left_out += lines.len().saturating_sub(room);
        for (_, line) in lines.into_iter().take(room) {
            writeln!(out, "{at} {line}")?;
            self.lines.push_back(now);
        }
        Ok(())
    }

    /// What was said of things that are not there any more.
    fn gone(&mut self, facts: &[Fact], now: Timestamp) -> Vec<(Health, String)> {
        let still: std::collections::BTreeSet<&str> = facts.iter().map(|f| f.key.as_str()).collect();
        let mut lines = Vec::new();
        self.said.retain(|key, said| {
            if still.contains(key.as_str()) {
                return true;
            }
            if now.duration_since(said.at) < SETTLES {
                return true;
            }
            match said.kind {
                Kind::Event if key.starts_with("alert ") => {
                    lines.push((Health::Ok, format!("resolved: {}", said.text)))
                }
                Kind::State => lines.push((Health::Progress, format!("gone: {}", said.text))),
                Kind::Event | Kind::Progress | Kind::Mark => {}
            }
            false
        });
        lines
    }

    /// The line for a fact, where it is news.
    fn line(&self, fact: &Fact, now: Timestamp) -> Option<String> {
        let Some(before) = self.said.get(&fact.key) else {
            return match fact.kind {
                Kind::State if fact.health <= Health::Progress => Some(format!("new: {}", fact.text)),
                Kind::State => Some(format!("worse: {}", fact.text)),
                Kind::Event | Kind::Progress | Kind::Mark => Some(fact.text.clone()),
            };
        };
        if (before.health, &before.class) == (fact.health, &fact.class)
            || now.duration_since(before.at) < SETTLES
        {
            return None;
        }
        if fact.kind == Kind::Mark && !is_another_moment(&before.class, &fact.class) {
            return None;
        }
        let was = before.health.word();
        Some(match (fact.kind, direction(before.health, fact.health)) {
            (Kind::State, Some(word)) => format!("{word}: {} (was {was})", fact.text),
            _ => fact.text.clone(),
        })
    }
}

/// What was seen as it happened is soon told more exactly by the objects: that is the same change.
fn is_another_moment(before: &str, now: &str) -> bool {
    let second = |text: &str| text.parse::<i64>().unwrap_or_default();
    second(now).saturating_sub(second(before)) > SAME_CHANGE.as_secs()
}

/// What is unknown, stale or denied is neither better nor worse.
fn direction(before: Health, now: Health) -> Option<&'static str> {
    match (before, now) {
        _ if before == now => None,
        (_, Health::Ok) => Some("better"),
        (_, Health::Unknown | Health::Stale | Health::Denied) => Some("not known any more"),
        (Health::Critical, Health::Warning) => Some("better"),
        (_, Health::Warning | Health::Critical) => Some("worse"),
        (_, Health::Progress | Health::NotConfigured) => Some("now"),
    }
}

fn facts(state: &State) -> Vec<Fact> {
    let mut facts = vec![scope(state)];
    facts.extend(state.derived.pods.workloads.iter().map(|row| workload(state, row)));
    facts.extend(strays(state));
    facts.extend([LATENCY, ERRORS].into_iter().filter_map(|panel| measured(state, panel)));
    facts.extend(objectives(state));
    facts.extend(state.derived.backups.iter().map(|(backup, health, words)| Fact {
        key: format!("backup {}/{}", backup.namespace, backup.name),
        health: *health,
        class: String::new(),
        text: format!("backup {}: {}: {words}", backup.name, health.word()),
        kind: Kind::State,
    }));
    facts.extend(alerts::groups(state).iter().map(|group| alert(state, group)));
    facts.push(feeds(state));
    facts.extend(marks(state));
    facts.extend(running(state));
    facts
}

fn scope(state: &State) -> Fact {
    let health = state.derived.headline.health;
    Fact {
        key: "all".to_owned(),
        health,
        class: String::new(),
        text: format!("all in all: {}", views::headline(state)),
        kind: Kind::State,
    }
}

fn workload(state: &State, row: &WorkloadRow) -> Fact {
    // 'rollout: 12 of 20 updated' is news at its beginning and at its end.
    let rolls = row.state.contains("rollout: ");
    // '6 CrashLoopBackOff': which, not how many.
    let which: String = row.state.chars().filter(|c| !c.is_ascii_digit()).collect();
    let class = if rolls { format!("rollout {}", row.wanted) } else { format!("{which} {}", row.wanted) };
    let class = if row.state.contains("ago") { "OOM".to_owned() } else { class };
    Fact {
        key: format!("{} {}/{}", row.kind.noun(), row.key.namespace, row.key.name),
        health: row.health,
        class,
        text: views::spoken(&views::workload(state, row)),
        kind: Kind::State,
    }
}

/// Pods without a workload speak for themselves.
fn strays(state: &State) -> impl Iterator<Item = Fact> {
    let strays = state.derived.pods.unhealthy.iter().filter(|(_, pod)| pod.owner.is_none());
    strays.map(|(health, pod)| Fact {
        key: format!("pod {}/{}", pod.namespace, pod.name),
        health: *health,
        class: pod.status.to_string(),
        text: format!("pod {}", views::pod(state, *health, pod)),
        kind: Kind::Event,
    })
}

fn measured(state: &State, panel: usize) -> Option<Fact> {
    let (health, _) = state.derived.verdicts.get(panel)?;
    Some(Fact {
        key: format!("panel {panel}"),
        health: *health,
        class: String::new(),
        text: views::verdict(state, panel),
        kind: Kind::State,
    })
}

fn objectives(state: &State) -> impl Iterator<Item = Fact> {
    let judged = state.derived.strip.iter().filter(|m| m.objective.is_some());
    judged.map(|m| {
        let sentence = m.sentence("", state.now);
        Fact {
            key: format!("objective {}", m.id.noun()),
            health: m.health,
            class: String::new(),
            text: format!("{}: {}: {sentence}", m.id.noun(), m.health.word()),
            kind: Kind::State,
        }
    })
}

fn alert(state: &State, group: &alerts::Group<'_>) -> Fact {
    let alert = group.first;
    let suppressed = alert.state == AlertState::Suppressed;
    let health = if suppressed { Health::NotConfigured } else { alert.health() };
    let holder = state.acknowledgement(alert).map(|a| a.holder.to_string()).unwrap_or_default();
    let word = if suppressed { "suppressed alert" } else { "alert" };
    Fact {
        key: format!("alert {} {} {suppressed}", alert.name, alert.severity),
        health,
        class: format!("{holder} {}", group.names().join(" ")),
        text: format!("{word}: {}", views::alert(state, group)),
        kind: Kind::Event,
    }
}

/// Who tells it: what is refused is told by its kind, the rest by the server that is silent.
fn teller(feed: FeedId, health: Health) -> &'static str {
    match feed {
        FeedId::Signals | FeedId::Alerts | FeedId::BackupRecords | FeedId::Probes => feed.noun(),
        _ if health == Health::Denied => feed.noun(),
        _ => "kubernetes",
    }
}

fn is_not_known(health: Health) -> bool {
    matches!(health, Health::Unknown | Health::Stale | Health::Denied)
}

/// One cause often takes several feeds with it: they are told by who is silent.
fn feeds(state: &State) -> Fact {
    let mut silent: BTreeMap<(Health, &str), (usize, String)> = BTreeMap::new();
    for feed in FeedId::ALL {
        let health = state.feed_health(feed);
        if is_not_known(health) {
            let failure = state.known.status(feed).failure;
            let cause = failure.map_or_else(|| "no sign of life".to_owned(), |f| f.happened.to_string());
            silent.entry((health, teller(feed, health))).or_insert((0, cause)).0 += 1;
        }
    }
    let health = silent.keys().map(|(h, _)| *h).max().unwrap_or(Health::Ok);
    let class: Vec<String> = silent.keys().map(|(h, who)| format!("{h:?} {who}")).collect();
    let said = |((h, who), (n, why)): (&(Health, &str), &(usize, String))| {
        let count = if *n > 1 { format!(" ({n} kinds)") } else { String::new() };
        format!("{who}{count} {}: {why}", h.word())
    };
    let text: Vec<String> = silent.iter().map(said).collect();
    let text =
        if text.is_empty() { "ok: all that answers is up to date".to_owned() } else { text.join("; ") };
    Fact {
        key: DATA.to_owned(),
        health,
        class: class.join("; "),
        text: format!("data: {text}"),
        kind: Kind::State,
    }
}

/// The newest change of each kind, by workload.
fn marks(state: &State) -> impl Iterator<Item = Fact> {
    let mut newest = BTreeMap::new();
    for mark in &state.derived.marks {
        newest.insert(format!("mark {:?} {}/{}", mark.kind, mark.namespace, mark.workload.name), mark);
    }
    newest.into_iter().map(|(key, mark)| {
        let by = if mark.automatic { ", by a controller" } else { "" };
        let what = views::spoken(&mark.what);
        Fact {
            key,
            health: Health::Progress,
            class: mark.at.as_second().to_string(),
            text: format!("change: {} of {}: {what}{by}", mark.kind.word(), mark.workload.name),
            kind: Kind::Mark,
        }
    })
}

/// Their beginning and end are messages; this is what is between.
fn running(state: &State) -> impl Iterator<Item = Fact> {
    let running = state.operations.iter().filter(|o| o.ended.is_none());
    running.map(|o| {
        let words = views::spoken(operations::words(o));
        Fact {
            key: format!("operation {}", o.id),
            health: operations::health(o),
            class: words.clone(),
            text: format!("under way: {}: {words}", o.title),
            kind: Kind::Progress,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Key;
    use crate::model::workload::WorkloadKind;
    use crate::review::testing;

    fn state(workloads: usize, health: Health) -> State {
        let mut state = testing::state();
        let row = |i: usize| WorkloadRow {
            key: Key::new("shop", format!("w{i}")),
            kind: WorkloadKind::Deployment,
            health,
            ready: 1,
            wanted: 2,
            revision: Some(3),
            since: None,
            state: String::new(),
        };
        Arc::make_mut(&mut state.derived.pods).workloads = (0..workloads).map(row).collect();
        state
    }

    fn all(state: &mut State, health: Health) {
        Arc::make_mut(&mut state.derived.pods).workloads.iter_mut().for_each(|row| row.health = health);
    }

    fn told(news: &mut News, state: &State) -> Vec<String> {
        let mut out = Vec::new();
        news.tell(state, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_as_it_was_is_not_said() {
        let mut state = state(3, Health::Ok);
        let mut news = News::default();
        news.begin(&state);
        assert_eq!(told(&mut news, &state), Vec::<String>::new());
        state.now += SignedDuration::from_secs(20);
        all(&mut state, Health::Critical);
        let lines = told(&mut news, &state);
        assert!(lines.len() == 3 && lines[0].contains("worse: deployment/shop/w0: critical"), "{lines:?}");
        assert_eq!(told(&mut news, &state), Vec::<String>::new());
    }

    #[test]
    fn a_storm_is_summed_up() {
        let mut state = state(200, Health::Ok);
        let mut news = News::default();
        news.begin(&state);
        let mut minute = Vec::new();
        for second in 0..60 {
            state.now += SignedDuration::from_secs(1);
            all(&mut state, if second % 2 == 0 { Health::Critical } else { Health::Ok });
            minute.extend(told(&mut news, &state));
        }
        assert_eq!(minute.len(), MOST_A_MINUTE, "{minute:#?}");
        state.now += SignedDuration::from_secs(61);
        let after = told(&mut news, &state);
        assert!(after[0].contains("more changes were too many to be told"), "{after:?}");
    }

    #[test]
    fn what_flaps_is_told_by_how_it_stands() {
        let mut state = state(1, Health::Ok);
        let mut news = News::default();
        news.begin(&state);
        let mut minute = Vec::new();
        for second in 0..60 {
            state.now += SignedDuration::from_secs(1);
            all(&mut state, if second % 2 == 0 { Health::Critical } else { Health::Ok });
            minute.extend(told(&mut news, &state));
        }
        let flapping = minute.iter().filter(|l| l.contains("w0")).count();
        assert!((1..=3).contains(&flapping), "{minute:#?}");
    }

    #[test]
    fn what_is_not_known_any_more_is_not_better() {
        assert_eq!(direction(Health::Critical, Health::Unknown), Some("not known any more"));
        assert_eq!(direction(Health::Critical, Health::Stale), Some("not known any more"));
        assert_eq!(direction(Health::Critical, Health::Warning), Some("better"));
        assert_eq!(direction(Health::Unknown, Health::Warning), Some("worse"));
        assert_eq!(direction(Health::Stale, Health::Ok), Some("better"));
    }
}
