//! The names in a command that somebody has to give a value: `<pod-name>`, `$VERSION`.

use std::collections::HashSet;

use super::lex::name_length;
use super::token::{Piece, Quote, Script, Token, Word};

/// What a shell or a login sets: nobody is asked for them.
const OF_THE_SHELL: [&str; 24] = [
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "PWD",
    "OLDPWD",
    "SHELL",
    "HOSTNAME",
    "TMPDIR",
    "LANG",
    "TERM",
    "EDITOR",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "UID",
    "EUID",
    "PPID",
    "IFS",
    "BASH_SOURCE",
    "PIPESTATUS",
    "REPLY",
    "OPTARG",
    "OPTIND",
];

/// Builtins whose arguments are names of variables that they set.
const SETTERS: [&str; 12] = [
    "read",
    "for",
    "select",
    "mapfile",
    "readarray",
    "export",
    "local",
    "declare",
    "typeset",
    "readonly",
    "getopts",
    "unset",
];

/// In the order in which they come first.
pub fn of(script: &Script) -> Vec<String> {
    let mut set = HashSet::new();
    setters(script, &mut set);
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for_each(script, &mut |piece| {
        let name = match piece {
            Piece::Hole { name, .. } => name,
            Piece::Variable { name, .. } if !set.contains(name) && !OF_THE_SHELL.contains(&name.as_str()) => {
                name
            }
            _ => return,
        };
        if seen.insert(name.clone()) {
            found.push(name.clone());
        }
    });
    found
}

/// The variables whose values are asked for: they are among the parameters.
pub fn is_asked(name: &str, parameters: &[String]) -> bool {
    parameters.iter().any(|p| p == name)
}

/// Every piece, those of substitutions after the one that they stand in.
pub fn for_each<'s>(script: &'s Script, see: &mut dyn FnMut(&'s Piece)) {
    for token in &script.tokens {
        let pieces = match token {
            Token::Word(word) => &word.pieces,
            Token::Heredoc(pieces) => pieces,
            _ => continue,
        };
        for piece in pieces {
            see(piece);
            if let Piece::Script(inner, _) = piece {
                for_each(inner, see);
            }
        }
    }
}

/// The name that `NAME=…` sets.
pub fn assigned(word: &Word) -> Option<&str> {
    let Some(Piece::Text(text, Quote::None | Quote::Backtick)) = word.pieces.first() else { return None };
    let name = text.get(..name_length(text)).filter(|name| !name.is_empty())?;
    let after = text.get(name.len()..).unwrap_or_default();
    (after.starts_with('=') || after.starts_with("+=")).then_some(name)
}

/// What the script sets itself, anywhere in it.
fn setters(script: &Script, set: &mut HashSet<String>) {
    let mut may_assign = true;
    let mut takes_names = false;
    for token in &script.tokens {
        match token {
            Token::Word(word) => {
                if may_assign && let Some(name) = assigned(word) {
                    set.insert(name.to_owned());
                } else if takes_names && let Some(name) = word.bare() {
                    set.insert(name.split('=').next().unwrap_or_default().to_owned());
                } else {
                    let bare = word.bare().unwrap_or_default();
                    takes_names |= may_assign && SETTERS.contains(&bare);
                    may_assign = takes_names
                        || matches!(
                            bare,
                            "if" | "elif"
                                | "while"
                                | "until"
                                | "then"
                                | "do"
                                | "else"
                                | "{"
                                | "!"
                                | "time"
                                | "env"
                        );
                }
            }
            Token::Operator(..) | Token::Newline(_) => (may_assign, takes_names) = (true, false),
            _ => {}
        }
    }
    for token in &script.tokens {
        if let Token::Word(Word { pieces, .. }) | Token::Heredoc(pieces) = token {
            for piece in pieces {
                if let Piece::Script(inner, _) = piece {
                    setters(inner, set);
                }
            }
        }
    }
}
