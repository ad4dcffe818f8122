//! The bodies of what a key is told from outside: a hold, and how much is left by somebody else's count.

use std::borrow::Cow;

use rl_core::fault::Fault;
use rl_profiles::Told;
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{Key, Left, Name, ProfileName, Reset, Whole};
use super::json::{self, Raw, bytes};
use super::words::Words;
use crate::clock;
use crate::http::problem::Problem;

/// `RL.HOLD`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Hold")]
pub(crate) struct HoldBody<'a> {
    key: Key<'a>,
    /// How long nobody is admitted. 0 lifts the hold.
    duration: Reset<'a>,
    /// The limits that are held. All of the key if there are none.
    #[schemars(with = "Option<Vec<Name<'a>>>", length(min = 1, max = 16))]
    limits: Option<Raw<'a>>,
}

/// `RL.SYNC`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(
    rename = "Sync",
    extend(
        "dependentRequired" = { "of": ["remaining"], "reset": ["remaining"], "profile": ["headers"], "headers": ["profile"] },
        "oneOf" = [{ "required": ["remaining"] }, { "required": ["limits"] }, { "required": ["headers"] }],
    )
)]
pub(crate) struct SyncBody<'a> {
    key: Key<'a>,
    /// What is left, for a key of one limit.
    remaining: Option<Left<'a>>,
    /// What that limit is on the other side.
    of: Option<Whole<'a>>,
    /// When that limit starts anew.
    reset: Option<Reset<'a>>,
    /// What is left of limits of a quota, by name.
    #[schemars(
        with = "Option<std::collections::BTreeMap<String, LeftBody<'a>>>",
        extend("minProperties" = 1, "maxProperties" = 16, "propertyNames" = {
            "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$", "minLength": 1, "maxLength": 64
        })
    )]
    limits: Option<Raw<'a>>,
    /// The headers of a provider's answer, as they came. Limits that the key does not have are ignored, and so is what is
    /// not understood.
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    headers: Option<Raw<'a>>,
    profile: Option<ProfileName<'a>>,
    /// How long ago the request was sent whose response said so. What an earlier one was told is ignored.
    age: Option<Reset<'a>>,
}

/// What the headers of a provider's answer say of a key.
pub(crate) struct FromHeaders {
    pub(crate) key: Vec<u8>,
    pub(crate) told: Told,
    /// How old that is, as the word of a command.
    pub(crate) age: Option<Vec<u8>>,
}

/// What is left of a limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Left")]
struct LeftBody<'a> {
    remaining: Left<'a>,
    /// What the limit is on the other side.
    of: Option<Whole<'a>>,
    /// When it starts anew. If it is not given: after its window, or after the time that its bucket takes to fill.
    reset: Option<Reset<'a>>,
}

impl<'a> HoldBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let mut words = Words::new(self.key)?;
        words.push(self.duration.0.duration(Fault::Hold)?);
        if let Some(limits) = self.limits {
            let names = limits.list("limits must be a list of names")?;
            if names.is_empty() {
                return Err(Problem::request("limits must name 1 to 16 limits"));
            }
            for name in names {
                words.keyword("LIMIT");
                words.push(name.name(Fault::LimitName)?);
            }
        }
        Ok(words)
    }
}

impl<'a> SyncBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let Self { key, remaining, of, reset, limits, headers, profile, age } = self;
        if headers.is_some() || profile.is_some() {
            return Err(Problem::request("headers and profile stand together, and with key only"));
        }
        let mut words = Words::new(key)?;
        match (remaining, limits) {
            (Some(remaining), None) => push_left(&mut words, remaining, of, reset)?,
            (None, Some(limits)) if reset.is_none() && of.is_none() => {
                let limits = limits.named("limits must be an object of limits by name", "a limit")?;
                if limits.is_empty() {
                    return Err(Problem::request("limits must name 1 to 16 limits"));
                }
                for (name, LeftBody { remaining, of, reset }) in limits {
                    words.keyword("LIMIT");
                    words.push(bytes(name));
                    push_left(&mut words, remaining, of, reset)?;
                }
            }
            (_, Some(_)) => {
                return Err(Problem::request("beside limits no remaining, no of and no reset may stand"));
            }
            (None, None) => {
                return Err(Problem::request(
                    "the body must have one of the fields remaining, limits and headers",
                ));
            }
        }
        if let Some(age) = age {
            words.keyword("AGE");
            words.push(age.0.duration(Fault::Age)?);
        }
        Ok(words)
    }
}

/// Reads the headers in the body of `RL.SYNC`; `None` if the body has none.
///
/// # Errors
/// The first thing that is wrong. Values of headers never are.
pub(crate) fn read_headers(body: &[u8]) -> Result<Option<FromHeaders>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::request("the body must be UTF-8"))?;
    let SyncBody { key, remaining, of, reset, limits, headers, profile, age } =
        json::object(text, "the body")?;
    let (Some(headers), Some(profile)) = (headers, profile) else { return Ok(None) };
    if remaining.is_some() || of.is_some() || reset.is_some() || limits.is_some() {
        return Ok(None); // `words` says what is wrong
    }
    let wanted = "headers must be an object of strings";
    let header = |(name, value): (Cow<'_, str>, Raw<'_>)| {
        let value = value.text().ok_or_else(|| Problem::request(wanted))?;
        Ok((name.into_owned(), value.into_owned()))
    };
    let headers: Vec<(String, String)> =
        headers.pairs(wanted)?.0.into_iter().map(header).collect::<Result<_, Problem>>()?;
    let told = rl_profiles::read(profile.read()?, &headers, clock::unix_ms());
    let age = age.map(|age| age.0.duration(Fault::Age)).transpose()?.map(Cow::into_owned);
    Ok(Some(FromHeaders { key: key.word()?.into_owned(), told, age }))
}

fn push_left<'a>(
    words: &mut Words,
    remaining: Left<'a>,
    of: Option<Whole<'a>>,
    reset: Option<Reset<'a>>,
) -> Result<(), Problem> {
    words.keyword("REMAINING");
    words.push(remaining.0.number(Fault::Remaining)?);
    if let Some(limit) = of {
        words.keyword("OF");
        words.push(limit.0.number(Fault::Limit)?);
    }
    if let Some(reset) = reset {
        words.push(Cow::Borrowed(b"RESET"));
        words.push(reset.0.duration(Fault::Reset)?);
    }
    Ok(())
}
