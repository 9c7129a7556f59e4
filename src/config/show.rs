//! `config show`: what is in effect, as TOML that could be the file, and where each value comes
//! from. Secrets appear as the place they are read from, never as their value.

use std::fmt::Write;

use toml::Value;

use super::secret::SecretSource;
use super::units::{show_duration, show_value};
use super::{CachePlace, Config, HttpAccess, RecordSource};

/// Writes lines `key = value  # from`.
pub(super) struct Writer<'c> {
    pub(super) config: &'c Config,
    out: String,
    path: String,
}

impl Config {
    /// The effective configuration with the origin of every value as a comment.
    pub fn show(&self) -> String {
        let mut w = Writer { config: self, out: String::new(), path: String::new() };
        match &self.path {
            Some(path) => _ = writeln!(w.out, "# read from {}", path.display()),
            None => w.out.push_str("# no file: everything is found out, or a default\n"),
        }
        general(&mut w);
        endpoints(&mut w);
        objectives(&mut w);
        backups(&mut w);
        rest(&mut w);
        w.out
    }
}

impl Writer<'_> {
    pub(super) fn header(&mut self, header: &str, path: String) {
        _ = writeln!(self.out, "\n{header}");
        self.path = path;
    }

    pub(super) fn line(&mut self, key: &str, value: impl Into<Value>) {
        let full = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        let from = match self.config.origins.get(&full) {
            Some(line) => format!("line {line}"),
            None => "default".to_owned(),
        };
        let shown = format!("{} = {}", toml_key(key), value.into());
        _ = writeln!(self.out, "{shown:<44} # {from}");
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<Value>>, without: &str) {
        match value {
            Some(value) => self.line(key, value),
            None => _ = writeln!(self.out, "{:<44} # {without}", format!("# {key}")),
        }
    }

    /// Only where it is set: there is nothing to say of its default.
    pub(super) fn set(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }
}

fn general(w: &mut Writer<'_>) {
    let config = w.config;
    w.optional("service", config.service.clone(), "found out");
    w.optional(
        "selectors",
        (!config.selectors.is_empty()).then(|| config.selectors.clone()),
        "all of the namespace",
    );
    w.optional("theme", config.theme.clone(), "default");
    w.optional("keymap", config.keymap.clone(), "default");
    w.line("read_only", config.read_only);
    w.optional("ascii", config.ascii, "from the terminal");
    w.line("window", show_duration(config.window));
    w.line("runbooks", config.runbooks.iter().map(|p| p.display().to_string()).collect::<Vec<_>>());
}

fn endpoints(w: &mut Writer<'_>) {
    let prometheus = &w.config.prometheus;
    w.header("[prometheus]", "prometheus".into());
    endpoint(w, prometheus.url.as_ref(), prometheus.service.as_ref(), &prometheus.http);
    w.line("matchers", prometheus.matchers.clone());
    if !prometheus.queries.is_empty() {
        w.header("[prometheus.queries]", "prometheus.queries".into());
        for (signal, query) in &prometheus.queries {
            w.line(signal.noun(), query.clone());
        }
    }
    let alertmanager = &w.config.alertmanager;
    w.header("[alertmanager]", "alertmanager".into());
    endpoint(w, alertmanager.url.as_ref(), alertmanager.service.as_ref(), &alertmanager.http);
    w.line("filter", alertmanager.filter.clone());
}

fn endpoint(
    w: &mut Writer<'_>,
    url: Option<&String>,
    service: Option<&super::ServiceRef>,
    http: &HttpAccess,
) {
    match (url, service) {
        (Some(url), _) => w.line("url", url.clone()),
        (None, service) => {
            w.optional("service", service.map(ToString::to_string), "looked for in the cluster")
        }
    }
    access(w, http);
}

fn access(w: &mut Writer<'_>, http: &HttpAccess) {
    w.set("bearer", http.bearer.as_ref().map(secret));
    w.set(
        "basic",
        http.basic.as_ref().map(|(user, password)| {
            Value::Table(
                [("user".into(), user.clone().into()), ("password".into(), secret(password))]
                    .into_iter()
                    .collect(),
            )
        }),
    );
    let plain = http.plain_headers.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
    let headers: toml::Table =
        plain.chain(http.headers.iter().map(|(name, source)| (name.clone(), secret(source)))).collect();
    w.set("headers", (!headers.is_empty()).then_some(headers));
    for (key, file) in [
        ("ca_file", &http.ca_file),
        ("client_cert_file", &http.client_cert_file),
        ("client_key_file", &http.client_key_file),
    ] {
        w.set(key, file.as_ref().map(|path| path.display().to_string()));
    }
}

