//! Finds `midwatch.toml`, reads it and checks it: all of it, or nothing.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::error::place;
use super::reader::{Doc, Section};
use super::{Config, ConfigError, Problem, sections};

/// A configuration of this size is not one.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What relative paths in the file are relative to.
pub struct Base {
    directory: PathBuf,
}

impl Base {
    /// `~/` is the home directory; a relative path starts at the file's directory.
    pub fn path(&self, written: &str) -> PathBuf {
        let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        match written.strip_prefix("~/").and_then(|rest| home().map(|home| home.join(rest))) {
            Some(path) => path,
            None => self.directory.join(written),
        }
    }
}

impl Config {
    /// The file given, else `midwatch/midwatch.toml` in the configuration directory if there is
    /// one, else the defaults. A file that was given must exist.
    pub fn load(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        match explicit {
            Some(path) => Self::read(path),
            None => match Self::default_path() {
                Some(path) if path.exists() => Self::read(&path),
                _ => Ok(Self::default()),
            },
        }
    }

    /// `$XDG_CONFIG_HOME/midwatch/midwatch.toml`, or what the platform has instead.
    pub fn default_path() -> Option<PathBuf> {
        directories::BaseDirs::new().map(|dirs| dirs.config_dir().join("midwatch").join("midwatch.toml"))
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(unreadable(std::io::Error::other("it is larger than 4 MiB")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path)
    }

    /// `text` as it would be read from `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // What the recovery made of the rest would only add findings that are none.
            return Err(invalid(errors.iter().map(|e| syntax_problem(text, e)).collect()));
        }
        let doc = Doc::new(text);
        let base = Base { directory: path.parent().map(Path::to_owned).unwrap_or_default() };
        let mut root = Section::root(&doc, table.get_ref());
        let mut config = sections::read(&mut root, &base);
        root.close();
        let (problems, origins) = doc.finish();
        if !problems.is_empty() {
            return Err(invalid(problems));
        }
        config.path = Some(path.to_owned());
        config.origins = origins;
        Ok(config)
    }
}

fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    Problem { line, column, what: error.message().trim().replace('\n', ", "), next: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::RecordSource;
    use crate::model::signal::SignalId;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("/etc/midwatch.toml"))
    }

    /// Each problem as `line:column: what; next`.
    fn problems(text: &str) -> Vec<String> {
        parse(text).unwrap_err().problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn wrong_keys_and_values_are_told_with_place_and_remedy() {
        for (text, want) in [
            ("servce = 'x'", "1:1: unknown key 'servce'; did you mean 'service'?"),
            ("service = 5", "1:11: 'service' must be a string, not a whole number"),
            (
                "[objectives.\"p95 latncy\"]\ntarget = '1 s'",
                "1:13: unknown signal 'p95 latncy'; did you mean 'p95 latency'?",
            ),
            (
                "[objectives.\"p95 latency\"]\ntarget = '1 s'\n  critcal = '2 s'",
                "3:3: unknown key 'objectives.p95 latency.critcal'; did you mean 'critical'?",
            ),
            (
                "[objectives.\"p95 latency\"]\ntarget = '500'",
                "2:10: '500' is not a duration; write it as \"90 s\", \"1h 30m\" or \"14 d\"",
            ),
            (
                "[objectives.availability]\ntarget = '99.9 %'\ncritical = '99.99 %'",
                "3:12: 'critical' (99.99 %) must not be better than 'warning' (99.9 %)",
            ),
            ("[objectives.cpu]\ntarget = '120 %'", "2:10: '120 %' is outside of 0 % … 100 %"),
            (
                "[objectives.\"p95 latency\"]\ntarget = '3 s'",
                "2:10: 'critical' is needed too: its default, 1 s, is better than 'warning', 3 s",
            ),
            ("[[backup]]\nname = 'full'\nrpo = '0 h'", "3:7: '0 h' is not longer than nothing"),
            (
                "[[backup]]\nname = 'full'\nevery = '1 d'\nrpo = '2 h'",
                "4:7: an RPO of 2h can't be kept by a backup every 1 d",
            ),
            ("[[backup]]\nrpo = '2 h'", "1:1: a backup needs a 'name'"),
            (
                "[prometheus]\nurl = 'https://u:p@h/'",
                "2:7: a user or password may not stand in a URL; write basic = { user = \"…\", password = { env = \"…\" } }",
            ),
            ("[prometheus]\nurl = 'h:9090'", "2:7: only http:// and https:// URLs can be asked"),
            (
                "[prometheus]\nservice = 'prometheus:9090'",
                "2:11: 'prometheus:9090' is not namespace/[https:]service:port, as monitoring/prometheus:9090",
            ),
            (
                "[prometheus]\nbearer = { env = 'A', file = 'b' }",
                "2:10: a secret needs exactly one of 'file', 'env' and 'command'",
            ),
            (
                "[prometheus.headers]\nAuthorization = 'Bearer x'",
                "2:17: the value of 'Authorization' is a secret and may not stand in the file; write { file = \"…\" }, { env = \"…\" } or { command = […] }",
            ),
            ("window = '5 s'", "1:10: the window must be between 15m and 1 d"),
            ("[[probe]]\nname = 'api'", "1:1: a probe needs a 'url'"),
            (
                "[guardrails]\nmin_replicas = -1",
                "2:16: 'guardrails.min_replicas' must be a whole number from 0 to 4294967295, not a whole number",
            ),
            (
                "[guardrails]\nmin_replicas = 5\nmax_replicas = 3",
                "3:16: 'max_replicas' (3) is below 'min_replicas' (5)",
            ),
        ] {
            assert_eq!(problems(text), [want], "{text}");
        }
    }

    #[test]
    fn queries_and_matchers_must_be_promql() {
        let got = problems("[prometheus.queries]\n\"cpu\" = 'sum(rate(x[5m])'");
        assert!(got.len() == 1 && got[0].starts_with("2:9: not PromQL: "), "{got:?}");
        let got = problems("[prometheus]\nmatchers = ['namespace']");
        assert!(got.len() == 1 && got[0].starts_with("2:13: not a label matcher: "), "{got:?}");
    }

    #[test]
    fn all_problems_are_told_in_the_file_s_order() {
        let got =
            problems("theme = 1\nkeymp = 'vim'\n\n[[contact]]\nname = 'dba'\nreech = '#dba'\n[bakcup]\n");
        let places: Vec<&str> = got.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["1:9", "2:1", "4:1", "6:1", "7:2"], "{got:#?}");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let got = problems("service = 'x'\n\ntheme = = 'dark'\n");
        assert!(got[0].starts_with("3:9: "), "{got:?}");
        let error = parse("a = ").unwrap_err().to_string();
        assert!(error.starts_with("/etc/midwatch.toml:1:"), "{error}");
    }

    #[test]
    fn the_example_is_valid_and_says_what_it_means() {
        let config =
            parse(include_str!("../../assets/midwatch.example.toml")).unwrap_or_else(|e| panic!("{e}"));
        let p95 = config.objectives.iter().find(|o| o.signal == SignalId::LatencyP95).unwrap();
        assert_eq!((p95.target, p95.warning, p95.critical), (0.5, 0.5, 1.0));
        assert!(config.objectives.iter().any(|o| o.signal == SignalId::DiskRatio), "defaults stay");
        assert_eq!(config.backups[0].rpo, Some(jiff::SignedDuration::from_hours(26)));
        assert!(matches!(&config.backup_records[0], RecordSource::File(p) if p.is_absolute()));
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let error = Config::load(Some(Path::new("/no/such/midwatch.toml"))).unwrap_err().to_string();
        assert!(error.contains("/no/such/midwatch.toml") && error.contains("--config"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|\\n){0,120}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_shape_is_read_or_refused(
            key in "(service|prometheus|objectives|backup|probe|contact|guardrails|runbooks|window)",
            value in "(1|\"x\"|true|\\[\\]|\\[1\\]|\\{\\}|\\{a=1\\}|\\[\\{\\}\\]|\\[\\{name=\"x\"\\}\\]|1.5|2020-01-01)",
        ) {
            let _ = parse(&format!("{key} = {value}"));
        }
    }
}
