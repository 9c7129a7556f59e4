//! `config init`: a file that says what was found and how, with everything that can be set beside
//! it as a comment. Nothing in it changes what happens until a line is uncommented.

use std::fmt::Write;

/// What was found in a cluster, in the configuration's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The service to show, where one was named.
    pub service: Option<String>,
    /// `namespace/[https:]name:port` of the best that was found, and how it was found.
    pub prometheus: Vec<(String, String)>,
    pub alertmanager: Vec<(String, String)>,
    pub redis: Vec<(String, String)>,
    /// Where was looked, and what could not be looked at.
    pub looked_in: String,
    pub refused: Vec<String>,
}

const EXAMPLE: &str = include_str!("../../assets/midwatch.example.toml");

/// The text of a new `midwatch.toml`.
pub fn init_text(found: &Findings) -> String {
    let mut text = String::from(
        "# midwatch.toml, as written by `midwatch config init`. Every line is a comment: midwatch finds\n\
         # these things by itself. Uncomment what should be fixed, or what it can't find.\n#\n",
    );
    // Writing to a String cannot fail.
    _ = writeln!(text, "# Looked in {}.", comment(&found.looked_in));
    for refused in &found.refused {
        _ = writeln!(text, "# Could not look: {}", comment(refused));
    }
    for (noun, services) in
        [("prometheus", &found.prometheus), ("alertmanager", &found.alertmanager), ("redis", &found.redis)]
    {
        match services.split_first() {
            None => _ = writeln!(text, "# No {noun} was found."),
            Some(((service, how), others)) => {
                _ = writeln!(text, "# {noun}: {}, {}", comment(service), comment(how));
                for (other, how) in others {
                    _ = writeln!(text, "#   also {}, {}", comment(other), comment(how));
                }
            }
        }
    }
    text.push('\n');
    let mut section = String::new();
    // The first lines say how the example is used; here the lines above do.
    for line in EXAMPLE.lines().skip_while(|line| line.is_empty() || line.starts_with('#')) {
        if line.starts_with('[') {
            section = line.split_whitespace().next().unwrap_or("").to_owned();
        }
        let found_here = match section.as_str() {
            "[prometheus]" => found.prometheus.first(),
            "[alertmanager]" => found.alertmanager.first(),
            _ => None,
        };
        match (found_here, &found.service) {
            (Some((service, _)), _) if line.starts_with("url =") => {
                _ = writeln!(text, "# service = {}", quoted(service));
                _ = writeln!(text, "# {line}");
            }
            (None, Some(service)) if section.is_empty() && line.starts_with("service =") => {
                _ = writeln!(text, "# service = {}", quoted(service));
            }
            _ if line.is_empty() || line.starts_with('#') => _ = writeln!(text, "{line}"),
            _ => _ = writeln!(text, "# {line}"),
        }
    }
    text
}

/// Names come from the cluster: none of them may end the comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

fn quoted(text: &str) -> String {
    toml::Value::from(comment(text)).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn found() -> Findings {
        let of = |service: &str| (service.to_owned(), "named so".to_owned());
        Findings {
            service: Some("checkout".into()),
            prometheus: vec![of("monitoring/prometheus:9090"), of("other/prometheus-server:80")],
            looked_in: "the whole cluster\n[evil]".into(),
            refused: vec!["list services in x: 403".into()],
            ..Findings::default()
        }
    }

    #[test]
    fn as_written_it_changes_nothing() {
        let config =
            Config::parse(&init_text(&found()), Path::new("m.toml")).unwrap_or_else(|e| panic!("{e}"));
        assert!(config.origins.is_empty(), "{:?}", config.origins);
    }

    #[test]
    fn uncommented_it_is_valid_and_holds_what_was_found() {
        let text = init_text(&found());
        assert!(
            text.contains("# No alertmanager was found.") && text.contains("also other/prometheus-server:80")
        );
        let lines: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            // Both, to choose from; and secrets, of which an endpoint takes one.
            .filter(|line| !line.starts_with("url = \"https://prometheus") && !line.starts_with("basic"))
            .filter(|line| !line.starts_with("service = \"monitoring/prometheus:9090\"    #"))
            .filter(|line| !line.starts_with("bearer") && !line.starts_with("client_"))
            .collect();
        let config =
            Config::parse(&lines.join("\n"), Path::new("m.toml")).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(config.service.as_deref(), Some("checkout"));
        assert_eq!(config.prometheus.service.unwrap().to_string(), "monitoring/prometheus:9090");
        assert_eq!(config.backups.len(), 1);
    }
}
