//! A paragraph's, a heading's or a cell's text in one line: emphasis left out, code in backticks, links
//! with their target in brackets.

use pulldown_cmark::{CowStr, Event, Tag, TagEnd};

use crate::model::Clean;

/// Text that is being gathered.
#[derive(Default)]
pub struct Inline {
    text: String,
    /// Of the links and pictures that are open: where their text began, and their target.
    links: Vec<(usize, String)>,
    /// The pieces of code, with the offset of each.
    pub code: Vec<(usize, String)>,
}

impl Inline {
    /// Takes what an inline event adds.
    pub fn add(&mut self, event: &Event<'_>, offset: usize) {
        match event {
            Event::Text(text) => self.text.push_str(text),
            Event::Code(code) => {
                self.code.push((offset, code.to_string()));
                self.text.push('`');
                self.text.push_str(code);
                self.text.push('`');
            }
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::InlineHtml(html) => self.html(html),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.links.push((self.text.len(), dest_url.to_string()));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.close_link(),
            _ => {}
        }
    }

    /// `<pod-name>` in a sentence is HTML to Markdown; it is text to who wrote it.
    fn html(&mut self, html: &CowStr<'_>) {
        match html.trim() {
            "<br>" | "<br/>" | "<br />" => self.text.push(' '),
            comment if comment.starts_with("<!--") => {}
            _ => self.text.push_str(html),
        }
    }

    fn close_link(&mut self) {
        let Some((start, target)) = self.links.pop() else { return };
        let says_it = self.text.get(start..).is_some_and(|text| text.trim() == target);
        if !says_it && !target.is_empty() {
            self.text.push_str(&format!(" ({target})"));
        }
    }

    /// The line, on which white space is one space.
    pub fn clean(&self) -> Clean {
        Clean::new(&self.text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}
