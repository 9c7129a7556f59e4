//! A key with its modifiers, and how keymap files and the help write it: 'ctrl-c', 'shift-tab', 'G'.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// One key press. Shift is part of a character ('G'), and a flag for the other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Chord {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

impl Chord {
    pub const fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// The character, where the chord is one that a text field takes.
    pub fn text(&self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

const NAMES: [(&str, Code); 18] = [
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("insert", Code::Insert),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("pageup", Code::PageUp),
    ("pagedown", Code::PageDown),
    ("space", Code::Char(' ')),
    ("minus", Code::Char('-')),
    ("escape", Code::Esc),
    ("return", Code::Enter),
];

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut chord = Self::plain(Code::Esc);
        let mut rest = text;
        while let Some((modifier, tail)) =
            rest.split_once('-').filter(|(m, t)| !m.is_empty() && !t.is_empty())
        {
            match modifier {
                "ctrl" | "C" => chord.ctrl = true,
                "alt" | "A" => chord.alt = true,
                "shift" | "S" => chord.shift = true,
                _ => return Err(format!("'{modifier}-' is no modifier (ctrl-, alt-, shift-)")),
            }
            rest = tail;
        }
        let mut chars = rest.chars();
        chord.code = match (chars.next(), chars.next()) {
            (Some(c), None) if chord.ctrl => Code::Char(c.to_ascii_lowercase()),
            (Some(c), None) => Code::Char(c),
            _ => NAMES
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .or_else(|| {
                    rest.strip_prefix('f')
                        .and_then(|n| n.parse().ok())
                        .filter(|n| (1..=12).contains(n))
                        .map(Code::F)
                })
                .ok_or_else(|| {
                    format!("'{rest}' is no key (a character, enter, esc, tab, space, up, pagedown, f1 …)")
                })?,
        };
        if let Code::Char(c) = chord.code
            && chord.shift
        {
            chord.code = Code::Char(c.to_ascii_uppercase());
            chord.shift = false;
        }
        Ok(chord)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if on {
                f.write_str(name)?;
            }
        }
        match self.code {
            Code::Char(' ') => f.write_str("space"),
            Code::Char(c) => write!(f, "{c}"),
            Code::F(n) => write!(f, "f{n}"),
            code => f.write_str(NAMES.iter().find(|(_, c)| *c == code).map_or("?", |(name, _)| name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chords_are_read_and_written_alike() {
        for text in
            ["a", "G", "ctrl-c", "alt-x", "shift-tab", "enter", "space", "f5", "?", "/", ":", "pageup", "-"]
        {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), text);
        }
        assert_eq!("shift-g".parse::<Chord>(), "G".parse());
        assert_eq!("C-c".parse::<Chord>(), "ctrl-c".parse());
        assert!("hyper-x".parse::<Chord>().unwrap_err().contains("no modifier"));
        assert!("entre".parse::<Chord>().unwrap_err().contains("no key"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Chord>();
        }
    }
}
