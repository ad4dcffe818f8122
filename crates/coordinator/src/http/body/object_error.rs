//! Why a JSON object is not the one that is wanted: fixed texts that never repeat what was sent.

use std::fmt;

use serde::de;

use crate::http::problem::Problem;

/// The names of a struct's fields.
pub(super) type Names = &'static [&'static str];

/// Why an object is not the one that is wanted.
#[derive(Debug)]
pub(super) enum ObjectError {
    /// It is no object; these are the names of its fields.
    NotAnObject(Names),
    /// It has a field of another name.
    UnknownField(Names),
    /// It has a field twice.
    FieldTwice,
    /// It lacks this field.
    MissingField(&'static str),
    /// Not reached: a field is any JSON value, which is looked at later.
    Other,
}

impl ObjectError {
    /// The error for the client, which calls the object `of`.
    pub(super) fn problem(self, of: &'static str) -> Problem {
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
