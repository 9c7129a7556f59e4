//! Alertmanager's configuration, as `amtool config` reads it: written from what is in force.

use std::fmt::Write;

use super::matchers::Matcher;
use super::{GROUP_BY, PAGES, RECEIVERS};
use crate::sim::metrics::rules::Inhibit;

/// The configuration as YAML.
pub fn yaml(inhibits: &[Inhibit]) -> String {
    let [pager, team] = RECEIVERS;
    let mut text = format!(
        "global:\n  resolve_timeout: 5m\nroute:\n  receiver: {team}\n  group_by: {GROUP_BY:?}\n  group_wait: 30s\n  \
         group_interval: 5m\n  repeat_interval: 4h\n  routes:\n  - receiver: {pager}\n    matchers:\n    - {PAGES}\n"
    );
    if !inhibits.is_empty() {
        text.push_str("inhibit_rules:\n");
    }
    let list = |matchers: &[Matcher]| {
        let quoted: Vec<String> =
            matchers.iter().map(|m| format!("'{}'", m.to_string().replace('\'', "''"))).collect();
        quoted.join(", ")
    };
    for Inhibit { source, target, equal } in inhibits {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "- source_matchers: [{}]\n  target_matchers: [{}]\n  equal: {equal:?}\n",
            list(source),
            list(target)
        );
    }
    let _ = write!(text, "receivers:\n- name: {pager}\n- name: {team}\n");
    text
}
