//! The types of fields, each with its JSON schema. All of them keep the value as it was written.
//!
//! Over 300 lines: it is one list.

use std::borrow::Cow;

use rl_core::fault::Fault;
use rl_core::limit::Kind;
use rl_profiles::Profile;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::json::{Raw, Word, bytes};
use crate::http::problem::Problem;
use crate::on_error::OnError;

/// The longest key, in characters.
const KEY_MAX: usize = 1_024;
/// The longest id of a reservation, in bytes.
const ID_MAX: usize = 128;

/// The pattern of a duration: up to 3650d, except for a few of the longest in small units.
macro_rules! span {
    () => {
        concat!(
            "([1-9][0-9]{0,10}|[12][0-9]{11}|30[0-9]{10}|31[0-4][0-9]{9})ms",
            "|([1-9][0-9]{0,7}|[12][0-9]{8}|30[0-9]{7}|31[0-4][0-9]{6})s?",
            "|[1-9][0-9]{0,5}m|[1-9][0-9]{0,3}h",
            "|([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)d",
            "|[1-9][0-9]?w",
        )
    };
}

/// Makes a type for each kind of field: its name in the document, and its schema.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident as $known:literal = $schema:tt;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize)]
        #[serde(transparent, bound(deserialize = "'de: 'a"))]
        pub(crate) struct $name<'a>(pub(super) Raw<'a>);

        impl JsonSchema for $name<'_> {
            fn schema_name() -> Cow<'static, str> {
                $known.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

fields! {
    /// The key that a request is about.
    Key as "Key" = {
        "type": "string",
        "minLength": 1,
        "maxLength": 1024,
        "description": "The name of a limit or quota. A token may be for keys with some prefixes only."
    };
    /// A limit or a capacity. 0 admits nobody.
    Amount as "Amount" = { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 };
    /// What a request costs.
    Cost as "Cost" = {
        "type": "integer",
        "minimum": 0,
        "maximum": 9_007_199_254_740_991_u64,
        "description": "The cost of the request; 1 if it is not given."
    };
    /// What is given back.
    Refunded as "Refunded" = {
        "type": "integer",
        "minimum": 0,
        "maximum": 9_007_199_254_740_991_u64,
        "description": "The cost that is given back."
    };
    /// What is left of a limit.
    Left as "Remains" = {
        "type": "integer",
        "minimum": -9_007_199_254_740_991_i64,
        "maximum": 9_007_199_254_740_991_u64,
        "description": "What is left of the limit, by the count of the other side. Below 0 is what was used too much."
    };
    /// The limit of which something is left.
    Whole as "Whole" = {
        "type": "integer",
        "minimum": 0,
        "maximum": 9_007_199_254_740_991_u64,
        "description": "What the limit is on the other side. A window whose own limit is higher keeps to it."
    };
    /// The time of a hold, or until a limit starts anew.
    Reset as "Time" = {
        "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 315_360_000 },
            {
                "type": "string",
                "pattern": concat!("^(0|", span!(), ")$")
            }
        ],
        "description": "0, or a duration.",
        "examples": ["30s", 0]
    };
    /// The tokens that a bucket gains.
    Refill as "Refill" = {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 9_007_199_254_740_991_u64,
        "description": "The tokens that are gained in each period, without an exponent: 500, 8.33."
    };
    /// A duration.
    Duration as "Duration" = {
        "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 315_360_000 },
            {
                "type": "string",
                "pattern": concat!("^(", span!(), ")$")
            }
        ],
        "description": "Seconds, or a number with a unit: 250ms, 60s, 5m, 1h, 1d, 1w; from 1ms to 3650d. A string may have decimals, such as 0.25 or 1.5h, and is rounded to the nearest millisecond.",
        "examples": ["60s", 60, "250ms"]
    };
    /// The length of a window that is aligned to the clock.
    WindowLength as "WindowLength" = {
        "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 315_360_000 },
            {
                "type": "string",
                "pattern": concat!("^(", span!(), "|1mo)$")
            }
        ],
        "description": "A duration, or 1mo: a calendar month in UTC. A window of 1w begins on Monday, UTC.",
        "examples": ["1d", "1mo"]
    };
    /// The offset of such a window.
    Offset as "Offset" = {
        "anyOf": [
            { "type": "integer", "minimum": -315_360_000, "maximum": 315_360_000 },
            {
                "type": "string",
                "pattern": concat!("^-?(", span!(), ")$")
            }
        ],
        "description": "How much later than the clock's own windows these begin: 8h, -30m.",
        "examples": ["-8h"]
    };
    /// The name of a limit, a unit or a policy.
    Name as "Name" = { "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$", "minLength": 1, "maxLength": 64 };
    /// The algorithm of a limit.
    Algorithm as "Algorithm" = { "type": "string", "enum": Kind::ALL.map(Kind::name) };
    /// How a provider writes its headers.
    ProfileName as "Profile" = {
        "type": "string",
        "enum": rl_profiles::names().collect::<Vec<_>>(),
        "description": "Whose headers they are. ratelimit is RateLimit of the IETF, x-ratelimit as GitHub writes it."
    };
    /// Whether a limit denies nobody.
    Shadow as "Shadow" = {
        "type": "boolean",
        "description": "Whether the limit only counts and says what it would do. It denies nobody."
    };
    /// Whether as much is taken as there is.
    UpTo as "UpTo" = {
        "const": true,
        "description": "Takes as much of the cost as there is, at least 1. The answer says how much."
    };
    /// The costs of a quota.
    Costs as "Costs" = {
        "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 },
            {
                "type": "object",
                "maxProperties": 16,
                "propertyNames": {
                    "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$", "minLength": 1, "maxLength": 64
                },
                "additionalProperties": { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 },
                "examples": [{ "tokens": 500 }]
            }
        ],
        "description": "The cost by unit. A unit that is not named costs 0, requests 1. A number is the cost of requests."
    };
    /// The lane of a waiter.
    Lane as "Lane" = {
        "anyOf": [
            { "type": "string", "enum": ["critical", "high", "normal", "low"] },
            { "type": "integer", "minimum": 0, "maximum": 3 }
        ],
        "description": "The lane to wait in. Upper case is accepted, too."
    };
    /// The flow of a waiter.
    Flow as "Flow" = {
        "type": "string",
        "pattern": "^[ -~]{1,128}$",
        "minLength": 1,
        "maxLength": 128,
        "description": "Whose request it is. In a lane, the flows that wait share what comes free by their weights."
    };
    /// The weight of a flow.
    Weight as "Weight" = {
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000,
        "description": "The weight of the flow. If it is not given, it is that of the policy, or 1."
    };
    /// The weights of the flows of a policy.
    FlowWeights as "FlowWeights" = {
        "type": "object",
        "maxProperties": 64,
        "propertyNames": { "type": "string", "pattern": "^[ -~]{1,128}$", "minLength": 1, "maxLength": 128 },
        "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 1_000 },
        "examples": [{ "paid": 10, "free": 1 }]
    };
    /// What a request is answered if it cannot be decided.
    OnErrorField as "OnError" = {
        "type": "string",
        "enum": ["allow", "deny"],
        "description": "The answer if the request cannot be decided. If it is not given, the server's setting decides."
    };
    /// The id of a reservation.
    Id as "Id" = {
        "type": "string",
        "pattern": "^[ -~]{1,128}$",
        "minLength": 1,
        "maxLength": 128,
        "description": "The id of a reservation."
    };
}

