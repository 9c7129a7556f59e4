//! Scenarios as data: what goes wrong and when, what a newcomer should see, and what
//! cures it. The files are under `assets/scenarios/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::cluster::auth::Rule;
use super::fault::Fault;

/// The scenarios that come with midwatch, by name.
const SHIPPED: &[(&str, &str)] = &[
    ("calm", include_str!("../../assets/scenarios/calm.toml")),
    ("incident", include_str!("../../assets/scenarios/incident.toml")),
    ("bad-deploy", include_str!("../../assets/scenarios/bad-deploy.toml")),
    ("traffic-spike", include_str!("../../assets/scenarios/traffic-spike.toml")),
    ("poisoned-cache", include_str!("../../assets/scenarios/poisoned-cache.toml")),
    ("memory-leak", include_str!("../../assets/scenarios/memory-leak.toml")),
    ("backup-missed", include_str!("../../assets/scenarios/backup-missed.toml")),
    ("expiring-certificate", include_str!("../../assets/scenarios/expiring-certificate.toml")),
    ("flaky-api", include_str!("../../assets/scenarios/flaky-api.toml")),
];

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("there is no scenario '{asked}'{}; there are: {}", nearest.as_ref().map(|n| format!(", did you mean '{n}'?")).unwrap_or_default(), known.join(", "))]
    Unknown { asked: String, nearest: Option<String>, known: Vec<String> },
    #[error("the scenario cannot be read, line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
}

/// What is played on the simulated cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub title: String,
    /// What a newcomer should see and try.
    pub summary: String,
    pub cause: String,
    /// The cure in words.
    pub remedy: String,
    /// The cure as a command; empty where there is nothing to do.
    pub command: String,
    /// What the second user may do; the usual when there are none.
    pub rights: Vec<Rule>,
    pub events: Vec<Event>,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Milliseconds after the start; negative: it was already so.
    pub at_ms: i64,
    pub action: Action,
}

/// The vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Rollout(Rollout),
    Load(Load),
    /// All cache pods hold wrong entries from now on.
    PoisonCache,
    Leak(Leak),
    Env(Env),
    Certificate(CertificateChange),
    ApiFault(Fault),
    Deny(Rule),
}

/// A new revision of a Deployment, good or bad.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    pub deployment: String,
    pub image: String,
    /// Variables that the new revision lacks.
    #[serde(default)]
    pub unset_env: Vec<String>,
    pub bad: Option<Bad>,
}

/// What is wrong with an image.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Bad {
    /// Share of the requests to its pods that fail.
    pub error_ratio: f64,
    /// Share of its pods that crash.
    #[serde(default)]
    pub crash_ratio: f64,
    #[serde(default = "one")]
    pub exit_code: i64,
    /// The last words of a pod that crashes.
    #[serde(default)]
    pub message: String,
    /// How much longer its requests take.
    #[serde(default = "unity")]
    pub latency_factor: f64,
    /// With this variable set its pods are well.
    #[serde(default)]
    pub needs_env: String,
}

/// More (or fewer) requests than usual.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub factor: f64,
    /// Seconds until the factor is reached.
    #[serde(default)]
    pub ramp_s: f64,
}

/// The containers of a Deployment's present image lose memory.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Leak {
    pub deployment: String,
    pub mib_per_min: f64,
}

/// Variables set on the containers of a CronJob.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Env {
    pub cronjob: String,
    pub set: BTreeMap<String, String>,
}

/// A Certificate near its end whose issuer does not answer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CertificateChange {
    pub name: String,
    pub days_left: f64,
    pub issuer: String,
}

fn one() -> i64 {
    1
}

fn unity() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    summary: String,
    cause: String,
    remedy: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    right: Vec<Rule>,
    #[serde(default)]
    event: Vec<Spanned<FileEvent>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEvent {
    at: Spanned<String>,
    rollout: Option<Rollout>,
    load: Option<Load>,
    poison_cache: Option<bool>,
    leak: Option<Leak>,
    env: Option<Env>,
    certificate: Option<CertificateChange>,
    api_fault: Option<Fault>,
    deny: Option<Rule>,
}

