//! The parameters of one limit, whichever algorithm it is.

use crate::limit::bucket::BucketRule;
use crate::limit::slide::SlideRule;
use crate::limit::window::WindowRule;
use crate::time::Span;

/// One limit's algorithm and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `RL.SLIDE`.
    Slide(SlideRule),
    /// `RL.WINDOW`.
    Window(WindowRule),
    /// `RL.BUCKET`.
    Bucket(BucketRule),
}

impl Rule {
    /// The algorithm's name, as `RL.INFO` and effects have it.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Slide(_) => "slide",
            Self::Window(_) => "window",
            Self::Bucket(_) => "bucket",
        }
    }

    /// Its window or period; a month counts as its longest, 31 days.
    #[must_use]
    pub const fn longest(&self) -> Span {
        match self {
            Self::Slide(SlideRule { window, .. }) => *window,
            Self::Window(WindowRule { length, .. }) => length.longest(),
            Self::Bucket(rule) => rule.period(),
        }
    }
}