/// The place, as the file names it. Arguments of a command may hold secrets: only its name is shown.
fn secret(source: &SecretSource) -> Value {
    let (key, value) = match source {
        SecretSource::File(path) => ("file", Value::from(path.display().to_string())),
        SecretSource::Env(name) => ("env", Value::from(name.clone())),
        SecretSource::Command(argv) => {
            let hidden = (argv.len() > 1).then(|| "…".to_owned());
            ("command", Value::from(argv.first().cloned().into_iter().chain(hidden).collect::<Vec<_>>()))
        }
    };
    Value::Table([(key.to_owned(), value)].into_iter().collect())
}

fn objectives(w: &mut Writer<'_>) {
    for objective in &w.config.objectives {
        let (noun, unit) = (objective.signal.noun(), objective.signal.unit());
        w.header(&format!("[objectives.{}]", toml_key(noun)), format!("objectives.{noun}"));
        w.line("target", show_value(objective.target, unit));
        w.line("warning", show_value(objective.warning, unit));
        w.line("critical", show_value(objective.critical, unit));
    }
}

fn backups(w: &mut Writer<'_>) {
    for (i, backup) in w.config.backups.iter().enumerate() {
        w.header("[[backup]]", format!("backup[{i}]"));
        w.line("name", backup.name.clone());
        for (key, value) in [
            ("every", backup.every),
            ("rpo", backup.rpo),
            ("rto", backup.rto),
            ("retention", backup.retention),
            ("verified_within", backup.verified_within),
        ] {
            w.set(key, value.map(show_duration));
        }
    }
    for (i, record) in w.config.backup_records.iter().enumerate() {
        w.header("[[backup_record]]", format!("backup_record[{i}]"));
        match record {
            RecordSource::File(path) => w.line("file", path.display().to_string()),
            RecordSource::Url { url, http } => {
                w.line("url", url.clone());
                access(w, http);
            }
        }
    }
}

fn caches(w: &mut Writer<'_>) {
    for (i, cache) in w.config.caches.iter().enumerate() {
        w.header("[[cache]]", format!("cache[{i}]"));
        w.line("name", cache.name.clone());
        w.line("kind", cache.kind.noun());
        match &cache.place {
            CachePlace::Url(url) => w.line("url", url.to_string()),
            CachePlace::Service(place) => w.line("service", place.to_string()),
            CachePlace::Pod(place) => w.line("pod", place.to_string()),
        }
        w.line("via", cache.via.noun());
        w.set("username", cache.username.clone());
        w.set("password", cache.password.as_ref().map(secret));
        w.line("database", i64::from(cache.database));
        w.set("ca_file", cache.ca_file.as_ref().map(|path| path.display().to_string()));
    }
}

fn rest(w: &mut Writer<'_>) {
    for (i, probe) in w.config.probes.iter().enumerate() {
        w.header("[[probe]]", format!("probe[{i}]"));
        w.line("name", probe.name.clone());
        w.line("url", probe.url.clone());
        w.line("every", show_duration(probe.every));
        access(w, &probe.http);
    }
    caches(w);
    super::guardrails::show(w);
    w.header("[audit]", "audit".into());
    let path = w.config.audit.as_ref().map(|path| path.display().to_string());
    w.optional("path", path, "in the user's state directory");
    super::commands::show(w);
    for (i, contact) in w.config.contacts.iter().enumerate() {
        w.header("[[contact]]", format!("contact[{i}]"));
        w.line("name", contact.name.clone());
        w.line("reach", contact.reach.clone());
    }
}

/// Bare where TOML allows it.
pub(super) fn toml_key(key: &str) -> String {
    let bare = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') && !key.is_empty();
    if bare { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_shown_is_a_file_that_means_the_same() {
        let text = include_str!("../../assets/midwatch.example.toml");
        let config = Config::parse(text, Path::new("/etc/midwatch/midwatch.toml")).unwrap();
        let shown = config.show();
        let again = Config::parse(&shown, Path::new("/etc/midwatch/midwatch.toml"))
            .unwrap_or_else(|e| panic!("{e}\n{shown}"));
        assert_eq!(again.objectives, config.objectives);
        assert_eq!(again.backups, config.backups);
        assert_eq!(again.prometheus.http, config.prometheus.http);
        assert_eq!(again.prometheus.queries, config.prometheus.queries);
        let line = text.lines().position(|l| l.starts_with("service = ")).unwrap() + 1;
        assert!(shown.contains(&format!("# line {line}")), "{shown}");
        assert!(
            shown.lines().any(|l| l.starts_with("target = \"80 %\"") && l.ends_with("# default")),
            "{shown}"
        );
    }

    #[test]
    fn a_command_s_arguments_are_not_shown() {
        let text = "[prometheus]\nurl = 'https://p'\nbearer = { command = ['vault', 'token=hunter2'] }";
        let shown = Config::parse(text, Path::new("m.toml")).unwrap().show();
        assert!(shown.contains("vault") && !shown.contains("hunter2"), "{shown}");
    }
}
