//! Which kubeconfig is read, by kubectl's rules, and what is wrong with it where it can't be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kube::config::{ExecInteractiveMode, Kubeconfig, KubeconfigError};

use super::{NamespaceChoice, Scope, Target};
use crate::model::scope::ContextName;
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::kubernetes::trouble::{clip, root_cause};

/// The merged kubeconfig; None where there is no file at all.
pub fn load(target: &Target) -> Result<Option<Kubeconfig>, Failure> {
    let paths = paths(target, std::env::var_os("KUBECONFIG"), std::env::home_dir());
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        let read = Kubeconfig::read_from(&path).map_err(|error| failure(Some(&path), &error))?;
        merged = Some(match merged {
            Some(first) => first.merge(read).map_err(|error| failure(Some(&path), &error))?,
            None => read,
        });
    }
    Ok(merged)
}

/// A file that is named must exist; of those that the environment or the default names, the
/// missing ones are passed over, as kubectl does.
fn paths(target: &Target, env: Option<OsString>, home: Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(path) = &target.kubeconfig {
        return vec![path.clone()];
    }
    let listed = env.map(|value| std::env::split_paths(&value).collect::<Vec<_>>()).unwrap_or_default();
    let mut named = listed.into_iter().filter(|path| !path.as_os_str().is_empty()).peekable();
    if named.peek().is_none() {
        return home.map(|home| home.join(".kube/config")).into_iter().filter(|path| path.exists()).collect();
    }
    named.filter(|path| path.exists()).collect()
}

pub fn names(config: &Kubeconfig, target: &Target) -> Vec<ContextName> {
    let current = target.context.as_ref().or(config.current_context.as_ref());
    let named = |context: &kube::config::NamedContext| {
        let inner = context.context.clone().unwrap_or_default();
        ContextName {
            name: Clean::new(&context.name),
            cluster: Clean::new(&inner.cluster),
            namespace: inner.namespace.as_deref().map(Clean::new),
            current: current == Some(&context.name),
        }
    };
    config.contexts.iter().map(named).collect()
}

/// A context as the file has it; what is shown of it is cleaned, and may be another's name.
#[derive(Clone, Debug)]
pub struct Names {
    pub context: String,
    pub cluster: String,
    pub user: String,
}

/// What the chosen context says.
pub fn scope(config: &Kubeconfig, target: &Target) -> Result<(Scope, Names), Failure> {
    let known = || config.contexts.iter().map(|context| context.name.as_str()).collect::<Vec<_>>();
    let Some(wanted) = target.context.as_ref().or(config.current_context.as_ref()) else {
        return Err(no_context("no context is named, and the kubeconfig has no current-context", &known()));
    };
    let Some((name, context)) = named(config, wanted) else {
        return Err(no_context(&format!("there is no context '{wanted}'"), &known()));
    };
    let names = Names {
        context: name.to_owned(),
        cluster: context.cluster.clone(),
        user: context.user.clone().unwrap_or_default(),
    };
    let scope = Scope {
        context: Clean::new(name),
        cluster: Clean::new(&context.cluster),
        namespace: namespace_of(&target.namespace, context.namespace.as_deref()),
        service: target.service.as_deref().map(Clean::new),
        user: Clean::new(&names.user),
    };
    Ok((scope, names))
}

/// The context of that name; else the one that is shown so.
fn named<'a>(config: &'a Kubeconfig, wanted: &str) -> Option<(&'a str, &'a kube::config::Context)> {
    let exact = config.contexts.iter().find(|context| context.name == wanted);
    let shown = || {
        let mut alike = config.contexts.iter().filter(|context| *Clean::new(&context.name) == *wanted);
        alike.next().filter(|_| alike.next().is_none())
    };
    let found = exact.or_else(shown)?;
    Some((&found.name, found.context.as_ref()?))
}

pub fn namespace_of(choice: &NamespaceChoice, own: Option<&str>) -> Option<Clean> {
    match choice {
        NamespaceChoice::All => None,
        NamespaceChoice::Named(name) => Some(Clean::new(name)),
        NamespaceChoice::OfContext => {
            Some(Clean::new(own.filter(|name| !name.is_empty()).unwrap_or("default")))
        }
    }
}

/// A credential plugin inherits stdin and stderr unless it is told never to ask: its text would
/// land on the screen, and it would take our keys.
pub fn silence_plugins(config: &mut Kubeconfig) {
    let users = config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut());
    for exec in users.filter_map(|user| user.exec.as_mut()) {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
}

/// Never quotes the file: it holds tokens and keys.
pub fn failure(path: Option<&Path>, error: &KubeconfigError) -> Failure {
    let name = path.map_or_else(|| "the kubeconfig".to_owned(), |path| path.display().to_string());
    let happened = match error {
        KubeconfigError::Parse(parse) => {
            let place =
                parse.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
            let message = parse.without_snippet().to_string();
            let line = without_quoted(message.lines().next().unwrap_or_default());
            format!("{name}{place}: {}", clip(&line, 200))
        }
        KubeconfigError::ReadConfig(io, _) => format!("{name}: {io}"),
        other => format!("{name}: {}", root_cause(other)),
    };
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new(&format!("read {name}")),
        happened: Clean::new(&happened),
        next: Clean::new("correct the file (kubectl config view shows what kubectl makes of it)"),
    }
}

