//! A review as one HTML file: no script, nothing from elsewhere, light and dark as the reader has it,
//! readable on a phone. It is well-formed XML, too.

use std::fmt::Write;

use super::{Document, minute, note, svg};
use crate::model::Clean;
use crate::review::Line;

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1d1f21;--bg:#fff;--dim:#5c6166;--line:#d5d8db;--ok:#2e7d32;--warn:#8a5a00;--bad:#b3261e;--unknown:#5c6166}\
@media(prefers-color-scheme:dark){:root{--fg:#d8dadb;--bg:#16181a;--dim:#9aa0a6;--line:#34383c;--ok:#8abd6a;--warn:#e0b45c;--bad:#f08078;--unknown:#9aa0a6}}\
body{font:16px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:52rem;margin:0 auto;padding:1rem}\
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem;color:var(--dim)}\
p{margin:.3rem 0}.dim{color:var(--dim)}article{border-top:1px solid var(--line);padding:.6rem 0}\
h3{font-size:1rem;margin:0}h3 .word{font-weight:600}.pass .word{color:var(--ok)}.warning .word{color:var(--warn)}\
.fail .word{color:var(--bad)}.could-not-check .word{color:var(--unknown)}\
article p,li{overflow-wrap:anywhere}ul{margin:.3rem 0;padding-left:1.2rem}summary{cursor:pointer;color:var(--dim)}\
svg{width:100%;height:auto;display:block;margin:.4rem 0}svg text{font-size:11px;fill:var(--dim)}\
.course{fill:none;stroke:var(--fg);stroke-width:1.5}.limit{stroke:var(--bad);stroke-dasharray:6 4}\
.note{border-left:3px solid var(--line);padding-left:.6rem}";

pub fn render(document: &Document<'_>) -> String {
    let review = document.review;
    let title = format!("{}: {}", review.scope.kind.title(), review.place);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <title>{0}</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        escaped(&title)
    );
    let mut say = |class: &str, text: &str| {
        let _ = writeln!(out, "<p class=\"{class}\">{}</p>", escaped(text));
    };
    say("tally", &review.tally());
    say("dim", &format!("{}, {}", minute(review.at), review.since_words()));
    for complaint in &review.complaints {
        say("dim", &format!("sign-offs: {complaint}"));
    }
    for (heading, lines) in review.groups() {
        let _ = writeln!(out, "<h2>{}</h2>", escaped(&heading));
        for line in lines {
            out += &one(document, line);
        }
    }
    let mut say = |text: &str| {
        let _ = writeln!(out, "<p class=\"dim\">{}</p>", escaped(text));
    };
    for (title, why) in &review.left_out {
        say(&format!("{title}: left out, {why}"));
    }
    for title in &review.gone {
        say(&format!("{title}: was in the last review, and is not in this one"));
    }
    if !document.draft.reason.trim().is_empty() {
        say(&format!("reason: {}", document.draft.reason.trim()));
    }
    if let Some(who) = document.signed_by {
        say(&format!("signed off by {who} at {}", minute(review.at)));
    }
    out + "</body></html>\n"
}

fn one(document: &Document<'_>, line: &Line) -> String {
    let outcome = line.outcome();
    let class = outcome.word().replace(' ', "-");
    let mark = outcome.health().mark(false);
    let mut out = format!(
        "<article class=\"{class}\"><h3><span class=\"word\">{mark} {}</span> {}</h3><p>{}</p>\n",
        outcome.word(),
        escaped(line.title),
        escaped(&line.sentence())
    );
    if let Some(course) = &line.seen.course {
        out += &svg::chart(course, &escaped(line.title));
    }
    if let Some(note) = note(document, line.id) {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(&note));
    }
    if line.seen.details.len() > 1 {
        let open = if line.seen.verdict.is_pass() { "" } else { " open=\"open\"" };
        let _ = write!(out, "<details{open}><summary>{} rows</summary><ul>", line.seen.details.len());
        for detail in &line.seen.details {
            let _ = write!(out, "<li>{} {}</li>", detail.health.mark(false), escaped(&detail.text));
        }
        out.push_str("</ul></details>\n");
    }
    out + "</article>\n"
}

/// Text within elements and attributes.
pub fn escaped(text: &str) -> String {
    let clean = Clean::new(&text.lines().collect::<Vec<_>>().join(" / "));
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
