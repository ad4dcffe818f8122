//! The limit of a rule, or the one that a descriptor brings, as the command that asks for it.

use rl_core::fault::{Fault, Result};
use rl_core::quota::shape::REQUESTS;
use rl_core::time::Span;

use super::key::key;
use super::proto::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::{
    Entry, RateLimitOverride,
};
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::proto::envoy::r#type::v3::RateLimitUnit;
use crate::command::{Command, Verb};

/// How long a reservation may take from being made to being settled, which is done at once.
const RESERVED: &[u8] = b"10s";

/// What a rule holds its descriptors to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Nothing: they are not counted.
    Unlimited,
    /// None is admitted, as 0 a unit says.
    Nothing(Unit),
    /// A limit that the back end is asked for.
    Asked(Asked),
}

/// A command, but for its key and its cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    verb: Verb,
    /// What the key ends in.
    what: &'static str,
    /// What stands behind the key.
    words: Vec<Box<[u8]>>,
    /// The time that Envoy has a word for.
    pub(super) unit: Unit,
    /// Whether what is over is counted as well.
    pub(super) overdraw: bool,
}

impl Asked {
    /// A command of these words, if it is right.
    ///
    /// # Errors
    /// The fault of the first word that is wrong.
    pub(super) fn new(
        verb: Verb,
        what: &'static str,
        words: Vec<Box<[u8]>>,
        unit: Unit,
        overdraw: bool,
    ) -> Result<Self> {
        let asked = Self { verb, what, words, unit, overdraw };
        asked.command("domain", &[], 1).map(|_| asked)
    }

    /// What is asked for so many hits.
    ///
    /// # Errors
    /// [`Fault::Cost`].
    pub(super) fn command(&self, domain: &str, entries: &[Entry], hits: u64) -> Result<Command> {
        let key = key(domain, entries, self.what);
        let hits = hits.to_string();
        let cost: &[&[u8]] = match (self.overdraw, self.verb) {
            (true, _) => &[b"COST", REQUESTS, b"0", b"RESERVE", RESERVED],
            (false, Verb::Quota) => &[b"COST", REQUESTS, hits.as_bytes()],
            (false, _) => &[b"COST", hits.as_bytes()],
        };
        let words = std::iter::once(key).chain(self.words.iter().cloned());
        Command::new(self.verb, words.chain(cost.iter().map(|word| (*word).into())), [])
    }

    /// What books the hits that [`command`](Self::command) has reserved nothing for, where a rule counts what is over.
    ///
    /// # Errors
    /// [`Fault::Cost`], [`Fault::Id`].
    pub(super) fn settle(command: &Command, id: &str, hits: u64) -> Result<Command> {
        let hits = hits.to_string();
        let words = [command.key(), id.as_bytes(), b"COST", REQUESTS, hits.as_bytes()];
        Command::new(Verb::Settle, words, [])
    }

    /// What says when there is room for so many hits at the key of [`command`](Self::command).
    ///
    /// # Errors
    /// [`Fault::Cost`].
    pub(super) fn peek(command: &Command, hits: u64) -> Result<Command> {
        let hits = hits.to_string();
        Command::new(Verb::Peek, [command.key(), b"COST", hits.as_bytes()], [])
    }
}

/// The limit that a descriptor brings: so many in any time of that length.
///
/// # Errors
/// [`Fault::Window`], if it names no unit.
pub(super) fn brought(limit: RateLimitOverride) -> Result<Limit> {
    let (unit, what, window): (_, _, &[u8]) = match limit.unit() {
        RateLimitUnit::Unknown => return Err(Fault::Window),
        RateLimitUnit::Second => (Unit::Second, "per_second", b"1s"),
        RateLimitUnit::Minute => (Unit::Minute, "per_minute", b"1m"),
        RateLimitUnit::Hour => (Unit::Hour, "per_hour", b"1h"),
        RateLimitUnit::Day => (Unit::Day, "per_day", b"1d"),
        RateLimitUnit::Month => (Unit::Month, "per_month", b"30d"),
        RateLimitUnit::Year => (Unit::Year, "per_year", b"365d"),
    };
    if limit.requests_per_unit == 0 {
        return Ok(Limit::Nothing(unit));
    }
    let requests = limit.requests_per_unit.to_string().into_bytes();
    Asked::new(Verb::Slide, what, vec![requests.into(), window.into()], unit, false).map(Limit::Asked)
}

/// Envoy's word for a time; it has few.
pub(super) const fn unit(window: Span) -> Unit {
    const DAY: u64 = 86_400_000;
    const WEEK: u64 = 7 * DAY;
    const MONTH: u64 = 30 * DAY;
    const YEAR: u64 = 365 * DAY;
    match window.ms() {
        1_000 => Unit::Second,
        60_000 => Unit::Minute,
        3_600_000 => Unit::Hour,
        DAY => Unit::Day,
        WEEK => Unit::Week,
        MONTH => Unit::Month,
        YEAR => Unit::Year,
        _ => Unit::Unknown,
    }
}
