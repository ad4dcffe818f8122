//! Instants and costs in few bytes.

use crate::time::{At, Span};

const MS_BITS: u32 = 24;
const MS_MAX: u32 = (1 << MS_BITS) - 1;

/// Packs an admission `span` after the first one.
#[inline]
pub(super) fn word(span: Span, cost: u64) -> Option<u32> {
    let (cost, ms) = (u8::try_from(cost).ok()?, u32::try_from(span.ms()).ok()?);
    (ms <= MS_MAX).then(|| u32::from(cost) << MS_BITS | ms)
}

#[inline]
pub(super) fn ms(word: u32) -> Span {
    Span::from_ms(u64::from(word & MS_MAX))
}

#[inline]
pub(super) fn cost(word: u32) -> u64 {
    u64::from(word >> MS_BITS)
}

/// The last six bytes of a number that fits there.
#[inline]
pub(super) const fn low_six(number: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, _, _] = number.to_le_bytes();
    [a, b, c, d, e, f]
}

#[inline]
pub(super) const fn six([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

#[inline]
pub(super) fn instant(ms: [u8; 6]) -> At {
    At::new(six(ms)).unwrap_or(At::MAX)
}
