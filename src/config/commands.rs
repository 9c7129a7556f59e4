//! `[[action]]` and `[[manifest]]`: what the team can do beyond what midwatch brings along. All that
//! could be wrong with a command line is found here, not at three in the morning.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use super::load::Base;
use super::reader::{At, Section, suggestion};
use super::sections::{distinct, duration, required};
use super::show::Writer;
use super::units::show_duration;
use crate::model::action::ActionId;
use crate::model::command::{
    CommandSpec, ManifestSpec, OF_THE_SESSION, Parameter, Piece, Risk, anchored, is_name, pieces,
};

/// A smoke test or a small backup takes minutes.
const TIMEOUT: SignedDuration = SignedDuration::from_mins(10);
/// Less is no time to start in; what takes more is a job of its own, with a scheduler that looks after it.
const TIMEOUTS: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(1), SignedDuration::from_hours(24));

pub fn read(s: &mut Section<'_, '_>, base: &Base) -> Vec<CommandSpec> {
    let read = s.sections("action", |s| read_command(s, base));
    let (names, commands): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    distinct(s, "action", &names);
    commands
}

fn read_command(s: &mut Section<'_, '_>, base: &Base) -> Option<(At<String>, CommandSpec)> {
    let name = required(s, "action", "name").filter(|at| named(s, at));
    let title = s.string("title").map(|at| at.value);
    let run = s.strings("run");
    let read = s.sections("parameter", read_parameter);
    let (names, parameters): (Vec<_>, Vec<Parameter>) = read.into_iter().flatten().unzip();
    distinct(s, "parameter", &names);
    check_run(s, &run, &names);
    let directory = absolute(base.path(&s.string("directory").map(|at| at.value).unwrap_or_default()));
    let environment = read_environment(s);
    let timeout = read_timeout(s);
    let risk = read_risk(s);
    let evidence = s.boolean("evidence").is_some_and(|at| at.value);
    let name = name?;
    let command = CommandSpec {
        name: name.value.clone(),
        title,
        run: run.into_iter().map(|at| at.value).collect(),
        directory,
        environment,
        timeout,
        risk,
        evidence,
        parameters,
    };
    Some((name, command))
}

/// The dialog shows where a command runs: '.' would say nothing.
fn absolute(path: PathBuf) -> PathBuf {
    // Joined with nothing, a path ends with a slash.
    let path: PathBuf = Path::new(".").join(path).components().collect();
    std::path::absolute(&path).unwrap_or(path)
}

/// The name stands beside those of the built-in actions, in `deny` and in the audit log.
fn named(s: &Section<'_, '_>, at: &At<String>) -> bool {
    if let Some(taken) = ActionId::ALL.iter().find(|id| id.name() == at.value) {
        let what = format!("'{}' is an action of midwatch's own: {}", at.value, taken.doc());
        s.doc.problem(&at.span, what, Some("choose another name".into()));
        return false;
    }
    is_named(s, at)
}

fn is_named(s: &Section<'_, '_>, at: &At<String>) -> bool {
    let right = is_name(&at.value);
    if !right {
        let what = format!("'{}' can't be a name", at.value);
        s.doc.problem(&at.span, what, Some("letters, digits, '-' and '_', as smoke-test".into()));
    }
    right
}

