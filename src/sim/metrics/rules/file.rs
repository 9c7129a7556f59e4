//! The rules file: TOML, checked as a whole before anything of it is used.

use std::collections::BTreeMap;

use promql_parser::parser::Expr;
use serde::Deserialize;

use super::template::Template;
use crate::sim::metrics::alertmanager::matchers;
use crate::sim::metrics::labels::is_label_name;
use crate::sim::metrics::promql::{self, format};

/// Why a rules file was not taken; nothing of it is in force then.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("the rules file is not valid TOML for rules: {0}")]
    Toml(#[from] Box<toml::de::Error>),
    #[error("rule {alert:?}: {field}: {why}; correct it in the rules file")]
    Field { alert: String, field: String, why: String },
    #[error("inhibit rule {number}: {why}; matchers are written as in name=\"value\"")]
    Inhibit { number: usize, why: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<RawRule>,
    #[serde(default)]
    inhibit: Vec<RawInhibit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    alert: String,
    expr: String,
    #[serde(default)]
    r#for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInhibit {
    source: Vec<String>,
    target: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

/// A rule, ready to be evaluated.
#[derive(Debug)]
pub struct Rule {
    pub alert: String,
    pub expr: Expr,
    /// The expression as it was written, without the space around it.
    pub query: String,
    /// How long it must hold before it fires, in milliseconds.
    pub hold_ms: i64,
    pub labels: Vec<(String, Template)>,
    pub annotations: Vec<(String, Template)>,
}

/// While an alert that satisfies `source` fires, those that satisfy `target` and agree with it
/// in the labels `equal` are suppressed.
#[derive(Debug)]
pub struct Inhibit {
    pub source: Vec<matchers::Matcher>,
    pub target: Vec<matchers::Matcher>,
    pub equal: Vec<String>,
}

/// Reads a rules file.
///
/// # Errors
/// [`RuleError`] with the rule and field that is wrong.
pub fn parse(text: &str) -> Result<(Vec<Rule>, Vec<Inhibit>), RuleError> {
    let file: File = toml::from_str(text).map_err(Box::new)?;
    let rules = file.rule.into_iter().map(rule).collect::<Result<_, _>>()?;
    let inhibits = file.inhibit.into_iter().enumerate().map(|(i, raw)| inhibit(i + 1, raw));
    Ok((rules, inhibits.collect::<Result<_, _>>()?))
}

fn rule(raw: RawRule) -> Result<Rule, RuleError> {
    let alert = raw.alert;
    let wrong =
        |field: &str, why: String| RuleError::Field { alert: alert.clone(), field: field.into(), why };
    let expr = promql::parse(&raw.expr).map_err(|e| wrong("expr", e.to_string()))?;
    let hold = raw.r#for.as_deref().map_or(Ok(Default::default()), format::parse_duration);
    let hold = hold.map_err(|why| wrong("for", why))?;
    let templates = |field: &str, texts: BTreeMap<String, String>| {
        let one = |(name, text): (String, String)| {
            if !is_label_name(&name) {
                return Err(wrong(field, format!("{name:?} is not a valid name")));
            }
            let template = Template::parse(&text).map_err(|why| wrong(&format!("{field}.{name}"), why))?;
            Ok((name, template))
        };
        texts.into_iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    let labels = templates("labels", raw.labels)?;
    let annotations = templates("annotations", raw.annotations)?;
    let hold_ms = i64::try_from(hold.as_millis()).map_err(|e| wrong("for", e.to_string()))?;
    Ok(Rule { alert, expr, query: raw.expr.trim().into(), hold_ms, labels, annotations })
}

fn inhibit(number: usize, raw: RawInhibit) -> Result<Inhibit, RuleError> {
    let all = |texts: Vec<String>| texts.iter().map(|t| matchers::parse(t)).collect::<Result<Vec<_>, _>>();
    let wrong = |why: String| RuleError::Inhibit { number, why };
    Ok(Inhibit {
        source: all(raw.source).map_err(wrong)?,
        target: all(raw.target).map_err(wrong)?,
        equal: raw.equal,
    })
}
