//! Checks for integers that come from files: each must be one that a command could have led to.

use crate::number::COUNT_MAX;
use crate::time::{At, Span};

/// Returns a limit or capacity, or `None` if no command takes it.
pub(crate) fn count(value: u64) -> Option<u64> {
    (value <= COUNT_MAX).then_some(value)
}

/// Returns a window or period, or `None` if no command takes it.
pub(crate) fn span(ms: u64) -> Option<Span> {
    (1..=Span::MAX.ms()).contains(&ms).then_some(Span::from_ms(ms))
}

/// Returns an instant that may be later than any decision, or `None` if it is later than all of those.
pub(crate) fn future(ms: u64) -> Option<At> {
    let at = At::MIN.plus(Span::from_ms(ms));
    (at.ms() == ms).then_some(at)
}
