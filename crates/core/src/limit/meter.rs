//! What a fixed window and a token bucket have in common: one amount that ages.
//!
//! Both store a single number, the amount used, and the instant at which it was counted. They differ in
//! how it ages. A window forgets all of it when the next one begins; a bucket forgets a little each
//! millisecond. [`crate::limit::counter`] does the rest for both.

use super::algorithm::Algorithm;
use crate::time::{At, Span};

/// An amount used, in the units of the rule that counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The instant at which it was counted. No later decision on the key is made for an earlier one.
    pub at: At,
    /// The amount at that instant.
    pub amount: u128,
}

/// A rule under which one amount ages.
pub trait Meter: Algorithm {
    /// An instant, with what the rule has worked out about it.
    type Moment: Copy;

    /// Whether used cost comes back little by little, so that a refund could give it back twice.
    const REFILLS: bool;

    /// Returns the amount of one unit of cost, `1..=2^63-1`.
    fn unit(&self) -> u64;

    /// Works out what it needs to know about `now`, once for all questions.
    fn moment(&self, now: At) -> Self::Moment;

    /// Returns the amount that still counts.
    fn aged(&self, usage: Usage, now: Self::Moment) -> u128;

    /// Returns the first instant at which `excess` (above 0) of the amount no longer counts.
    fn gone(&self, now: Self::Moment, excess: u128) -> At;

    /// Returns whether what was charged at `at` may still count.
    fn counts(&self, at: At, now: Self::Moment) -> bool;

    /// Returns whether all of `usage` stops to count at the same instant as anything charged now.
    fn goes_together(&self, usage: Usage, now: Self::Moment) -> bool;

    /// Returns the end of the window that contains `last_use`, if windows of `other` are as long but begin at other
    /// times. What this rule has admitted counts under `other`, too, until then.
    fn overlaps(&self, other: &Self, last_use: At) -> Option<At>;

    /// Returns the longest time in which a full amount stops to count.
    fn memory(&self) -> Span;
}

/// Converts cost to the units of `rule`.
pub(crate) fn amount<M: Meter>(rule: &M, cost: u64) -> u128 {
    u128::from(cost).saturating_mul(u128::from(rule.unit())) // below 2^53 * 2^63
}

/// Converts usage from the units of one rule to those of another, rounding up.
pub(crate) fn converted<M: Meter>(from: &M, usage: Usage, to: &M) -> Usage {
    let (old, new) = (u128::from(from.unit()), u128::from(to.unit()));
    let whole = usage.amount.checked_div(old).unwrap_or(0); // a unit is never 0
    let rest = usage.amount.checked_rem(old).unwrap_or(0);
    let part = rest.saturating_mul(new).div_ceil(old); // both below 2^63
    Usage { at: usage.at, amount: whole.saturating_mul(new).saturating_add(part) }
}
