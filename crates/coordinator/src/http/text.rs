//! Short texts with numbers, for answers. They are made without `format!`, which takes five times as long.

use hyper::body::Bytes;
use hyper::header::HeaderValue;

/// The length up to which a text needs no allocation.
const SHORT: usize = 192;

/// A text that grows at its end.
pub(super) struct Text {
    short: [u8; SHORT],
    /// How much of `short` is used.
    length: usize,
    /// The whole text, once `short` is too short.
    long: Vec<u8>,
}

impl Text {
    /// An empty text.
    pub(super) const fn new() -> Self {
        Self { short: [0; SHORT], length: 0, long: Vec::new() }
    }

    /// Adds a text.
    #[inline]
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        let end = self.length.saturating_add(text.len());
        match self.short.get_mut(self.length..end) {
            Some(room) if self.long.is_empty() => {
                room.copy_from_slice(text.as_bytes());
                self.length = end;
            }
            Some(_) | None => self.push_long(text),
        }
        self
    }

    #[cold]
    fn push_long(&mut self, text: &str) {
        if self.long.is_empty() {
            self.long.extend_from_slice(self.short.get(..self.length).unwrap_or_default());
        }
        self.long.extend_from_slice(text.as_bytes());
    }

    /// Adds a number in decimal digits.
    pub(super) fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.push(itoa::Buffer::new().format(number))
    }

    /// Adds `true` or `false`.
    pub(super) fn boolean(&mut self, is_true: bool) -> &mut Self {
        self.push(if is_true { "true" } else { "false" })
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The text as the value of a header field; `None` if it cannot be one.
    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(self.bytes()).ok()
    }

    /// The text as a body.
    pub(super) fn body(&self) -> Bytes {
        Bytes::copy_from_slice(self.bytes())
    }

    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { self.short.get(..self.length).unwrap_or_default() } else { &self.long }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_all_that_was_added_to_it() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 1_000] {
            let mut text = Text::new();
            text.push(&"x".repeat(length)).number(7_u64).boolean(true).push("").number(-8_i64);
            assert_eq!(text.body(), "x".repeat(length) + "7true-8");
        }
        assert!(Text::new().push("").is_empty());
    }
}
