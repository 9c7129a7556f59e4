//! What documents are read as.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::command::Risk;
use crate::runbook::document::{Prose, Step, StepKind};

fn read(text: &str) -> Document {
    parse(text.as_bytes(), "name").unwrap()
}

/// Each step as 'kind depth text'.
fn outline(document: &Document) -> Vec<String> {
    let show = |s: &Step| format!("{:?} {} {}", s.kind, s.depth, s.text).to_lowercase();
    document.steps.iter().map(show).collect()
}

fn paragraph(text: &str) -> Prose {
    Prose::Paragraph(Clean::new(text))
}

#[test]
fn sections_are_nested_by_level() {
    let document = read("top\n\n# A\n## B\n#### C\n## D\n# E\n\nF\n---\n- [ ] x\n");
    let paths: Vec<Vec<&str>> =
        (0..document.sections.len()).map(|s| document.path(s).iter().map(|t| t.as_str()).collect()).collect();
    let want: [&[&str]; 7] = [&[], &["A"], &["A", "B"], &["A", "B", "C"], &["A", "D"], &["E"], &["E", "F"]];
    assert_eq!(paths, want);
    assert_eq!(document.title.as_str(), "A");
    assert_eq!(document.sections[0].prose, [paragraph("top")]);
    assert_eq!(document.steps[0].section, 6);
    assert_eq!(read("no heading").title.as_str(), "name");
}

#[test]
fn tasks_numbers_and_fences_are_steps() {
    let text = "- [ ] a\n- [x] b\n- plain\n\n1. c\n2. d\n   - [ ] e\n     ```sh\n     f\n     ```\n   1. g\n7) h\n\n1. [ ] i\n";
    let document = read(text);
    let want = [
        "task 0 a",
        "task 0 b",
        "numbered 0 c",
        "numbered 0 d",
        "task 1 e",
        "command 2 f",
        "numbered 1 g",
        "numbered 0 h",
        "task 0 i",
    ];
    assert_eq!(outline(&document), want);
    let steps = &document.steps;
    assert!(!steps[0].ticked && steps[1].ticked);
    assert_eq!(
        steps.iter().map(|s| s.number).collect::<Vec<_>>(),
        [None, None, Some(1), Some(2), None, None, Some(1), Some(7), Some(1)]
    );
    assert_eq!(
        steps.iter().map(|s| s.parent).collect::<Vec<_>>(),
        [None, None, None, None, Some(3), Some(4), Some(3), None, None]
    );
    assert_eq!(steps.iter().map(|s| s.line).collect::<Vec<_>>(), [1, 2, 5, 6, 7, 8, 11, 12, 14]);
    assert_eq!(steps[4].prose, []);
    assert_eq!(steps[2].prose, [Prose::Item(0, Clean::new("plain"))]);
}

#[test]
fn a_loose_list_is_read_as_a_tight_one() {
    let document = read("1. a\n\n   more\n\n   - [ ] b\n\n   - c\n\n2. d\n");
    assert_eq!(outline(&document), ["numbered 0 a", "task 1 b", "numbered 0 d"]);
    assert_eq!(document.steps[0].prose, [paragraph("more"), Prose::Item(0, Clean::new("c"))]);
}

#[test]
fn prose_is_kept_with_what_it_explains() {
    let text = "# A\nintro\n\n```sh\na\n```\nIt prints:\n```\nout\n```\nThen:\n\n1. b\n\n   > careful\n\n| x | y |\n|---|---|\n| 1 | `2` |\n\n- one\n  - two\n\nend\n";
    let document = read(text);
    let [command, item] = document.steps.as_slice() else { panic!("{:?}", outline(&document)) };
    let out = Prose::Code(Clean::new(""), vec![Clean::new("out")]);
    assert_eq!(command.prose, [paragraph("intro"), paragraph("It prints:"), out]);
    assert_eq!(item.prose, [paragraph("Then:"), Prose::Quote(Clean::new("careful"))]);
    let cells = |row: [&str; 2]| row.map(Clean::new).to_vec();
    let after = [
        Prose::Table(vec![cells(["x", "y"]), cells(["1", "`2`"])]),
        Prose::Item(0, Clean::new("one")),
        Prose::Item(1, Clean::new("two")),
        paragraph("end"),
    ];
    assert_eq!(document.sections[1].prose, after);
    let checklist = read("# A\nfirst\n- [ ] a\n\nsecond\n- [ ] b\n");
    assert_eq!(checklist.sections[1].prose, [paragraph("first")]);
    assert_eq!(checklist.steps[1].prose, [paragraph("second")]);
}

