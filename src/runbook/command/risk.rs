//! What a command could do, told from its programs. Nothing is called 'read' that could change anything:
//! what is not known for certain only to look counts as a change.

use super::lex::lex;
use super::parameters::{assigned, is_asked};
use super::token::{Piece, Quote, Script, Token, Word};
use super::{Command, programs};
use crate::model::command::Risk;

/// What was told, from the least to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    Read,
    /// A program that is not in the tables, or used in a way that is not.
    Unknown,
    Change,
    Destroy,
}

impl Told {
    pub fn risk(self) -> Risk {
        match self {
            Self::Read => Risk::Read,
            Self::Unknown | Self::Change => Risk::Change,
            Self::Destroy => Risk::Destroy,
        }
    }
}

/// A word as far as it is known.
#[derive(Clone, Debug)]
pub struct Arg {
    /// What is put in later is a NUL.
    pub text: String,
    /// It may become several arguments, options among them.
    pub wild: bool,
}

impl Arg {
    /// All of it is known.
    pub fn literal(&self) -> Option<&str> {
        (!self.wild && !self.text.contains('\0')).then_some(self.text.as_str())
    }
}

/// Commands in commands (sh -c, sudo, xargs) are followed so far; deeper they are not known.
const MAX_DEPTH: usize = 8;

/// Variables that say who we are and how to show it; any other may change what a program does (PATH,
/// LD_PRELOAD, PAGER).
const HARMLESS: [&str; 11] = [
    "LANG",
    "LC_ALL",
    "TZ",
    "COLUMNS",
    "PGPASSWORD",
    "PGUSER",
    "PGHOST",
    "PGPORT",
    "PGDATABASE",
    "NO_COLOR",
    "REDISCLI_AUTH",
];

/// In what could not be read for certain, these are looked for.
const DESTROYING_WORDS: [&str; 14] = [
    "rm ",
    "kubectl delete",
    "oc delete",
    "flushall",
    "flushdb",
    "drop ",
    "truncate",
    "delete from",
    "destroy",
    "mkfs",
    "dd if",
    "dd of",
    "--force",
    "wipefs",
];

pub fn told(script: &Script, text: &str, parameters: &[String]) -> Told {
    told_at(script, text, parameters, 0)
}

fn told_at(script: &Script, text: &str, parameters: &[String], depth: usize) -> Told {
    let mut told = Told::Read;
    if script.murky || depth > MAX_DEPTH {
        told = if has_destroying_words(text) { Told::Destroy } else { Told::Unknown };
    }
    if depth > MAX_DEPTH {
        return told;
    }
    let mut words: Vec<&Word> = Vec::new();
    let mut tokens = script.tokens.iter();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => {
                told = told.max(substitutions(&word.pieces, text, parameters, depth));
                words.push(word);
            }
            Token::Heredoc(pieces) => told = told.max(substitutions(pieces, text, parameters, depth)),
            Token::Operator(..) | Token::Newline(_) => {
                told = told.max(simple(&std::mem::take(&mut words), parameters, depth));
            }
            Token::Redirect(operator, _) => {
                if let Some(Token::Word(target)) = tokens.next() {
                    told = told.max(substitutions(&target.pieces, text, parameters, depth));
                    told = told.max(redirected(operator, target));
                }
            }
            Token::Comment(_) => {}
        }
    }
    told.max(simple(&words, parameters, depth))
}

pub fn has_destroying_words(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    DESTROYING_WORDS.iter().any(|word| text.contains(word))
}

fn substitutions(pieces: &[Piece], text: &str, parameters: &[String], depth: usize) -> Told {
    let inner = pieces.iter().map(|piece| match piece {
        Piece::Script(script, _) => told_at(script, text, parameters, depth + 1),
        _ => Told::Read,
    });
    inner.max().unwrap_or(Told::Read)
}

fn redirected(operator: &str, target: &Word) -> Told {
    let target = target.literal();
    match operator {
        "<" | "<<" | "<<-" | "<<<" | "<&" => Told::Read,
        ">&" if target.as_deref().is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit() || b == b'-')) => {
            Told::Read
        }
        _ if matches!(target.as_deref(), Some("/dev/null" | "/dev/stdout" | "/dev/stderr")) => Told::Read,
        _ => Told::Unknown,
    }
}

/// One program with its arguments.
fn simple(words: &[&Word], parameters: &[String], depth: usize) -> Told {
    let mut told = Told::Read;
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        match first.bare() {
            Some(
                "if" | "then" | "else" | "elif" | "fi" | "while" | "until" | "do" | "done" | "{" | "}" | "!",
            ) => {}
            // What is looped over, and what a case looks at.
            Some("for" | "select" | "case") => return told,
            Some("esac") => {}
            _ => match assigned(first) {
                Some(name) if HARMLESS.contains(&name) && !first.wild => {}
                Some(_) => told = Told::Unknown,
                None => break,
            },
        }
        rest = after;
    }
    let args: Vec<Arg> = rest.iter().map(|word| argument(word, parameters)).collect();
    told.max(program(&args, depth))
}