/// The program is fixed, and every placeholder is declared; what is declared is used.
fn check_run(s: &Section<'_, '_>, run: &[At<String>], parameters: &[At<String>]) {
    let Some(program) = run.first() else {
        if s.is_missing("run") {
            s.doc.problem(&s.span, "an action needs a 'run', the program and its arguments", None);
        } else {
            s.doc.problem(&s.span, "'run' needs a program", Some("write it as [\"./smoke-test.sh\"]".into()));
        }
        return;
    };
    for at in run.iter().filter(|at| at.value.contains('\0')) {
        s.doc.problem(&at.span, "a NUL character can't be in an argument", None);
    }
    if program.value.trim().is_empty() {
        s.doc.problem(&program.span, "the program has no name", None);
    }
    let known: Vec<&str> = parameters.iter().map(|at| at.value.as_str()).chain(OF_THE_SESSION).collect();
    let mut used = Vec::new();
    for (i, at) in run.iter().enumerate() {
        for piece in pieces(&at.value) {
            let Piece::Placeholder(name) = piece else { continue };
            if i == 0 {
                let what = format!("the program may not be asked for: '{{{name}}}'");
                s.doc.problem(&at.span, what, Some("make an action for each program".into()));
            } else if !known.contains(&name.as_str()) {
                let next = suggestion(&name, &known);
                let what = format!("'{{{name}}}' is not a parameter of this action");
                let next = next.map(|n| format!("{n}; a brace of the text's own is written {{{{{name}}}}}"));
                s.doc.problem(&at.span, what, next);
            }
            used.push(name);
        }
    }
    for at in parameters.iter().filter(|at| !used.contains(&at.value)) {
        let what = format!("the parameter '{}' is asked for and not used in 'run'", at.value);
        s.doc.problem(&at.span, what, Some(format!("write {{{}}} in an argument", at.value)));
    }
}

fn read_environment(s: &mut Section<'_, '_>) -> Vec<String> {
    let written = s.strings("environment");
    for at in &written {
        let name = &at.value;
        let right = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !right {
            let next = "names only, as \"AWS_PROFILE\": their values come from midwatch's own environment";
            s.doc.problem(&at.span, format!("'{name}' is not the name of a variable"), Some(next.into()));
        }
    }
    written.into_iter().map(|at| at.value).collect()
}

fn read_timeout(s: &mut Section<'_, '_>) -> SignedDuration {
    let Some(at) = duration(s, "timeout") else { return TIMEOUT };
    if at.value < TIMEOUTS.0 || at.value > TIMEOUTS.1 {
        let (least, most) = (show_duration(TIMEOUTS.0), show_duration(TIMEOUTS.1));
        s.doc.problem(&at.span, format!("the timeout must be between {least} and {most}"), None);
    }
    at.value
}

fn read_risk(s: &mut Section<'_, '_>) -> Risk {
    let Some(at) = s.string("risk") else { return Risk::default() };
    let found = Risk::ALL.into_iter().find(|risk| risk.name() == at.value);
    if found.is_none() {
        let known = Risk::ALL.map(Risk::name);
        s.doc.problem(&at.span, format!("unknown risk '{}'", at.value), suggestion(&at.value, &known));
    }
    found.unwrap_or_default()
}

fn read_parameter(s: &mut Section<'_, '_>) -> Option<(At<String>, Parameter)> {
    let name = required(s, "parameter", "name").filter(|at| is_named(s, at));
    if let Some(at) = name.as_ref().filter(|at| OF_THE_SESSION.contains(&at.value.as_str())) {
        let what = format!("'{}' is known from what is on the screen, and is not asked for", at.value);
        s.doc.problem(&at.span, what, Some("choose another name".into()));
    }
    let label = s.string("label").map(|at| at.value);
    let pattern = s.string("pattern").filter(|at| {
        let problem =
            anchored(&at.value).err().map(|why| format!("not a regular expression: {}", one_line(&why)));
        if let Some(what) = &problem {
            s.doc.problem(&at.span, what, None);
        }
        problem.is_none()
    });
    let choices = s.strings("choices");
    distinct(s, "choice", &choices);
    if let (Some(pattern), false) = (&pattern, choices.is_empty()) {
        s.doc.problem(&pattern.span, "both 'pattern' and 'choices': one of them says what is right", None);
    }
    let default = s.string("default");
    let parameter = Parameter {
        name: name.as_ref().map_or_else(String::new, |at| at.value.clone()),
        label,
        pattern: pattern.map(|at| at.value),
        choices: choices.into_iter().map(|at| at.value).collect(),
        default: default.as_ref().map(|at| at.value.clone()),
    };
    if let Some(at) = default
        && let Err(why) = parameter.accept(&at.value)
    {
        s.doc.problem(&at.span, format!("the default '{}' can't be used: {why}", at.value), None);
    }
    name.map(|name| (name, parameter))
}

