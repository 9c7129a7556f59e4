//! `[guardrails]`, the stricter ones of single contexts, and `[audit]`: what stands between a tired
//! person and production.

use std::collections::BTreeMap;

use toml::Value;

use super::reader::{At, Section, suggestion};
use super::show::{Writer, toml_key};
use crate::model::action::ActionId;
use crate::model::command::CommandSpec;
use crate::model::quiet::QuietHours;
use crate::model::scope::Scope;

/// Enforced by the gateway of the actions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guardrails {
    /// Contexts and clusters where names must be typed.
    pub protected: Vec<String>,
    pub everywhere: Limits,
    /// By context or cluster, beside those of everywhere: the strictest wins.
    pub contexts: BTreeMap<String, Limits>,
}

/// What holds somewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    pub read_only: bool,
    pub protected: bool,
    pub min_replicas: Option<u32>,
    /// Over it an approval is needed.
    pub max_replicas: Option<u32>,
    /// Names of actions.
    pub deny: Vec<String>,
    pub require_reason: bool,
    /// Operations that run at once.
    pub max_at_once: Option<u32>,
    /// When names must be typed and reasons given.
    pub quiet_hours: Vec<QuietHours>,
}

impl Guardrails {
    /// All that hold here, each with its path in the file.
    pub fn here(&self, scope: &Scope) -> Vec<(String, &Limits)> {
        let everywhere = std::iter::once(("guardrails".to_owned(), &self.everywhere));
        let here = self.contexts.iter().filter(|(name, _)| is_here(name, scope));
        everywhere.chain(here.map(|(name, limits)| (format!("guardrails.context.{name}"), limits))).collect()
    }

    /// Whether the list of protected ones names this place.
    pub fn is_protected(&self, scope: &Scope) -> bool {
        self.protected.iter().any(|name| is_here(name, scope))
    }

    /// Whether the action of that name may not be done here.
    pub fn denies(&self, scope: &Scope, name: &str) -> bool {
        self.here(scope).iter().any(|(_, limits)| limits.deny.iter().any(|d| d == name))
    }
}

fn is_here(name: &str, scope: &Scope) -> bool {
    *name == *scope.context || *name == *scope.cluster
}

pub fn read(s: &mut Section<'_, '_>, commands: &[CommandSpec]) -> Guardrails {
    let protected = s.strings("protected").into_iter().map(|at| at.value).collect();
    let everywhere = read_limits(s, commands);
    let contexts = s.section("context", |s| {
        let mut contexts = BTreeMap::new();
        for (name, entry) in s.entries() {
            let limits = s.enter_entry(entry, |s| {
                let protected = s.boolean("protected").is_some_and(|at| at.value);
                Limits { protected, ..read_limits(s, commands) }
            });
            contexts.extend(limits.map(|limits| (name.value, limits)));
        }
        contexts
    });
    Guardrails { protected, everywhere, contexts: contexts.unwrap_or_default() }
}

fn read_limits(s: &mut Section<'_, '_>, commands: &[CommandSpec]) -> Limits {
    let (min, max) = (s.count("min_replicas"), s.count("max_replicas"));
    if let (Some(min), Some(max)) = (&min, &max)
        && max.value < min.value
    {
        let what = format!("'max_replicas' ({}) is below 'min_replicas' ({})", max.value, min.value);
        s.doc.problem(&max.span, what, None);
    }
    let max_at_once = s.count("max_at_once");
    if let Some(at) = max_at_once.as_ref().filter(|at| at.value == 0) {
        let next = Some("read_only = true forbids everything".to_owned());
        s.doc.problem(&at.span, "with 'max_at_once' = 0 nothing could ever be done", next);
    }
    let quiet = s.strings("quiet_hours");
    Limits {
        read_only: s.boolean("read_only").is_some_and(|at| at.value),
        protected: false,
        min_replicas: min.map(|at| at.value),
        max_replicas: max.map(|at| at.value),
        deny: read_deny(s, commands),
        require_reason: s.boolean("require_reason").is_some_and(|at| at.value),
        max_at_once: max_at_once.map(|at| at.value),
        quiet_hours: quiet.iter().filter_map(|at| s.doc.check(&at.span, at.value.parse())).collect(),
    }
}

