//! The rules of `[guardrails]`, each named with the place where it stands. Those of everywhere and
//! those of the context hold together: the strictest wins.

use jiff::Timestamp;

use crate::actions::Plan;
use crate::config::{Config, Limits};
use crate::model::action::{ActionId, Check};
use crate::model::command::Risk;
use crate::model::scope::Scope;

/// What holds in this session.
pub struct Rules<'a> {
    pub config: &'a Config,
    pub read_only: bool,
    /// Operations that run now.
    pub running: usize,
    pub at: Timestamp,
}

/// What the rules say of a plan.
#[derive(Debug)]
pub struct Ruling {
    pub checks: Vec<Check>,
    pub protected: bool,
    /// The name must be typed, whatever the action's risk.
    pub type_name: bool,
    pub reason_required: bool,
    pub read_only: bool,
    /// Why somebody else has to consent, by which rule.
    pub approval: Option<String>,
}

const ABOUT: &str = "guardrails";

/// The limits that hold here, with their paths in the file.
struct Here<'a> {
    config: &'a Config,
    limits: Vec<(String, &'a Limits)>,
}

impl Rules<'_> {
    pub fn of(&self, plan: &Plan, scope: &Scope) -> Ruling {
        let here = Here { config: self.config, limits: self.config.guardrails.here(scope) };
        let mut checks = Vec::new();
        let mut block = |words: Option<String>| checks.extend(words.map(|w| Check::blocks(ABOUT, &w)));
        let read_only = self.read_only(&here).filter(|_| !self.only_reads(plan));
        block(read_only.clone());
        block(here.denied(plan.action.name()));
        block(command(plan).and_then(|name| here.denied(name)));
        block(self.crowded(&here));
        block(here.too_few(plan));
        let mut hint = |words: Option<String>| {
            let there = words.is_some();
            checks.extend(words.map(|w| Check::ok(ABOUT, &w)));
            there
        };
        let protected = hint(here.protected(scope));
        let reason = hint(here.reason());
        let quiet = hint(here.quiet(self.at));
        Ruling {
            checks,
            protected,
            type_name: protected || quiet,
            reason_required: reason || quiet,
            read_only: read_only.is_some(),
            approval: here.too_many(plan),
        }
    }

    /// A command of the team's own that only looks, as they say.
    fn only_reads(&self, plan: &Plan) -> bool {
        let spec = |name: &str| self.config.commands.iter().find(|c| c.name == name);
        command(plan).and_then(spec).is_some_and(|c| c.risk == Risk::Read)
    }

    fn read_only(&self, here: &Here<'_>) -> Option<String> {
        let place = here.holding("read_only", |l| l.read_only);
        if !self.read_only && place.is_none() {
            return None;
        }
        let place = place.unwrap_or_else(|| match here.config.origins.contains_key("read_only") {
            true => here.place("read_only"),
            false => " (--read-only)".to_owned(),
        });
        Some(format!("read-only{place}: nothing can be changed from here"))
    }

    /// What is begun beside what runs must have room.
    fn crowded(&self, here: &Here<'_>) -> Option<String> {
        let (most, place) = here.strictest("max_at_once", |l| l.max_at_once, |a, b| a < b)?;
        let running = self.running;
        (running >= usize::try_from(most).unwrap_or(usize::MAX)).then(|| {
            format!("{running} operations run already, max_at_once = {most}{place}: wait for one to end")
        })
    }
}

/// The name of the command that would be run.
fn command(plan: &Plan) -> Option<&str> {
    (plan.action == ActionId::Command).then_some(&*plan.subject.name)
}

