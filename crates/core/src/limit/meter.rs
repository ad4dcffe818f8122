//! What a fixed window and a token bucket have in common: one amount that ages.
//!
//! Both hold a single number, what has been used, at a single instant. They differ in how it ages:
//! a window forgets all of it when the next one begins, a bucket a little each millisecond.
//! [`crate::limit::counter`] does the rest for both.

use crate::time::{At, Span};

/// What was held at an instant, in the units of the rule that it was counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// When it was last counted: no later decision on this key is made for an earlier instant.
    pub at: At,
    /// How much of the limit was used then.
    pub amount: u128,
}

/// A rule by which one amount ages.
pub trait Meter: Copy + PartialEq {
    /// An instant and what the rule has worked out about it.
    type Moment: Copy;

    /// The most cost that may be held: limit or capacity, `1..=2^53-1`.
    fn limit(&self) -> u64;

    /// How much of the amount one cost takes, `1..=2^63-1`.
    fn unit(&self) -> u64;

    /// Looks at `now`, once for all questions about it.
    fn moment(&self, now: At) -> Self::Moment;

    /// What still counts of what was held.
    fn aged(&self, held: Held, now: Self::Moment) -> u128;

    /// The first instant at which `excess` (above 0) of what counts has gone.
    fn gone(&self, now: Self::Moment, excess: u128) -> At;

    /// Whether what was counted at `at` may still count.
    fn counts(&self, at: At, now: Self::Moment) -> bool;

    /// Whether all of `held` goes at the same instant as anything added to it now.
    fn goes_together(&self, held: Held, now: Self::Moment) -> bool;

    /// How long it takes at most until all of what may be held has gone.
    fn memory(&self) -> Span;

    /// Whether amounts age alike under both, so that one number serves them both.
    fn same_course(&self, other: &Self) -> bool;
}

/// Cost in the units of `rule`.
pub(crate) fn amount<M: Meter>(rule: &M, cost: u64) -> u128 {
    u128::from(cost).saturating_mul(u128::from(rule.unit())) // below 2^53 * 2^63
}

/// What was held under `from` in the units of `to`, rounded up: never less is known to be used.
pub(crate) fn carried<M: Meter>(from: &M, held: Held, to: &M) -> Held {
    let (old, new) = (u128::from(from.unit()), u128::from(to.unit()));
    let whole = held.amount.checked_div(old).unwrap_or(0); // a unit is never 0
    let rest = held.amount.checked_rem(old).unwrap_or(0);
    let part = rest.saturating_mul(new).div_ceil(old); // both below 2^63
    Held { at: held.at, amount: whole.saturating_mul(new).saturating_add(part) }
}