/// serde quotes the value that it did not expect, which may be a secret.
fn without_quoted(message: &str) -> String {
    let mut parts = message.split('"');
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let Some(_quoted) = parts.next() {
        out.push_str("\"…\"");
        out.push_str(parts.next().unwrap_or_default());
    }
    out
}

fn no_context(happened: &str, known: &[&str]) -> Failure {
    let next = match known {
        [] => "the kubeconfig has no contexts at all".to_owned(),
        some => format!("name one with --context: {}", clip(&some.join(", "), 300)),
    };
    Failure {
        kind: FailureKind::NotConfigured,
        tried: Clean::new("choose a context"),
        happened: Clean::new(happened),
        next: Clean::new(&next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_kubectls_rules() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        std::fs::write(&one, "").unwrap();
        std::fs::write(&two, "").unwrap();
        let env = std::env::join_paths([&one, &dir.path().join("missing"), &two]).unwrap();
        let target = Target::default();
        assert_eq!(paths(&target, Some(env.clone()), None), [one.clone(), two]);
        let named = Target { kubeconfig: Some("given".into()), ..Target::default() };
        assert_eq!(paths(&named, Some(env), None), [PathBuf::from("given")]);
        assert!(paths(&target, None, Some(dir.path().into())).is_empty());
        std::fs::create_dir(dir.path().join(".kube")).unwrap();
        std::fs::write(dir.path().join(".kube/config"), "").unwrap();
        assert_eq!(
            paths(&target, Some("".into()), Some(dir.path().into())),
            [dir.path().join(".kube/config")]
        );
    }

    #[test]
    fn a_broken_file_is_told_with_its_place_and_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, "apiVersion: v1\nkind: Config\nusers:\n- name: me\n  user: \"s3cret\"\n")
            .unwrap();
        let target = Target { kubeconfig: Some(path.clone()), ..Target::default() };
        let failure = load(&target).unwrap_err();
        assert!(failure.happened.starts_with(&format!("{}:5:", path.display())), "{}", failure.happened);
        assert!(!failure.happened.contains("s3cret"), "{}", failure.happened);
    }

    #[test]
    fn plugins_never_ask() {
        let text =
            "users:\n- name: me\n  user:\n    exec:\n      command: aws\n      interactiveMode: Always\n";
        let mut config = Kubeconfig::from_yaml(text).unwrap();
        silence_plugins(&mut config);
        let exec = config.auth_infos[0].auth_info.as_ref().unwrap().exec.as_ref().unwrap();
        assert_eq!(exec.interactive_mode, Some(ExecInteractiveMode::Never));
    }

    #[test]
    fn a_wrong_context_is_answered_with_the_right_names() {
        let text = "contexts:\n- name: prod\n  context: {cluster: c, user: u, namespace: shop}\n- name: dev\n  context: {cluster: d}\ncurrent-context: prod\n";
        let config = Kubeconfig::from_yaml(text).unwrap();
        let target = Target { context: Some("prd".into()), ..Target::default() };
        assert_eq!(&*scope(&config, &target).unwrap_err().next, "name one with --context: prod, dev");
        let (scope, _) = scope(&config, &Target::default()).unwrap();
        assert_eq!((&*scope.context, &*scope.cluster, &*scope.user), ("prod", "c", "u"));
        assert_eq!(scope.namespace.as_deref(), Some("shop"));
        let names = names(&config, &Target::default());
        assert_eq!(names.iter().map(|name| name.current).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_name_is_followed_as_the_file_has_it_however_it_is_shown() {
        let text = r#"{"contexts": [
            {"name": "\u001b[31mprod", "context": {"cluster": "\u0007far", "user": "u"}},
            {"name": "prod", "context": {"cluster": "near", "user": "u"}},
            {"name": "\u001b[1meu", "context": {"cluster": "a", "user": "u"}}
        ], "current-context": "\u001b[31mprod"}"#;
        let config = Kubeconfig::from_yaml(text).unwrap();
        let led = |context: Option<&str>| {
            let target = Target { context: context.map(Into::into), ..Target::default() };
            let (scope, names) = scope(&config, &target).unwrap();
            (scope.context.to_string(), names.cluster)
        };
        assert_eq!(led(None), ("prod".to_owned(), "\u{7}far".to_owned()));
        assert_eq!(
            led(Some("prod")),
            ("prod".to_owned(), "near".to_owned()),
            "what is so by name comes first"
        );
        assert_eq!(led(Some("eu")), ("eu".to_owned(), "a".to_owned()), "else what is shown so");
    }
}
