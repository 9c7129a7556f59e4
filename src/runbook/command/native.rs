//! Commands that midwatch has an action of its own for. Only what that action does in the same way is
//! recognised: no other cluster, no selection of many, no option that it does not know.

use super::kubectl;
use super::risk::Arg;
use super::token::{Piece, Script, Token, Word};
use super::{Native, sql};

/// With the namespace that the command names.
pub fn of(script: &Script, text: &str) -> Option<(Native, Option<String>)> {
    let mut words = Vec::new();
    for token in &script.tokens {
        match token {
            Token::Word(word) => words.push(written(word, text)?),
            Token::Comment(_) | Token::Newline(_) => {}
            _ => return None,
        }
    }
    let args: Vec<Arg> = words.into_iter().map(|text| Arg { text, wild: false }).collect();
    let (program, args) = args.split_first()?;
    match program.text.as_str() {
        "kubectl" => of_kubectl(args),
        "redis-cli" => flush(args).map(|native| (native, None)),
        _ => None,
    }
}

/// The word without its quotes; its placeholders as they are written.
fn written(word: &Word, text: &str) -> Option<String> {
    let mut whole = String::new();
    for piece in &word.pieces {
        match piece {
            Piece::Text(text, _) => whole.push_str(text),
            Piece::Hole { range, .. } | Piece::Variable { range, simple: true, .. } => {
                whole.push_str(text.get(range.clone())?);
            }
            _ => return None,
        }
    }
    (!word.wild).then_some(whole)
}

fn flush(args: &[Arg]) -> Option<Native> {
    match sql::redis_words(args)? {
        [command, rest @ ..]
            if matches!(command.text.to_ascii_uppercase().as_str(), "FLUSHALL" | "FLUSHDB") =>
        {
            let is_known = |a: &Arg| matches!(a.text.to_ascii_uppercase().as_str(), "ASYNC" | "SYNC");
            rest.iter().all(is_known).then_some(Native::Flush)
        }
        _ => None,
    }
}

/// What is left of kubectl's arguments when its options are taken out.
#[derive(Default)]
struct Taken {
    words: Vec<String>,
    namespace: Option<String>,
    replicas: Option<String>,
    revision: Option<String>,
}

fn of_kubectl(args: &[Arg]) -> Option<(Native, Option<String>)> {
    let verb = kubectl::verb(args).and_then(|at| args.get(at))?;
    if verb.text == "exec" {
        let inside = args.iter().position(|a| a.text == "--")?;
        let command = args.get(inside + 1..)?;
        let (program, rest) = command.split_first()?;
        let taken = take(
            args.get(..inside)?,
            &["-i", "-t", "-it", "-ti", "--stdin", "--tty"],
            &["-c", "--container"],
        )?;
        return (program.text == "redis-cli").then(|| flush(rest)).flatten().map(|n| (n, taken.namespace));
    }
    let taken = take(args, &[], &["--replicas", "--to-revision", "--timeout"])?;
    let words: Vec<&str> = taken.words.iter().map(String::as_str).collect();
    let native = match words.as_slice() {
        ["scale", rest @ ..] if taken.revision.is_none() => {
            taken.replicas.as_ref()?;
            Native::Scale { workload: workload(rest)?, replicas: taken.replicas }
        }
        _ if taken.replicas.is_some() => return None,
        ["rollout", "undo", rest @ ..] => {
            Native::RollBack { workload: workload(rest)?, revision: taken.revision.filter(|r| r != "0") }
        }
        _ if taken.revision.is_some() => return None,
        ["rollout", "restart", rest @ ..] => Native::Restart { workload: workload(rest)? },
        ["delete", "pod" | "pods" | "po", pod] => Native::DeletePod { pod: (*pod).to_owned() },
        ["delete", pod] => {
            let (kind, name) = pod.split_once('/')?;
            matches!(kind, "pod" | "pods" | "po").then(|| Native::DeletePod { pod: name.to_owned() })?
        }
        _ => return None,
    };
    Some((native, taken.namespace))
}

/// `flags` have no value, `values` have one.
fn take(args: &[Arg], flags: &[&str], values: &[&str]) -> Option<Taken> {
    let mut taken = Taken::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let text = arg.text.as_str();
        if !text.starts_with('-') {
            taken.words.push(text.to_owned());
            continue;
        }
        if flags.contains(&text) {
            continue;
        }
        let (option, value) = match text.split_once('=') {
            Some((option, value)) => (option, value.to_owned()),
            None => (text, rest.next()?.text.clone()),
        };
        match option {
            "-n" | "--namespace" => taken.namespace = Some(value),
            _ if !values.contains(&option) => return None,
            "--replicas" => taken.replicas = Some(value),
            "--to-revision" => taken.revision = Some(value),
            _ => {}
        }
    }
    Some(taken)
}

/// 'kind/name', of `deploy/x`, `deployment x` or `deployments.apps/x`.
fn workload(words: &[&str]) -> Option<String> {
    let (kind, name) = match words {
        [one] => one.split_once('/')?,
        [kind, name] if !name.contains('/') => (*kind, *name),
        _ => return None,
    };
    let kind = match kind.trim_end_matches(".apps") {
        "deployment" | "deployments" | "deploy" => "deployment",
        "statefulset" | "statefulsets" | "sts" => "statefulset",
        "daemonset" | "daemonsets" | "ds" => "daemonset",
        "replicaset" | "replicasets" | "rs" => "replicaset",
        _ => return None,
    };
    (!name.is_empty()).then(|| format!("{kind}/{name}"))
}
