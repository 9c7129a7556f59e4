//! Values put into a command so that they stay values, whatever they are.

use std::collections::BTreeMap;

use super::lex::lex;
use super::split::STATEFUL;
use super::token::{Piece, Quote, Script, Token, Word};
use super::{Command, Invocation, parameters};

/// A value may have as many bytes as a line that a person types, and no more.
const MAX_VALUE: usize = 4096;

/// Programs that read one of their arguments as a script of their own: there, a value could become more.
const INTERPRETERS: [&str; 36] = [
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "eval",
    "ssh",
    "watch",
    "su",
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "node",
    "php",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "mongo",
    "mongosh",
    "awk",
    "gawk",
    "mawk",
    "sed",
    "jq",
    "yq",
    "find",
    "xargs",
    "parallel",
    "trap",
    "env",
    "make",
    "expect",
    "clickhouse-client",
];

/// What only a shell knows, beside what leaves it another one.
const ONLY_OF_A_SHELL: [&str; 13] =
    ["wait", "jobs", "fg", "bg", "type", "hash", "command", "builtin", "time", "[[", "if", "for", "!"];

/// The command with `values` in it: without a shell where it needs none.
///
/// # Errors
/// A value is missing, or can't be put where it belongs without becoming more than a value; in words for
/// who typed it.
pub fn fill(command: &Command, values: &BTreeMap<String, String>) -> Result<Invocation, String> {
    if command.text.contains('\0') {
        return Err("the command has a NUL character in it, and can't be run".to_owned());
    }
    for name in &command.parameters {
        let value = values.get(name).ok_or_else(|| format!("'{name}' has no value yet"))?;
        check_value(name, value)?;
    }
    let script = lex(&command.text);
    let filler = Filler {
        parameters: &command.parameters,
        values,
        plain_only: script.murky || has_interpreter(&script),
    };
    filler.check(&script)?;
    if let Some(argv) = filler.argv(&script) {
        return Ok(Invocation::Argv(argv));
    }
    let mut edits = Vec::new();
    filler.edits(&script, &mut edits);
    edits.sort_by_key(|(range, _)| range.start);
    let mut filled = String::new();
    let mut at = 0;
    for (range, text) in edits {
        filled.push_str(command.text.get(at..range.start).unwrap_or_default());
        filled.push_str(&text);
        at = range.end;
    }
    filled.push_str(command.text.get(at..).unwrap_or_default());
    Ok(Invocation::Shell { script: filled, variables: filler.variables(&script) })
}

fn check_value(name: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        // A path that lost its last part is another path.
        return Err(format!("'{name}' can't be empty"));
    }
    if value.len() > MAX_VALUE {
        return Err(format!("'{name}' is longer than {MAX_VALUE} bytes"));
    }
    if value.contains('\0') {
        return Err(format!("'{name}' has a NUL character in it, which can't be in an argument"));
    }
    Ok(())
}

/// Whether nothing reads more into it than its characters.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/@%+,".contains(&b))
}

fn has_interpreter(script: &Script) -> bool {
    let is_one = |word: &Word| {
        let text = word.literal();
        text.as_deref().is_some_and(|t| INTERPRETERS.contains(&t.rsplit('/').next().unwrap_or(t)))
    };
    script.tokens.iter().any(|token| match token {
        Token::Word(word) => is_one(word) || word.pieces.iter().any(in_piece),
        Token::Heredoc(pieces) => pieces.iter().any(in_piece),
        _ => false,
    })
}

fn in_piece(piece: &Piece) -> bool {
    matches!(piece, Piece::Script(inner, _) if has_interpreter(inner))
}

struct Filler<'a> {
    parameters: &'a [String],
    values: &'a BTreeMap<String, String>,
    plain_only: bool,
}

type Edits = Vec<(std::ops::Range<usize>, String)>;

