//! Field numbers, names and types of Kubernetes' messages, out of the embedded schema.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::schema::TEXT;

/// A status is what errors are told by.
pub const STATUS: &str = "apimachinery.pkg.apis.meta.v1.Status";

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    String,
    Int,
    Bool,
    Double,
    Bytes,
    Quantity,
    /// Whole seconds.
    Time,
    MicroTime,
    IntOrString,
    /// JSON in a message.
    Raw,
    /// A list of text as the value of a map.
    Strings,
    /// By its place in the schema.
    Message(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    One,
    List,
    /// From text.
    Map,
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub tag: u32,
    /// As in JSON.
    pub name: &'static str,
    pub ty: Type,
    pub shape: Shape,
    /// Go leaves the zero value out of JSON, and writes it into protobuf.
    pub omits_zero: bool,
    /// Its own fields stand beside those of the message that it is in.
    pub inline: bool,
}

#[derive(Debug, Default)]
pub struct Message {
    /// In order of tag.
    fields: Vec<Field>,
}

impl Message {
    pub fn field(&self, tag: u32) -> Option<&Field> {
        // Nearly all messages number their fields without a gap.
        let guess = self.fields.get(tag as usize - 1);
        guess.filter(|field| field.tag == tag).or_else(|| {
            let place = self.fields.binary_search_by_key(&tag, |field| field.tag).ok()?;
            self.fields.get(place)
        })
    }
}

#[derive(Default)]
pub struct Schema {
    messages: Vec<Message>,
    places: HashMap<&'static str, usize>,
}

impl Schema {
    pub fn message(&self, name: &str) -> Option<&Message> {
        self.messages.get(*self.places.get(name)?)
    }

    pub fn at(&self, place: usize) -> Option<&Message> {
        self.messages.get(place)
    }

    fn read(text: &'static str) -> Self {
        let mut schema = Self::default();
        let mut current = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words = line.split_once(';').map_or(line, |(words, _)| words);
            if let Some(name) = words.strip_prefix("message ") {
                current = Some(schema.place(name.trim()));
            } else if let (Some(place), Some(field)) = (current, schema.field(words)) {
                schema.messages[place].fields.push(field);
            }
        }
        for message in &mut schema.messages {
            message.fields.sort_by_key(|field| field.tag);
            message.fields.shrink_to_fit();
        }
        schema
    }

    fn place(&mut self, name: &'static str) -> usize {
        *self.places.entry(name).or_insert_with(|| {
            self.messages.push(Message::default());
            self.messages.len() - 1
        })
    }

    fn field(&mut self, words: &'static str) -> Option<Field> {
        let mut words = words.split_whitespace();
        let (tag, name, kind) =
            (words.next()?.parse().ok().filter(|t| *t > 0)?, words.next()?, words.next()?);
        let (shape, inner) = if let Some(inner) = kind.strip_prefix('[') {
            (Shape::List, inner.trim_end_matches(']'))
        } else if let Some(inner) = kind.strip_prefix('{') {
            (Shape::Map, inner.trim_end_matches('}'))
        } else {
            (Shape::One, kind)
        };
        let flags = words.collect::<Vec<_>>();
        let omits_zero = !flags.contains(&"!") && !flags.contains(&"*");
        Some(Field { tag, name, ty: self.ty(inner), shape, omits_zero, inline: flags.contains(&"inline") })
    }

    fn ty(&mut self, word: &'static str) -> Type {
        match word {
            "string" => Type::String,
            "int32" | "int64" => Type::Int,
            "bool" => Type::Bool,
            "double" => Type::Double,
            "bytes" => Type::Bytes,
            "quantity" => Type::Quantity,
            "time" => Type::Time,
            "microtime" => Type::MicroTime,
            "intstr" => Type::IntOrString,
            "raw" | "fields" => Type::Raw,
            "strings" => Type::Strings,
            name => Type::Message(self.place(name)),
        }
    }
}

/// Read once, when protobuf first comes.
pub fn get() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::read(TEXT))
}