/// regex's messages draw the place below the expression; its last line says what is wrong.
fn one_line(message: &str) -> String {
    message.lines().last().unwrap_or(message).trim().trim_start_matches("error: ").to_owned()
}

pub fn read_manifests(s: &mut Section<'_, '_>, base: &Base) -> Vec<ManifestSpec> {
    let read = s.sections("manifest", |s| {
        let name = required(s, "manifest", "name").filter(|at| is_named(s, at));
        let title = s.string("title").map(|at| at.value);
        let file = required(s, "manifest", "file").map(|at| base.path(&at.value));
        name.zip(file).map(|(name, file)| {
            let manifest = ManifestSpec { name: name.value.clone(), title, file };
            (name, manifest)
        })
    });
    let (names, manifests): (Vec<_>, Vec<_>) = read.into_iter().flatten().unzip();
    distinct(s, "manifest", &names);
    manifests
}

/// Both, as `config show` writes them.
pub(super) fn show(w: &mut Writer<'_>) {
    let config = w.config;
    for (i, command) in config.commands.iter().enumerate() {
        w.header("[[action]]", format!("action[{i}]"));
        w.line("name", command.name.clone());
        w.set("title", command.title.clone());
        w.line("run", command.run.clone());
        w.line("directory", command.directory.display().to_string());
        w.line("environment", command.environment.clone());
        w.line("timeout", show_duration(command.timeout));
        w.line("risk", command.risk.name());
        w.line("evidence", command.evidence);
        for (j, parameter) in command.parameters.iter().enumerate() {
            w.header("[[action.parameter]]", format!("action[{i}].parameter[{j}]"));
            w.line("name", parameter.name.clone());
            w.set("label", parameter.label.clone());
            w.set("pattern", parameter.pattern.clone());
            w.set("choices", (!parameter.choices.is_empty()).then(|| parameter.choices.clone()));
            w.set("default", parameter.default.clone());
        }
    }
    for (i, manifest) in config.manifests.iter().enumerate() {
        w.header("[[manifest]]", format!("manifest[{i}]"));
        w.line("name", manifest.name.clone());
        w.set("title", manifest.title.clone());
        w.line("file", manifest.file.display().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, crate::config::ConfigError> {
        Config::parse(text, Path::new("/etc/midwatch/midwatch.toml"))
    }

    const BACKUP: &str = r#"
[[action]]
name = "dump"
title = "Dump the database"
run = ["./backup_manager.py", "create", "--type={type}", "{label}", "--namespace", "{namespace}"]
directory = "tools"
environment = ["PGPASSFILE"]
timeout = "30 min"
risk = "destroy"
evidence = true

[[action.parameter]]
name = "type"
choices = ["full", "schema"]
default = "full"

[[action.parameter]]
name = "label"
label = "what for"
pattern = "[a-z-]{1,20}"

[[manifest]]
name = "maintenance-on"
file = "manifests/on.yaml"
"#;

    #[test]
    fn an_action_is_read_and_shown_as_it_was_written() {
        let config = parse(BACKUP).unwrap_or_else(|e| panic!("{e}"));
        let [command] = &config.commands[..] else { panic!("{:?}", config.commands) };
        assert_eq!(
            (command.title(), command.risk, command.evidence),
            ("Dump the database", Risk::Destroy, true)
        );
        assert_eq!(command.directory, PathBuf::from("/etc/midwatch/tools"));
        assert_eq!(command.timeout, SignedDuration::from_mins(30));
        assert_eq!(command.parameters[1].label(), "what for");
        assert_eq!(config.manifests[0].file, PathBuf::from("/etc/midwatch/manifests/on.yaml"));
        let shown = config.show();
        let again = parse(&shown).unwrap_or_else(|e| panic!("{e}\n{shown}"));
        assert_eq!((again.commands, again.manifests), (config.commands, config.manifests));
        assert!(shown.contains("risk = \"destroy\"") && shown.contains("# line 9"), "{shown}");
    }

    #[test]
    fn little_is_needed() {
        let config = parse("[[action]]\nname = 'smoke'\nrun = ['./smoke.sh']").unwrap();
        let command = &config.commands[0];
        assert_eq!((command.risk, command.timeout, command.title()), (Risk::Change, TIMEOUT, "smoke"));
        assert_eq!(command.directory.display().to_string(), "/etc/midwatch");
        let text = "[[action]]\nname = 'smoke'\nrun = ['./smoke.sh']";
        let here = Config::parse(text, Path::new("midwatch.toml")).unwrap();
        assert_eq!(here.commands[0].directory, std::env::current_dir().unwrap());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let with = |more: &str| format!("[[action]]\nname = 'a'\nrun = ['x', '{{p}}']\n{more}");
        let parameter = |more: &str| with(&format!("[[action.parameter]]\nname = 'p'\n{more}"));
        for (text, want) in [
            ("[[action]]\nrun = ['x']".into(), "1:1: an action needs a 'name'"),
            ("[[action]]\nname = 'a'".into(), "1:1: an action needs a 'run', the program and its arguments"),
            (
                "[[action]]\nname = 'a'\nrun = []".into(),
                "1:1: 'run' needs a program; write it as [\"./smoke-test.sh\"]",
            ),
            (
                "[[action]]\nname = 'scale'\nrun = ['x']".into(),
                "2:8: 'scale' is an action of midwatch's own: scale a workload: how many pods it has; choose another name",
            ),
            (
                "[[action]]\nname = 'a b'\nrun = ['x']".into(),
                "2:8: 'a b' can't be a name; letters, digits, '-' and '_', as smoke-test",
            ),
            (
                "[[action]]\nname = 'a'\nrun = ['x']\n[[action]]\nname = 'a'\nrun = ['y']".into(),
                "5:8: a second action of the name 'a'",
            ),
            (
                "[[action]]\nname = 'a'\nrun = ['x', '--n={namespce}']".into(),
                "3:13: '{namespce}' is not a parameter of this action; did you mean 'namespace'?; a brace of the text's own is written {{namespce}}",
            ),
            (
                "[[action]]\nname = 'a'\nrun = ['{namespace}']".into(),
                "3:8: the program may not be asked for: '{namespace}'; make an action for each program",
            ),
            (
                parameter("[[action.parameter]]\nname = 'q'"),
                "7:8: the parameter 'q' is asked for and not used in 'run'; write {q} in an argument",
            ),
            (parameter("pattern = '['"), "6:11: not a regular expression: unclosed character class"),
            (
                parameter("pattern = 'a'\nchoices = ['b']"),
                "6:11: both 'pattern' and 'choices': one of them says what is right",
            ),
            (
                parameter("choices = ['b', 'c']\ndefault = 'd'"),
                "7:11: the default 'd' can't be used: one of: b, c",
            ),
            (
                parameter("secret = true"),
                "6:1: unknown key 'action[0].parameter[0].secret'; known here: name, label, pattern, choices, default",
            ),
            (
                "[[action]]\nname = 'a'\nrun = ['x']\nrisk = 'destory'".into(),
                "4:8: unknown risk 'destory'; did you mean 'destroy'?",
            ),
            (
                "[[action]]\nname = 'a'\nrun = ['x']\ntimeout = '2 d'".into(),
                "4:11: the timeout must be between 1s and 1 d",
            ),
            (
                "[[action]]\nname = 'a'\nrun = ['x']\nenvironment = ['TOKEN=x']".into(),
                "4:16: 'TOKEN=x' is not the name of a variable; names only, as \"AWS_PROFILE\": their values come from midwatch's own environment",
            ),
            ("[[manifest]]\nname = 'on'".into(), "1:1: a manifest needs a 'file'"),
        ] {
            let got = parse(&text).unwrap_err();
            let got: Vec<String> = got.problems().iter().map(ToString::to_string).collect();
            assert_eq!(got, [want], "{text}");
        }
    }
}