fn argument(word: &Word, parameters: &[String]) -> Arg {
    let mut arg = Arg { text: String::new(), wild: false };
    for piece in &word.pieces {
        match piece {
            Piece::Text(text, _) => arg.text.push_str(text),
            Piece::Hole { .. } => arg.text.push('\0'),
            Piece::Variable { name, quote, simple, .. } => {
                arg.text.push('\0');
                // It is put in quotes when it is filled in.
                let is_one = *quote == Quote::Double || (*simple && is_asked(name, parameters));
                arg.wild |= !is_one || *quote == Quote::Backtick;
            }
            Piece::Special(quote) | Piece::Script(_, quote) => {
                arg.text.push('\0');
                arg.wild |= *quote != Quote::Double;
            }
        }
    }
    // All that a pattern becomes begins as it does; one that begins with the pattern may become an option.
    arg.wild |= word.wild && !arg.text.starts_with(|c: char| c.is_ascii_alphanumeric() || "./~".contains(c));
    // A value that is not asked for may begin with '-'.
    let first_is_open = match word.pieces.iter().find(|p| !matches!(p, Piece::Text(t, _) if t.is_empty())) {
        Some(Piece::Special(_) | Piece::Script(..)) => true,
        Some(Piece::Variable { name, .. }) => !is_asked(name, parameters),
        _ => false,
    };
    arg.wild |= first_is_open;
    arg
}

/// A program with its arguments, or a program that runs another one.
pub fn program(args: &[Arg], depth: usize) -> Told {
    let Some((first, rest)) = args.split_first() else { return Told::Read };
    if depth > MAX_DEPTH {
        return Told::Unknown;
    }
    let Some(name) = first.literal().and_then(base_name) else { return Told::Unknown };
    match name {
        // They run what follows as it is.
        "time" | "nohup" | "command" | "builtin" => program(rest, depth + 1),
        "env" if rest.is_empty() => Told::Read,
        _ if programs::RUNNERS.contains(&name) => ran_by_others(rest, depth).max(Told::Unknown),
        _ => programs::told(name, rest, depth),
    }
}

/// The worst of what a program that runs others could run: any tail of its arguments as a command, any
/// argument as a script.
pub fn ran_by_others(args: &[Arg], depth: usize) -> Told {
    // A longer command line is no one's; and each tail costs its length.
    let args = args.get(..args.len().min(100)).unwrap_or_default();
    let tails = (0..args.len()).map(|at| args.get(at..).unwrap_or_default());
    let as_commands = tails.filter_map(|tail| {
        let name = tail.first()?.literal().and_then(base_name)?;
        let is_known = programs::DESTROYERS.contains(&name) || programs::RUNS_OR_CHANGES.contains(&name);
        is_known.then(|| program(tail, depth + 1))
    });
    let as_scripts = args.iter().filter(|a| a.text.contains([' ', ';', '\n'])).map(|arg| {
        let script = lex(&arg.text);
        told_at(&script, &arg.text, &[], depth + 1)
    });
    as_commands.chain(as_scripts).max().unwrap_or(Told::Unknown)
}

/// The name of a program that stands where programs do; one in another folder is not known.
fn base_name(program: &str) -> Option<&str> {
    match program.rsplit_once('/') {
        None => Some(program),
        Some(("/bin" | "/usr/bin" | "/usr/local/bin" | "/sbin" | "/usr/sbin", name)) => Some(name),
        Some(_) => None,
    }
}

/// Gives a command the risk that its fence tells. `doubtful`: what the fence says could not be read, so
/// that it is not called 'read'.
///
/// Returns why the fence is not believed: it says 'read' of what is known to change something.
pub fn settle_risk(command: &mut Command, said: Option<Risk>, doubtful: bool) -> Option<String> {
    let told = told(&lex(&command.text), &command.text, &command.parameters);
    match said {
        Some(Risk::Read) if told >= Told::Change || command.native.is_some() => {
            let first: String = command.text.lines().next().unwrap_or_default().chars().take(60).collect();
            Some(format!(
                "the fence says that '{first}' only reads, but it does more; it is taken as one that {}",
                command.risk.name()
            ))
        }
        Some(risk) => {
            command.risk = risk;
            None
        }
        None => {
            if doubtful && command.risk == Risk::Read {
                command.risk = Risk::Change;
            }
            None
        }
    }
}

/// Whether inline code is a command, and not a name or a value: a program that is known, with arguments,
/// or a script by its path.
pub fn is_command(code: &str) -> bool {
    let script = lex(code);
    let mut words = script.tokens.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word),
        _ => None,
    });
    let (first, second) = (words.next().and_then(Word::literal), words.next());
    let Some(first) = first else { return false };
    let is_script = first.starts_with("./") && first.len() > 2;
    let is_known = base_name(&first).is_some_and(programs::is_known);
    !code.contains('\n') && (is_script || (is_known && second.is_some()))
}
