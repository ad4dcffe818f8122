//! Short texts with numbers, for answers. They are made without `format!`, which takes five times as long.

use hyper::body::Bytes;
use hyper::header::HeaderValue;

/// A text that grows at its end.
pub(super) struct Text(Vec<u8>);

impl Text {
    /// An empty text with room for this many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a text.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a number in decimal digits.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.push(itoa::Buffer::new().format(number))
    }

    /// Whether nothing was added.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as the value of a header field; `None` if it cannot be one.
    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

impl From<Text> for Bytes {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}
