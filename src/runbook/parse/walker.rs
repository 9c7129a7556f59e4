//! The parser's events, put together to sections, steps and prose.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use super::fence::{Block, Content, Understood};
use super::identity;
use super::inline::Inline;
use super::place::Lines;
use crate::model::Clean;
use crate::runbook::command;
use crate::runbook::document::{Document, Fence, Problem, Prose, Section, Step, StepKind};

/// Five times what a document may have to be walked at all; more would be held in memory for nothing.
const MAX_STEPS: usize = 50_000;

/// More than anyone reads; a hostile document could have one a line.
const MAX_PROBLEMS: usize = 1_000;

/// A block that others stand in.
enum Frame {
    /// With the number of the next item, of a numbered one.
    List(Option<u64>),
    Item(Item),
    Quote,
}

/// A list's item.
struct Item {
    line: usize,
    number: Option<u64>,
    step: Option<usize>,
    has_text: bool,
    gathered: Gathered,
}

/// Prose that has not found its step yet.
#[derive(Default)]
struct Gathered {
    prose: Vec<Prose>,
    /// The fence that it stands behind.
    fence: Option<usize>,
    has_steps: bool,
}

/// What a piece of text will be.
#[derive(Clone, Copy)]
enum Purpose {
    Paragraph,
    Heading(u8, usize),
    Cell,
}

pub struct Walker<'a> {
    source: &'a str,
    lines: &'a Lines<'a>,
    document: Document,
    frames: Vec<Frame>,
    /// Indices of the sections that are open, outermost first.
    open: Vec<usize>,
    gathered: Gathered,
    inline: Option<(Inline, Purpose)>,
    block: Option<Block>,
    table: Vec<Vec<Clean>>,
    html: Option<String>,
    /// What tells each step's content from others'.
    contents: Vec<String>,
    too_many: bool,
}

impl<'a> Walker<'a> {
    pub fn new(source: &'a str, lines: &'a Lines<'a>, problem: Option<Problem>) -> Self {
        let top = Section { line: 1, ..Section::default() };
        Self {
            source,
            lines,
            document: Document {
                sections: vec![top],
                problems: problem.into_iter().collect(),
                ..Document::default()
            },
            frames: Vec::new(),
            open: vec![0],
            gathered: Gathered::default(),
            inline: None,
            block: None,
            table: Vec::new(),
            html: None,
            contents: Vec::new(),
            too_many: false,
        }
    }

