//! What commands are taken for.

use proptest::prelude::*;

use super::*;

mod filling;
mod risks;

pub fn split_text(text: &str, dialect: Dialect) -> split::Split {
    let lines: Vec<Line<'_>> = text.lines().zip(1..).map(|(text, number)| Line { text, number }).collect();
    split(&lines, dialect, false)
}

/// The one command that a text is.
pub fn one(text: &str) -> Command {
    let lines: Vec<Line<'_>> = text.lines().zip(1..).map(|(text, number)| Line { text, number }).collect();
    let mut split = split(&lines, Dialect::Shell, true);
    assert_eq!(split.commands.len(), 1, "{text}");
    split.commands.remove(0)
}

fn texts(text: &str, dialect: Dialect) -> Vec<String> {
    split_text(text, dialect).commands.into_iter().map(|c| c.text).collect()
}

#[test]
fn commands_end_where_a_shell_has_them_end() {
    for (text, want) in [
        ("a\nb\n\nc", vec!["a", "b", "c"]),
        ("a \\\n  b\nc", vec!["a \\\n  b", "c"]),
        ("a |\n b\nc &&\nd", vec!["a |\n b", "c &&\nd"]),
        ("echo 'x\ny'\nb", vec!["echo 'x\ny'", "b"]),
        ("echo \"x\n\\\"y\"\nb", vec!["echo \"x\n\\\"y\"", "b"]),
        ("cat <<EOF\nx\n# y\nEOF\nb", vec!["cat <<EOF\nx\n# y\nEOF", "b"]),
        ("cat <<-'E' | wc\n\tx\n\tE\nb", vec!["cat <<-'E' | wc\n\tx\n\tE", "b"]),
        ("for p in a b; do\n echo $p\ndone\nb", vec!["for p in a b; do\n echo $p\ndone", "b"]),
        ("if true\nthen\n  a # note\nfi\nb", vec!["if true\nthen\n  a # note\nfi", "b"]),
        ("case $X in\na) b;;\n*) c;;\nesac\nd", vec!["case $X in\na) b;;\n*) c;;\nesac", "d"]),
        ("(a\nb)\nc", vec!["(a\nb)", "c"]),
        ("{ a\nb\n}\nc", vec!["{ a\nb\n}", "c"]),
        ("echo $(a\nb)\nc", vec!["echo $(a\nb)", "c"]),
        ("a # says why\nb", vec!["a # says why", "b"]),
        ("echo if done\nb", vec!["echo if done", "b"]),
        ("echo a#b 'c # d'\nb", vec!["echo a#b 'c # d'", "b"]),
        ("#!/bin/sh\n", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(texts(text, Dialect::Shell), want, "{text}");
    }
}

#[test]
fn what_changes_the_shell_stays_with_what_follows() {
    for (text, want) in [
        ("a\ncd /x\nb\nc", vec!["a", "cd /x\nb\nc"]),
        ("V=1\necho $V\n# done", vec!["V=1\necho $V"]),
        ("f() {\n a\n}\nf x", vec!["f() {\n a\n}\nf x"]),
        ("function f\n{\n a\n}\nf x", vec!["function f\n{\n a\n}\nf x"]),
        ("export A=1", vec!["export A=1"]),
        ("A=1 b\nc", vec!["A=1 b\nc"]),
    ] {
        assert_eq!(texts(text, Dialect::Shell), want, "{text}");
    }
    let split = split_text("cd /x\nb\n# done", Dialect::Shell);
    assert_eq!(split.closing, [Clean::new("done")]);
}

#[test]
fn comments_explain_the_command_below_them() {
    let split = split_text("# one\n## two\na\n\n# three\nb\n# the end", Dialect::Shell);
    let comments: Vec<Vec<Clean>> = split.commands.iter().map(|c| c.comment.clone()).collect();
    assert_eq!(comments, [vec![Clean::new("one"), Clean::new("two")], vec![Clean::new("three")]]);
    assert_eq!(split.closing, [Clean::new("the end")]);
    assert_eq!(split.commands.iter().map(|c| c.line).collect::<Vec<_>>(), [3, 6]);
}

#[test]
fn a_console_shows_commands_and_what_they_print() {
    let text = "$ kubectl get pods\nNAME READY\n$5 off\n$ echo 'a\n> b'\na\nb\n$ x \\\n  y\nout";
    assert_eq!(texts(text, Dialect::Console), ["kubectl get pods", "echo 'a\nb'", "x \\\ny"]);
    assert_eq!(texts("a\nb", Dialect::Console), ["a", "b"]);
}

#[test]
fn what_is_never_closed_is_told() {
    let split = split_text("a\necho \"x\nb", Dialect::Shell);
    let told: Vec<(usize, usize)> = split.problems.iter().map(|p| (p.line, p.column)).collect();
    assert_eq!(told, [(2, 6)]);
    assert_eq!(split.commands.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["a", "echo \"x\nb"]);
    for text in ["cat <<EOF\nx", "echo $(a", "echo `a", "echo ${a", "echo $((1", "'"] {
        assert_eq!(split_text(text, Dialect::Shell).problems.len(), 1, "{text}");
    }
}

#[test]
fn parameters_are_what_somebody_has_to_say() {
    for (text, want) in [
        ("kubectl delete pod <pod-name> -n <ns>", vec!["pod-name", "ns"]),
        (
            "kubectl delete pod '<pod name>' \"x-<id>\" v<version>/<pod-name>",
            vec!["pod name", "id", "version", "pod-name"],
        ),
        ("kubectl set image deployment/api api=$IMAGE:${TAG} \"$TAG\"", vec!["IMAGE", "TAG"]),
        ("sort < file > out", vec![]),
        ("sort <in>out", vec![]),
        ("cat <<EOF\nx $Y\nEOF", vec!["Y"]),
        ("cat <<'EOF'\nx $Y\nEOF", vec![]),
        ("echo $(a <b>) $1 $? $# $@ $$ $! $- ~ $HOME $PATH $USER", vec!["b"]),
        ("awk '{print $NF, $name}'", vec![]),
        ("V=1\necho $V $W", vec!["W"]),
        ("for p in $(ls); do echo $p; done", vec![]),
        ("read -r a b; echo $a $b $c", vec!["c"]),
        ("echo ${A:-x} ${B:?needed} ${C%.*} ${D:-$E}", vec!["B", "C", "E"]),
        ("let v = Vec<String>", vec![]),
        ("echo '<b>bold</b>' '< a>' '<1>' '<->' '<a  b>'", vec![]),
        ("echo \\$X '$Y' \"\\$Z\"", vec![]),
        ("# $X <y>\necho", vec![]),
        ("while read l; do echo $l; done < <(cat <file>)", vec!["file"]),
        ("echo $((N * 2 + $M))", vec!["M"]),
    ] {
        assert_eq!(one(text).parameters, want, "{text}");
    }
}

#[test]
fn what_midwatch_does_better_is_recognised() {
    let scale = |workload: &str, replicas: &str| {
        Some(Native::Scale { workload: workload.into(), replicas: Some(replicas.into()) })
    };
    let back = |revision: Option<&str>| {
        Some(Native::RollBack { workload: "deployment/x".into(), revision: revision.map(str::to_owned) })
    };
    for (text, native, namespace) in [
        ("kubectl scale deployment/x --replicas=5", scale("deployment/x", "5"), None),
        ("kubectl -n shop scale deploy x --replicas 5", scale("deployment/x", "5"), Some("shop")),
        (
            "kubectl scale --replicas=$N sts/<name> --namespace=<ns>",
            scale("statefulset/<name>", "$N"),
            Some("<ns>"),
        ),
        ("kubectl scale deployments.apps \"x\" \\\n  --replicas=5 # up", scale("deployment/x", "5"), None),
        (
            "kubectl rollout restart deployment x -n a",
            Some(Native::Restart { workload: "deployment/x".into() }),
            Some("a"),
        ),
        ("kubectl rollout undo deployment/x", back(None), None),
        ("kubectl rollout undo deploy/x --to-revision=3", back(Some("3")), None),
        ("kubectl delete pod <pod-name>", Some(Native::DeletePod { pod: "<pod-name>".into() }), None),
        ("kubectl delete po/x -n a", Some(Native::DeletePod { pod: "x".into() }), Some("a")),
        ("redis-cli -h cache FLUSHALL", Some(Native::Flush), None),
        ("kubectl exec -it <pod> -n a -- redis-cli flushdb async", Some(Native::Flush), Some("a")),
        // Another cluster, several objects, what the action does not do.
        ("kubectl --context other scale deployment/x --replicas=5", None, None),
        ("kubectl scale deployment/x --replicas=5 --current-replicas=2", None, None),
        ("kubectl scale deployment/x deployment/y --replicas=5", None, None),
        ("kubectl scale deployment/x", None, None),
        ("kubectl scale -f x.yaml --replicas=5", None, None),
        ("kubectl delete pod a b", None, None),
        ("kubectl delete pod -l app=x", None, None),
        ("kubectl delete pod x --force", None, None),
        ("kubectl delete pod x && true", None, None),
        ("kubectl delete pod $(kubectl get pods -o name)", None, None),
        ("kubectl delete -f x.yaml", None, None),
        ("kubectl exec x -- sh -c 'redis-cli FLUSHALL'", None, None),
        ("redis-cli GET FLUSHALL", None, None),
        ("echo kubectl delete pod x", None, None),
    ] {
        let command = one(text);
        assert_eq!((command.native, command.namespace.as_deref()), (native, namespace), "{text}");
    }
}

#[test]
fn inline_code_is_a_command_if_its_program_is_known() {
    for yes in
        ["kubectl top pods", "redis-cli ping", "./restart.sh", "python -c 'x'", "/usr/bin/df -h", "rm -rf x"]
    {
        assert!(is_command(yes), "{yes}");
    }
    for no in [
        "kubectl",
        "monitoring.md",
        "ops/a.yaml",
        "P95",
        "",
        "foo bar",
        "true or false",
        "./",
        "pool_size=20",
        "which one",
    ] {
        assert!(!is_command(no), "{no}");
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_apart(text in "([ \\n'\"\\\\$`(){}<>|&;#=a-c]|<<|EOF|if|fi|case|esac|\\PC){0,60}") {
        for dialect in [Dialect::Shell, Dialect::Console] {
            for command in split_text(&text, dialect).commands {
                prop_assert!(!command.text.is_empty());
                for line in command.text.lines() {
                    prop_assert!(text.contains(line), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn what_changes_something_is_never_a_read(
        before in "(kubectl get pods|cat x|echo|true|redis-cli ping|)",
        link in "( ; | && | \\| | \\|\\| |\n| & )",
        change in "(kubectl apply -f x|rm -rf /|redis-cli FLUSHALL|\\./x\\.sh|tee x|curl -X POST http://x)",
        wrap in 0..7,
    ) {
        let command = match wrap {
            0 => change.clone(),
            1 => format!("echo $({change})"),
            2 => format!("echo \"$({change})\""),
            3 => format!("echo `{change}`"),
            4 => format!("if true; then {change}; fi"),
            5 => format!("sh -c '{change}'"),
            _ => format!("cat <({change})"),
        };
        prop_assert_ne!(one(&format!("{before}{link}{command}")).risk, Risk::Read);
    }
}
