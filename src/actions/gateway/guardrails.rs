//! The rules of `[guardrails]`, each named with the place where it stands.

use crate::actions::Plan;
use crate::config::Config;
use crate::model::action::Check;
use crate::model::scope::Scope;

/// What holds in this session.
pub struct Rules<'a> {
    pub config: &'a Config,
    pub read_only: bool,
}

/// What the rules say of a plan.
pub struct Ruling {
    pub checks: Vec<Check>,
    pub protected: bool,
    pub reason_required: bool,
    pub read_only: bool,
    /// Why somebody else has to consent.
    pub approval: Option<String>,
}

const ABOUT: &str = "guardrails";

impl Rules<'_> {
    pub fn of(&self, plan: &Plan, scope: &Scope) -> Ruling {
        let rules = &self.config.guardrails;
        let mut checks = Vec::new();
        if self.read_only {
            let place = self.place("read_only");
            let place = if place.is_empty() { " (--read-only)".to_owned() } else { place };
            checks.push(Check::blocks(ABOUT, &format!("read-only{place}: nothing can be changed from here")));
        }
        let name = plan.action.name();
        if rules.deny.iter().any(|d| d == name) {
            let words = format!("'{name}' is denied{}", self.place("guardrails.deny"));
            checks.push(Check::blocks(ABOUT, &words));
        }
        let over = plan.replicas.zip(rules.max_replicas).filter(|(wanted, most)| wanted > most);
        let approval = over.map(|(wanted, most)| {
            let place = self.place("guardrails.max_replicas");
            format!("{wanted} replicas are over max_replicas = {most}{place}")
        });
        if let (Some(wanted), Some(least)) = (plan.replicas, rules.min_replicas)
            && wanted < least
        {
            let words = format!(
                "{wanted} replicas are under min_replicas = {least}{}",
                self.place("guardrails.min_replicas")
            );
            checks.push(Check::blocks(ABOUT, &words));
        }
        let is_here = |p: &&String| **p == *scope.context || **p == *scope.cluster;
        let protected = rules.protected.iter().any(|p| is_here(&p));
        if protected {
            let words = format!("protected cluster{}: type the name", self.place("guardrails.protected"));
            checks.push(Check::ok(ABOUT, &words));
        }
        if rules.require_reason {
            let words = format!("a reason must be given{}", self.place("guardrails.require_reason"));
            checks.push(Check::ok(ABOUT, &words));
        }
        let reason_required = rules.require_reason;
        Ruling { checks, protected, reason_required, read_only: self.read_only, approval }
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
