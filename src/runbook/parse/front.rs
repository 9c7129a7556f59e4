//! The YAML between `---` lines at the top of a document. Of it midwatch reads one key, `alerts`: the
//! names of the alerts that the document is for. Other tools' keys are theirs.

use serde::Deserialize;

use super::place::Lines;
use crate::model::Clean;
use crate::runbook::document::Problem;

/// Front matter is a few keys; what is longer is a document that begins with a rule. Bytes.
const MAX_BYTES: usize = 16 * 1024;

/// No runbook is for more.
const MAX_ALERTS: usize = 100;

#[derive(Debug, Default)]
pub struct Front {
    /// Where the Markdown begins.
    pub end: usize,
    pub alerts: Vec<Clean>,
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    alerts: Vec<String>,
}

/// Where there is none, everything is Markdown.
pub fn read(text: &str, lines: &Lines<'_>) -> (Front, Option<Problem>) {
    let Some((yaml, end)) = extent(text) else { return (Front::default(), None) };
    let start = text.find('\n').map_or(0, |at| at + 1);
    match serde_saphyr::from_str::<Keys>(yaml) {
        Ok(keys) => {
            let alerts = keys.alerts.iter().take(MAX_ALERTS).map(|name| Clean::new(name)).collect();
            (Front { end, alerts }, None)
        }
        // Valid for other tools, and nothing for us.
        Err(_) if !yaml.contains("alerts") => (Front { end, alerts: Vec::new() }, None),
        Err(error) => {
            let why = error.to_string();
            let what =
                format!("the front matter's 'alerts' can't be read: {}", why.lines().next().unwrap_or(""));
            let problem = lines.problem(start, &what, "write it as alerts: [HighErrorRate, PodCrashLooping]");
            (Front { end, alerts: Vec::new() }, Some(problem))
        }
    }
}

/// What is between the first line, which must be `---`, and the next such line; and where that ends.
fn extent(text: &str) -> Option<(&str, usize)> {
    let is_rule = |line: &str| line.trim_end() == "---";
    let mut at = 0;
    let mut start = None;
    for line in text.split_inclusive('\n') {
        let here = at;
        at += line.len();
        match start {
            None if is_rule(line) => start = Some(at),
            None => return None,
            Some(start) if is_rule(line) => return text.get(start..here).map(|yaml| (yaml, at)),
            // A rule followed by nothing is a rule.
            Some(start) if start == here && line.trim().is_empty() => return None,
            Some(_) if at > MAX_BYTES => return None,
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(text: &str) -> (Vec<String>, usize, bool) {
        let (front, problem) = read(text, &Lines::new(text));
        (front.alerts.iter().map(ToString::to_string).collect(), front.end, problem.is_some())
    }

    #[test]
    fn alerts_are_read_and_all_else_is_left_alone() {
        let text = "---\nauthor: x\nalerts: [HighErrorRate, B]\n---\n# T\n";
        assert_eq!(front(text), (vec!["HighErrorRate".into(), "B".into()], text.len() - 4, false));
        assert_eq!(front("---\ntitle: [unclosed\n---\nx"), (vec![], 25, false));
        assert_eq!(front("---\nalerts: {a: 1}\n---\nx"), (vec![], 23, true));
    }

    #[test]
    fn a_rule_at_the_top_is_no_front_matter() {
        for text in ["---\n\ntext\n---\n", "---\ntext", "# T\n---\na: b\n---\n", ""] {
            assert_eq!(front(text), (vec![], 0, false), "{text:?}");
        }
    }
}
