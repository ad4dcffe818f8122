//! The limit of a rule or of a descriptor, as the command that asks for it.

use rl_core::fault::{Fault, Result};
use rl_core::limit::Kind;
use rl_core::quota::shape::REQUESTS;
use rl_core::time::Span;

use super::key::key;
use super::proto::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::{
    Entry, RateLimitOverride,
};
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::proto::envoy::r#type::v3::RateLimitUnit;
use crate::command::{Command, Verb};

/// The time from a reservation to its settlement, which follows at once.
const RESERVED: &[u8] = b"10s";

/// The limit of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RuleLimit {
    /// No limit. The descriptor is not counted.
    Unlimited,
    /// A limit of 0: nothing is admitted.
    Nothing(Unit),
    /// A limit that the back end is asked about.
    Asked(CommandTemplate),
}

/// A command without its key and its cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommandTemplate {
    verb: Verb,
    /// The last part of the key.
    kind: &'static str,
    /// The words after the key.
    words: Vec<Box<[u8]>>,
    /// Envoy's name of the window.
    pub(super) unit: Unit,
    /// Whether hits over the limit are counted as well.
    pub(super) overdraw: bool,
}

impl CommandTemplate {
    /// A command of these words, which is checked.
    ///
    /// # Errors
    /// The fault of the first word that is wrong.
    pub(super) fn new(
        verb: Verb,
        kind: &'static str,
        words: Vec<Box<[u8]>>,
        unit: Unit,
        overdraw: bool,
    ) -> Result<Self> {
        let template = Self { verb, kind, words, unit, overdraw };
        template.command("domain", &[], 1).map(|_| template)
    }

    /// The command that asks for these hits.
    ///
    /// # Errors
    /// [`Fault::Cost`].
    pub(super) fn command(&self, domain: &str, entries: &[Entry], hits: u64) -> Result<Command> {
        let key = key(domain, entries, self.kind);
        let hits = hits.to_string();
        let cost: &[&[u8]] = match (self.overdraw, self.verb) {
            (true, _) => &[b"COST", REQUESTS, b"0", b"RESERVE", RESERVED],
            (false, Verb::Quota) => &[b"COST", REQUESTS, hits.as_bytes()],
            (false, _) => &[b"COST", hits.as_bytes()],
        };
        let words = std::iter::once(key).chain(self.words.iter().cloned());
        Command::new(self.verb, words.chain(cost.iter().map(|word| (*word).into())), [])
    }

    /// The command that counts the hits of a rule with `overdraw`; [`command`](Self::command) has reserved 0 for them.
    ///
    /// # Errors
    /// [`Fault::Cost`], [`Fault::Id`].
    pub(super) fn settle(command: &Command, id: &str, hits: u64) -> Result<Command> {
        let hits = hits.to_string();
        let words = [command.key(), id.as_bytes(), b"COST", REQUESTS, hits.as_bytes()];
        Command::new(Verb::Settle, words, [])
    }

    /// The command that gives these hits back; `None` if the limit takes nothing back.
    ///
    /// # Errors
    /// [`Fault::Refund`].
    pub(super) fn refund(&self, command: &Command, hits: u64) -> Result<Option<Command>> {
        match self.verb {
            Verb::Limit(_) => {
                Command::new(Verb::Refund, [command.key(), hits.to_string().as_bytes()], []).map(Some)
            }
            Verb::Quota
            | Verb::ManyQuotas
            | Verb::Peek
            | Verb::Refund
            | Verb::Settle
            | Verb::Cancel
            | Verb::Renew
            | Verb::Hold
            | Verb::Sync => Ok(None),
        }
    }

    /// The command that says when the key of [`command`](Self::command) will admit these hits.
    ///
    /// # Errors
    /// [`Fault::Cost`].
    pub(super) fn peek(command: &Command, hits: u64) -> Result<Command> {
        let hits = hits.to_string();
        Command::new(Verb::Peek, [command.key(), b"COST", hits.as_bytes()], [])
    }
}

/// The limit that a descriptor brings with it, as a sliding window.
///
/// # Errors
/// [`Fault::Window`] if it names no unit.
pub(super) fn of_override(limit: RateLimitOverride) -> Result<RuleLimit> {
    let (unit, kind, window): (_, _, &[u8]) = match limit.unit() {
        RateLimitUnit::Unknown => return Err(Fault::Window),
        RateLimitUnit::Second => (Unit::Second, "per_second", b"1s"),
        RateLimitUnit::Minute => (Unit::Minute, "per_minute", b"1m"),
        RateLimitUnit::Hour => (Unit::Hour, "per_hour", b"1h"),
        RateLimitUnit::Day => (Unit::Day, "per_day", b"1d"),
        RateLimitUnit::Month => (Unit::Month, "per_month", b"30d"),
        RateLimitUnit::Year => (Unit::Year, "per_year", b"365d"),
    };
    if limit.requests_per_unit == 0 {
        return Ok(RuleLimit::Nothing(unit));
    }
    let requests = limit.requests_per_unit.to_string().into_bytes();
    let words = vec![requests.into(), window.into()];
    CommandTemplate::new(Verb::Limit(Kind::Slide), kind, words, unit, false).map(RuleLimit::Asked)
}

/// Envoy's name for a window of this length, if it has one.
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
