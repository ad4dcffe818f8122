//! Reads a JSON object into a struct. Its errors are fixed texts that never repeat what was sent, unlike those of
//! `serde_json`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use rl_core::fault::Fault;
use serde::de::value::MapDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::object_error::{Names, ObjectError};
use crate::http::problem::Problem;

/// A word of a command.
pub(super) type Word<'a> = Cow<'a, [u8]>;

/// Reads an object, which errors call `of`.
///
/// # Errors
/// It is not an object, or not of these fields.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str, of: &'static str) -> Result<T, Problem> {
    // What is wrong is found in a second reading, which keeps all fields: nearly all objects are right.
    T::deserialize(AtOnce(text)).or_else(|_| T::deserialize(Object(text)).map_err(|error| error.problem(of)))
}

/// A value as it was written: numbers never pass through a float.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The contents of a string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') { serde_json::from_str(self.0).ok() } else { Some(Cow::Borrowed(inner)) }
    }

    /// A string that names something.
    pub(super) fn name(self, fault: Fault) -> Result<Word<'a>, Problem> {
        self.text().map(bytes).ok_or_else(|| fault.into())
    }

    /// A number. An integer that is written with a point and zeros is still an integer in JSON.
    pub(super) fn number(self, fault: Fault) -> Result<Word<'a>, Problem> {
        if !self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(fault.into());
        }
        let number = match self.0.split_once('.') {
            Some((whole, decimals)) if !whole.is_empty() && decimals.bytes().all(|digit| digit == b'0') => {
                whole
            }
            _ => self.0,
        };
        Ok(Cow::Borrowed(number.as_bytes()))
    }

    /// A duration: a whole number of seconds, or a string such as `5m` or `0.25`. A string that begins with a letter could
    /// be taken for an option of the command.
    pub(super) fn duration(self, fault: Fault) -> Result<Word<'a>, Problem> {
        match self.text() {
            Some(text) if text.starts_with(|first: char| first.is_ascii_alphabetic()) => Err(fault.into()),
            Some(text) => Ok(bytes(text)),
            None => self
                .number(fault)
                .and_then(|number| if number.contains(&b'.') { Err(fault.into()) } else { Ok(number) }),
        }
    }

    /// The value of `true` or `false`.
    pub(super) fn boolean(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Whether it is an object.
    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// The pairs of an object with fields of any names.
    pub(super) fn pairs(self, wanted: &'static str) -> Result<Pairs<'a>, Problem> {
        serde_json::from_str(self.0).map_err(|_| Problem::request(wanted))
    }

    /// The values of a list.
    pub(super) fn list(self, wanted: &'static str) -> Result<Vec<Raw<'a>>, Problem> {
        let list: Vec<&'a RawValue> = serde_json::from_str(self.0).map_err(|_| Problem::request(wanted))?;
        Ok(list.into_iter().map(|raw| Raw(raw.get())).collect())
    }

    /// The objects of an object, by name.
    pub(super) fn named<T: Deserialize<'a>>(
        self,
        wanted: &'static str,
        of: &'static str,
    ) -> Result<Vec<(Cow<'a, str>, T)>, Problem> {
        let pairs = self.pairs(wanted)?.0.into_iter();
        pairs.map(|(name, raw)| Ok((name, object(raw.0, of)?))).collect()
    }

    /// The objects of a list.
    pub(super) fn objects<T: Deserialize<'a>>(
        self,
        wanted: &'static str,
        of: &'static str,
    ) -> Result<Vec<T>, Problem> {
        let list: Vec<Pairs<'a>> = serde_json::from_str(self.0).map_err(|_| Problem::request(wanted))?;
        list.into_iter().map(|pairs| pairs.read().map_err(|error| error.problem(of))).collect()
    }
}

/// The bytes of a text.
pub(super) fn bytes(text: Cow<'_, str>) -> Word<'_> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// The fields of an object, in their order.
pub(super) struct Pairs<'a>(pub(super) SmallVec<[(Cow<'a, str>, Raw<'a>); 8]>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = SmallVec::new();
                while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    pairs.push((name, Raw(raw.get())));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

impl<'a> Pairs<'a> {
    /// The pairs as the fields of a struct.
    fn read<T: Deserialize<'a>>(self) -> Result<T, ObjectError> {
        T::deserialize(self.fields())
    }

    fn fields(
        self,
    ) -> MapDeserializer<'a, impl Iterator<Item = (Cow<'a, str>, Value<'a, ObjectError>)>, ObjectError> {
        MapDeserializer::new(self.0.into_iter().map(|(name, raw)| (name, Value(raw, PhantomData))))
    }
}

/// The text of an object, for a struct. (`serde_json` also takes a list for a struct.)
struct Object<'a>(&'a str);

impl<'de> Deserializer<'de> for Object<'de> {
    type Error = ObjectError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ObjectError> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, ObjectError> {
        let pairs: Pairs<'de> = serde_json::from_str(self.0).map_err(|_| ObjectError::NotAnObject(names))?;
        visitor.visit_map(pairs.fields())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The text of an object, for a struct: its fields are handed on as they are read. It takes the objects that [`Object`]
/// takes, and gives no useful errors.
struct AtOnce<'a>(&'a str);

impl<'de> Deserializer<'de> for AtOnce<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let mut text = serde_json::Deserializer::from_str(self.0);
        let value = text.deserialize_map(Fields(visitor))?;
        text.end()?;
        Ok(value)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Hands the fields of an object on to the visitor of a struct, each value as its text.
struct Fields<T>(T);

impl<'de, V: Visitor<'de>> Visitor<'de> for Fields<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.visit_map(Fields(map))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let raw: &'de RawValue = self.0.next_value()?;
        seed.deserialize(Value(Raw(raw.get()), PhantomData))
    }
}

/// The value of a field. It hands on its text.
struct Value<'a, E>(Raw<'a>, PhantomData<E>);

impl<'de, E: de::Error> IntoDeserializer<'de, E> for Value<'de, E> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de, E: de::Error> Deserializer<'de> for Value<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_borrowed_str(self.0.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self) // also for `null`, which no field takes
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
