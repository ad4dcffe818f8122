//! Reads a JSON object into a struct. Its errors are fixed texts that never repeat what was sent, unlike those of
//! `serde_json`.

use std::borrow::Cow;
use std::fmt;

use rl_core::fault::Fault;
use serde::de::value::MapDeserializer;
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::http::problem::Problem;

/// A word of a command.
pub(super) type Word<'a> = Cow<'a, [u8]>;

/// The names of a struct's fields.
type Names = &'static [&'static str];

/// Reads an object, which errors call `of`.
///
/// # Errors
/// It is not an object, or not of these fields.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str, of: &'static str) -> Result<T, Problem> {
    T::deserialize(Object(text)).map_err(|error| error.problem(of))
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

    fn fields(self) -> MapDeserializer<'a, impl Iterator<Item = (Cow<'a, str>, Value<'a>)>, ObjectError> {
        MapDeserializer::new(self.0.into_iter().map(|(name, raw)| (name, Value(raw))))
    }
}

/// Why an object is not the one that is wanted.
#[derive(Debug)]
enum ObjectError {
    NotAnObject(Names),
    UnknownField(Names),
    FieldTwice,
    MissingField(&'static str),
    /// Not reached: a field is any JSON value, which is looked at later.
    Other,
}

impl ObjectError {
    fn problem(self, of: &'static str) -> Problem {
        Problem::request(match self {
            Self::NotAnObject(names) => format!("{of} must be a JSON object with {}", list(names)),
            Self::UnknownField(names) => format!("{of} has an unknown field, expected {}", list(names)),
            Self::FieldTwice => format!("{of} has a field twice"),
            Self::MissingField(name) => format!("{of} must have the field {name}"),
            Self::Other => format!("{of} has a field of another type"),
        })
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object is wrong")
    }
}

impl std::error::Error for ObjectError {}

impl de::Error for ObjectError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn unknown_field(_: &str, expected: Names) -> Self {
        Self::UnknownField(expected)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::FieldTwice
    }

    fn missing_field(field: &'static str) -> Self {
        Self::MissingField(field)
    }
}

/// `key, limit and window`
fn list(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
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

/// The value of a field. It hands on its text.
struct Value<'a>(Raw<'a>);

impl<'de> IntoDeserializer<'de, ObjectError> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = ObjectError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ObjectError> {
        visitor.visit_borrowed_str(self.0.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ObjectError> {
        visitor.visit_some(self) // also for `null`, which no field takes
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