impl Filler<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().any(|p| p == name).then(|| self.values.get(name)).flatten().map(String::as_str)
    }

    /// # Errors
    /// A value can't be put where it belongs.
    fn check(&self, script: &Script) -> Result<(), String> {
        for token in &script.tokens {
            let (pieces, starts_word) = match token {
                Token::Word(word) => (&word.pieces, true),
                Token::Heredoc(pieces) => (pieces, false),
                _ => continue,
            };
            let mut is_start = starts_word;
            for piece in pieces {
                match piece {
                    Piece::Text(text, _) => is_start &= text.is_empty(),
                    Piece::Hole { name, quote, .. } => {
                        self.check_one(name, *quote, is_start, true)?;
                        is_start = false;
                    }
                    Piece::Variable { name, quote, simple, .. } => {
                        self.check_one(name, *quote, is_start, *simple)?;
                        is_start = false;
                    }
                    Piece::Script(inner, _) => {
                        self.check(inner)?;
                        is_start = false;
                    }
                    Piece::Special(_) => is_start = false,
                }
            }
        }
        // In backticks and heredocs, a hole would be put among text that is read again.
        let mut refused = None;
        parameters::for_each(script, &mut |piece| {
            if let Piece::Hole { name, quote: quote @ (Quote::Backtick | Quote::Heredoc), .. } = piece {
                let place = if *quote == Quote::Heredoc { "a heredoc" } else { "backticks" };
                refused = Some(format!(
                    "'<{name}>' stands in {place}, where it can't be put in quotes; write the command with ${} instead",
                    name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
                ));
            }
        });
        refused.map_or(Ok(()), Err)
    }

    fn check_one(&self, name: &str, quote: Quote, is_start: bool, simple: bool) -> Result<(), String> {
        let Some(value) = self.value(name) else { return Ok(()) };
        if is_start && value.starts_with('-') {
            return Err(format!("'{name}' can't begin with '-': it would be taken as an option"));
        }
        let must_be_plain = self.plain_only || !simple || quote == Quote::Backtick;
        if must_be_plain && !is_plain(value) {
            return Err(format!(
                "'{name}' stands where the command reads it again, so that it may only have letters, digits and _-.:/@%+,"
            ));
        }
        Ok(())
    }

    /// The arguments, where the command is one program with words that need no shell.
    fn argv(&self, script: &Script) -> Option<Vec<String>> {
        if script.murky {
            return None;
        }
        let mut argv = Vec::new();
        for token in &script.tokens {
            match token {
                Token::Word(word) => {
                    if word.wild || (argv.is_empty() && parameters::assigned(word).is_some()) {
                        return None;
                    }
                    argv.push(self.argument(word)?);
                }
                Token::Comment(_) => {}
                Token::Newline(_) if argv.is_empty() => {}
                _ => return None,
            }
        }
        let program = argv.first()?;
        let of_a_shell = STATEFUL.iter().chain(&ONLY_OF_A_SHELL).any(|word| *word == program);
        let is_program = !of_a_shell && !program.contains(['{', '}', '=']) && !program.is_empty();
        is_program.then_some(argv)
    }

    fn argument(&self, word: &Word) -> Option<String> {
        let mut argument = String::new();
        for piece in &word.pieces {
            match piece {
                Piece::Text(text, _) => argument.push_str(text),
                Piece::Hole { name, .. } => argument.push_str(self.value(name)?),
                Piece::Variable { name, simple: true, .. } => argument.push_str(self.value(name)?),
                _ => return None,
            }
        }
        Some(argument)
    }

    /// What is put in the place of holes, and the quotes around variables.
    fn edits(&self, script: &Script, edits: &mut Edits) {
        parameters::for_each(script, &mut |piece| match piece {
            Piece::Hole { name, range, quote } => {
                let Some(value) = self.value(name) else { return };
                let escaped = value.replace('\'', r"'\''");
                let text = match quote {
                    Quote::Single => escaped,
                    Quote::Double => format!("\"'{escaped}'\""),
                    _ => format!("'{escaped}'"),
                };
                edits.push((range.clone(), text));
            }
            Piece::Variable { name, range, quote: Quote::None, simple: true }
                if self.value(name).is_some() =>
            {
                // Braces, so that what follows the quote is no part of the name.
                edits.push((range.clone(), format!("\"${{{name}}}\"")));
            }
            _ => {}
        });
    }

    fn variables(&self, script: &Script) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        parameters::for_each(script, &mut |piece| {
            if let Piece::Variable { name, .. } = piece
                && let Some(value) = self.value(name)
            {
                variables.insert(name.clone(), value.to_owned());
            }
        });
        variables
    }
}
