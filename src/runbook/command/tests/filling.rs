//! Values stay values.

use std::collections::BTreeMap;
use std::process::Command as Process;

use super::*;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn run(invocation: &Invocation) -> Vec<u8> {
    let mut process = match invocation {
        Invocation::Argv(argv) => {
            let mut process = Process::new(&argv[0]);
            process.args(&argv[1..]);
            process
        }
        Invocation::Shell { script, variables } => {
            let mut process = Process::new("sh");
            process.args(["-c", script]).envs(variables);
            process
        }
    };
    process.output().unwrap().stdout
}

#[test]
fn a_shell_is_used_only_where_it_is_needed() {
    let given = values(&[("x", "a b"), ("Y", "c'd")]);
    for (text, want) in [
        ("kubectl get pod <x>", Some(vec!["kubectl", "get", "pod", "a b"])),
        ("kubectl get \\\n  'pod' \"$Y-<x>\" # why", Some(vec!["kubectl", "get", "pod", "c'd-a b"])),
        ("echo \"\" 'a'\\''b' \"\\$\\q\" $Y", Some(vec!["echo", "", "a'b", "$\\q", "c'd"])),
        (
            "kubectl get pods -o jsonpath='{.items[*]}'",
            Some(vec!["kubectl", "get", "pods", "-o", "jsonpath={.items[*]}"]),
        ),
        ("ls *", None),
        ("ls ~", None),
        ("echo $HOME", None),
        ("echo {a,b}", None),
        ("A=1 b", None),
        ("a | b", None),
        ("a > b", None),
        ("a &", None),
        ("a; b", None),
        ("cd /x", None),
        ("echo $(a)", None),
        ("echo `a`", None),
        ("(a)", None),
        ("! a", None),
        ("cat <<E\nE", None),
        ("echo ${Y%x}", None),
    ] {
        let want = want.map(|w| Invocation::Argv(w.into_iter().map(str::to_owned).collect()));
        let given = if text.contains('%') { values(&[("Y", "plain")]) } else { given.clone() };
        let got = fill(&one(text), &given).unwrap();
        match want {
            Some(want) => assert_eq!(got, want, "{text}"),
            None => assert!(matches!(got, Invocation::Shell { .. }), "{text}: {got:?}"),
        }
    }
}

#[test]
fn what_can_not_be_kept_a_value_is_refused() {
    for (text, value, word) in [
        ("rm <x>", "", "empty"),
        ("rm <x>", "a\0b", "NUL"),
        ("rm <x>", "-rf", "option"),
        ("rm $x", "-rf", "option"),
        ("rm \"$x\"", "--force", "option"),
        ("rm ''\"<x>\"", "-rf", "option"),
        ("rm <x> | cat", "-rf", "option"),
        ("echo $(rm <x>)", "-rf", "option"),
        ("echo `cat <x>`", "a", "backticks"),
        ("cat <<EOF\n<x>\nEOF", "a", "heredoc"),
        ("cat <<'EOF'\n<x>\nEOF", "a", "heredoc"),
        ("sh -c 'cat <x>'", "$(id)", "reads it again"),
        ("bash -c \"cat $x\"", "a;b", "reads it again"),
        ("kubectl exec p -- sh -c \"cat $x\"", "a b", "reads it again"),
        ("psql -c \"SELECT * FROM t WHERE id = '<x>'\"", "' OR 1=1", "reads it again"),
        ("ssh host cat <x>", "a; id", "reads it again"),
        ("watch cat $x", "a; id", "reads it again"),
        ("echo $((x + $x))", "a[$(id)]", "reads it again"),
        ("echo ${x%.*}", "a b", "reads it again"),
        ("echo `echo $x`", "a b", "reads it again"),
        ("echo $(sh -c '<x>')", "a b", "reads it again"),
    ] {
        let error = fill(&one(text), &values(&[("x", value)])).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(fill(&one("rm <x>"), &values(&[])).unwrap_err().contains("no value"));
    assert!(fill(&one("rm <x>"), &values(&[("x", &"a".repeat(5000))])).unwrap_err().contains("longer"));
    for (text, value) in [("rm a<x>", "-rf"), ("sh -c 'cat <x>'", "/var/log/a-1.log"), ("f --name=<x>", "-1")]
    {
        assert!(fill(&one(text), &values(&[("x", value)])).is_ok(), "{text}");
    }
}

/// Commands that print the value between marks, without a shell and with one.
const PRINTING: [&str; 18] = [
    "printf '[%s]' a<x>",
    "printf '[%s]' 'a<x>'",
    "printf '[%s]' \"a<x>\"",
    "printf '[%s]' a$x",
    "printf '[%s]' \"a${x}\"",
    "printf '[%s]' a<x>; true",
    "printf '[%s]' 'a<x>'; true",
    "printf '[%s]' \"a<x>\" | cat",
    "printf '[%s]' a$x; true",
    "printf '[%s]' a${x}; true",
    "printf '[%s]' \"a$x\" && true",
    "printf '[%s]' \"$(printf '%s' a<x>)\" $(true a<x>)",
    "if true; then printf '[%s]' a'<x>'; fi",
    "{ printf '[%s]' \"a\"<x>; }",
    "y=1; printf '[%s]' a$x",
    "printf '[%s]' \"a$(printf '%s' '')<x>\"",
    "true; printf '[%s]' \"\"a\"<x>\"",
    "cat <<EOF\n[a$x]\nEOF",
];

const SUBSTITUTED: usize = 11;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_value_is_passed_as_it_is(
        value in "(['\"\\\\$`*?~!#&|;<>(){}\\[\\] \t\n=a-z-]|\\PC){1,24}",
        which in 0..PRINTING.len(),
    ) {
        let command = one(PRINTING[which]);
        prop_assert_eq!(&command.parameters, &["x"]);
        // It begins no argument, and nothing reads it again: it is never refused.
        let invocation = fill(&command, &values(&[("x", &value)])).unwrap();
        let got = String::from_utf8(run(&invocation)).unwrap();
        // A substitution takes the newlines at its end.
        let value = if which == SUBSTITUTED { value.trim_end_matches('\n') } else { &value };
        prop_assert_eq!(got.strip_suffix('\n').unwrap_or(&got), format!("[a{value}]"), "{:?}", invocation);
    }
}
