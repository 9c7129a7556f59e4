//! What shell text consists of, as far as it has to be known: words with what is expanded in them, and what
//! stands between them.

use std::ops::Range;

/// What is run as one: all of a text, or what stands in a substitution.
#[derive(Debug, Default)]
pub struct Script {
    pub tokens: Vec<Token>,
    pub murky: bool,
    /// What is never closed, and where it begins.
    pub open: Option<(usize, &'static str)>,
}

/// A part of a script.
#[derive(Debug)]
pub enum Token {
    Word(Word),
    /// `;`, `&&`, `|`, `(`.
    Operator(&'static str, usize),
    /// `>`, `<`; its target is the next word.
    Redirect(&'static str, usize),
    /// What is expanded in it.
    Heredoc(Vec<Piece>),
    Newline(usize),
    Comment(Range<usize>),
}

/// What becomes an argument, or several.
#[derive(Debug, Default)]
pub struct Word {
    pub start: usize,
    pub end: usize,
    pub pieces: Vec<Piece>,
    /// It can become several words, or other ones: a pattern, braces, a tilde.
    pub wild: bool,
}

/// What a piece stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    None,
    Single,
    Double,
    Heredoc,
    Backtick,
}

/// A part of a word.
#[derive(Debug)]
pub enum Piece {
    Text(String, Quote),
    /// `<name>`.
    Hole {
        name: String,
        range: Range<usize>,
        quote: Quote,
    },
    /// `$NAME`; simple if nothing is done to it.
    Variable {
        name: String,
        range: Range<usize>,
        quote: Quote,
        simple: bool,
    },
    /// `$?`, `$1`, `${X:-1}`, arithmetic.
    Special(Quote),
    /// `$(…)`, `<(…)`.
    Script(Script, Quote),
}

impl Word {
    /// The word as the program gets it, where nothing is expanded in it.
    pub fn literal(&self) -> Option<String> {
        self.pieces
            .iter()
            .map(|p| if let Piece::Text(text, _) = p { Some(text.as_str()) } else { None })
            .collect()
    }

    /// A keyword is one only without quotes.
    pub fn bare(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text, Quote::None)] => Some(text),
            _ => None,
        }
    }
}
