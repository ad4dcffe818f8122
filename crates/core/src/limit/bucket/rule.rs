//! The parameters of a token bucket, and how they are read, written and shown.

use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::algorithm::{Algorithm, Clause, Field, Fields, Parameter};
use crate::limit::checked;
use crate::limit::decimal_text::decimal_text;
use crate::limit::meter::{Meter, amount};
use crate::number::{self, Decimal, power_of_ten};
use crate::time::{At, Span};
use crate::words::{Words, required};

/// The parameters of `RL.BUCKET`.
///
/// ```
/// use rl_core::limit::bucket::BucketRule;
/// use rl_core::number;
/// use rl_core::time::Span;
///
/// // 50 tokens when full, and 8.33 more each second.
/// let rule = BucketRule::new(50, number::refill(b"8.33")?, Span::from_ms(1_000));
/// assert_eq!(rule.map(|rule| rule.capacity()), Some(50));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketRule {
    capacity: u64,
    refill: Decimal,
    period: Span,
    /// Ticks in one token.
    unit: u64,
}

impl BucketRule {
    /// Makes a bucket of `capacity` (`0..=2^53-1`) tokens that gains `refill` tokens in each `period`.
    ///
    /// Returns `None` if a tick would be too small to count: `period` in ms times `10^decimals` is above
    /// 2^63 - 1.
    #[must_use]
    pub fn new(capacity: u64, refill: Decimal, period: Span) -> Option<Self> {
        let unit = power_of_ten(refill.scale)?.checked_mul(period.ms())?;
        (unit > 0 && unit <= i64::MAX.unsigned_abs()).then_some(Self { capacity, refill, period, unit })
    }

    /// Makes a bucket of parameters of which [`BucketRule::new`] has made one before.
    pub(super) fn again(capacity: u64, refill: Decimal, period: Span) -> Self {
        let unit = power_of_ten(refill.scale).unwrap_or(1).saturating_mul(period.ms());
        Self { capacity, refill, period, unit }
    }

    /// Returns the tokens of a full bucket.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Returns the tokens that it gains each period.
    #[must_use]
    pub const fn refill(&self) -> Decimal {
        self.refill
    }

    /// Returns the time in which it gains `refill` tokens, one after another.
    #[must_use]
    pub const fn period(&self) -> Span {
        self.period
    }

    /// Returns the ticks in one token.
    pub(super) const fn ticks(&self) -> u64 {
        self.unit
    }
}

impl Algorithm for BucketRule {
    type Image = (u64, u64, u8, u64);

    const KIND: Kind = Kind::Bucket;
    const SYNTAX: Fault = Fault::BucketSyntax;
    const OWN: Option<Parameter> = Some(Parameter {
        name: "capacity",
        is_required: true,
        is_duration: false,
        read: |word| number::limit(word, Fault::Capacity).map(u64::cast_signed), // at most 2^53 - 1
    });

    fn quota(&self) -> u64 {
        self.capacity
    }

    fn with_quota(self, quota: u64) -> Self {
        Self { capacity: quota, ..self }
    }

    /// The time in which an empty bucket fills.
    fn window(&self) -> Option<Span> {
        Some(self.memory())
    }

    fn longest(&self) -> Span {
        self.period
    }

    fn gained(&self, time: Span) -> Option<u64> {
        Some(u64::try_from(self.ticks_in(time).div_ceil(u128::from(self.unit))).unwrap_or(u64::MAX))
    }

    fn regains(&self, cost: u64) -> Option<Span> {
        Some(self.time_for(amount(self, cost)))
    }

    /// The capacity falls as the refill does.
    fn lowered_to(self, limit: u64) -> Option<Self> {
        let Decimal { mantissa, scale } = self.refill;
        let lowered = limit.checked_mul(power_of_ten(scale)?).filter(|lowered| *lowered < mantissa)?;
        let capacity = u128::from(self.capacity).checked_mul(lowered.into())?.checked_div(mantissa.into())?;
        let refill = Decimal { mantissa: lowered.max(1), scale };
        Some(Self { capacity: u64::try_from(capacity).ok()?, refill, ..self })
    }

    fn lease_ends(&self, _: At) -> Option<At> {
        None
    }

    fn lease_charged(&self, end: At) -> At {
        end
    }

    fn lease_counts(&self, _: At) -> Option<At> {
        None
    }

    fn ages_alike(&self, other: &Self) -> bool {
        self.refill == other.refill && self.period == other.period
    }

    fn fields(&self) -> Fields {
        [
            ("capacity", Field::Count(self.capacity)),
            ("refill", Field::Decimal(self.refill)),
            ("period_ms", Field::Count(self.period.ms())),
        ]
        .into()
    }

    #[inline]
    fn read<W: Words + ?Sized>(words: &W, at: &mut usize) -> Result<Self> {
        let capacity = number::limit(required(words, at), Fault::Capacity)?;
        let refill = number::refill(required(words, at))?;
        // The period may be left out. An option begins with a letter, a period does not.
        let given = words.word(*at).filter(|word| !word.first().is_some_and(u8::is_ascii_alphabetic));
        let period = match given {
            Some(word) => {
                *at = at.saturating_add(1);
                number::duration(word, Fault::Period)?
            }
            None => Span::from_ms(1_000),
        };
        Self::new(capacity, refill, period).ok_or(Fault::RefillDecimals)
    }

    fn with_own(self, capacity: i64) -> Self {
        Self { capacity: capacity.unsigned_abs(), ..self }
    }

    /// The limit is the refill, and the window the period.
    ///
    /// A limit of 0 admits nobody, so it makes a bucket that holds nothing. A refill is above 0: such a bucket
    /// has 1, which nobody can take.
    fn from_clause(limit: u64, window: &[u8], capacity: Option<i64>) -> Result<Self> {
        let period = number::duration(window, Fault::Window)?;
        let refill = Decimal { mantissa: limit.max(1), scale: 0 };
        let capacity = if limit == 0 { 0 } else { capacity.map_or(limit, i64::unsigned_abs) }; // every clause has one
        Self::new(capacity, refill, period).ok_or(Fault::Window)
    }

    fn to_clause(&self) -> Clause {
        let refill = decimal_text(self.refill);
        Clause { limit: refill, window: self.period.to_string(), own: Some(self.capacity.to_string()) }
    }

    /// The limit of a clause is an integer.
    fn has_clause(&self) -> bool {
        self.refill.scale == 0
    }

    fn image(&self) -> Self::Image {
        (self.capacity, self.refill.mantissa, self.refill.scale, self.period.ms())
    }

    fn from_image((capacity, mantissa, scale, period): Self::Image) -> Option<Self> {
        let refill = Decimal { mantissa, scale }.checked()?;
        Self::new(checked::count(capacity)?, refill, checked::span(period)?)
    }
}
