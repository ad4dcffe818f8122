//! A change of the window while its key is in use.
//!
//! Callers with windows of a minute and of a second may share a key, as they do while a new release rolls
//! out. What the minute still has to count must not leave with the second. So the longer window is
//! remembered, for as long as itself after its last use.

use crate::time::{At, Span};

/// A longer window than the one in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longer {
    /// Its length.
    pub window: Span,
    /// When it is forgotten.
    pub until: At,
}

impl Longer {
    /// Returns what is remembered at `now`, when `window` comes into force.
    ///
    /// `old` was in force until then and was last used at `last`. `known` was remembered beside it.
    #[cold]
    pub(super) fn remember(known: Option<&Self>, old: Span, last: At, window: Span, now: At) -> Option<Self> {
        let before = Self { window: old, until: last.plus(old) };
        let known = known.filter(|known| known.window > before.window && known.until > now);
        // A window between the two may be in use for longer than the longest: remembered with it.
        let longest = known.map_or(before, |known| Self { until: known.until.max(before.until), ..*known });
        (longest.window > window).then_some(longest)
    }
}
