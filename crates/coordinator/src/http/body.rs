//! A JSON body, read into the words of a command.
//!
//! Only what JSON is about is looked at here: which fields there may be, and of which kind. What a limit, a duration or
//! a cost may be says [`rl_core`], which reads the words. A number is taken as it was written, never through a float.

use std::fmt;

use rl_core::fault::Fault;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::on_error::OnError;

/// A word of a command.
pub(super) type Word = Box<[u8]>;
type Result<T> = std::result::Result<T, Problem>;

/// A key has so many characters at most.
const KEY_MAX: usize = 1_024;
/// A reservation's id, likewise.
const ID_MAX: usize = 128;

/// What a body says, each field once.
pub(super) struct Fields<'a> {
    /// Whose fields they are, in errors.
    of: &'static str,
    fields: Vec<(String, &'a RawValue)>,
}

struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, &'de RawValue>()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

impl<'a> Fields<'a> {
    /// The fields of a whole body, which may be these.
    ///
    /// # Errors
    /// It is no object, or has others, or one of them twice.
    pub(super) fn of_body(body: &'a [u8], expected: &'static [&'static str]) -> Result<Self> {
        let text = std::str::from_utf8(body).map_err(|_| Problem::request("the body must be UTF-8"))?;
        Self::read("the body", text, expected)
    }

    fn read(of: &'static str, text: &'a str, expected: &'static [&'static str]) -> Result<Self> {
        let Pairs(fields) = serde_json::from_str(text)
            .map_err(|_| Problem::request(format!("{of} must be a JSON object with {}", list(expected))))?;
        let fields = Self { of, fields };
        for (at, (name, _)) in fields.fields.iter().enumerate() {
            if !expected.is_empty() && !expected.contains(&name.as_str()) {
                return Err(Problem::request(format!(
                    "{of} has an unknown field, expected {}",
                    list(expected)
                )));
            }
            if fields.fields.iter().take(at).any(|(other, _)| other == name) {
                return Err(Problem::request(format!("{of} has a field twice")));
            }
        }
        Ok(fields)
    }

    /// A field, if it is there.
    pub(super) fn get(&self, name: &'static str) -> Option<Field<'a>> {
        let (_, raw) = self.fields.iter().find(|(known, _)| known == name)?;
        Some(Field { name, raw: raw.get() })
    }

    /// A field that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<Field<'a>> {
        self.get(name).ok_or_else(|| Problem::request(format!("{} must have the field {name}", self.of)))
    }

    /// The key.
    pub(super) fn key(&self) -> Result<Word> {
        let key = self.need("key")?.text().filter(|key| (1..=KEY_MAX).contains(&key.chars().count()));
        let key = key.map(|key| key.into_bytes().into());
        key.ok_or_else(|| Problem::request("key must be a string of 1 to 1024 characters"))
    }

    /// What is to be done while the back end is down.
    pub(super) fn on_error(&self) -> Result<Option<OnError>> {
        let Some(field) = self.get("on_error") else { return Ok(None) };
        match field.text().as_deref() {
            Some("allow") => Ok(Some(OnError::Allow)),
            Some("deny") => Ok(Some(OnError::Deny)),
            _ => Err(Problem::request("on_error must be \"allow\" or \"deny\"")),
        }
    }
}

/// One field of an object.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    name: &'static str,
    raw: &'a str,
}

impl<'a> Field<'a> {
    /// A string.
    pub(super) fn text(self) -> Option<String> {
        if self.raw.starts_with('"') { serde_json::from_str(self.raw).ok() } else { None }
    }

    /// A number, as it was written.
    pub(super) fn number(self, fault: Fault) -> Result<Word> {
        let is_number = self.raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if is_number { Ok(whole(self.raw).as_bytes().into()) } else { Err(fault.into()) }
    }

    /// A duration: a whole number of seconds, or a string such as `5m` or `0.25`. One that begins with a letter is
    /// none, and could be taken for an option.
    pub(super) fn duration(self, fault: Fault) -> Result<Word> {
        match self.text() {
            Some(text) if text.starts_with(|first: char| first.is_ascii_alphabetic()) => Err(fault.into()),
            Some(text) => Ok(text.into_bytes().into()),
            None => self
                .number(fault)
                .and_then(|number| if number.contains(&b'.') { Err(fault.into()) } else { Ok(number) }),
        }
    }

    /// A string that names something.
    pub(super) fn name(self, fault: Fault) -> Result<Word> {
        self.text().map(|text| text.into_bytes().into()).ok_or_else(|| fault.into())
    }

    /// A reservation's id. It comes back in answers and stands in logs, so it is plain text.
    pub(super) fn id(self) -> Result<Word> {
        let plain = |id: &String| id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let id = self.text().filter(|id| (1..=ID_MAX).contains(&id.len()) && plain(id));
        let id = id.map(|id| id.into_bytes().into());
        id.ok_or_else(|| Problem::request("id must be 1 to 128 printable ASCII characters"))
    }

    /// A lane: its name or its number.
    pub(super) fn lane(self) -> Result<Word> {
        match self.text() {
            Some(text) => Ok(text.into_bytes().into()),
            None => self.number(Fault::Priority),
        }
    }

    /// An object with fields of any name.
    pub(super) fn pairs(self, wanted: &'static str) -> Result<Vec<(Word, Field<'a>)>> {
        let Pairs(pairs) = serde_json::from_str(self.raw).map_err(|_| Problem::request(wanted))?;
        let pair = |(name, raw): (String, &'a RawValue)| {
            (name.into_bytes().into(), Field { name: self.name, raw: raw.get() })
        };
        Ok(pairs.into_iter().map(pair).collect())
    }

    /// Whether it is an object.
    pub(super) fn is_object(self) -> bool {
        self.raw.starts_with('{')
    }

    /// A list of objects that may have these fields.
    pub(super) fn objects(
        self,
        wanted: &'static str,
        of: &'static str,
        expected: &'static [&'static str],
    ) -> Result<Vec<Fields<'a>>> {
        let list: Vec<&'a RawValue> = serde_json::from_str(self.raw).map_err(|_| Problem::request(wanted))?;
        list.into_iter().map(|raw| Fields::read(of, raw.get(), expected)).collect()
    }
}

/// A number that is whole, and written with a point and noughts, is an integer in JSON's eyes.
fn whole(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, decimals)) if !whole.is_empty() && decimals.bytes().all(|digit| digit == b'0') => whole,
        _ => number,
    }
}

fn list(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
