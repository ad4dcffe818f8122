//! Short texts with numbers, for answers. They are made without `format!`, which takes five times as long.

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use smallvec::SmallVec;

/// A text that grows at its end. A short one needs no allocation.
pub(super) struct Text(SmallVec<[u8; 128]>);

impl Text {
    /// An empty text.
    pub(super) fn new() -> Self {
        Self(SmallVec::new())
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
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as the value of a header field; `None` if it cannot be one.
    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

impl From<Text> for Bytes {
    fn from(text: Text) -> Self {
        Self::copy_from_slice(&text.0)
    }
}
