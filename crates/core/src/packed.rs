//! A window or a bucket in fifteen bytes, so that a state with its tag takes sixteen.
//!
//! An instant in 43 bits, an amount in 53, and the parameters as a handle. What does not fit (two
//! parameter sets at once, a bucket with very fine ticks) lives in a [`Counter`] on the heap.

use crate::counter::Counter;
use crate::intern::{Handle, Intern};
use crate::meter::{Held, Meter};
use crate::time::At;

const AMOUNT_BITS: u32 = 53;
const AMOUNT_MAX: u128 = (1 << AMOUNT_BITS) - 1;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(crate) struct Packed<M> {
    rule: Handle<M>,
    bits: [u8; 12],
}

impl<M: Meter + Intern> Packed<M> {
    /// `counter`, if it fits.
    pub(crate) fn new(counter: &Counter<M>) -> Option<Self> {
        let bits = bits(counter)?;
        Some(Self { rule: Handle::new(counter.rule)?, bits })
    }

    /// Becomes `counter`, if that fits; says whether it does.
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

    #[inline]
    pub(crate) fn unpack(&self) -> Counter<M> {
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11] = self.bits;
        let low = u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]);
        let high = u32::from_le_bytes([b8, b9, b10, b11]);
        let amount = u128::from(low) & AMOUNT_MAX;
        let at = u64::from(high) << (u64::BITS - AMOUNT_BITS) | low >> AMOUNT_BITS;
        let held = Held { at: At::new(at).unwrap_or(At::MAX), amount };
        Counter { rule: self.rule.rule(), held, before: None }
    }
}

#[inline]
fn bits<M: Meter>(counter: &Counter<M>) -> Option<[u8; 12]> {
    let at = At::new(counter.held.at.ms())?.ms();
    let amount =
        u64::try_from(counter.held.amount).ok().filter(|amount| u128::from(*amount) <= AMOUNT_MAX)?;
    if counter.before.is_some() {
        return None;
    }
    let [b0, b1, b2, b3, b4, b5, b6, b7] = (amount | at << AMOUNT_BITS).to_le_bytes();
    let high = u32::try_from(at >> (u64::BITS - AMOUNT_BITS)).ok()?;
    let [b8, b9, b10, b11] = high.to_le_bytes();
    Some([b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;
    use crate::window::{Length, WindowRule};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_comes_back(ms in 0..=At::MAX.ms(), amount in 0..=AMOUNT_MAX, limit in 1_u64..4) {
            let rule = WindowRule { limit, length: Length::Span(Span::from_ms(7)), offset: -3 };
            let held = Held { at: At::new(ms).unwrap(), amount };
            let counter = Counter { rule, held, before: None };
            let mut packed = Packed::new(&counter).unwrap();
            prop_assert_eq!(packed.unpack(), counter);
            let other = Counter { rule: WindowRule { limit: 9, ..rule }, ..counter };
            prop_assert!(packed.set(&other));
            prop_assert_eq!(packed.unpack(), other);
            let wide = Counter { held: Held { amount: AMOUNT_MAX.saturating_add(1).saturating_add(amount), ..held }, ..counter };
            prop_assert!(!packed.set(&wide));
            prop_assert_eq!(packed.unpack(), other);
        }
    }
}
