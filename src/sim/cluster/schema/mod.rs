//! The types of Kubernetes as data: read once from `assets/kubernetes/schema.txt` when they are
//! first needed. Protobuf, field validation, OpenAPI, the merge keys of strategic merge patches
//! and server-side apply all follow from it.

pub mod decode;
pub mod encode;
pub mod fields;
pub mod owned;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::kinds::KindInfo;
use crate::schema::TEXT;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    String,
    Int32,
    Int64,
    Bool,
    Double,
    Bytes,
    Quantity,
    /// RFC 3339 with whole seconds.
    Time,
    MicroTime,
    IntOrString,
    /// Any object (`RawExtension`).
    Raw,
    /// `FieldsV1`.
    Fields,
    /// A list of text as the value of a map (`ExtraValue`).
    Strings,
    /// By its name.
    Message(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    One,
    List,
    /// From text.
    Map,
}

/// How the elements of a list are told apart when owners are kept (`x-kubernetes-list-type`).
#[derive(Clone, Debug, PartialEq)]
pub enum Merge {
    Atomic,
    Set,
    /// By these fields.
    Map(Vec<&'static str>),
}

#[derive(Debug)]
pub struct Field {
    pub tag: u32,
    /// As in JSON.
    pub name: &'static str,
    pub ty: Type,
    pub shape: Shape,
    pub required: bool,
    /// An explicit zero means something.
    pub pointer: bool,
    /// A struct that is embedded: its fields stand beside those of this message.
    pub inline: bool,
    pub merge: Option<Merge>,
    /// Of strategic merge patches: the key, empty for a list of plain values that is merged.
    pub patch_key: Option<&'static str>,
    pub description: &'static str,
}

#[derive(Debug)]
pub struct Message {
    pub name: &'static str,
    pub description: &'static str,
    pub fields: Vec<Field>,
    by_name: HashMap<&'static str, usize>,
}

impl Message {
    /// The field of that name in JSON, also of an embedded struct.
    pub fn field(&self, name: &str) -> Option<&Field> {
        if let Some(i) = self.by_name.get(name) {
            return self.fields.get(*i);
        }
        self.fields.iter().filter(|f| f.inline).find_map(|f| f.message()?.field(name))
    }

    /// All fields as they stand in JSON, those of embedded structs too.
    pub fn flat(&'static self) -> Vec<&'static Field> {
        let mut out = Vec::new();
        for field in &self.fields {
            match field.message().filter(|_| field.inline) {
                Some(inner) => out.extend(inner.flat()),
                None => out.push(field),
            }
        }
        out
    }
}

impl Field {
    /// The message that it holds.
    pub fn message(&self) -> Option<&'static Message> {
        match self.ty {
            Type::Message(name) => message(name),
            _ => None,
        }
    }
}

fn all() -> &'static HashMap<&'static str, Message> {
    static ALL: OnceLock<HashMap<&'static str, Message>> = OnceLock::new();
    ALL.get_or_init(|| read(TEXT))
}

/// The message with this name, `api.apps.v1.Deployment`.
pub fn message(name: &str) -> Option<&'static Message> {
    all().get(name)
}

/// All messages.
pub fn messages() -> impl Iterator<Item = &'static Message> {
    all().values()
}

/// The name of the message of a kind; none for custom resources.
pub fn name_of(group: &str, version: &str, kind: &str) -> String {
    if matches!(kind, "DeleteOptions" | "Status" | "ListMeta") {
        return format!("apimachinery.pkg.apis.meta.v1.{kind}");
    }
    let group = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or(group) };
    format!("api.{group}.{version}.{kind}")
}

/// The type of a kind; none for custom resources.
pub fn of(info: &KindInfo) -> Option<&'static Message> {
    message(&name_of(info.group, info.version, info.kind))
}

/// The type that `apiVersion` and `kind` name.
pub fn of_type(api_version: &str, kind: &str) -> Option<&'static Message> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    message(&name_of(group, version, kind))
}

fn read(text: &'static str) -> HashMap<&'static str, Message> {
    let mut out: HashMap<&'static str, Message> = HashMap::new();
    let mut current = "";
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (words, description) = line.split_once(';').map_or((line, ""), |(w, d)| (w, d.trim()));
        if let Some(name) = words.strip_prefix("message ") {
            current = name.trim();
            let (fields, by_name) = (Vec::new(), HashMap::new());
            out.insert(current, Message { name: current, description, fields, by_name });
        } else if let (Some(message), Some(field)) = (out.get_mut(current), field(words, description)) {
            if !field.inline {
                message.by_name.insert(field.name, message.fields.len());
            }
            message.fields.push(field);
        }
    }
    out
}

fn field(words: &'static str, description: &'static str) -> Option<Field> {
    let mut words = words.split_whitespace();
    let (tag, name, kind) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let (shape, inner) = if let Some(inner) = kind.strip_prefix('[') {
        (Shape::List, inner.trim_end_matches(']'))
    } else if let Some(inner) = kind.strip_prefix('{') {
        (Shape::Map, inner.trim_end_matches('}'))
    } else {
        (Shape::One, kind)
    };
    let mut field = Field {
        tag,
        name,
        ty: ty(inner),
        shape,
        required: false,
        pointer: false,
        inline: false,
        merge: None,
        patch_key: None,
        description,
    };
    for flag in words {
        match flag.split_once('=').unwrap_or((flag, "")) {
            ("!", _) => field.required = true,
            ("*", _) => field.pointer = true,
            ("inline", _) => field.inline = true,
            ("atomic", _) => field.merge = Some(Merge::Atomic),
            ("set", _) => field.merge = Some(Merge::Set),
            ("map", keys) => field.merge = Some(Merge::Map(keys.split(',').collect())),
            ("merge", key) => field.patch_key = Some(key),
            _ => return None,
        }
    }
    Some(field)
}

fn ty(word: &'static str) -> Type {
    match word {
        "string" => Type::String,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "bool" => Type::Bool,
        "double" => Type::Double,
        "bytes" => Type::Bytes,
        "quantity" => Type::Quantity,
        "time" => Type::Time,
        "microtime" => Type::MicroTime,
        "intstr" => Type::IntOrString,
        "raw" => Type::Raw,
        "fields" => Type::Fields,
        "strings" => Type::Strings,
        name => Type::Message(name),
    }
}
