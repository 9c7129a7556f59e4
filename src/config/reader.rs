//! Walks a TOML document key by key, so that every wrong key and value is reported at once:
//! serde would stop at the first. What is asked for is what is known; the rest is unknown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Problem, place};
use crate::model::nearest::nearest;

/// The document's text, and what was found wrong in it so far.
pub struct Doc<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    /// The line of each value that was read, by its path: `prometheus.url`.
    origins: RefCell<BTreeMap<String, usize>>,
}

/// A value with its place in the file.
#[derive(Clone)]
pub struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'t> Doc<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, problems: RefCell::default(), origins: RefCell::default() }
    }

    pub fn problem(&self, span: &Range<usize>, what: impl Into<String>, next: Option<String>) {
        let (line, column) = place(self.text, span.start);
        self.problems.borrow_mut().push(Problem { line, column, what: what.into(), next });
    }

    /// In the file's order: the problems, and where each value stands.
    pub fn finish(self) -> (Vec<Problem>, BTreeMap<String, usize>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|p| (p.line, p.column));
        (problems, self.origins.into_inner())
    }

    fn remember(&self, path: String, span: &Range<usize>) {
        self.origins.borrow_mut().insert(path, place(self.text, span.start).0);
    }

    /// `parsed`, or None and its message as a problem at `span`.
    pub fn check<T>(&self, span: &Range<usize>, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|what| self.problem(span, what, None)).ok()
    }
}

/// One table of the document.
pub struct Section<'d, 't> {
    pub doc: &'d Doc<'t>,
    pub span: Range<usize>,
    table: &'d DeTable<'t>,
    path: String,
    asked: Vec<&'static str>,
}

impl<'d, 't> Section<'d, 't> {
    pub fn root(doc: &'d Doc<'t>, table: &'d DeTable<'t>) -> Self {
        Self { doc, span: 0..0, table, path: String::new(), asked: Vec::new() }
    }

    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'t>>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        self.doc.remember(self.path(key), &value.span());
        Some(value)
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        take: impl FnOnce(&'d DeValue<'t>) -> Option<T>,
    ) -> Option<At<T>> {
        let value = self.get(key)?;
        let taken = take(value.get_ref());
        if taken.is_none() {
            self.wrong_type(key, wanted, value);
        }
        taken.map(|v| At { value: v, span: value.span() })
    }

    fn wrong_type(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let what = format!("'{}' must be {wanted}, not {}", self.path(key), kind(value.get_ref()));
        self.doc.problem(&value.span(), what, None);
    }

    /// Not there at all; what is there and wrong has been reported already.
    pub fn is_missing(&self, key: &str) -> bool {
        !self.table.contains_key(key)
    }

    pub fn string(&mut self, key: &'static str) -> Option<At<String>> {
        self.typed(key, "a string", |v| v.as_str().map(str::to_owned))
    }

    pub fn boolean(&mut self, key: &'static str) -> Option<At<bool>> {
        self.typed(key, "true or false", DeValue::as_bool)
    }

    /// A non-negative whole number.
    pub fn count(&mut self, key: &'static str) -> Option<At<u32>> {
        self.typed(key, "a whole number from 0 to 4294967295", |v| {
            let number = v.as_integer()?;
            u32::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    /// A string or a number as it is written: values whose unit may be left out.
    pub fn scalar(&mut self, key: &'static str) -> Option<At<String>> {
        self.typed(key, "a value with its unit, as \"500 ms\" or \"99.9 %\"", |v| match v {
            DeValue::String(s) => Some(s.to_string()),
            DeValue::Integer(i) => Some(i.as_str().to_owned()),
            DeValue::Float(f) => Some(f.as_str().to_owned()),
            _ => None,
        })
    }

    pub fn strings(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, "a list of strings", value);
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(s) => strings.push(At { value: s.to_owned(), span: item.span() }),
                None => self.wrong_type(key, "a list of strings", item),
            }
        }
        strings
    }

    /// The table `key`, read by `read`; unknown keys in it are reported after that.
    pub fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'d, 't>) -> T,
    ) -> Option<T> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, &format!("a table, [{}]", self.path(key)), value);
            return None;
        };
        Some(self.enter(self.path(key), table, value.span(), read))
    }

    /// The tables of `[[key]]`, each read by `read`.
    pub fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'d, 't>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, &format!("a list of tables, [[{}]]", self.path(key)), value);
            return Vec::new();
        };
        let mut all = Vec::new();
        for (i, item) in items.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(table) => {
                    all.push(self.enter(format!("{}[{i}]", self.path(key)), table, item.span(), &mut read));
                }
                None => self.wrong_type(key, &format!("a list of tables, [[{}]]", self.path(key)), item),
            }
        }
        all
    }

    fn enter<T>(
        &self,
        path: String,
        table: &'d DeTable<'t>,
        span: Range<usize>,
        read: impl FnOnce(&mut Section<'d, 't>) -> T,
    ) -> T {
        let mut section = Section { doc: self.doc, span, table, path, asked: Vec::new() };
        let value = read(&mut section);
        section.close();
        value
    }

    /// Keys that are names of the user's or of a fixed list, not of the schema: each with its table
    /// or text. Nothing in such a section is unknown.
    pub fn entries(&self) -> Vec<(At<String>, Entry<'d, 't>)> {
        let mut entries = Vec::new();
        for (key, value) in self.table {
            let path = self.path(key.get_ref());
            self.doc.remember(path.clone(), &value.span());
            let entry = match value.get_ref() {
                DeValue::String(s) => Entry::Text(At { value: s.to_string(), span: value.span() }),
                DeValue::Table(table) => Entry::Table { path, table, span: value.span() },
                _ => Entry::Other(value.span()),
            };
            entries.push((At { value: key.get_ref().to_string(), span: key.span() }, entry));
        }
        entries
    }

    pub fn enter_entry<T>(
        &self,
        entry: Entry<'d, 't>,
        read: impl FnOnce(&mut Section<'d, 't>) -> T,
    ) -> Option<T> {
        match entry {
            Entry::Table { path, table, span } => Some(self.enter(path, table, span, read)),
            Entry::Text(At { span, .. }) | Entry::Other(span) => {
                self.doc.problem(&span, "a table is wanted here", None);
                None
            }
        }
    }

    /// Every key that nothing asked for is unknown.
    pub fn close(&self) {
        if self.asked.is_empty() {
            return;
        }
        for key in self.table.keys() {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                self.doc.problem(
                    &key.span(),
                    format!("unknown key '{}'", self.path(key.get_ref())),
                    suggestion(key.get_ref(), &self.asked),
                );
            }
        }
    }
}

/// What stands behind a key of the user's.
pub enum Entry<'d, 't> {
    Text(At<String>),
    Table { path: String, table: &'d DeTable<'t>, span: Range<usize> },
    Other(Range<usize>),
}

/// 'did you mean …?', or the list where nothing is near.
pub fn suggestion(written: &str, known: &[&str]) -> Option<String> {
    let near = nearest(written, known.iter().copied());
    match near.strip_prefix(", ") {
        Some(near) => Some(near.to_owned()),
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
