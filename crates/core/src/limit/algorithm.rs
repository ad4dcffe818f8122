//! What an algorithm must provide: a rule, which implements [`Algorithm`], and what a key holds under
//! that rule, which implements [`AlgorithmState`].
//!
//! Both traits are lists that the compiler checks. Nothing else in this crate knows how an algorithm
//! works; `rule.rs` and `form.rs` name all of them and call these methods.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Kind;
use super::decision::{Decision, Expiry};
use crate::fault::{Fault, Result};
use crate::number::Decimal;
use crate::time::{At, Span};
use crate::words::Words;

/// The most cost that a state holds. It is far above every limit, so that ignoring more than this
/// changes no decision.
pub const COST_MAX: u64 = 1 << 60;

/// The rule of one algorithm: its parameters, and how they are read, written and shown.
pub trait Algorithm: Copy + PartialEq + 'static {
    /// The parameters as integers, for files.
    type Image: Serialize + for<'de> Deserialize<'de>;

    /// Which algorithm it is.
    const KIND: Kind;
    /// The error for a word that its command does not expect.
    const SYNTAX: Fault;
    /// The parameter that a `LIMIT` clause has beside limit and window, if there is one.
    const OWN: Option<Parameter>;

    /// Returns the most cost that can be admitted at one instant: limit or capacity.
    fn quota(&self) -> u64;

    /// Returns the same rule with another limit or capacity.
    #[must_use]
    fn with_quota(self, quota: u64) -> Self;

    /// Returns the time in which the quota is admitted once, or `None` if that time varies.
    fn window(&self) -> Option<Span>;

    /// Returns the window or period, at its longest. An operator may bound it.
    fn longest(&self) -> Span;

    /// Returns the cost that comes back in `time`, rounded up; `None` if cost comes back all at once.
    fn gained(&self, time: Span) -> Option<u64>;

    /// Returns the time in which `cost` comes back; `None` if cost comes back all at once.
    fn regains(&self, cost: u64) -> Option<Span>;

    /// Returns the same rule with only `limit` in each window or period, or `None` if it has no more.
    fn lowered_to(self, limit: u64) -> Option<Self> {
        (limit < self.quota()).then_some(self.with_quota(limit))
    }

    /// Returns when a lease that is granted at `at` ends at the latest; `None` if only its ttl says so.
    fn lease_ends(&self, at: At) -> Option<At>;

    /// Returns the instant at which a lease that ends at `end` is charged.
    fn lease_charged(&self, end: At) -> At;

    /// Returns until when a lease counts that ends at `end` and is used up; `None` if that depends on what else is
    /// charged.
    fn lease_counts(&self, end: At) -> Option<At>;

    /// Returns whether cost ages alike under both rules, so that one state serves both.
    ///
    /// Such rules differ at most in their limit or capacity.
    fn ages_alike(&self, other: &Self) -> bool;

    /// Returns the parameters by name, as `RL.INFO` and `RL.POLICY GET` show them.
    fn fields(&self) -> Fields;

    /// Reads the parameters that follow the key in its command, and moves `at` past them.
    ///
    /// # Errors
    /// The fault of the first parameter that is wrong.
    fn read<W: Words + ?Sized>(words: &W, at: &mut usize) -> Result<Self>;

    /// Returns the rule with the value of [`Algorithm::OWN`] that an option of its command gives.
    #[must_use]
    fn with_own(self, value: i64) -> Self;

    /// Makes the rule of a `LIMIT` clause. `own` is the value of [`Algorithm::OWN`], if given.
    ///
    /// # Errors
    /// The fault of the window.
    fn from_clause(limit: u64, window: &[u8], own: Option<i64>) -> Result<Self>;

    /// Returns the words of a `LIMIT` clause that makes this rule. See [`Algorithm::has_clause`].
    fn to_clause(&self) -> Clause;

    /// Returns whether a `LIMIT` clause can make this rule.
    fn has_clause(&self) -> bool;

    /// Returns the parameters for a file.
    fn image(&self) -> Self::Image;

    /// Makes a rule of parameters from a file, or `None` if a command would refuse them.
    fn from_image(image: Self::Image) -> Option<Self>;
}

/// What a key holds under the rule of one algorithm.
///
/// Time only moves forward here: a clock that has stepped back counts as the instant of the last change.
pub trait AlgorithmState: Sized {
    /// The rule of the same algorithm.
    type Rule: Algorithm;
    /// Everything but the rule as integers and bytes, for files.
    type Image<'a>: Serialize + Deserialize<'a>
    where
        Self: 'a;

