//! Token bucket, stored as what is missing: tokens that were taken and have not come back yet.
//!
//! A full bucket misses nothing, so an absent key is a full bucket, and a bucket that is full again may
//! be forgotten. The missing amount is an integer of ticks. A token is `period * 10^scale` ticks, and
//! each millisecond gives back `refill * 10^scale` ticks. So any decimal refill is exact, and nothing
//! drifts however often a bucket is asked. This is GCRA's theoretical arrival time (ITU-T I.371) measured
//! from now, in units in which it is an integer.
//!
//! ```
//! use rl_core::limit::algorithm::AlgorithmState as _;
//! use rl_core::limit::bucket::BucketRule;
//! use rl_core::limit::counter::Counter;
//! use rl_core::number::Decimal;
//! use rl_core::time::{At, Span};
//!
//! // Bursts of 3, and 2.5 tokens a second.
//! let rule = BucketRule::new(3, Decimal { mantissa: 25, scale: 1 }, Span::from_ms(1_000)).unwrap();
//! let mut bucket = Counter::new(rule);
//! bucket.charge(&rule, 3, At::from_ms(0));
//! assert_eq!(bucket.decide(&rule, 1, At::from_ms(0)).retry.reply(), 400);
//! assert!(bucket.decide(&rule, 1, At::from_ms(400)).allowed);
//! ```

mod rule;

use super::Kind;
use super::interned::{Intern, ParamWords};
use super::meter::{Meter, Usage, amount};
use crate::number::Decimal;
use crate::time::{At, Span};

pub use self::rule::BucketRule;

impl BucketRule {
    /// Returns the ticks that it gains in `time`.
    fn ticks_in(&self, time: Span) -> u128 {
        u128::from(time.ms()).saturating_mul(u128::from(self.refill().mantissa))
    }

    /// Returns the time in which it gains `ticks`.
    fn time_for(&self, ticks: u128) -> Span {
        let rate = self.refill().mantissa.max(1);
        let ms = match u64::try_from(ticks) {
            Ok(ticks) => ticks.div_ceil(rate), // one machine division, nearly always
            Err(_) => u64::try_from(ticks.div_ceil(u128::from(rate))).unwrap_or(u64::MAX),
        };
        Span::from_ms(ms)
    }
}

impl Meter for BucketRule {
    type Moment = At;

    const REFILLS: bool = true;

    fn unit(&self) -> u64 {
        self.ticks()
    }

    fn moment(&self, now: At) -> At {
        now
    }

    fn aged(&self, usage: Usage, now: At) -> u128 {
        usage.amount.saturating_sub(self.ticks_in(now.since(usage.at)))
    }

    fn gone(&self, now: At, excess: u128) -> At {
        now.plus(self.time_for(excess))
    }

    fn counts(&self, _: At, _: At) -> bool {
        true // how much of it does, depends on all charges since
    }

    fn goes_together(&self, _: Usage, _: At) -> bool {
        false // each token takes its own time
    }

    fn overlaps(&self, _: &Self, _: At) -> Option<At> {
        None // it has no windows
    }

    fn memory(&self) -> Span {
        self.time_for(amount(self, self.capacity()))
    }
}

impl Intern for BucketRule {
    fn to_words(self) -> ParamWords {
        let Decimal { mantissa, scale } = self.refill();
        [Kind::Bucket as u64 | u64::from(scale) << 8, self.capacity(), mantissa, self.period().ms()]
    }

    fn from_words([kind, capacity, mantissa, period]: ParamWords) -> Self {
        let scale = (kind >> 8 & 0xff) as u8;
        Self::again(capacity, Decimal { mantissa, scale }, Span::from_ms(period))
    }
}
