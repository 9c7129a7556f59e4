//! Protobuf through serde: a message is a map from the names that its fields have in JSON, and its
//! values are what they are in JSON, so that one type reads both.
//!
//! A list's elements have to stand together, as every encoder of Kubernetes writes them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Malformed;
use super::schema::{self, Message, Shape, Type};
use super::wire::{Field, Reader, bytes_of};

impl serde::de::Error for Malformed {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Shape
    }
}

/// One value, as its field describes it.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    what: What,
    field: Field<'a>,
}

#[derive(Clone, Copy)]
enum What {
    Top(&'static Message),
    Typed(Type),
}

impl<'a> Value<'a> {
    pub fn message(message: &'static Message, bytes: &'a [u8]) -> Self {
        Self { what: What::Top(message), field: Field::Bytes(bytes) }
    }

    fn bytes(&self) -> Result<&'a [u8], Malformed> {
        match self.field {
            Field::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Type),
        }
    }

    fn number(&self) -> Result<u64, Malformed> {
        match self.field {
            Field::Varint(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    /// Go writes the zero time as an empty message, and as `null` into JSON.
    fn is_null(&self) -> bool {
        matches!(self.what, What::Typed(Type::Time | Type::MicroTime)) && self.field == Field::Bytes(&[])
    }

    /// Whether it is what Go leaves out of JSON.
    fn is_zero(&self) -> bool {
        match (self.what, self.field) {
            (What::Typed(Type::String | Type::Bytes), Field::Bytes(bytes)) => bytes.is_empty(),
            (What::Typed(Type::Int | Type::Bool), Field::Varint(number)) => number == 0,
            (What::Typed(Type::Double), Field::Fixed64(bits)) => bits == 0,
            _ => false,
        }
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let ty = match self.what {
            What::Top(message) => return visitor.visit_map(Fields::new(message, self.bytes()?)),
            What::Typed(ty) => ty,
        };
        match ty {
            _ if self.is_null() => visitor.visit_unit(),
            Type::String => text(self.bytes()?, visitor),
            Type::Int => visitor.visit_i64(self.number()?.cast_signed()),
            Type::Bool => visitor.visit_bool(self.number()? != 0),
            Type::Double => match self.field {
                Field::Fixed64(bits) => visitor.visit_f64(f64::from_bits(bits)),
                _ => Err(Malformed::Type),
            },
            Type::Bytes => visitor.visit_string(STANDARD.encode(self.bytes()?)),
            Type::Quantity => text(bytes_of(self.bytes()?, 1)?, visitor),
            Type::Time | Type::MicroTime => visitor.visit_str(&time(self.bytes()?, ty)?),
            Type::IntOrString => int_or_string(self.bytes()?, visitor),
            Type::Raw => json(bytes_of(self.bytes()?, 1)?, visitor),
            Type::Strings => visitor.visit_seq(Elements::new(self.bytes()?, 1, Type::String)),
            Type::Message(place) => {
                let message = schema::get().at(place).ok_or(Malformed::Unknown)?;
                visitor.visit_map(Fields::new(message, self.bytes()?))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The kubelet passes on what containers write, which need not be UTF-8; as in JSON, what is not
/// is replaced.
fn text<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value, Malformed> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

/// RFC 3339, to the second or to the microsecond as JSON has it.
fn time(bytes: &[u8], ty: Type) -> Result<String, Malformed> {
    let (mut seconds, mut nanos) = (0_i64, 0_i32);
    let mut reader = Reader::new(bytes);
    while let Some((tag, field)) = reader.read()? {
        match (tag, field) {
            (1, Field::Varint(number)) => seconds = number.cast_signed(),
            (2, Field::Varint(number)) => nanos = i32::try_from(number).map_err(|_| Malformed::Time)?,
            _ => {}
        }
    }
    let nanos = if ty == Type::MicroTime { nanos / 1000 * 1000 } else { 0 };
    Timestamp::new(seconds, nanos).map(|at| at.to_string()).map_err(|_| Malformed::Time)
}

fn int_or_string<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value, Malformed> {
    let (mut is_text, mut number, mut words) = (false, 0, &[][..]);
    let mut reader = Reader::new(bytes);
    while let Some((tag, field)) = reader.read()? {
        match (tag, field) {
            (1, Field::Varint(kind)) => is_text = kind == 1,
            (2, Field::Varint(value)) => number = value.cast_signed(),
            (3, Field::Bytes(bytes)) => words = bytes,
            _ => {}
        }
    }
    if is_text { text(words, visitor) } else { visitor.visit_i64(number) }
}

fn json<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value, Malformed> {
    if bytes.is_empty() {
        return visitor.visit_unit();
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    deserializer.deserialize_any(visitor).map_err(|_| Malformed::Json)
}

/// The fields of a message; those of embedded ones beside them.
struct Fields<'de> {
    message: &'static Message,
    reader: Reader<'de>,
    /// The messages around, while the fields of an embedded one are gone through.
    around: Vec<(&'static Message, Reader<'de>)>,
    value: Option<Held<'de>>,
}

/// The value whose key was given.
struct Held<'de> {
    tag: u32,
    ty: Type,
    shape: Shape,
    first: Field<'de>,
}

impl<'de> Fields<'de> {
    fn new(message: &'static Message, bytes: &'de [u8]) -> Self {
        Self { message, reader: Reader::new(bytes), around: Vec::new(), value: None }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        loop {
            let Some((tag, first)) = self.reader.read()? else {
                let Some(outer) = self.around.pop() else { return Ok(None) };
                (self.message, self.reader) = outer;
                continue;
            };
            // A newer server has more than is known here.
            let Some(field) = self.message.field(tag) else { continue };
            let value = Value { what: What::Typed(field.ty), field: first };
            if let (true, Type::Message(place)) = (field.inline, field.ty) {
                let inner = schema::get().at(place).ok_or(Malformed::Unknown)?;
                let outer = std::mem::replace(&mut self.reader, Reader::new(value.bytes()?));
                self.around.push((std::mem::replace(&mut self.message, inner), outer));
                continue;
            }
            if field.shape == Shape::One && field.omits_zero && value.is_zero() {
                continue;
            }
            self.value = Some(Held { tag, ty: field.ty, shape: field.shape, first });
            return seed.deserialize(StrDeserializer::<Malformed>::new(field.name)).map(Some);
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Malformed> {
        let Held { tag, ty, shape, first } = self.value.take().ok_or(Malformed::Shape)?;
        let reader = &mut self.reader;
        match shape {
            Shape::One => seed.deserialize(Value { what: What::Typed(ty), field: first }),
            _ => seed.deserialize(Many { tag, ty, shape, first: Some(first), reader, value: None }),
        }
    }
}

/// A list or a map: as many fields of one tag as stand together.
struct Many<'r, 'de> {
    tag: u32,
    ty: Type,
    shape: Shape,
    first: Option<Field<'de>>,
    reader: &'r mut Reader<'de>,
    /// The value of the entry whose key was given; None: it has none.
    value: Option<Field<'de>>,
}

impl<'de> Many<'_, 'de> {
    fn next(&mut self) -> Result<Option<Field<'de>>, Malformed> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.reader.next_if(self.tag),
        }
    }

    fn skip(mut self) -> Result<(), Malformed> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

impl<'de> Deserializer<'de> for Many<'_, 'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.shape {
            Shape::Map => visitor.visit_map(self),
            _ => visitor.visit_seq(self),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'de> SeqAccess<'de> for Many<'_, 'de> {
    type Error = Malformed;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Malformed> {
        let Some(field) = self.next()? else { return Ok(None) };
        seed.deserialize(Value { what: What::Typed(self.ty), field }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Many<'_, 'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Malformed> {
        let Some(field) = self.next()? else { return Ok(None) };
        let Field::Bytes(entry) = field else { return Err(Malformed::Type) };
        let mut key = &[][..];
        self.value = None;
        let mut reader = Reader::new(entry);
        while let Some((tag, field)) = reader.read()? {
            match (tag, field) {
                (1, Field::Bytes(bytes)) => key = bytes,
                (2, field) => self.value = Some(field),
                _ => {}
            }
        }
        let key = match String::from_utf8_lossy(key) {
            Cow::Borrowed(text) => seed.deserialize(BorrowedStrDeserializer::<Malformed>::new(text)),
            Cow::Owned(text) => seed.deserialize(StringDeserializer::<Malformed>::new(text)),
        };
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Malformed> {
        // An entry without a value has the empty one; all maps here are of text or messages.
        let field = self.value.take().unwrap_or(Field::Bytes(&[]));
        seed.deserialize(Value { what: What::Typed(self.ty), field })
    }
}

/// The elements of a message that is nothing but a list.
struct Elements<'de> {
    reader: Reader<'de>,
    tag: u32,
    ty: Type,
}

impl<'de> Elements<'de> {
    fn new(bytes: &'de [u8], tag: u32, ty: Type) -> Self {
        Self { reader: Reader::new(bytes), tag, ty }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Malformed;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Malformed> {
        while let Some((tag, field)) = self.reader.read()? {
            if tag == self.tag {
                return seed.deserialize(Value { what: What::Typed(self.ty), field }).map(Some);
            }
        }
        Ok(None)
    }
}