impl<'a> Key<'a> {
    pub(super) fn word(self) -> Result<Word<'a>, Problem> {
        let key = self.0.text().filter(|key| (1..=KEY_MAX).contains(&key.chars().count()));
        key.map(bytes).ok_or_else(|| Problem::request("key must be a string of 1 to 1024 characters"))
    }
}

impl<'a> Lane<'a> {
    pub(super) fn word(self) -> Result<Word<'a>, Problem> {
        match self.0.text() {
            Some(text) => Ok(bytes(text)),
            None => self.0.number(Fault::Priority),
        }
    }
}

impl<'a> Flow<'a> {
    pub(super) fn word(self) -> Result<Word<'a>, Problem> {
        plain(self.0.text()).ok_or_else(wrong_flow)
    }
}

impl<'a> FlowWeights<'a> {
    /// The words of each flow and its weight.
    pub(super) fn words(self) -> Result<Vec<(Word<'a>, Word<'a>)>, Problem> {
        let pairs = self.0.pairs("flows must be an object of weights by flow")?.0.into_iter();
        let words = |(id, weight): (Cow<'a, str>, Raw<'a>)| {
            Ok((plain(Some(id)).ok_or_else(wrong_flow)?, weight.number(Fault::Weight)?))
        };
        pairs.map(words).collect()
    }
}

fn wrong_flow() -> Problem {
    Problem::request("flow must be 1 to 128 printable ASCII characters")
}

impl ProfileName<'_> {
    pub(super) fn read(self) -> Result<&'static Profile, Problem> {
        let profile = self.0.text().and_then(|name| rl_profiles::profile(&name));
        profile.ok_or_else(|| {
            let names: Vec<&str> = rl_profiles::names().collect();
            Problem::request(format!("profile must be one of {}", names.join(", ")))
        })
    }
}

impl Shadow<'_> {
    pub(super) fn read(self) -> Result<bool, Problem> {
        self.0.boolean().ok_or_else(|| Problem::request("shadow must be true or false"))
    }
}

impl UpTo<'_> {
    /// Checks that it is true.
    pub(super) fn read(self) -> Result<(), Problem> {
        match self.0.boolean() {
            Some(true) => Ok(()),
            Some(false) | None => Err(Problem::request("up_to must be true")),
        }
    }
}

impl OnErrorField<'_> {
    pub(super) fn read(self) -> Result<OnError, Problem> {
        match self.0.text().as_deref() {
            Some("allow") => Ok(OnError::Allow),
            Some("deny") => Ok(OnError::Deny),
            _ => Err(Problem::request("on_error must be \"allow\" or \"deny\"")),
        }
    }
}

impl<'a> Id<'a> {
    /// The id is plain text: it is repeated in answers, and stands in logs.
    pub(super) fn word(self) -> Result<Word<'a>, Problem> {
        plain(self.0.text()).ok_or_else(|| Problem::request("id must be 1 to 128 printable ASCII characters"))
    }
}

/// An id of 1 to 128 printable ASCII characters.
fn plain(text: Option<Cow<'_, str>>) -> Option<Word<'_>> {
    let is_plain = |id: &str| id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    text.filter(|id| (1..=ID_MAX).contains(&id.len()) && is_plain(id)).map(bytes)
}