#[test]
fn text_is_one_line_with_targets_and_code() {
    let text = "- [ ] **Run** the [guide](a.md)\n  and `kubectl top  pods` <https://x.y> <pod-name> ![p](q.png) a &lt;b&gt;<br>c\n";
    assert_eq!(
        read(text).steps[0].text.as_str(),
        "Run the guide (a.md) and `kubectl top pods` https://x.y <pod-name> p (q.png) a <b> c"
    );
}

#[test]
fn code_in_an_item_is_its_command() {
    let document =
        read("1. Scale `x`: `kubectl scale deploy/x --replicas=<n>`, then `df -h`\n2. see `a.md`\n");
    let fence = document.steps[0].fence.as_ref().unwrap();
    let told: Vec<(&str, Risk)> = fence.commands.iter().map(|c| (c.text.as_str(), c.risk)).collect();
    assert_eq!(told, [("kubectl scale deploy/x --replicas=<n>", Risk::Change), ("df -h", Risk::Read)]);
    assert_eq!(fence.commands[0].parameters, ["n"]);
    assert_eq!(document.steps[0].kind, StepKind::Numbered);
    assert_eq!(document.steps[1].fence, None);
}

#[test]
fn fences_are_commands_where_a_shell_is_named() {
    for (info, is_step) in [
        ("sh", true),
        ("bash", true),
        ("Bash", true),
        ("zsh", true),
        ("shell", true),
        ("console", true),
        ("", false),
        ("yaml", false),
        ("sql", false),
        ("text", false),
        ("toml", false),
        ("python", false),
    ] {
        let document = read(&format!("~~~{info}\nls\n~~~\n"));
        assert_eq!(document.steps.len(), usize::from(is_step), "{info}");
        assert_eq!(document.problems, [], "{info}");
    }
    let document = read("```\n$ ls\nout\n```\n\n    indented\n");
    assert_eq!(document.steps[0].fence.as_ref().unwrap().commands.len(), 1);
    let comments = read("```bash\n# Look at the graphs\n# and wait\n```\n");
    let step = &comments.steps[0];
    assert_eq!((step.text.as_str(), step.kind), ("Look at the graphs", StepKind::Command));
    let fence = step.fence.as_ref().unwrap();
    assert!(fence.commands.is_empty() && fence.closing.len() == 2);
}

#[test]
fn a_fence_with_attributes_is_one_command() {
    let text =
        "```sh {\"name\": \"back \\\"up\\\"\", \"risk\": \"read\", \"timeout\": \"5m\"}\n./a\n./b\n```\n";
    let document = read(text);
    let fence = document.steps[0].fence.as_ref().unwrap();
    assert_eq!(document.steps[0].text.as_str(), "back \"up\"");
    assert_eq!(fence.attributes.timeout, Some(Duration::from_secs(300)));
    assert_eq!(
        fence.commands.iter().map(|c| (c.text.as_str(), c.line, c.risk)).collect::<Vec<_>>(),
        [("./a\n./b", 2, Risk::Read)]
    );
    assert_eq!(document.problems, []);
}

#[test]
fn what_a_fence_says_wrong_is_told_and_the_fence_is_used() {
    let document = read("x\n\n- a\n  ```sh {\"rsk\": \"read\"}\n  kubectl get pods\n  ```\n");
    let places: Vec<(usize, usize)> = document.problems.iter().map(|p| (p.line, p.column)).collect();
    assert_eq!(places, [(4, 10)]);
    assert_eq!(document.steps[0].fence.as_ref().unwrap().commands[0].risk, Risk::Change);
    let lies = read("```sh {\"risk\": \"read\"}\nkubectl delete ns x\n```\n");
    assert_eq!(lies.problems.len(), 1);
    assert_eq!(lies.steps[0].fence.as_ref().unwrap().commands[0].risk, Risk::Destroy);
}

