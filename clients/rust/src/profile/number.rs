//! Numbers in headers.

/// The largest count: integers are exact in every client up to here.
const COUNT_MAX: u64 = 9_007_199_254_740_991;

/// A count; a larger one than every client can read is the largest of those.
pub(crate) fn count(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(COUNT_MAX).min(COUNT_MAX)) // only digits, so it can only be too large
}