    /// Makes the state of a new key, in which nothing is used.
    fn new(rule: Self::Rule) -> Self;

    /// Returns the rule in force: that of the last admission.
    fn rule(&self) -> Self::Rule;

    /// Returns the instant of the last change.
    fn at(&self) -> At;

    /// Returns the instant for which a request at `clock` is decided: never before the last change.
    fn now(&self, clock: At) -> At {
        clock.max(self.at())
    }

    /// Decides a request of `cost` under `rule`, and changes nothing.
    fn decide(&self, rule: &Self::Rule, cost: u64, clock: At) -> Decision;

    /// Returns the first instant from `from` on at which a request of `cost` is admitted, if nobody else comes; `None`
    /// if it never is, or only after `until`.
    ///
    /// It looks no further than `until`, so that asking again and again at later instants costs little.
    fn admits(&self, rule: &Self::Rule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let then = self.decide(rule, cost, from).retry.at(from)?;
        until.is_none_or(|until| then <= until).then_some(then)
    }

    /// Decides a request of `cost` under the rule in force. `remaining` and `reset_after_ms` are those
    /// before the request.
    fn peek(&self, cost: u64, clock: At) -> Decision;

    /// Charges `cost` (at least 1) at `at` under `rule`, whether or not it fits. The key is then given the expiry that this
    /// returns.
    fn charge(&mut self, rule: &Self::Rule, cost: u64, at: At) -> Expiry;

    /// Gives `cost` back at `at`, at most what is used.
    fn refund(&mut self, cost: u64, at: At) -> Expiry;

    /// Corrects a charge of the past at `at`. Returns by how much [`AlgorithmState::missing`] falls.
    fn amend(&mut self, charge: &Amendment, at: At) -> u128;

    /// Returns whether any cost counts at `clock`, so that a refund would change something.
    fn in_use(&self, clock: At) -> bool;

    /// Returns the cost that counts at `now` under the rule in force, rounded up.
    fn used_cost(&self, now: At) -> u64;

    /// Returns what is used at `at` in the units of the rule, or `None` if used cost does not come back
    /// little by little. A refund must then not give back what has come back since the charge.
    fn missing(&self, at: At) -> Option<u128>;

    /// Returns how long a charge counts for callers of other rules, whatever the rule in force says.
    fn retained(&self) -> Span;

    /// Returns the instant from which a new key would decide alike, or `None` if it would now.
    fn empty_at(&self) -> Option<At>;

    /// Returns everything but the rule, for a file.
    fn image(&self) -> Self::Image<'_>;

    /// Makes a state of what a file has, or `None` if no history of commands leads to it.
    fn from_image(rule: Self::Rule, image: Self::Image<'_>) -> Option<Self>;
}

/// A correction to a charge of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The instant of the charge.
    pub at: At,
    /// The cost that was charged.
    pub taken: u64,
    /// The cost that was used, less or more than `taken`.
    pub used: u64,
    /// The most that may be given back, in the units of the rule; `None` for no bound.
    pub most: Option<u128>,
}

/// A parameter of a `LIMIT` clause beside limit and window.
///
/// If required it follows the algorithm's keyword (`BUCKET 50`), else its name does (`WINDOW OFFSET 8h`).
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in lower case. As a keyword it may be in upper case too.
    pub name: &'static str,
    /// Whether the clause must have it.
    pub is_required: bool,
    /// Whether it is a duration; else it is an integer.
    pub is_duration: bool,
    /// Reads its word.
    pub read: fn(&[u8]) -> Result<i64>,
}

impl Parameter {
    /// Returns whether a keyword is its name.
    #[must_use]
    pub fn is(&self, keyword: &[u8]) -> bool {
        keyword.eq_ignore_ascii_case(self.name.as_bytes())
    }
}

/// The words of a `LIMIT` clause that an algorithm chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The limit.
    pub limit: String,
    /// The window.
    pub window: String,
    /// The value of [`Algorithm::OWN`].
    pub own: Option<String>,
}

/// The parameters of a rule by name.
pub type Fields = SmallVec<[(&'static str, Field); 3]>;

/// The value of a parameter, as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// An integer from 0 to 2^53 - 1.
    Count(u64),
    /// An integer that may be negative.
    Signed(i64),
    /// A decimal number.
    Decimal(Decimal),
    /// A fixed word.
    Word(&'static str),
}