impl Here<'_> {
    /// The place of the first rule that holds.
    fn holding(&self, key: &str, holds: impl Fn(&Limits) -> bool) -> Option<String> {
        let (path, _) = self.limits.iter().find(|(_, limits)| holds(limits))?;
        Some(self.place(&format!("{path}.{key}")))
    }

    /// The strictest value, and the place of its rule.
    fn strictest(
        &self,
        key: &str,
        value: impl Fn(&Limits) -> Option<u32>,
        is_stricter: impl Fn(u32, u32) -> bool,
    ) -> Option<(u32, String)> {
        let set = self.limits.iter().filter_map(|(path, limits)| Some((value(limits)?, path)));
        let (value, path) = set.reduce(|a, b| if is_stricter(b.0, a.0) { b } else { a })?;
        Some((value, self.place(&format!("{path}.{key}"))))
    }

    fn denied(&self, name: &str) -> Option<String> {
        let place = self.holding("deny", |l| l.deny.iter().any(|d| d == name))?;
        Some(format!("'{name}' is denied{place}"))
    }

    fn too_many(&self, plan: &Plan) -> Option<String> {
        let (most, place) = self.strictest("max_replicas", |l| l.max_replicas, |a, b| a < b)?;
        let wanted = plan.replicas.filter(|wanted| *wanted > most)?;
        Some(format!("{wanted} replicas are over max_replicas = {most}{place}"))
    }

    fn too_few(&self, plan: &Plan) -> Option<String> {
        let (least, place) = self.strictest("min_replicas", |l| l.min_replicas, |a, b| a > b)?;
        let wanted = plan.replicas.filter(|wanted| *wanted < least)?;
        Some(format!("{wanted} replicas are under min_replicas = {least}{place}"))
    }

    fn protected(&self, scope: &Scope) -> Option<String> {
        let listed = self.config.guardrails.is_protected(scope).then(|| self.place("guardrails.protected"));
        let place = listed.or_else(|| self.holding("protected", |l| l.protected))?;
        Some(format!("protected cluster{place}: type the name"))
    }

    fn reason(&self) -> Option<String> {
        let place = self.holding("require_reason", |l| l.require_reason)?;
        Some(format!("a reason must be given{place}"))
    }

    fn quiet(&self, at: Timestamp) -> Option<String> {
        let (path, hours) = self.limits.iter().find_map(|(path, limits)| {
            Some((path, limits.quiet_hours.iter().find(|hours| hours.hold(at))?))
        })?;
        let place = self.place(&format!("{path}.quiet_hours"));
        Some(format!("quiet hours, {hours}{place}: type the name and give a reason"))
    }

    /// ' (midwatch.toml:14)', where the rule stands in a file.
    fn place(&self, path: &str) -> String {
        let line = self.config.origins.get(path);
        let file = self.config.path.as_ref().and_then(|p| p.file_name());
        match (file, line) {
            (Some(file), Some(line)) => format!(" ({}:{line})", file.to_string_lossy()),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::Clean;
    use crate::model::action::{ObjectKind, Subject, Verdict};

    const RULES: &str = r#"
[guardrails]
protected = ["prod-eu-1"]
min_replicas = 1
max_replicas = 20
deny = ["evict"]
max_at_once = 3
quiet_hours = ["22:00-06:00 UTC"]

[guardrails.context.shop]
min_replicas = 3
max_replicas = 10
max_at_once = 5
deny = ["scale"]

[guardrails.context.frozen]
read_only = true
require_reason = true
protected = true
"#;
    const DAY: &str = "2026-01-15T12:00:00Z";

    fn ruling(
        rules: &str,
        context: &str,
        action: ActionId,
        replicas: Option<u32>,
        running: usize,
        at: &str,
    ) -> Ruling {
        let config = Config::parse(rules, Path::new("/x/midwatch.toml")).unwrap_or_else(|e| panic!("{e}"));
        let name = |n: &str| Clean::new(n);
        let subject = Subject {
            kind: ObjectKind::Deployment,
            namespace: name("shop"),
            name: name("api"),
            uid: name("1"),
        };
        let mut plan = Plan::new(action, &subject, Vec::new());
        plan.replicas = replicas;
        let scope = Scope { context: name(context), cluster: name("c"), ..Scope::default() };
        Rules { config: &config, read_only: false, running, at: at.parse().unwrap() }.of(&plan, &scope)
    }

    fn blocks(ruling: &Ruling) -> Vec<&str> {
        ruling.checks.iter().filter(|c| c.verdict == Verdict::Blocks).map(|c| &*c.words).collect()
    }

    #[test]
    fn the_strictest_wins_and_is_named_with_its_place() {
        let restart = ActionId::Restart;
        for (context, action, replicas, running, want) in [
            ("other", restart, Some(20), 0, vec![]),
            ("shop", restart, Some(2), 0, vec!["2 replicas are under min_replicas = 3 (midwatch.toml:11)"]),
            ("shop", ActionId::Scale, None, 0, vec!["'scale' is denied (midwatch.toml:14)"]),
            ("shop", ActionId::Evict, None, 0, vec!["'evict' is denied (midwatch.toml:6)"]),
            ("other", ActionId::Scale, None, 2, vec![]),
            (
                "shop",
                restart,
                None,
                3,
                vec!["3 operations run already, max_at_once = 3 (midwatch.toml:7): wait for one to end"],
            ),
            (
                "frozen",
                restart,
                None,
                0,
                vec!["read-only (midwatch.toml:17): nothing can be changed from here"],
            ),
        ] {
            assert_eq!(blocks(&ruling(RULES, context, action, replicas, running, DAY)), want, "{context}");
        }
    }

    #[test]
    fn what_needs_an_approval_says_why() {
        let over = ruling(RULES, "other", ActionId::Restart, Some(21), 0, DAY);
        assert_eq!(
            over.approval.as_deref(),
            Some("21 replicas are over max_replicas = 20 (midwatch.toml:5)")
        );
        let over = ruling(RULES, "shop", ActionId::Restart, Some(11), 0, DAY);
        assert_eq!(
            over.approval.as_deref(),
            Some("11 replicas are over max_replicas = 10 (midwatch.toml:12)")
        );
        assert!(ruling(RULES, "shop", ActionId::Restart, Some(10), 0, DAY).approval.is_none());
    }

    #[test]
    fn quiet_hours_and_protection_ask_for_more() {
        let asked = |r: &Ruling| (r.protected, r.type_name, r.reason_required);
        let of = |context, at| ruling(RULES, context, ActionId::Restart, None, 0, at);
        assert_eq!(asked(&of("other", DAY)), (false, false, false));
        assert_eq!(asked(&of("prod-eu-1", DAY)), (true, true, false));
        assert_eq!(asked(&of("frozen", DAY)), (true, true, true));
        let night = of("other", "2026-01-15T23:00:00Z");
        assert_eq!(asked(&night), (false, true, true));
        assert!(
            night.checks.iter().any(|c| c.words.contains("22:00-06:00 UTC (midwatch.toml:8)")),
            "{night:?}"
        );
    }

    #[test]
    fn without_rules_nothing_is_asked_for() {
        let none = ruling("", "any", ActionId::Scale, Some(0), 99, DAY);
        assert!(none.checks.is_empty() && !none.type_name && !none.reason_required && !none.read_only);
    }
}