#[test]
fn an_unclosed_fence_is_told() {
    for (text, line) in [
        ("a\n\n```sh\nls\n", 3),
        ("```sh\nls\n``\n", 1),
        ("````sh\nls\n```\n", 1),
        ("~~~sh\nls\n```\n", 1),
        ("- a\n  ```sh\n  ls\n\nb\n", 2),
        ("```sh", 1),
    ] {
        let document = read(text);
        let told: Vec<usize> = document
            .problems
            .iter()
            .filter(|p| p.what.contains("fence is not closed"))
            .map(|p| p.line)
            .collect();
        assert_eq!(told, [line], "{text}");
    }
    for text in
        ["```sh\nls\n```", "> ```sh\n> ls\n> ```\n", "1. a\n\n   ~~~~sh\n   ls\n   ~~~~~\n", "```sh\n```\n"]
    {
        assert_eq!(read(text).problems, [], "{text}");
    }
}

#[test]
fn a_check_is_read_or_told() {
    let document = read(
        "```toml check\nobjective = \"p95 latency\"\nwithin = \"target\"\n```\n\n```toml check\nobjectiv = 1\n```\n",
    );
    assert_eq!(document.steps.iter().map(|s| s.kind).collect::<Vec<_>>(), [StepKind::Check; 2]);
    assert!(document.steps[0].check.as_ref().unwrap().is_ok());
    assert!(document.steps[1].check.as_ref().unwrap().is_err());
    assert_eq!(document.problems.iter().map(|p| p.line).collect::<Vec<_>>(), [7]);
}

#[test]
fn a_step_keeps_its_id_while_it_is_the_same() {
    let id = |document: &Document, text: &str| {
        document.steps.iter().find(|s| s.text.as_str() == text).unwrap().id.clone()
    };
    let before = read("# A\n1. a\n2. b\n   - [ ] c\n\n```sh\nx\n```\n# B\n1. a\n");
    let after = read("# A\nnew\n1. z\n2. a\n3. b\n   - [x] c\n\n```sh\nx\n```\n# B\n1. a\n");
    for text in ["a", "b", "c", "x"] {
        assert_eq!(id(&before, text), id(&after, text), "{text}");
    }
    assert_eq!(before.steps.last().unwrap().id, after.steps.last().unwrap().id);
    let changed = read("# A\n```sh\nx\ny\n```\n");
    assert_ne!(id(&before, "x"), id(&changed, "x"), "another command of the same first line");
    let equal = read("- [ ] a\n- [ ] a\n- [ ] a\n");
    let ids: std::collections::HashSet<&String> = equal.steps.iter().map(|s| &s.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit())));
}

#[test]
fn bad_input_is_told_precisely() {
    let error = parse(b"# A\n\xc3\xa4\xc3\xa4 \xff\n", "x").unwrap_err();
    assert_eq!((error.line, error.column), (2, 4));
    assert!(error.what.contains("0xff"), "{}", error.what);
    let error = parse(&vec![b'x'; MAX_BYTES + 1], "x").unwrap_err();
    assert!(error.what.contains(&MAX_BYTES.to_string()), "{}", error.what);
}

#[test]
fn escape_sequences_reach_no_one() {
    let evil = "\u{1b}]0;x\u{7}\u{1b}[31m";
    let text = format!(
        "# {evil}T\n- [ ] {evil}a `kubectl get {evil}x`\n\n```sh\n# {evil}c\nls {evil}\n```\n| {evil} |\n|-|\n\n> {evil}q\n"
    );
    let document = read(&text);
    let command = &document.steps[1].fence.as_ref().unwrap().commands[0];
    assert!(command.text.contains('\u{1b}'), "what is run is what is written");
    let mut shown = document;
    for step in &mut shown.steps {
        for command in step.fence.iter_mut().flat_map(|f| &mut f.commands) {
            command.text.clear();
        }
    }
    assert!(!format!("{shown:?}").contains('\u{1b}') && !format!("{shown:?}").contains("u{1b}"));
    assert!(!crate::runbook::listing::text(&read(&text)).contains('\u{1b}'));
}

#[test]
fn ten_thousand_steps_are_read_whole() {
    let text: String =
        (0..10_000).map(|n| format!("{}. step {n} `kubectl get pod <p{n}>`\n", n + 1)).collect();
    let document = read(&text);
    assert_eq!(document.steps.len(), 10_000);
    assert_eq!(document.steps[9_999].number, Some(10_000));
    let many = read(&"- [ ] x\n".repeat(60_000));
    assert_eq!(many.steps.len(), 50_000);
    assert_eq!(many.problems.len(), 1);
}

