//! Keymaps: TOML files of layer → chords → command. The embedded ones are presets; a file in the
//! XDG directory overrides what it names.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::{Chord, Command, Layer, command::COMMANDS};
use crate::config::place;
use crate::model::nearest::nearest;

/// The keymaps that ship, by name.
pub const PRESETS: [(&str, &str); 3] = [
    ("default", include_str!("../../keymaps/default.toml")),
    ("vim", include_str!("../../keymaps/vim.toml")),
    ("emacs", include_str!("../../keymaps/emacs.toml")),
];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keymap {
    bindings: BTreeMap<Layer, Vec<(Vec<Chord>, Command)>>,
}

/// What pressing the chords so far means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    Run(Command),
    /// They begin a longer binding.
    Pending,
    None,
}

impl Keymap {
    /// Reads a keymap file over `base`. Errors name line and column and the nearest right name.
    pub fn parse(text: &str, file: &str, base: Option<&Self>) -> Result<Self, String> {
        let at = |span: Range<usize>| {
            let (line, column) = place(text, span.start);
            format!("{file}:{line}:{column}")
        };
        type Tables = BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<String>>>;
        let tables: Tables =
            toml::from_str(text).map_err(|e| format!("{}: {}", at(e.span().unwrap_or(0..0)), e.message()))?;
        let mut map = base.cloned().unwrap_or_default();
        for (layer_name, bindings) in &tables {
            let layer =
                Layer::ALL.into_iter().find(|l| l.name() == layer_name.get_ref()).ok_or_else(|| {
                    let near = nearest(layer_name.get_ref(), Layer::ALL.iter().map(|l| l.name()));
                    format!("{}: no layer '{}'{near}", at(layer_name.span()), layer_name.get_ref())
                })?;
            for (keys, command_name) in bindings {
                let chords =
                    parse_sequence(keys.get_ref()).map_err(|e| format!("{}: {e}", at(keys.span())))?;
                let slot = map.bindings.entry(layer).or_default();
                slot.retain(|(bound, _)| *bound != chords);
                if command_name.get_ref() == "none" {
                    continue;
                }
                let command = Command::named(command_name.get_ref()).ok_or_else(|| {
                    let near = nearest(command_name.get_ref(), COMMANDS.iter().map(|(_, _, n, _)| *n));
                    format!("{}: no command '{}'{near}", at(command_name.span()), command_name.get_ref())
                })?;
                slot.push((chords, command));
            }
        }
        Ok(map)
    }

    /// One of the keymaps that ship. They are over `default`, so that they name only what differs.
    pub fn preset(name: &str) -> Option<Self> {
        let text = |wanted: &str| PRESETS.iter().find(|(n, _)| *n == wanted).map(|(_, text)| *text);
        let base = Self::parse(text("default")?, "default.toml", None).ok()?;
        if name == "default" { Some(base) } else { Self::parse(text(name)?, name, Some(&base)).ok() }
    }

    /// Looks `chords` up in `layers`, topmost first.
    pub fn lookup(&self, layers: &[Layer], chords: &[Chord]) -> Lookup {
        let mut pending = false;
        for layer in layers {
            for (bound, command) in self.bindings.get(layer).into_iter().flatten() {
                if bound == chords {
                    return Lookup::Run(*command);
                }
                pending |= bound.len() > chords.len() && bound.starts_with(chords);
            }
        }
        if pending { Lookup::Pending } else { Lookup::None }
    }

    /// The chords bound to `command`, as the help writes them, shortest first.
    pub fn keys(&self, command: Command) -> Vec<String> {
        let mut keys: Vec<String> = self
            .all()
            .filter(|(_, _, c)| *c == command)
            .map(|(_, chords, _)| write_sequence(chords))
            .collect();
        keys.sort_by_key(|k| (k.chars().count(), k.clone()));
        keys.dedup();
        keys
    }

    pub fn all(&self) -> impl Iterator<Item = (Layer, &[Chord], Command)> {
        self.bindings.iter().flat_map(|(layer, b)| b.iter().map(|(keys, c)| (*layer, keys.as_slice(), *c)))
    }
}

fn parse_sequence(text: &str) -> Result<Vec<Chord>, String> {
    let chords: Vec<Chord> =
        text.split(' ').filter(|t| !t.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
    if chords.is_empty() { Err("no key".into()) } else { Ok(chords) }
}

pub fn write_sequence(chords: &[Chord]) -> String {
    chords.iter().map(Chord::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_parse_and_reach_every_command() {
        for (name, text) in PRESETS {
            let base = Keymap::preset("default");
            let map = Keymap::parse(text, name, base.as_ref()).unwrap();
            for (command, _, command_name, _) in COMMANDS.iter() {
                assert!(!map.keys(*command).is_empty(), "{name}: {command_name} has no key");
            }
        }
    }

    #[test]
    fn layers_are_asked_from_the_top_and_sequences_wait() {
        let map =
            Keymap::parse("[global]\nq = 'quit'\n[list]\n'g g' = 'top'\nq = 'down'", "t", None).unwrap();
        let key = |t: &str| t.parse::<Chord>().unwrap();
        assert_eq!(map.lookup(&[Layer::List, Layer::Global], &[key("q")]), Lookup::Run(Command::Down));
        assert_eq!(map.lookup(&[Layer::Global], &[key("q")]), Lookup::Run(Command::Quit));
        assert_eq!(map.lookup(&[Layer::List], &[key("g")]), Lookup::Pending);
        assert_eq!(map.lookup(&[Layer::List], &[key("g"), key("g")]), Lookup::Run(Command::Top));
        assert_eq!(map.lookup(&[Layer::List], &[key("x")]), Lookup::None);
    }

    #[test]
    fn errors_name_the_place_and_the_nearest_name() {
        let error = |text: &str| Keymap::parse(text, "my.toml", None).unwrap_err();
        assert_eq!(error("[global]\nq = 'quitt'"), "my.toml:2:5: no command 'quitt', did you mean 'quit'?");
        assert_eq!(error("[globl]\nq = 'quit'"), "my.toml:1:2: no layer 'globl', did you mean 'global'?");
        assert!(error("[global]\nentre = 'quit'").starts_with("my.toml:2:1: 'entre' is no key"));
        assert!(error("[global\n").starts_with("my.toml:1:8"), "{}", error("[global\n"));
    }

    #[test]
    fn a_binding_can_be_taken_away() {
        let base = Keymap::parse("[global]\nq = 'quit'", "t", None).unwrap();
        let map = Keymap::parse("[global]\nq = 'none'", "t", Some(&base)).unwrap();
        assert!(map.keys(Command::Quit).is_empty());
    }
}
