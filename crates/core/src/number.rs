//! Parses the numbers and durations that clients write.
//!
//! Values are exact: no float and no overflow. Only a duration is rounded, to the nearest millisecond.

use crate::fault::{Fault, Result};
use crate::time::Span;

/// The largest limit, capacity or cost: 2^53 - 1, because every client can represent it exactly.
pub const COUNT_MAX: u64 = (1 << 53) - 1;

/// A decimal number `mantissa / 10^scale`, without trailing zeros after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits as one integer.
    pub mantissa: u64,
    /// The number of digits after the point.
    pub scale: u8,
}

/// Parses an integer from 0 to 2^53 - 1 as Redis writes one: digits only, no sign, no leading zero.
#[must_use]
pub fn count(text: &[u8]) -> Option<u64> {
    let value = digits(text)?;
    let padded = text.len() > 1 && text.first() == Some(&b'0');
    (value <= COUNT_MAX && !padded).then_some(value)
}

/// Parses a limit or a capacity: an integer from 0 to 2^53 - 1. A limit of 0 admits nobody.
///
/// # Errors
/// `fault`, which names the argument.
pub fn limit(text: &[u8], fault: Fault) -> Result<u64> {
    count(text).ok_or(fault)
}

/// Parses a duration from 1 ms to 3650 d: `60`, `0.25`, `250ms`, `5m`, `1.5h`, `1d`, `1w`.
///
/// A fraction finer than a millisecond, such as scripts print for a double (`59.99999999999999`), is rounded to the
/// nearest millisecond, half up. The bounds are those of the rounded duration.
///
/// # Errors
/// `fault`, which names the argument. A number of more than 64 bytes is an error too.
pub fn duration(text: &[u8], fault: Fault) -> Result<Span> {
    span(text).filter(|span| span.ms() > 0).ok_or(fault)
}

/// Parses an offset: a duration, a negative duration, or 0. Returns milliseconds.
///
/// # Errors
/// [`Fault::Offset`] if the text is none of these.
pub fn offset(text: &[u8]) -> Result<i64> {
    let (negative, rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let ms = span(rest).ok_or(Fault::Offset)?.ms().cast_signed(); // at most 3650 d
    Ok(if negative { ms.saturating_neg() } else { ms })
}

/// Parses a refill: a decimal number above 0 and at most 2^53 - 1.
///
/// # Errors
/// [`Fault::Refill`] if the text is not such a number.
pub fn refill(text: &[u8]) -> Result<Decimal> {
    Decimal::parse(text).and_then(Decimal::checked).ok_or(Fault::Refill)
}

/// Returns `10^exponent`, or `None` if it overflows.
#[must_use]
pub const fn power_of_ten(exponent: u8) -> Option<u64> {
    10_u64.checked_pow(exponent as u32)
}

/// Parses a duration, or 0.
pub(crate) fn span(text: &[u8]) -> Option<Span> {
    let (number, unit) = match text {
        [number @ .., b'm', b's'] => (number, 1),
        [number @ .., b'm'] => (number, 60_000),
        [number @ .., b'h'] => (number, 3_600_000),
        [number @ .., b'd'] => (number, 86_400_000),
        [number @ .., b'w'] => (number, 604_800_000),
        [number @ .., b's'] | number => (number, 1_000),
    };
    // Nearly every call has a whole number.
    let ms = match digits(number) {
        Some(whole) => whole.checked_mul(unit)?,
        None => rounded(number, unit)?,
    };
    let span = Span::from_ms(ms);
    (span <= Span::MAX).then_some(span)
}

/// The most bytes of a duration with a fraction: more than any program prints for a double.
const DURATION_BYTES: usize = 64;

/// Parses a number with a fraction and returns it times `unit`, rounded to the nearest integer, half up.
#[cold]
fn rounded(text: &[u8], unit: u64) -> Option<u64> {
    let point = text.iter().position(|byte| *byte == b'.')?;
    let (whole, rest) = text.split_at_checked(point)?;
    let fraction = rest.get(1..)?;
    let is_fraction = !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit);
    if !is_fraction || text.len() > DURATION_BYTES {
        return None;
    }
    // Twice the fraction, rounded down, digit by digit from the last: to round down at each digit is the same as to
    // round down once. So is half of that plus a half.
    let twice = unit.checked_mul(2)?;
    let digit = |byte: &u8| u64::from(byte.wrapping_sub(b'0')).saturating_mul(twice); // at most 2^34
    let doubled =
        fraction.iter().rev().fold(0_u64, |below, byte| digit(byte).saturating_add(below).div_euclid(10));
    digits(whole)?.checked_mul(unit)?.checked_add(doubled.div_ceil(2))
}

/// Parses at most 19 digits and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    // Nineteen digits cannot overflow, so the loop needs no check.
    if text.len() > 19 {
        return None;
    }
    let mut value = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(value)
}

