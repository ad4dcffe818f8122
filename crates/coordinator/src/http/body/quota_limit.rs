//! A limit in the body of a quota: `LIMIT name limit window …`, spelled as in the file of policies.

use std::borrow::Cow;

use rl_core::fault::Fault;
use rl_core::limit::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::fields::{Algorithm, Amount, Duration, Name, Offset, Shadow, WindowLength};
use super::words::Words;
use crate::http::problem::Problem;

/// A limit. Which fields it has depends on its kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
pub(super) struct LimitBody<'a> {
    name: Name<'a>,
    limit: Option<Amount<'a>>,
    window: Option<WindowLength<'a>>,
    unit: Option<Name<'a>>,
    algorithm: Option<Algorithm<'a>>,
    offset: Option<Offset<'a>>,
    capacity: Option<Amount<'a>>,
    inflight: Option<Amount<'a>>,
    shadow: Option<Shadow<'a>>,
}

impl<'a> LimitBody<'a> {
    /// Adds the limit to the words of a command.
    ///
    /// # Errors
    /// The first field that is wrong, or does not go with the others.
    pub(super) fn push(self, words: &mut Words) -> Result<(), Problem> {
        let is_shadow = self.shadow.map_or(Ok(false), Shadow::read)?;
        self.push_enforced(words)?;
        if is_shadow {
            words.keyword("SHADOW");
        }
        Ok(())
    }

    fn push_enforced(self, words: &mut Words) -> Result<(), Problem> {
        let Self { name, limit, window, unit, algorithm, offset, capacity, inflight, shadow: _ } = self;
        words.keyword("LIMIT");
        words.push(name.0.name(Fault::LimitName)?);
        if let Some(inflight) = inflight {
            let others =
                [limit.is_some(), window.is_some(), unit.is_some(), algorithm.is_some(), offset.is_some()];
            if others.contains(&true) || capacity.is_some() {
                return Err(Problem::request("beside inflight nothing but name and shadow may stand"));
            }
            words.push(inflight.0.number(Fault::Limit)?);
            words.keyword("INFLIGHT");
            return Ok(());
        }
        words.push(limit.ok_or_else(|| missing("limit"))?.0.number(Fault::Limit)?);
        let kind = match algorithm {
            Some(algorithm) => algorithm.0.text().as_deref().and_then(Kind::from_name),
            None => Some(Kind::Slide),
        };
        let fault = if kind == Some(Kind::Window) { Fault::WindowOrMonth } else { Fault::Window };
        words.push(window.ok_or_else(|| missing("window"))?.0.duration(fault)?);
        if let Some(unit) = unit {
            words.keyword("UNIT");
            words.push(unit.0.name(Fault::UnitName)?);
        }
        if offset.is_some() && kind != Some(Kind::Window) {
            return Err(Problem::request("offset may stand with algorithm \"window\" only"));
        }
        if capacity.is_some() && kind != Some(Kind::Bucket) {
            return Err(Problem::request("capacity may stand with algorithm \"bucket\" only"));
        }
        let kind = kind.ok_or_else(|| Problem::request(Kind::wanted()))?;
        if kind != Kind::Slide {
            words.keyword(kind.name());
        }
        if kind == Kind::Bucket {
            words.push(capacity.ok_or_else(|| missing("capacity"))?.0.number(Fault::Capacity)?);
        }
        if let Some(offset) = offset {
            words.keyword("OFFSET");
            words.push(offset.0.duration(Fault::Offset)?);
        }
        Ok(())
    }
}

fn missing(name: &str) -> Problem {
    Problem::request(format!("a limit must have the field {name}"))
}

/// The four kinds of a limit. A schema that is derived from the struct could not say which fields go together.
impl JsonSchema for LimitBody<'_> {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let amount = generator.subschema_for::<Amount<'_>>();
        let name = generator.subschema_for::<Name<'_>>();
        let duration = generator.subschema_for::<Duration<'_>>();
        let length = generator.subschema_for::<WindowLength<'_>>();
        let offset = generator.subschema_for::<Offset<'_>>();
        let shadow = generator.subschema_for::<Shadow<'_>>();
        let described = |schema: &Schema, description: &str| {
            let mut schema = schema.clone();
            schema.insert("description".to_owned(), description.into());
            schema
        };
        let unit = described(&name, "What it counts; requests if it is not given.");
        let limit = described(&amount, "The most cost in a window.");
        json_schema!({
            "oneOf": [
                {
                    "title": "Sliding window",
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name", "limit", "window"],
                    "properties": {
                        "name": name, "limit": limit, "window": duration, "unit": unit,
                        "algorithm": { "const": "slide" }, "shadow": shadow
                    }
                },
                {
                    "title": "Fixed window",
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name", "limit", "window", "algorithm"],
                    "properties": {
                        "name": name, "limit": limit, "window": length, "unit": unit,
                        "algorithm": { "const": "window" }, "offset": offset, "shadow": shadow
                    }
                },
                {
                    "title": "Token bucket",
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name", "limit", "window", "algorithm", "capacity"],
                    "properties": {
                        "name": name,
                        "limit": described(&amount, "The tokens that are gained in each window."),
                        "window": duration, "unit": unit,
                        "algorithm": { "const": "bucket" },
                        "capacity": described(&amount, "The tokens of a full bucket."), "shadow": shadow
                    }
                },
                {
                    "title": "Open reservations",
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["name", "inflight"],
                    "properties": {
                        "name": name,
                        "inflight": described(&amount, "The most reservations that are open at a time."),
                        "shadow": shadow
                    }
                }
            ]
        })
    }
}
