//! From flags, configuration and environment to the first state: themes and keymaps are read here,
//! the user's own over those that ship.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::Global;
use crate::config::Config;
use crate::input::{Keymap, keymap};
use crate::model::Health;
use crate::model::nearest::nearest;
use crate::model::scope::{NamespaceChoice, Target};
use crate::state::{Settings, State};
use crate::terminal::capabilities::Capabilities;
use crate::ui::theme::{self, Theme};

/// `$XDG_CONFIG_HOME/midwatch`, where there is a home at all.
pub fn config_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "midwatch").map(|dirs| dirs.config_dir().to_owned())
}

/// What the flags ask to look at; the configuration's service where no other is named.
pub fn target(global: &Global, config: &Config) -> Target {
    let namespace = match (&global.namespace, global.all_namespaces) {
        (_, true) => NamespaceChoice::All,
        (Some(name), false) => NamespaceChoice::Named(name.clone()),
        (None, false) => NamespaceChoice::OfContext,
    };
    Target {
        // A session may be gone on with from another directory.
        kubeconfig: global.kubeconfig.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone())),
        context: global.context.clone(),
        namespace,
        service: config.service.clone(),
    }
}

/// The state before anything has happened. A theme or keymap that can't be used is replaced by the
/// default, and the error is the first message.
pub fn state(
    global: &Global,
    config: Arc<Config>,
    capabilities: &Capabilities,
    now: Timestamp,
    size: (u16, u16),
) -> State {
    let directory = config_dir();
    let theme_name = global.theme.clone().or_else(|| config.theme.clone()).unwrap_or_else(|| "dark".into());
    let keymap_name =
        global.keymap.clone().or_else(|| config.keymap.clone()).unwrap_or_else(|| "default".into());
    let mut errors = Vec::new();
    let theme = or_default(theme(&theme_name, directory.as_deref()), "theme dark", &mut errors, || {
        Theme::preset("dark")
    });
    let keymap =
        or_default(keymap(&keymap_name, directory.as_deref()), "keymap default", &mut errors, || {
            Keymap::preset("default")
        });
    let mut themes: Vec<Theme> = theme::PRESETS.iter().filter_map(|(name, _)| Theme::preset(name)).collect();
    if !themes.iter().any(|t| t.name == theme.name) {
        themes.push(theme.clone());
    }
    let (runbooks, troubles) = crate::runbook::library::list(&config);
    errors.extend(troubles);
    let depth = capabilities.depth;
    let settings = Settings {
        keymap,
        theme: theme.at_depth(depth),
        themes: themes.into_iter().map(|t| t.at_depth(depth)).collect(),
        ascii: global.ascii || config.ascii.unwrap_or(capabilities.ascii),
        read_only: global.read_only || config.read_only,
        config: config.clone(),
        runbooks: runbooks.into(),
    };
    let mut state = State::new(settings, target(global, &config), now, size);
    for error in errors {
        state.notice(Health::Warning, error);
    }
    state
}

fn or_default<T: Default>(
    read: Result<T, String>,
    instead: &str,
    errors: &mut Vec<String>,
    default: impl FnOnce() -> Option<T>,
) -> T {
    read.unwrap_or_else(|error| {
        errors.push(format!("{error}; {instead} is used instead"));
        default().unwrap_or_default()
    })
}

fn user_file(directory: Option<&Path>, kind: &str, name: &str) -> Option<(PathBuf, String)> {
    // A name, not a path: nothing outside the directory is read.
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let path = directory.filter(|_| plain)?.join(kind).join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).ok()?;
    Some((path, text))
}

/// The user's theme of that name, over the shipped one, or over `dark`.
pub fn theme(name: &str, directory: Option<&Path>) -> Result<Theme, String> {
    let shipped = Theme::preset(name);
    match user_file(directory, "themes", name) {
        Some((path, text)) => {
            let base = shipped.or_else(|| Theme::preset("dark"));
            Theme::parse(name, &text, &path.display().to_string(), base.as_ref())
        }
        None => shipped.ok_or_else(|| {
            let near = nearest(name, theme::PRESETS.iter().map(|(n, _)| *n));
            format!("no theme '{name}'{near}")
        }),
    }
}

/// The user's keymap of that name, over the shipped one, or over `default`.
pub fn keymap(name: &str, directory: Option<&Path>) -> Result<Keymap, String> {
    let shipped = Keymap::preset(name);
    match user_file(directory, "keymaps", name) {
        Some((path, text)) => {
            let base = shipped.or_else(|| Keymap::preset("default"));
            Keymap::parse(&text, &path.display().to_string(), base.as_ref())
        }
        None => shipped.ok_or_else(|| {
            let near = nearest(name, keymap::PRESETS.iter().map(|(n, _)| *n));
            format!("no keymap '{name}'{near}")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_files_go_over_those_that_ship() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("themes")).unwrap();
        std::fs::create_dir(dir.path().join("keymaps")).unwrap();
        std::fs::write(dir.path().join("themes/mine.toml"), "ok = 'blue'").unwrap();
        std::fs::write(dir.path().join("keymaps/bad.toml"), "[global]\nq = 'quitt'").unwrap();
        let mine = theme("mine", Some(dir.path())).unwrap();
        assert_eq!(mine.health(Health::Ok).fg, Some(ratatui::style::Color::Blue));
        let error = keymap("bad", Some(dir.path())).unwrap_err();
        assert!(error.ends_with("bad.toml:2:5: no command 'quitt', did you mean 'quit'?"), "{error}");
        assert_eq!(theme("drak", Some(dir.path())).unwrap_err(), "no theme 'drak', did you mean 'dark'?");
        assert!(theme("../themes/mine", Some(dir.path())).is_err());
    }
}