impl Decimal {
    /// Returns the number if it is a valid refill: above 0, at most 2^53 - 1, without trailing zeros after the
    /// point.
    #[must_use]
    pub fn checked(self) -> Option<Self> {
        let unit = power_of_ten(self.scale)?;
        let most = u128::from(COUNT_MAX).saturating_mul(u128::from(unit));
        let plain = self.scale == 0 || !self.mantissa.is_multiple_of(10);
        (plain && self.mantissa > 0 && u128::from(self.mantissa) <= most).then_some(self)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let Some(point) = text.iter().position(|byte| *byte == b'.') else {
            return digits(text).map(|mantissa| Self { mantissa, scale: 0 });
        };
        let (whole, rest) = text.split_at_checked(point)?;
        let fraction = rest.get(1..)?;
        if fraction.is_empty() {
            return None;
        }
        let kept = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last.saturating_add(1));
        let (kept, zeros) = fraction.split_at_checked(kept)?;
        if zeros.len() > 19 {
            return None;
        }
        let whole = digits(whole)?;
        let scale = u8::try_from(kept.len()).ok()?;
        let low = if kept.is_empty() { 0 } else { digits(kept)? };
        let mantissa = whole.checked_mul(power_of_ten(scale)?)?.checked_add(low)?;
        Some(Self { mantissa, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<u64> {
        duration(text.as_bytes(), Fault::Window).ok().map(Span::ms)
    }

    #[test]
    fn durations_are_read_exactly() {
        for (text, expected) in [
            ("60", 60_000),
            ("0.25", 250),
            ("250ms", 250),
            ("60s", 60_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("3650d", 315_360_000_000),
            ("1.5h", 5_400_000),
            ("0.001", 1),
            ("1ms", 1),
            ("0.0005m", 30),
            ("1.0", 1_000),
            ("315360000", 315_360_000_000),
            ("1w", 604_800_000),
            ("521w", 315_100_800_000),
            ("0.5w", 302_400_000),
        ] {
            assert_eq!(ms(text), (expected > 0).then_some(expected), "{text}");
        }
    }

    #[test]
    fn a_fraction_rounds_to_the_nearest_millisecond() {
        for (text, expected) in [
            ("0.10000000000000001", 100),
            ("59.99999999999999", 60_000),
            ("0.30000000000000004", 300),
            ("0.1000000000000000055511151231257827021181583404541015625", 100),
            ("0.0000000115740740740740d", 1),
            ("0.0005", 1),
            ("0.0014999999999999999999999999999999999999999", 1),
            ("1.5ms", 2),
            ("1.4999ms", 1),
            ("315360000.0004999", 315_360_000_000),
            ("3649.999999999999999d", 315_360_000_000),
        ] {
            assert_eq!(ms(text), Some(expected), "{text}");
        }
        for text in ["0.0004999", "0.49999ms", "315360000.0005", "521.5w", &format!("0.{}1", "0".repeat(64))]
        {
            assert_eq!(ms(text), None, "{text}");
        }
        assert_eq!(offset(b"-0.0005"), Ok(-1));
        assert_eq!(offset(b"-0.0004"), Ok(0));
        assert_eq!(offset(b"-1w"), Ok(-604_800_000));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "0",
            "0ms",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1.",
            ".5",
            "1e3",
            "0x10",
            "1S",
            "1M",
            "1mo",
            "1W",
            "522w",
            "w",
            "ms",
            "1.w",
            "0.1 ",
            "0.-1",
            "3651d",
            "315360001",
            "99999999999999999999",
            "1..5",
            "1.5.5",
            "٣",
            "1\0",
            "NaN",
            "inf",
        ] {
            assert_eq!(ms(text), None, "{text:?}");
        }
    }

    #[test]
    fn offsets_may_be_negative_or_nothing() {
        assert_eq!(offset(b"-8h"), Ok(-28_800_000));
        assert_eq!(offset(b"30m"), Ok(1_800_000));
        assert_eq!(offset(b"0"), Ok(0));
        assert_eq!(offset(b"--1"), Err(Fault::Offset));
        assert_eq!(offset(b"-"), Err(Fault::Offset));
        assert_eq!(offset(b"-3651d"), Err(Fault::Offset));
    }

    #[test]
    fn counts_are_redis_integers() {
        assert_eq!(count(b"0"), Some(0));
        assert_eq!(count(b"9007199254740991"), Some(COUNT_MAX));
        for text in ["", "9007199254740992", "01", "-1", "+1", "1.0", "18446744073709551616", "1 "] {
            assert_eq!(count(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(limit(b"0", Fault::Limit), Ok(0));
        assert_eq!(limit(b"-1", Fault::Limit), Err(Fault::Limit));
    }

    #[test]
    fn a_refill_keeps_its_decimals() {
        assert_eq!(refill(b"8.33"), Ok(Decimal { mantissa: 833, scale: 2 }));
        assert_eq!(refill(b"500"), Ok(Decimal { mantissa: 500, scale: 0 }));
        assert_eq!(refill(b"5.00"), Ok(Decimal { mantissa: 5, scale: 0 }));
        assert_eq!(refill(b"8.333333333333334"), Ok(Decimal { mantissa: 8_333_333_333_333_334, scale: 15 }));
        for text in ["0", "0.0", "-1", "", "1.", ".1", "9007199254740992", "9007199254740991.5", "1e9", "nan"]
        {
            assert_eq!(refill(text.as_bytes()), Err(Fault::Refill), "{text}");
        }
    }
}