#[test]
fn deep_nesting_is_no_recursion() {
    for text in [
        ">".repeat(10_000),
        "- ".repeat(10_000) + "x",
        "1. ".repeat(10_000) + "x",
        "*a ".repeat(10_000),
        "[".repeat(10_000) + &"](x)".repeat(10_000),
        format!("```sh\n{}\n```", "$(".repeat(10_000)),
        format!("```sh\n{}\n```", "`\\".repeat(10_000)),
        format!("```sh\n{}\n```", "{ ( if ".repeat(10_000)),
        format!("```sh\necho {}\n```", "<a>".repeat(10_000)),
        format!("```sh {}\n```", "[".repeat(10_000)),
        format!("```sh {{\"expect\": {{\"json\": {}\n```", "[".repeat(10_000)),
    ] {
        let document = read(&text);
        assert!(document.steps.iter().all(|s| usize::from(s.depth) <= 255));
    }
}

#[test]
fn a_carriage_return_by_itself_ends_a_line() {
    let document = read("# A\r\r```sh\rkubectl get pods\rkubectl delete pod x\r```\r\n- [ ] b\n");
    let commands: Vec<&str> =
        document.steps[0].fence.iter().flat_map(|f| &f.commands).map(|c| c.text.as_str()).collect();
    assert_eq!(commands, ["kubectl get pods", "kubectl delete pod x"]);
    assert_eq!(document.steps.iter().map(|s| s.line).collect::<Vec<_>>(), [3, 7]);
}

/// Pieces of which documents are made.
fn markdown() -> impl Strategy<Value = String> {
    let piece = "(# |## |- |- \\[ \\] |- \\[x\\] |1\\. |2\\) |```sh\n|```\n|~~~\n|```toml check\n|> |\n|\n\n|    |   |\\||\\|-\\|\n|---\n|`ls x`|\\[a\\]\\(b\\)|<x>|<!--|-->|\\$X|a b|\\*|\\{\"risk\": \"read\"\\}|'|\"|\r|\t|\\PC)";
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_markdown_is_read(text in markdown()) {
        let document = read(&text);
        let lines: Vec<usize> = document.steps.iter().map(|s| s.line).collect();
        prop_assert!(lines.is_sorted(), "{lines:?}");
        let last = text.matches(['\n', '\r']).count() + 1;
        // Code within a line may go over its end, which Markdown makes a space.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let source = words(&text);
        // And the mark of a quote that it goes on in is none of it.
        let unquoted: Vec<&str> = text.split(['\n', '\r']).map(|l| l.trim_start_matches(['>', ' '])).collect();
        let unquoted = words(&unquoted.join(" "));
        for (index, step) in document.steps.iter().enumerate() {
            prop_assert!(step.line >= 1 && step.line <= last);
            prop_assert!(step.section < document.sections.len());
            prop_assert!(step.parent.is_none_or(|p| p < index));
            for command in step.fence.iter().flat_map(|f| &f.commands) {
                prop_assert!(command.line >= 1 && command.line <= last, "{} of {last}", command.line);
                for line in command.text.lines() {
                    let line = words(line);
                    prop_assert!(source.contains(&line) || unquoted.contains(&line), "{line:?}");
                }
            }
        }
        for problem in &document.problems {
            prop_assert!(problem.line >= 1 && problem.line <= last && problem.column >= 1);
        }
        let _ = crate::runbook::listing::text(&document);
        let json: serde_json::Value = serde_json::from_str(&crate::runbook::listing::json(&document).unwrap()).unwrap();
        prop_assert_eq!(json["steps"].as_array().unwrap().len(), document.steps.len());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        match parse(&bytes, "x") {
            Ok(document) => prop_assert_eq!(document.sha256, crate::journal::sha256(&bytes)),
            Err(problem) => prop_assert!(problem.line >= 1 && problem.column >= 1),
        }
    }

    #[test]
    fn ids_are_all_different(text in markdown()) {
        let document = read(&text);
        let ids: std::collections::HashSet<&String> = document.steps.iter().map(|s| &s.id).collect();
        prop_assert_eq!(ids.len(), document.steps.len());
    }
}
