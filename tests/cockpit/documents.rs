//! Runbooks as teams have them, and what midwatch must make of them. The documents in `documents/` have the
//! structure of five real ones, with other words; the JSON beside each was written from the document, not
//! by the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cockpit/documents")
}

/// `midwatch walk --list`, with its exit code, and without the user's own configuration.
fn list(document: &Path, format: &str) -> (String, String, Option<i32>) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(crate::support::program())
        .env("XDG_CONFIG_HOME", home.path())
        .env("HOME", home.path())
        .args(["walk", "--list", "--format", format])
        .arg(document)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// What a golden file says of a step.
fn essence(step: &Value) -> Value {
    let mut essence = json!({
        "section": step["section"],
        "kind": step["kind"],
        "text": step["text"],
        "line": step["line"],
        "depth": step["depth"],
    });
    if let Some(number) = step.get("number") {
        essence["number"] = number.clone();
    }
    if let Some(commands) = step.get("commands") {
        let commands: Vec<Value> = commands
            .as_array()
            .unwrap()
            .iter()
            .map(|c| json!([c["text"], c["risk"], c["parameters"]]))
            .collect();
        essence["commands"] = json!(commands);
    }
    essence
}

#[test]
fn every_step_of_the_documents_is_listed_in_order_with_its_commands() {
    for name in ["platform", "configuration", "retrieval", "index", "planned"] {
        let (out, err, code) = list(&folder().join(format!("{name}.md")), "json");
        assert_eq!((err.as_str(), code), ("", Some(0)), "{name}");
        let got: Value = serde_json::from_str(&out).unwrap();
        let golden = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let golden: Value = serde_json::from_str(&golden).unwrap();
        assert_eq!(got["title"], golden["title"], "{name}");
        let got: Vec<Value> = got["steps"].as_array().unwrap().iter().map(essence).collect();
        let want = golden["steps"].as_array().unwrap();
        for (got, want) in got.iter().zip(want) {
            assert_eq!(got, want, "{name}");
        }
        assert_eq!(got.len(), want.len(), "{name}");
    }
}

#[test]
fn problems_are_told_with_their_place_and_the_rest_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.md");
    std::fs::write(&path, "# T\n- [ ] a\n\n```sh {\"rsk\": 1}\nls\n").unwrap();
    let (out, _, code) = list(&path, "text");
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("[ ] a") && out.contains("4:1: the code fence is not closed"), "{out}");
    assert!(out.contains("4:8: unknown attribute 'rsk', did you mean 'risk'?"), "{out}");
    std::fs::write(&path, b"# T\n\xff").unwrap();
    let (_, err, code) = list(&path, "text");
    assert_eq!(code, Some(2));
    assert!(err.contains("broken.md:2:1: it is not UTF-8"), "{err}");
    let (_, err, code) = list(Path::new("no-such-runbook"), "text");
    assert_eq!(code, Some(2));
    assert!(err.contains("there is no runbook 'no-such-runbook'"), "{err}");
}
