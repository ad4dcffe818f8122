//! Token bucket, kept as what is missing: tokens taken and not yet refilled.
//!
//! A full bucket misses nothing, so an absent key is a full bucket, and one that has refilled may
//! be forgotten. The missing amount is an integer of ticks, `period * 10^scale` ticks a token, of
//! which each millisecond gives back `refill * 10^scale`: any decimal refill is exact, and nothing
//! drifts however often it is asked. This is GCRA's theoretical arrival time (ITU-T I.371) measured
//! from now, in units in which it is whole.

use crate::limit::interned::{Intern, ParamWords};
use crate::limit::meter::{Held, Meter, amount};
use crate::number::{Decimal, power_of_ten};
use crate::time::{At, Span};

/// The parameters of `RL.BUCKET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketRule {
    capacity: u64,
    refill: Decimal,
    period: Span,
    /// Ticks in one token.
    unit: u64,
}

impl BucketRule {
    /// A bucket of `capacity` (`1..=2^53-1`) tokens that gains `refill` of them in each `period`.
    ///
    /// `None` where a tick would be too small to count: `period` in ms times `10^decimals` is
    /// 2^63 or more.
    #[must_use]
    pub fn new(capacity: u64, refill: Decimal, period: Span) -> Option<Self> {
        let unit = power_of_ten(refill.scale)?.checked_mul(period.ms())?;
        (unit > 0 && unit <= i64::MAX.unsigned_abs()).then_some(Self { capacity, refill, period, unit })
    }

    /// Tokens when full.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Tokens gained each period.
    #[must_use]
    pub const fn refill(&self) -> Decimal {
        self.refill
    }

    /// The time in which `refill` tokens are gained, continuously.
    #[must_use]
    pub const fn period(&self) -> Span {
        self.period
    }

    /// How many ms it takes to gain `ticks`.
    fn time_for(&self, ticks: u128) -> Span {
        let rate = self.refill.mantissa.max(1);
        let ms = match u64::try_from(ticks) {
            Ok(ticks) => ticks.div_ceil(rate), // one machine division, nearly always
            Err(_) => u64::try_from(ticks.div_ceil(u128::from(rate))).unwrap_or(u64::MAX),
        };
        Span::from_ms(ms)
    }
}

impl Meter for BucketRule {
    type Moment = At;

    fn limit(&self) -> u64 {
        self.capacity
    }

    fn unit(&self) -> u64 {
        self.unit
    }

    fn moment(&self, now: At) -> At {
        now
    }

    fn aged(&self, held: Held, now: At) -> u128 {
        let gained = u128::from(now.since(held.at).ms()).saturating_mul(u128::from(self.refill.mantissa));
        held.amount.saturating_sub(gained)
    }

    fn gone(&self, now: At, excess: u128) -> At {
        now.plus(self.time_for(excess))
    }

    fn counts(&self, _: At, _: At) -> bool {
        true // how much of it does, depends on all that came after
    }

    fn goes_together(&self, _: Held, _: At) -> bool {
        false // each token takes its own time
    }

    fn memory(&self) -> Span {
        self.time_for(amount(self, self.capacity))
    }

    fn same_course(&self, other: &Self) -> bool {
        self.refill == other.refill && self.period == other.period
    }
}

impl Intern for BucketRule {
    fn to_words(self) -> ParamWords {
        [2 | u64::from(self.refill.scale) << 8, self.capacity, self.refill.mantissa, self.period.ms()]
    }

    fn from_words([kind, capacity, mantissa, period]: ParamWords) -> Self {
        let scale = (kind >> 8 & 0xff) as u8;
        // It was checked to fit when it was made.
        let unit = power_of_ten(scale).unwrap_or(1).saturating_mul(period);
        Self { capacity, refill: Decimal { mantissa, scale }, period: Span::from_ms(period), unit }
    }
}
