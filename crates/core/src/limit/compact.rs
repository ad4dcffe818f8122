//! A counter in fifteen bytes, so that a state with its tag takes sixteen.
//!
//! It has an instant in 43 bits, an amount in 53 bits, and a handle to the rule. A counter that does not
//! fit (two rules at once, or a bucket with very fine ticks) is stored on the heap instead.

use super::counter::Counter;
use super::interned::{Handle, Intern};
use super::meter::{Meter, Usage};
use crate::time::At;

const AMOUNT_BITS: u32 = 53;
const AMOUNT_MAX: u128 = (1 << AMOUNT_BITS) - 1;

/// A [`Counter`] that fits.
#[derive(Clone, Debug)]
pub(crate) struct Compact<M> {
    rule: Handle<M>,
    bits: Bits,
}

/// The instant and the amount: 64 and 32 bits that need no alignment.
#[derive(Clone, Copy, Debug)]
struct Bits {
    low: [u8; 8],
    high: [u8; 4],
}

impl<M: Meter + Intern> Compact<M> {
    /// Packs `counter`, or returns `None` if it does not fit.
    pub(crate) fn new(counter: &Counter<M>) -> Option<Self> {
        let bits = bits(counter)?;
        Some(Self { rule: Handle::new(counter.rule)?, bits })
    }

    /// Stores `counter` if it fits, and returns whether it does.
    #[inline]
    pub(crate) fn set(&mut self, counter: &Counter<M>) -> bool {
        let Some(bits) = bits(counter) else { return false };
        if !self.rule.is(counter.rule) {
            let Some(rule) = Handle::new(counter.rule) else { return false };
            self.rule = rule;
        }
        self.bits = bits;
        true
    }

    /// Returns the counter.
    #[inline(never)]
    pub(crate) fn unpack(&self) -> Counter<M> {
        Counter { rule: self.rule.rule(), usage: self.usage(), before: None }
    }

    /// Does the same for a request under `rule`. That is nearly always the rule in force, which is seen
    /// without decoding the stored one.
    #[inline(always)] // for its result, which is large
    pub(crate) fn unpack_for(&self, rule: &M) -> Counter<M> {
        if self.rule.is(*rule) {
            Counter { rule: *rule, usage: self.usage(), before: None }
        } else {
            self.unpack()
        }
    }

    #[inline]
    fn usage(&self) -> Usage {
        let (low, high) = (u64::from_le_bytes(self.bits.low), u32::from_le_bytes(self.bits.high));
        let amount = u128::from(low) & AMOUNT_MAX;
        let at = u64::from(high) << (u64::BITS - AMOUNT_BITS) | low >> AMOUNT_BITS;
        Usage { at: At::new(at).unwrap_or(At::MAX), amount }
    }
}

#[inline]
fn bits<M: Meter>(counter: &Counter<M>) -> Option<Bits> {
    let at = At::new(counter.usage.at.ms())?.ms();
    let amount =
        u64::try_from(counter.usage.amount).ok().filter(|amount| u128::from(*amount) <= AMOUNT_MAX)?;
    if counter.before.is_some() {
        return None;
    }
    let high = u32::try_from(at >> (u64::BITS - AMOUNT_BITS)).ok()?;
    Some(Bits { low: (amount | at << AMOUNT_BITS).to_le_bytes(), high: high.to_le_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::window::{Length, WindowRule};
    use crate::time::Span;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_comes_back(ms in 0..=At::MAX.ms(), amount in 0..=AMOUNT_MAX, limit in 1_u64..4) {
            let rule = WindowRule { limit, length: Length::Span(Span::from_ms(7)), offset: -3 };
            let usage = Usage { at: At::new(ms).unwrap(), amount };
            let counter = Counter { rule, usage, before: None };
            let mut packed = Compact::new(&counter).unwrap();
            prop_assert_eq!(packed.unpack(), counter);
            let other = Counter { rule: WindowRule { limit: 9, ..rule }, ..counter };
            prop_assert!(packed.set(&other));
            prop_assert_eq!(packed.unpack(), other);
            let wide = Counter { usage: Usage { amount: AMOUNT_MAX.saturating_add(1).saturating_add(amount), ..usage }, ..counter };
            prop_assert!(!packed.set(&wide));
            prop_assert_eq!(packed.unpack(), other);
        }
    }
}