impl FileEvent {
    fn actions(self) -> Vec<Action> {
        let poison = self.poison_cache.filter(|p| *p).map(|_| Action::PoisonCache);
        [
            self.rollout.map(Action::Rollout),
            self.load.map(Action::Load),
            poison,
            self.leak.map(Action::Leak),
            self.env.map(Action::Env),
            self.certificate.map(Action::Certificate),
            self.api_fault.map(Action::ApiFault),
            self.deny.map(Action::Deny),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Scenario {
    /// One of the scenarios that come with midwatch.
    ///
    /// # Errors
    /// [`ScenarioError::Unknown`] with the nearest name and the list.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        let Some((name, text)) = SHIPPED.iter().find(|(n, _)| *n == name) else {
            let score = |known: &str| strsim::damerau_levenshtein(known, name);
            let near = SHIPPED.iter().map(|(n, _)| *n).min_by_key(|n| score(n)).filter(|n| score(n) <= 4);
            return Err(ScenarioError::Unknown {
                asked: name.chars().take(60).filter(|c| !c.is_control()).collect(),
                nearest: near.map(str::to_owned),
                known: SHIPPED.iter().map(|(n, _)| (*n).to_owned()).collect(),
            });
        };
        let mut scenario = Self::parse(text)?;
        scenario.name = (*name).to_owned();
        Ok(scenario)
    }

    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`ScenarioError::Syntax`] with line and column.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let syntax = |offset: usize, message: String| {
            let (line, column) = position(text, offset);
            ScenarioError::Syntax { line, column, message }
        };
        let file: File = toml::from_str(text)
            .map_err(|e| syntax(e.span().map_or(0, |s| s.start), e.message().to_owned()))?;
        let mut events = Vec::new();
        for event in file.event {
            let start = event.span().start;
            let event = event.into_inner();
            let at = event.at.clone();
            let at_ms = offset_ms(at.get_ref()).ok_or_else(|| {
                let text = format!("'{}' is not a time like \"-8m\", \"30s\" or \"-31h\"", at.get_ref());
                syntax(at.span().start, text)
            })?;
            let mut actions = event.actions();
            let (Some(action), true) = (actions.pop(), actions.is_empty()) else {
                let names = "rollout, load, poison_cache, leak, env, certificate, api_fault, deny";
                return Err(syntax(start, format!("an event does exactly one of: {names}")));
            };
            events.push(Event { at_ms, action });
        }
        events.sort_by_key(|e| e.at_ms);
        let File { title, summary, cause, remedy, command, right: rights, .. } = file;
        Ok(Self { name: String::new(), title, summary, cause, remedy, command, rights, events })
    }
}

/// All scenarios that come with midwatch, in the order in which they should be shown.
pub fn scenarios() -> Vec<Scenario> {
    SHIPPED.iter().filter_map(|(name, _)| Scenario::named(name).ok()).collect()
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// `-8m`, `30s`, `1h30m` in milliseconds, at most a year either way.
fn offset_ms(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mut total, mut number) = (0_i64, String::new());
    if rest.is_empty() {
        return None;
    }
    for c in rest.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && total <= 365 * 86_400_000).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_that_are_shipped_can_be_read() {
        let all = scenarios();
        assert_eq!(all.len(), SHIPPED.len());
        for s in all {
            assert!(
                !s.title.is_empty() && !s.summary.is_empty() && !s.cause.is_empty() && !s.remedy.is_empty()
            );
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let text = Scenario::named("bad-deplyo").unwrap_err().to_string();
        assert!(text.contains("did you mean 'bad-deploy'?") && text.contains("flaky-api"), "{text}");
    }

    #[test]
    fn errors_say_where() {
        let head = "title = 'a'\nsummary = 'b'\ncause = 'c'\nremedy = 'd'\n";
        let at = |body: &str| match Scenario::parse(&format!("{head}{body}")).unwrap_err() {
            ScenarioError::Syntax { line, message, .. } => (line, message),
            other => panic!("{other}"),
        };
        assert_eq!(at("[[event]]\nat = 'soon'\npoison_cache = true\n").0, 6);
        let (line, message) = at("[[event]]\nat = '1s'\nload = { factr = 2.0 }\n");
        assert!(line == 7 && message.contains("factr"), "{line} {message}");
        assert_eq!(at("[[event]]\nat = '1s'\n").0, 5);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[-+0-9smhd \\PC]{0,40}") {
            let _ = offset_ms(&text);
            let _ = Scenario::parse(&text);
        }
    }
}
