//! Names that operators and callers give to limits, units and policies.

use core::borrow::Borrow;

/// A name of 1 to 64 of the characters `A-Z a-z 0-9 _ . : -`.
///
/// None of them needs escaping in replies, logs or files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

/// Whether each byte may occur in a name. A table, because requests carry names and a lookup is faster than
/// comparisons.
static IN_NAMES: [bool; 256] = in_names();

const fn in_names() -> [bool; 256] {
    let mut all = [false; 256];
    let mut rest: &mut [bool] = &mut all;
    let mut byte = 0_u8;
    while let Some((place, after)) = rest.split_first_mut() {
        *place = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
        rest = after;
        byte = byte.wrapping_add(1);
    }
    all
}

impl Name {
    /// The longest name, in bytes.
    pub const MAX: usize = 64;

    /// Makes a name of `text`. Returns `None` if it is not a valid name.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        Self::is(text).then(|| Self(text.into()))
    }

    /// Returns whether `text` is a valid name.
    #[must_use]
    pub fn is(text: &[u8]) -> bool {
        (1..=Self::MAX).contains(&text.len())
            && text.iter().all(|byte| IN_NAMES.get(usize::from(*byte)) == Some(&true))
    }

    /// Returns the name as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default() // a name is ASCII
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}