/// A name that is misspelt would deny nothing.
fn read_deny(s: &mut Section<'_, '_>, commands: &[CommandSpec]) -> Vec<String> {
    let written: Vec<At<String>> = s.strings("deny");
    let built_in = ActionId::ALL.iter().map(|id| id.name());
    let known: Vec<&str> = built_in.chain(commands.iter().map(|c| c.name.as_str())).collect();
    for at in written.iter().filter(|at| !known.contains(&at.value.as_str())) {
        s.doc.problem(&at.span, format!("unknown action '{}'", at.value), suggestion(&at.value, &known));
    }
    written.into_iter().map(|at| at.value).collect()
}

/// As `config show` writes them.
pub(super) fn show(w: &mut Writer<'_>) {
    let guardrails = &w.config.guardrails;
    w.header("[guardrails]", "guardrails".into());
    w.line("protected", guardrails.protected.clone());
    show_limits(w, &guardrails.everywhere);
    for (name, limits) in &guardrails.contexts {
        let header = format!("[guardrails.context.{}]", toml_key(name));
        w.header(&header, format!("guardrails.context.{name}"));
        w.line("protected", limits.protected);
        show_limits(w, limits);
    }
}

fn show_limits(w: &mut Writer<'_>, limits: &Limits) {
    w.line("read_only", limits.read_only);
    w.set("min_replicas", limits.min_replicas.map(i64::from));
    w.set("max_replicas", limits.max_replicas.map(i64::from));
    w.line("deny", limits.deny.clone());
    w.line("require_reason", limits.require_reason);
    w.set("max_at_once", limits.max_at_once.map(i64::from));
    let quiet = limits.quiet_hours.iter().map(|q| Value::from(q.to_string()));
    w.line("quiet_hours", quiet.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, crate::config::ConfigError> {
        Config::parse(text, Path::new("/etc/midwatch.toml"))
    }

    const RULES: &str = r#"
[guardrails]
protected = ["prod-eu-1"]
max_replicas = 20
deny = ["smoke"]
max_at_once = 2
quiet_hours = ["22:00-06:00 Europe/Berlin"]

[guardrails.context."prod eu"]
protected = true
max_replicas = 10
deny = ["delete-pod"]

[[action]]
name = "smoke"
run = ["./smoke.sh"]

[audit]
path = "audit"
"#;

    #[test]
    fn rules_are_read_and_shown_as_they_were_written() {
        let config = parse(RULES).unwrap_or_else(|e| panic!("{e}"));
        let shown = config.show();
        let again = parse(&shown).unwrap_or_else(|e| panic!("{e}\n{shown}"));
        assert_eq!(again.guardrails, config.guardrails);
        assert_eq!(config.audit.as_deref(), Some(Path::new("/etc/audit")));
        assert_eq!(again.audit, config.audit);
        assert!(shown.contains("max_replicas = 10") && shown.contains("# line 11"), "{shown}");
    }

    #[test]
    fn a_context_s_rules_come_beside_those_of_everywhere() {
        let rules = parse(RULES).unwrap().guardrails;
        let scope = |context: &str| Scope { context: context.into(), ..Scope::default() };
        assert_eq!(rules.here(&scope("other")).len(), 1);
        let paths: Vec<String> = rules.here(&scope("prod eu")).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["guardrails", "guardrails.context.prod eu"]);
        assert!(rules.denies(&scope("prod eu"), "delete-pod") && rules.denies(&scope("prod eu"), "smoke"));
        assert!(!rules.denies(&scope("other"), "delete-pod"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, want) in [
            ("[guardrails]\ndeny = ['scael']", "2:9: unknown action 'scael'; did you mean 'scale'?"),
            (
                "[guardrails]\nmax_at_once = 0",
                "2:15: with 'max_at_once' = 0 nothing could ever be done; read_only = true forbids everything",
            ),
            (
                "[guardrails]\nquiet_hours = ['22:00-06:00 Mars/Base']",
                "2:16: no time zone 'Mars/Base' is known here",
            ),
            (
                "[guardrails.context.prod]\nmax_replica = 3",
                "2:1: unknown key 'guardrails.context.prod.max_replica'; did you mean 'max_replicas'?",
            ),
            ("[guardrails.context]\nprod = 3", "2:8: a table is wanted here"),
            ("[audit]\npth = 'x'", "2:1: unknown key 'audit.pth'; did you mean 'path'?"),
        ] {
            let got = parse(text).unwrap_err();
            let got: Vec<String> = got.problems().iter().map(ToString::to_string).collect();
            assert_eq!(got, [want], "{text}");
        }
    }
}
