//! Little-endian base-128 integers (LEB128): seven bits per byte. The high bit means that more bytes follow.

/// Returns the encoded length of `value`, 1 to 10 bytes.
pub(crate) const fn len(value: u64) -> usize {
    let bits = u64::BITS.saturating_sub((value | 1).leading_zeros());
    bits.div_ceil(7) as usize
}

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Reads the value at `pos`. Returns it and the position after it.
///
/// Returns `None` at the end, and for a value that does not fit. An encoding longer than necessary is refused
/// too, so that equal states have equal bytes.
#[inline]
pub(crate) fn take(bytes: &[u8], pos: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(pos)?;
    let mut at = pos.checked_add(1)?;
    if first < 0x80 {
        return Some((u64::from(first), at));
    }
    let mut value = u64::from(first & 0x7f);
    let mut shift = 7_u32;
    loop {
        let byte = *bytes.get(at)?;
        at = at.checked_add(1)?;
        let part = u64::from(byte & 0x7f);
        let shifted = part.checked_shl(shift)?;
        if shifted >> shift != part {
            return None;
        }
        value |= shifted;
        if byte < 0x80 {
            return (byte != 0).then_some((value, at));
        }
        shift = shift.checked_add(7)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(value in any::<u64>(), shift in 0_u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            prop_assert_eq!(bytes.len(), len(value));
            prop_assert_eq!(take(&bytes, 0), Some((value, bytes.len())));
        }

        #[test]
        fn no_two_texts_mean_one_value(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Some((value, len)) = take(&bytes, 0) {
                let mut again = Vec::new();
                put(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..len]);
            }
        }
    }
}
