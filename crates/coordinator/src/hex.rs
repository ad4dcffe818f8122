//! Bytes as hexadecimal digits.

use std::fmt::Write as _;

/// Two digits per byte, `0-9 a-f`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String never fails
        text
    })
}

/// The bytes of these digits; `None` if the text is not pairs of digits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

/// The bytes of a part of a path, in which a byte may be written `%XX`; `None` if it is wrong.
pub(crate) fn percent_decode(written: &str) -> Option<Vec<u8>> {
    let mut parts = written.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.extend(decode(digits)?);
        bytes.extend(rest.as_bytes());
    }
    Some(bytes)
}
