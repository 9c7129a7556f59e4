//! Every format with names that try to be something else, and the HTML as XML.

use super::*;
use crate::model::signal::{Point, Unit};
use crate::model::{Clean, Health, Outcome};
use crate::review::line::{Course, Line, Opens, Seen, detail};
use crate::review::signoff::Scope;
use crate::review::{Difference, Kind, testing};

const HOSTILE: &str = "<script>alert('x')</script> [a](javascript:x) ![i](http://x/y) @here \u{1b}[31m| **b** `c` & \"d\" https://evil.example\u{202e}";

fn review() -> Review {
    let course = Course {
        points: (0..600)
            .map(|i| Point { t: i * 60, v: if i % 7 == 0 { f64::NAN } else { i as f64 } })
            .collect(),
        step_s: 60,
        unit: Unit::Seconds,
        limit: Some(0.5),
        from: 0,
        to: 36_000,
    };
    let seen = Seen::new(Outcome::Fail, HOSTILE, "objective 5")
        .detailed(vec![detail(Health::Critical, HOSTILE), detail(Health::Ok, "fine")])
        .drawn(Some(course));
    let difference = Difference::Changed(Clean::new(HOSTILE).to_string());
    Review {
        scope: Scope {
            context: HOSTILE.into(),
            namespace: HOSTILE.into(),
            service: "".into(),
            kind: Kind::Daily,
        },
        place: HOSTILE.into(),
        at: testing::now(),
        since: testing::now(),
        lines: vec![Line { id: "alerts", title: "alerts", opens: Opens::Nothing, seen, difference }],
        left_out: vec![("nodes", HOSTILE.into())],
        gone: vec![Clean::new(HOSTILE).to_string()],
        complaints: vec![HOSTILE.into()],
        baseline: None,
        who: HOSTILE.into(),
    }
}

fn rendered(format: Format) -> String {
    let review = review();
    let mut draft = Draft { reason: HOSTILE.into(), ..Draft::default() };
    draft.notes.insert("alerts".into(), format!("{HOSTILE}\n# {HOSTILE}"));
    render(&Document { review: &review, draft: &draft, signed_by: Some(HOSTILE) }, format, false)
}

/// Elements and their attributes; panics where it is not well-formed.
fn parse(html: &str) -> Vec<(String, String)> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(at) = rest.find(['<', '>']) {
        assert!(rest[at..].starts_with('<'), "a stray '>': {}", &rest[at.saturating_sub(40)..at + 1]);
        let end = rest.find('>').unwrap();
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<'), "a tag within a tag: {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed as it was opened");
        } else {
            let bare = tag.trim_end_matches('/');
            let (name, attributes) = bare.split_once(' ').unwrap_or((bare, ""));
            assert_eq!(attributes.matches('"').count() % 2, 0, "{tag}");
            if !tag.ends_with('/') {
                open.push(name.to_owned());
            }
            all.push((name.to_owned(), attributes.to_owned()));
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, Vec::<String>::new());
    all
}

#[test]
fn the_page_is_well_formed_and_asks_for_nothing() {
    let html = rendered(Format::Html);
    let elements = parse(&html);
    let known = [
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "article", "span", "svg",
        "line", "path", "text", "details", "summary", "ul", "li",
    ];
    for (name, attributes) in &elements {
        assert!(known.contains(&name.as_str()), "<{name}>");
        for word in ["href", "src", "url(", "onload", "onclick", "http", "javascript", "@import"] {
            assert!(!attributes.contains(word), "<{name} {attributes}>");
        }
    }
    let style = &html[html.find("<style>").unwrap()..html.find("</style>").unwrap()];
    assert!(!style.contains("url(") && !style.contains("@import") && style.contains("prefers-color-scheme"));
    assert!(elements.iter().any(|(name, _)| name == "svg"));
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
}

#[test]
fn markdown_stays_text() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let markdown = rendered(Format::Markdown);
    for event in Parser::new_ext(&markdown, Options::all()) {
        match event {
            Event::Html(_) | Event::InlineHtml(_) | Event::Code(_) => panic!("{event:?}\n{markdown}"),
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_) | Tag::Table(_)) => {
                panic!("{event:?}\n{markdown}")
            }
            Event::Start(Tag::Heading { level, .. }) => assert!(level as usize <= 2),
            _ => {}
        }
    }
    assert!(!markdown.contains("@here") && !markdown.contains("https://"));
}

#[test]
fn nothing_that_a_terminal_acts_on_is_written() {
    for format in [Format::Text, Format::Markdown, Format::Json, Format::Html] {
        let text = rendered(format);
        let bad = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(bad), "{format:?}: {text:?}");
    }
    assert!(rendered(Format::Text).lines().count() < 20, "no line breaks from outside");
}

#[test]
fn json_is_read_back() {
    let value: serde_json::Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
    assert_eq!(value["schema"], "midwatch.review/1");
    assert_eq!(value["lines"][0]["outcome"], "fail");
    assert_eq!((&value["exit_code"], &value["fail"]), (&1.into(), &1.into()));
    assert_eq!(value["lines"][0]["differs"], true);
}
