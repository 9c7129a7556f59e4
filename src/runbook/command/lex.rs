//! Shell text → words, operators and what is expanded in them, as far as is needed to tell where a
//! command ends, what it does, and where a value may be put. What is not understood for certain makes
//! the script murky: then it counts as one that changes something, and only plain values are put in.

use std::ops::Range;

use super::token::{Piece, Quote, Script, Token, Word};

/// Substitutions in substitutions: nobody writes more than three; each costs a frame of the stack.
const MAX_DEPTH: usize = 12;

/// A placeholder's name: longer ones are sentences.
const MAX_NAME: usize = 64;

/// How far behind a tag its end is looked for, so that many tags don't cost their square. Characters.
const NEAR: usize = 400;

/// Reads all of a text; where something is never closed, to its end.
pub fn lex(text: &str) -> Script {
    Lexer { text, at: 0, depth: 0, forced: None, murky: false, open: None }.script(false)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// What everything stands in, whatever quotes it has: backticks.
    forced: Option<Quote>,
    murky: bool,
    open: Option<(usize, &'static str)>,
}

/// A heredoc whose text is still to come.
struct Pending {
    delimiter: String,
    strips_tabs: bool,
    expands: bool,
    at: usize,
}

/// Longest first.
const OPERATORS: [&str; 11] = [";;&", ";;", ";&", ";", "&&", "||", "|&", "|", "&", "(", ")"];
const REDIRECTS: [&str; 12] = ["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">|", ">&", ">"];

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn quote(&self, quote: Quote) -> Quote {
        self.forced.unwrap_or(quote)
    }

    fn leave_open(&mut self, at: usize, what: &'static str) {
        self.murky = true;
        self.open.get_or_insert((at, what));
        self.at = self.text.len();
    }

    /// To the end, or to the bracket that closes a substitution.
    fn script(&mut self, in_brackets: bool) -> Script {
        let begin = self.at;
        let mut tokens: Vec<Token> = Vec::new();
        let mut pending: Vec<Pending> = Vec::new();
        let mut brackets = 0_usize;
        let mut closed = !in_brackets;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' => self.at += 1,
                '\\' if self.rest().starts_with("\\\n") => self.at += 2,
                '\n' => {
                    self.at += 1;
                    self.heredocs(&mut pending, &mut tokens);
                    tokens.push(Token::Newline(self.at));
                }
                '#' => {
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    tokens.push(Token::Comment(self.at..self.at + length));
                    self.at += length;
                }
                ')' if in_brackets && brackets == 0 => {
                    self.at += 1;
                    closed = true;
                    break;
                }
                _ if self.redirect(&mut tokens, &mut pending) => {}
                '(' | ')' | ';' | '&' | '|' => {
                    let operator = OPERATORS.into_iter().find(|o| self.rest().starts_with(o)).unwrap_or(";");
                    brackets = match operator {
                        "(" => brackets + 1,
                        ")" => brackets.saturating_sub(1),
                        _ => brackets,
                    };
                    // (( … )) is arithmetic in bash.
                    self.murky |= self.rest().starts_with("((");
                    tokens.push(Token::Operator(operator, self.at));
                    self.at += operator.len();
                }
                _ => {
                    let word = self.word();
                    // Its patterns have closing brackets that open nowhere.
                    self.murky |= in_brackets && word.bare() == Some("case");
                    tokens.push(Token::Word(word));
                }
            }
        }
        if !closed {
            self.leave_open(begin, "a substitution");
        }
        if let Some(heredoc) = pending.first() {
            self.leave_open(heredoc.at, "a heredoc");
        }
        Script { tokens, murky: self.murky, open: self.open }
    }

    /// Whether a redirection stood here.
    fn redirect(&mut self, tokens: &mut Vec<Token>, pending: &mut Vec<Pending>) -> bool {
        if self.placeholder(Quote::None).is_some()
            || self.rest().starts_with("<(")
            || self.rest().starts_with(">(")
        {
            return false;
        }
        let Some(operator) = REDIRECTS.into_iter().find(|o| self.rest().starts_with(o)) else { return false };
        // 2>file: the number is no argument.
        if let Some(Token::Word(word)) = tokens.last()
            && word.end == self.at
            && word.bare().is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()))
        {
            tokens.pop();
        }
        let at = self.at;
        self.at += operator.len();
        tokens.push(Token::Redirect(operator, at));
        if operator == "<<" || operator == "<<-" {
            while matches!(self.peek(), Some(' ' | '\t')) {
                self.at += 1;
            }
            let word = self.word();
            let expands = word.pieces.iter().all(|p| matches!(p, Piece::Text(_, Quote::None)));
            match word.literal() {
                Some(delimiter) if !word.pieces.is_empty() => {
                    pending.push(Pending { delimiter, strips_tabs: operator == "<<-", expands, at });
                }
                _ => self.murky = true,
            }
            tokens.push(Token::Word(word));
        }
        true
    }

    fn heredocs(&mut self, pending: &mut Vec<Pending>, tokens: &mut Vec<Token>) {
        for heredoc in pending.drain(..) {
            let begin = self.at;
            let mut found = None;
            for line in self.rest().split_inclusive('\n') {
                let bare = line.strip_suffix('\n').unwrap_or(line);
                let bare = if heredoc.strips_tabs { bare.trim_start_matches('\t') } else { bare };
                if bare == heredoc.delimiter {
                    found = Some(line.len());
                    break;
                }
                self.at += line.len();
            }
            let text = self.text.get(..self.at).unwrap_or_default();
            let mut body = Lexer { text, at: begin, open: None, ..*self };
            tokens.push(Token::Heredoc(body.heredoc(heredoc.expands)));
            self.murky |= body.murky;
            match found {
                Some(length) => self.at += length,
                None => self.leave_open(heredoc.at, "a heredoc"),
            }
        }
    }

    fn heredoc(&mut self, expands: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                '<' if self.hole(&mut pieces, Quote::Heredoc) => {}
                '\\' if expands => {
                    self.bump();
                    self.bump();
                }
                '$' if expands => self.dollar(&mut pieces, Quote::Heredoc),
                '`' if expands => self.backticks(&mut pieces, Quote::Heredoc),
                _ => _ = self.bump(),
            }
        }
        pieces
    }

    fn word(&mut self) -> Word {
        let mut word = Word { start: self.at, ..Word::default() };
        while let Some(c) = self.peek() {
            let before = self.at;
            match c {
                '<' if self.hole(&mut word.pieces, Quote::None) => {}
                '<' | '>' if self.rest().get(1..).is_some_and(|r| r.starts_with('(')) => {
                    self.at += 2;
                    self.nested(&mut word.pieces, Quote::None);
                }
                ' ' | '\t' | '\n' | '|' | '&' | ';' | '(' | ')' | '<' | '>' => break,
                '\\' => {
                    self.bump();
                    match self.bump() {
                        Some('\n') => {}
                        Some(c) => push(&mut word.pieces, c, self.quote(Quote::Single)),
                        None => push(&mut word.pieces, '\\', self.quote(Quote::Single)),
                    }
                }
                '\'' => self.single(&mut word.pieces),
                '"' => self.double(&mut word.pieces),
                '$' => self.dollar(&mut word.pieces, Quote::None),
                '`' => self.backticks(&mut word.pieces, Quote::None),
                _ => {
                    word.wild |= matches!(c, '*' | '?' | '[') || (c == '~' && before == word.start);
                    push(&mut word.pieces, c, self.quote(Quote::None));
                    self.bump();
                }
            }
        }
        let braces = |p: &Piece| matches!(p, Piece::Text(t, Quote::None) if t.contains('{') && (t.contains(',') || t.contains("..")));
        word.wild |= word.pieces.iter().any(braces);
        // The program [, not a pattern.
        word.wild &= !matches!(word.bare(), Some("[" | "[["));
        word.end = self.at;
        word
    }

    fn single(&mut self, pieces: &mut Vec<Piece>) {
        let begin = self.at;
        self.at += 1;
        pieces.push(Piece::Text(String::new(), self.quote(Quote::Single)));
        loop {
            match self.peek() {
                None => return self.leave_open(begin, "a quote"),
                Some('\'') => return self.at += 1,
                Some('<') if self.hole(pieces, Quote::Single) => {}
                Some(c) => {
                    push(pieces, c, self.quote(Quote::Single));
                    self.bump();
                }
            }
        }
    }

    fn double(&mut self, pieces: &mut Vec<Piece>) {
        let begin = self.at;
        self.at += 1;
        pieces.push(Piece::Text(String::new(), self.quote(Quote::Double)));
        loop {
            match self.peek() {
                None => return self.leave_open(begin, "a quote"),
                Some('"') => return self.at += 1,
                Some('<') if self.hole(pieces, Quote::Double) => {}
                Some('$') => self.dollar(pieces, Quote::Double),
                Some('`') => self.backticks(pieces, Quote::Double),
                Some('\\') => {
                    self.bump();
                    match self.peek() {
                        Some('\n') => _ = self.bump(),
                        Some(c @ ('$' | '`' | '"' | '\\')) => {
                            push(pieces, c, self.quote(Quote::Double));
                            self.bump();
                        }
                        _ => push(pieces, '\\', self.quote(Quote::Double)),
                    }
                }
                Some(c) => {
                    push(pieces, c, self.quote(Quote::Double));
                    self.bump();
                }
            }
        }
    }

    fn nested(&mut self, pieces: &mut Vec<Piece>, quote: Quote) {
        if self.depth >= MAX_DEPTH {
            return self.leave_open(self.at, "a substitution");
        }
        self.depth += 1;
        let script = self.script(true);
        self.depth -= 1;
        pieces.push(Piece::Script(script, self.quote(quote)));
    }

    fn backticks(&mut self, pieces: &mut Vec<Piece>, quote: Quote) {
        let begin = self.at;
        self.at += 1;
        let mut inner = String::new();
        loop {
            match self.bump() {
                None => return self.leave_open(begin, "a backtick"),
                Some('`') => break,
                Some('\\') if matches!(self.peek(), Some('`' | '\\' | '$')) => inner.extend(self.bump()),
                Some(c) => inner.push(c),
            }
        }
        if self.depth >= MAX_DEPTH {
            return self.leave_open(begin, "a backtick");
        }
        let forced = Some(Quote::Backtick);
        let mut lexer =
            Lexer { text: &inner, at: 0, depth: self.depth + 1, forced, murky: self.murky, open: None };
        let script = lexer.script(false);
        self.murky |= script.murky;
        pieces.push(Piece::Script(script, self.quote(quote)));
    }

    fn dollar(&mut self, pieces: &mut Vec<Piece>, quote: Quote) {
        let begin = self.at;
        self.at += 1;
        let rest = self.rest();
        let outer = self.quote(quote);
        if rest.starts_with("((") {
            self.arithmetic(pieces, begin, outer);
        } else if rest.starts_with('(') {
            self.at += 1;
            self.nested(pieces, quote);
        } else if rest.starts_with('{') {
            self.braced(pieces, begin, outer);
        } else if let name @ 1.. = name_length(rest) {
            let name = rest.get(..name).unwrap_or_default().to_owned();
            self.at += name.len();
            pieces.push(Piece::Variable { name, range: begin..self.at, quote: outer, simple: true });
        } else if rest.starts_with(|c: char| c.is_ascii_digit() || "?$!@*#-".contains(c)) {
            self.at += 1;
            pieces.push(Piece::Special(outer));
        } else {
            // $'…' and $"…" are one thing to bash and another to sh.
            self.murky |= quote == Quote::None && rest.starts_with(['\'', '"', '[']);
            push(pieces, '$', outer);
        }
    }

    fn arithmetic(&mut self, pieces: &mut Vec<Piece>, begin: usize, quote: Quote) {
        self.murky = true;
        pieces.push(Piece::Special(quote));
        match self.rest().find("))") {
            Some(length) => {
                self.used_in(pieces, self.at..self.at + length, quote);
                self.at += length + 2;
            }
            None => self.leave_open(begin, "an arithmetic expansion"),
        }
    }

    /// `${…}`.
    fn braced(&mut self, pieces: &mut Vec<Piece>, begin: usize, quote: Quote) {
        let mut depth = 0_usize;
        let end = self.rest().find(|c| {
            depth = if c == '{' {
                depth + 1
            } else if c == '}' {
                depth - 1
            } else {
                depth
            };
            c == '}' && depth == 0
        });
        let Some(length) = end else { return self.leave_open(begin, "a brace") };
        let inside = self.text.get(self.at + 1..self.at + length).unwrap_or_default();
        let inner = self.at + 1..self.at + length;
        self.at += length + 1;
        let bare = inside.trim_start_matches(['#', '!']);
        let (name, after) = bare.split_at(name_length(bare));
        let has_default = after.trim_start_matches(':').starts_with(['-', '=', '+']);
        if name.is_empty() || has_default {
            pieces.push(Piece::Special(quote));
        } else {
            let simple = name.len() == inside.len();
            pieces.push(Piece::Variable { name: name.to_owned(), range: begin..self.at, quote, simple });
        }
        if after.contains(['$', '`', '\'', '"', '\\']) {
            self.murky = true;
            self.used_in(pieces, inner, quote);
        }
    }

    /// The variables that are used somewhere within, where nothing can be put in quotes.
    fn used_in(&self, pieces: &mut Vec<Piece>, range: Range<usize>, quote: Quote) {
        let text = self.text.get(range.clone()).unwrap_or_default();
        for (at, _) in text.match_indices('$') {
            let name = text.get(at + 1..).unwrap_or_default().trim_start_matches('{');
            let name = name.get(..name_length(name)).unwrap_or_default();
            if !name.is_empty() {
                let range = range.start + at..range.start + at;
                pieces.push(Piece::Variable { name: name.to_owned(), range, quote, simple: false });
            }
        }
    }

    /// Takes a placeholder, where one stands here.
    fn hole(&mut self, pieces: &mut Vec<Piece>, quote: Quote) -> bool {
        let Some(name) = self.placeholder(quote).map(str::to_owned) else { return false };
        let range = self.at..self.at + name.len() + 2;
        self.at = range.end;
        pieces.push(Piece::Hole { name, range, quote: self.quote(quote) });
        true
    }

    /// The name in `<name>`: a letter, then letters, digits, and single spaces or `-_./` between them. No
    /// redirection (`<in>out`), no type (`Vec<u8>`), no markup (`<b>…</b>`).
    fn placeholder(&self, quote: Quote) -> Option<&'a str> {
        let rest = self.rest().strip_prefix('<')?;
        let length = rest.bytes().take(MAX_NAME + 1).position(|b| b == b'>')?;
        let (name, after) = (rest.get(..length)?, rest.get(length + 1..)?);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./ ".contains(&b))
            && !name.contains("  ");
        let before = self.text.get(..self.at).unwrap_or_default();
        let is_type = before.bytes().rev().take(2).filter(u8::is_ascii_alphabetic).count() > 1;
        let near: String = after.chars().take(NEAR).collect();
        let is_markup = near.contains(&format!("</{name}>"));
        let is_redirected =
            quote == Quote::None && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '&');
        (is_name && !is_type && !is_markup && !is_redirected).then_some(name)
    }
}

fn push(pieces: &mut Vec<Piece>, c: char, quote: Quote) {
    match pieces.last_mut() {
        Some(Piece::Text(text, q)) if *q == quote => text.push(c),
        _ => pieces.push(Piece::Text(c.into(), quote)),
    }
}

/// How long the name at the beginning is, in bytes.
pub fn name_length(text: &str) -> usize {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { text.bytes().take_while(is_part).count() }
}
