//! A shell for simple lines: pipes, `;`, `&&`, `||`, variables, and the few words that only
//! a shell knows.

use std::sync::Arc;

use super::shell_words::{Piece, Token, Unreadable, Word, tokens};
use super::{Container, OUTPUT_BYTES, Output, environment, files, programs};

/// Shells in shells, at most.
const DEPTH: usize = 8;

/// A shell's state.
pub struct Shell {
    pub container: Arc<Container>,
    pub variables: Vec<(String, String)>,
    pub directory: String,
    last: i32,
    depth: usize,
    /// Set by `exit`.
    pub over: Option<i32>,
}

impl Shell {
    pub fn new(container: &Arc<Container>) -> Self {
        Self {
            container: container.clone(),
            variables: container.env.clone(),
            directory: files::home(container).to_owned(),
            last: 0,
            depth: 0,
            over: None,
        }
    }

    /// Runs in a shell of its own, which leaves nothing behind.
    pub fn child(&mut self, f: impl FnOnce(&mut Shell) -> Output) -> Output {
        if self.depth >= DEPTH {
            return Output::failed(2, "sh: 1: Maximum function recursion depth reached\n");
        }
        let mut child = Self {
            container: self.container.clone(),
            variables: self.variables.clone(),
            directory: self.directory.clone(),
            last: 0,
            depth: self.depth + 1,
            over: None,
        };
        f(&mut child)
    }

    /// Runs lines; the output of all of them, and the code of the last.
    pub fn script(&mut self, text: &str, stdin: &[u8]) -> Output {
        let tokens = match tokens(text) {
            Ok(tokens) => tokens,
            Err(Unreadable(why)) => {
                self.last = 2;
                return Output::failed(2, why);
            }
        };
        let mut out = Output { code: self.last, ..Output::default() };
        let mut before = ";";
        for (pipeline, after) in pipelines(&tokens) {
            let skip = match before {
                "&&" => self.last != 0,
                "||" => self.last == 0,
                _ => false,
            };
            before = after;
            if skip || pipeline.is_empty() {
                continue;
            }
            let one = self.pipeline(pipeline, stdin);
            self.last = one.code;
            out.stdout.extend(one.stdout);
            out.stderr.extend(one.stderr);
            if self.over.is_some() || out.stdout.len() > OUTPUT_BYTES {
                break;
            }
        }
        out.code = self.over.unwrap_or(self.last);
        out
    }

    fn pipeline(&mut self, tokens: &[Token], stdin: &[u8]) -> Output {
        let commands: Vec<&[Token]> = tokens.split(|t| matches!(t, Token::Between("|"))).collect();
        let (mut input, mut errors, mut last) = (stdin.to_vec(), Vec::new(), Output::default());
        let piped = commands.len() > 1;
        for (i, command) in commands.iter().enumerate() {
            let mut one = if piped {
                self.child(|s| s.command(command, &input))
            } else {
                self.command(command, &input)
            };
            redirect(&mut one, command);
            errors.append(&mut one.stderr);
            if i + 1 < commands.len() {
                input = std::mem::take(&mut one.stdout);
            }
            last = one;
        }
        last.stderr = errors;
        last
    }

    fn words(&self, tokens: &[Token]) -> Vec<String> {
        let mut out = Vec::new();
        for token in tokens {
            if let Token::Word(word) = token {
                self.expand(word, &mut out);
            }
        }
        out
    }

    fn value(&self, name: &str) -> String {
        if name == "?" {
            return self.last.to_string();
        }
        let found = self.variables.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone()).unwrap_or_default()
    }

    /// Variables outside quotes fall into words at their spaces.
    fn expand(&self, word: &Word, out: &mut Vec<String>) {
        let (mut current, mut any) = (String::new(), word.quoted);
        for piece in &word.pieces {
            match piece {
                Piece::Text(text) => {
                    current += text;
                    any = true;
                }
                Piece::Variable(name, true) => current += &self.value(name),
                Piece::Variable(name, false) => {
                    let value = self.value(name);
                    let mut parts = value.split_whitespace();
                    if let Some(first) = parts.next() {
                        current += first;
                        any = true;
                    }
                    for part in parts {
                        out.push(std::mem::replace(&mut current, part.to_owned()));
                    }
                }
            }
        }
        if any {
            out.push(current);
        }
    }

    fn command(&mut self, tokens: &[Token], stdin: &[u8]) -> Output {
        let words = self.words(tokens);
        let set = words.iter().take_while(|w| assignment(w).is_some()).count();
        let (assignments, args) = words.split_at(set);
        if args.is_empty() {
            self.assign(assignments);
            return Output::default();
        }
        if set > 0 {
            return self.child(|child| {
                child.assign(assignments);
                child.start(args, stdin)
            });
        }
        self.start(args, stdin)
    }

    fn assign(&mut self, assignments: &[String]) {
        for (name, value) in assignments.iter().filter_map(|a| assignment(a)) {
            environment::put(&mut self.variables, name, value.to_owned());
        }
    }

    fn start(&mut self, args: &[String], stdin: &[u8]) -> Output {
        let rest = args.get(1..).unwrap_or_default();
        match args[0].as_str() {
            "exit" => {
                let code = rest.first().map_or(self.last, |c| c.parse::<i32>().unwrap_or(2) & 0xff);
                self.over = Some(code);
                Output { code, ..Output::default() }
            }
            "cd" => self.change_directory(rest.first()),
            "export" => {
                self.assign(rest);
                Output::default()
            }
            ":" | "set" => Output::default(),
            "exec" if !rest.is_empty() => {
                let out = self.start(rest, stdin);
                self.over = Some(out.code);
                out
            }
            name if programs::has(self.container.role(), name) => programs::start(self, args, stdin),
            name if name.contains('/') => Output::failed(127, format!("sh: 1: {name}: not found\n")),
            name => {
                let name: String = name.chars().take(200).collect();
                Output::failed(127, format!("sh: 1: {name}: not found\n"))
            }
        }
    }

    fn change_directory(&mut self, to: Option<&String>) -> Output {
        let to = to.map_or_else(|| self.value("HOME"), Clone::clone);
        let path = files::absolute(&self.directory, &to);
        match files::at(&self.container, &path) {
            Some(files::Node::Directory(_)) => {
                self.directory = path;
                Output::default()
            }
            _ => Output::failed(2, format!("sh: 1: cd: can't cd to {to}\n")),
        }
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let named = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    named.then_some((name, value))
}

/// Pipelines, each with what stands after it.
fn pipelines(tokens: &[Token]) -> Vec<(&[Token], &'static str)> {
    let mut out = Vec::new();
    let mut from = 0;
    for (i, token) in tokens.iter().enumerate() {
        if let Token::Between(what @ ("&&" | "||" | ";")) = token {
            out.push((&tokens[from..i], *what));
            from = i + 1;
        }
    }
    out.push((&tokens[from..], ";"));
    out
}

fn redirect(out: &mut Output, tokens: &[Token]) {
    for token in tokens {
        match token {
            Token::Redirect("no-errors") => out.stderr.clear(),
            Token::Redirect("no-output") => out.stdout.clear(),
            Token::Redirect("errors-too") => out.stdout.append(&mut out.stderr),
            Token::Redirect("nothing") => {
                out.stdout.clear();
                out.stderr.clear();
            }
            _ => {}
        }
    }
}
