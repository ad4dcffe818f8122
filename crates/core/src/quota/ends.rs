//! When a quota holds nothing any more, and when its key expires.

use crate::limit::decision::{Expiry, lives_until};
use crate::time::{At, Span};

/// The instant from which a quota holds nothing, and whether its key has the expiry that goes with it. Only the instant is
/// part of the quota: what came from a file does not know which expiry its key has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends(u64);

impl Ends {
    pub(super) const fn new(at: At) -> Self {
        Self(at.ms() << 1) // below 2^53
    }

    pub(super) fn at(self) -> At {
        At::from_ms(0).plus(Span::from_ms(self.0 >> 1))
    }

    pub(super) fn set(&mut self, at: At) {
        *self = Self(at.ms() << 1 | u64::from(self.is_timed()));
    }

    const fn is_timed(self) -> bool {
        self.0 & 1 == 1
    }

    /// Returns the expiry of the key after a change. The key is then given that. Before the change it was `before`, and the
    /// longest window was `longest_before`.
    pub(super) fn expiry(&mut self, longest: Span, (before, longest_before): (Self, Span)) -> Expiry {
        if self.at() == before.at() {
            if longest != longest_before {
                *self = Self::new(self.at()); // the key has the expiry that goes with the window before
            }
            return Expiry::Same;
        }
        self.0 |= 1;
        let until = lives_until(self.at(), longest);
        let is_same = before.is_timed() && lives_until(before.at(), longest_before) == until;
        if is_same { Expiry::Same } else { Expiry::at(until) }
    }
}