    pub fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Text(text) if self.block.is_some() => {
                if let Some(block) = &mut self.block {
                    block.push(&text, range.start, self.lines);
                }
            }
            Event::Html(text) => self.html.get_or_insert_default().push_str(&text),
            Event::TaskListMarker(ticked) => self.task(ticked),
            Event::Start(tag) if !is_inline(&tag) => self.start(tag, range),
            Event::End(tag) if !is_inline_end(tag) => self.end(tag),
            Event::Rule => self.flush(),
            inline => {
                let (text, _) = self.inline.get_or_insert_with(|| (Inline::default(), Purpose::Paragraph));
                text.add(&inline, range.start);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        self.flush();
        let line = self.lines.line(range.start);
        match tag {
            Tag::Heading { level, .. } if self.frames.is_empty() => {
                self.inline = Some((Inline::default(), Purpose::Heading(level as u8, line)));
            }
            Tag::List(first) => self.frames.push(Frame::List(first)),
            Tag::Item => {
                let number = match self.frames.last_mut() {
                    Some(Frame::List(Some(next))) => {
                        let number = *next;
                        *next = next.saturating_add(1);
                        Some(number)
                    }
                    _ => None,
                };
                let gathered = Gathered::default();
                let mut item = Item { line, number, step: None, has_text: false, gathered };
                if number.is_some() {
                    item.step = self.add_step(StepKind::Numbered, line, number, String::new());
                }
                self.frames.push(Frame::Item(item));
            }
            Tag::BlockQuote(_) => self.frames.push(Frame::Quote),
            Tag::CodeBlock(kind) => {
                self.block = Some(Block::new(range, matches!(kind, CodeBlockKind::Fenced(_))));
            }
            Tag::Table(_) => self.table.clear(),
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            Tag::TableCell => self.inline = Some((Inline::default(), Purpose::Cell)),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        self.flush();
        match tag {
            TagEnd::List(_) | TagEnd::BlockQuote(_) => _ = self.frames.pop(),
            TagEnd::Item => self.end_item(),
            TagEnd::CodeBlock => {
                if let Some(block) = self.block.take() {
                    self.add_block(block.finish(self.source, self.lines));
                }
            }
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.table);
                self.add_prose(Prose::Table(rows));
            }
            TagEnd::HtmlBlock => {
                let html = self.html.take().unwrap_or_default();
                let is_comment = html.trim_start().starts_with("<!--") && html.trim_end().ends_with("-->");
                for line in html.lines().map(str::trim).filter(|l| !l.is_empty() && !is_comment) {
                    self.add_prose(Prose::Paragraph(Clean::new(line)));
                }
            }
            _ => {}
        }
    }

    /// Ends the text that is being gathered: in a tight list, it is not ended by an event of its own.
    fn flush(&mut self) {
        let Some((inline, purpose)) = self.inline.take() else { return };
        let text = inline.clean();
        match purpose {
            Purpose::Heading(level, line) => self.add_section(text, level, line),
            Purpose::Cell => {
                if let Some(row) = self.table.last_mut() {
                    row.push(text);
                }
            }
            Purpose::Paragraph if text.is_empty() => {}
            Purpose::Paragraph => self.add_text(text, &inline),
        }
    }

    fn add_text(&mut self, text: Clean, inline: &Inline) {
        let lists = self.frames.iter().rev().take_while(|f| !matches!(f, Frame::Item(i) if i.step.is_some()));
        let depth = lists.filter(|f| matches!(f, Frame::List(_))).count().saturating_sub(1);
        match self.frames.last_mut() {
            Some(Frame::Item(item)) if !item.has_text => {
                item.has_text = true;
                match item.step {
                    Some(step) => self.name_step(step, text, inline),
                    None => {
                        let depth = u8::try_from(depth).unwrap_or(u8::MAX);
                        self.add_prose(Prose::Item(depth, text));
                    }
                }
            }
            Some(Frame::Quote) => self.add_prose(Prose::Quote(text)),
            _ => self.add_prose(Prose::Paragraph(text)),
        }
    }

    /// An item's text, and the commands in it.
    fn name_step(&mut self, step: usize, text: Clean, inline: &Inline) {
        let mut commands = Vec::new();
        for (offset, code) in inline.code.iter().filter(|(_, code)| command::is_command(code)) {
            let line = command::Line { text: code, number: self.lines.line(*offset) };
            commands.extend(command::split(&[line], command::Dialect::Shell, true).commands);
        }
        if let Some(step) = self.document.steps.get_mut(step) {
            step.text = text;
            step.fence = (!commands.is_empty()).then(|| Fence { commands, ..Fence::default() });
        }
    }

    fn add_section(&mut self, title: Clean, level: u8, line: usize) {
        self.end_section();
        let sections = &mut self.document.sections;
        self.open.retain(|s| sections.get(*s).is_some_and(|s| s.level < level));
        let parent = self.open.last().copied().filter(|s| sections.get(*s).is_some_and(|s| s.level > 0));
        self.open.push(sections.len());
        sections.push(Section { title, level, line, parent, prose: Vec::new() });
    }

    fn section(&self) -> usize {
        self.document.sections.len() - 1
    }

    fn end_section(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.give_output(&mut gathered);
        let section = self.section();
        if let Some(section) = self.document.sections.get_mut(section) {
            section.prose.append(&mut gathered.prose);
        }
    }

    /// What is shown behind a fence, up to the last code that is none to run, is its output.
    fn give_output(&mut self, gathered: &mut Gathered) {
        let Some(step) = gathered.fence.take().and_then(|f| self.document.steps.get_mut(f)) else { return };
        let output = gathered.prose.iter().rposition(|p| matches!(p, Prose::Code(..))).map_or(0, |at| at + 1);
        step.prose.extend(gathered.prose.drain(..output));
    }

    fn gathered(&mut self) -> &mut Gathered {
        let item = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Item(item) if item.step.is_some() => Some(&mut item.gathered),
            _ => None,
        });
        item.unwrap_or(&mut self.gathered)
    }

    fn add_prose(&mut self, prose: Prose) {
        self.gathered().prose.push(prose);
    }

    fn task(&mut self, ticked: bool) {
        let Some(Frame::Item(item)) = self.frames.last() else { return };
        let (line, number, step) = (item.line, item.number, item.step);
        let step = step.or_else(|| self.add_step(StepKind::Task, line, number, String::new()));
        if let Some(step) = step.and_then(|s| self.document.steps.get_mut(s)) {
            step.kind = StepKind::Task;
            step.ticked = ticked;
        }
        if let Some(Frame::Item(item)) = self.frames.last_mut() {
            item.step = step;
        }
    }

    fn end_item(&mut self) {
        let Some(Frame::Item(mut item)) = self.frames.pop() else { return };
        let Some(index) = item.step else { return };
        self.give_output(&mut item.gathered);
        let first_inside = self.document.steps.get(index + 1).map(|s| s.text.clone());
        if let Some(step) = self.document.steps.get_mut(index) {
            step.prose.append(&mut item.gathered.prose);
            if step.text.is_empty() {
                // '1.' and then a fence.
                step.text = first_inside.unwrap_or_default();
            }
        }
    }

    fn add_block(&mut self, understood: Understood) {
        let Understood { content, line, title, raw, mut problems } = understood;
        let room = MAX_PROBLEMS.saturating_sub(self.document.problems.len());
        problems.truncate(room);
        self.document.problems.append(&mut problems);
        let (kind, fence, check) = match content {
            Content::Prose(prose) => return self.add_prose(prose),
            Content::Commands(fence) => (StepKind::Command, Some(fence), None),
            Content::Check(check) => (StepKind::Check, None, Some(check)),
        };
        let Some(index) = self.add_step(kind, line, None, raw) else { return };
        if let Some(step) = self.document.steps.get_mut(index) {
            (step.text, step.fence, step.check) = (title, fence, check);
        }
        self.gathered().fence = (kind == StepKind::Command).then_some(index);
    }

    fn add_step(
        &mut self,
        kind: StepKind,
        line: usize,
        number: Option<u64>,
        content: String,
    ) -> Option<usize> {
        let index = self.document.steps.len();
        if index >= MAX_STEPS {
            if !std::mem::replace(&mut self.too_many, true) {
                let what = format!("it has more than {MAX_STEPS} steps; the rest is left out");
                let (what, next) = (Clean::new(&what), Clean::new("split it, and link the parts"));
                self.document.problems.push(Problem { line, column: 1, what, next });
            }
            return None;
        }
        let around = self.frames.iter().filter_map(|frame| match frame {
            Frame::Item(item) => item.step,
            _ => None,
        });
        let (parent, depth) = (around.clone().next_back(), around.count());
        let mut gathered = std::mem::take(self.gathered());
        self.give_output(&mut gathered);
        let is_item = matches!(kind, StepKind::Task | StepKind::Numbered);
        let mut prose = Vec::new();
        match parent.and_then(|p| self.document.steps.get_mut(p)) {
            Some(parent) => parent.prose.append(&mut gathered.prose),
            None if is_item && !gathered.has_steps => {
                let section = self.section();
                if let Some(section) = self.document.sections.get_mut(section) {
                    section.prose.append(&mut gathered.prose);
                }
            }
            None => prose = gathered.prose,
        }
        self.gathered().has_steps = true;
        self.contents.push(content);
        self.document.steps.push(Step {
            id: String::new(),
            kind,
            section: self.section(),
            parent,
            depth: u8::try_from(depth).unwrap_or(u8::MAX),
            text: Clean::default(),
            number,
            ticked: false,
            line,
            prose,
            fence: None,
            check: None,
        });
        Some(index)
    }

    pub fn finish(mut self) -> Document {
        self.flush();
        self.end_section();
        identity::identify(&mut self.document, &self.contents);
        self.document.problems.sort_by_key(|p| (p.line, p.column));
        self.document
    }
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. })
}

fn is_inline_end(tag: TagEnd) -> bool {
    matches!(tag, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
}
