//! One entry of a log, and how it is packed.
//!
//! ```text
//! distance * 2          cost 1 at the previous entry's instant plus `distance` ms
//! distance * 2 + 1, n   the same with cost `n`
//! ```
//! Both numbers are LEB128 integers, so most entries take two bytes.

use crate::time::At;
use crate::varint;

/// Cost admitted at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The instant of admission.
    pub at: At,
    /// The cost, at least 1.
    pub cost: u64,
}

/// Reads the entry at `pos`: its distance, its cost, and where the next one begins.
///
/// Returns `None` at the end of `bytes`, and for anything that no log writes.
#[inline]
pub(super) fn take(bytes: &[u8], pos: u32) -> Option<(u64, u64, u32)> {
    let (word, mut next) = varint::take(bytes, index(pos))?;
    let distance = word >> 1;
    let cost = if word & 1 == 0 {
        1
    } else {
        let (cost, after) = varint::take(bytes, next)?;
        next = after;
        if cost < 2 {
            return None; // 1 is the flag's other value, and no entry costs 0
        }
        cost
    };
    (distance > 0).then_some((distance, cost, u32::try_from(next).ok()?))
}

/// Converts a position in a log to an index.
pub(super) const fn index(pos: u32) -> usize {
    pos as usize
}
