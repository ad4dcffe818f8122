//! The rule of one limit, whichever algorithm it has.
//!
//! This file and `form.rs` name every algorithm, beside the list in [`crate::limit`]. A new one adds a
//! variant to each enum here, and a row to each list.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::algorithm::{Algorithm, Clause, Fields, Parameter};
use super::bucket::BucketRule;
use super::slide::SlideRule;
use super::window::WindowRule;
use crate::fault::{Fault, Result};
use crate::time::{At, Span};

/// The algorithm and the parameters of one limit.
///
/// ```
/// use rl_core::limit::algorithm::Field;
/// use rl_core::limit::rule::Rule;
/// use rl_core::limit::slide::SlideRule;
/// use rl_core::time::Span;
///
/// let rule = Rule::from(SlideRule { limit: 500, window: Span::from_ms(60_000) });
/// assert_eq!(rule.fields()[..], [("limit", Field::Count(500)), ("window_ms", Field::Count(60_000))]);
/// assert_eq!(rule.window(), Some(Span::from_ms(60_000)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `RL.SLIDE`.
    Slide(SlideRule),
    /// `RL.WINDOW`.
    Window(WindowRule),
    /// `RL.BUCKET`.
    Bucket(BucketRule),
}

/// A rule as files have it. Its variants are numbered in order, so they are only ever added at the end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum RuleImage {
    /// Limit, and window in ms.
    Slide(<SlideRule as Algorithm>::Image),
    /// Limit, length in ms (0 for a month), and offset in ms.
    Window(<WindowRule as Algorithm>::Image),
    /// Capacity, mantissa and scale of the refill, and period in ms.
    Bucket(<BucketRule as Algorithm>::Image),
    /// No rule: a limit on open reservations, which has its number among them.
    InFlight(u64),
}

/// Runs an expression with the rule of whichever algorithm it has.
macro_rules! each_rule {
    ($of:expr, $rule:ident => $result:expr) => {
        match $of {
            $crate::limit::rule::Rule::Slide($rule) => $result,
            $crate::limit::rule::Rule::Window($rule) => $result,
            $crate::limit::rule::Rule::Bucket($rule) => $result,
        }
    };
}
pub(crate) use each_rule;

/// Runs an expression in which a name stands for the rule's type, of whichever algorithm it is.
macro_rules! each_kind {
    ($kind:expr, $rule:ident => $result:expr) => {
        match $kind {
            $crate::limit::Kind::Slide => {
                type $rule = $crate::limit::slide::SlideRule;
                $result
            }
            $crate::limit::Kind::Window => {
                type $rule = $crate::limit::window::WindowRule;
                $result
            }
            $crate::limit::Kind::Bucket => {
                type $rule = $crate::limit::bucket::BucketRule;
                $result
            }
        }
    };
}
pub(crate) use each_kind;

/// Converts between [`Rule`] and the rule of each algorithm.
macro_rules! conversions {
    ($($variant:ident($rule:ty),)*) => {$(
        impl From<$rule> for Rule {
            fn from(rule: $rule) -> Self {
                Self::$variant(rule)
            }
        }

        impl<'a> TryFrom<&'a Rule> for &'a $rule {
            /// The fault of a key that holds this algorithm, and is asked by a rule of another.
            type Error = Fault;

            #[inline(always)] // for its caller, which knows the algorithm
            fn try_from(rule: &'a Rule) -> Result<Self> {
                if let Rule::$variant(rule) = rule { Ok(rule) } else { Err(Kind::$variant.held()) }
            }
        }
    )*};
}

conversions! {
    Slide(SlideRule),
    Window(WindowRule),
    Bucket(BucketRule),
}

impl Rule {
    /// Returns its algorithm.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        const fn kind_of<A: Algorithm>(_: &A) -> Kind {
            A::KIND
        }
        each_rule!(self, rule => kind_of(rule))
    }

    /// Returns its algorithm's name, as `RL.INFO` and effects have it.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        self.kind().name()
    }

    /// Returns the most cost that can be admitted at one instant: limit or capacity.
    #[must_use]
    pub fn quota(&self) -> u64 {
        each_rule!(self, rule => rule.quota())
    }

    /// Returns the same rule with another limit or capacity.
    #[must_use]
    pub(crate) fn with_quota(self, quota: u64) -> Self {
        each_rule!(self, rule => rule.with_quota(quota).into())
    }

    /// Returns the time in which the quota is admitted once, or `None` if that time varies.
    ///
    /// For a bucket it is the time in which an empty one fills.
    #[must_use]
    pub fn window(&self) -> Option<Span> {
        each_rule!(self, rule => rule.window())
    }

    /// Returns whether cost comes back little by little.
    #[must_use]
    pub(crate) fn refills(&self) -> bool {
        self.gained(Span::default()).is_some()
    }

    /// Returns the cost that comes back in `time`, rounded up; `None` if cost comes back all at once.
    #[must_use]
    pub(crate) fn gained(&self, time: Span) -> Option<u64> {
        each_rule!(self, rule => rule.gained(time))
    }

    /// Returns the time in which `cost` comes back; `None` if cost comes back all at once.
    #[must_use]
    pub(crate) fn regains(&self, cost: u64) -> Option<Span> {
        each_rule!(self, rule => rule.regains(cost))
    }

    /// Returns the same rule with only `limit` in each window or period, or `None` if it has no more.
    #[must_use]
    pub(crate) fn lowered_to(self, limit: u64) -> Option<Self> {
        each_rule!(self, rule => rule.lowered_to(limit).map(Self::from))
    }

    /// See [`Algorithm::lease_ends`].
    #[must_use]
    pub(crate) fn lease_ends(&self, at: At) -> Option<At> {
        each_rule!(self, rule => rule.lease_ends(at))
    }

    /// See [`Algorithm::lease_charged`].
    #[must_use]
    pub(crate) fn lease_charged(&self, end: At) -> At {
        each_rule!(self, rule => rule.lease_charged(end))
    }

    /// See [`Algorithm::lease_counts`].
    #[must_use]
    pub(crate) fn lease_counts(&self, end: At) -> Option<At> {
        each_rule!(self, rule => rule.lease_counts(end))
    }

    /// Returns the window or period; for a month its longest, 31 days.
    #[must_use]
    pub fn longest(&self) -> Span {
        each_rule!(self, rule => rule.longest())
    }

    /// Returns the parameters by name, as `RL.INFO` and `RL.POLICY GET` show them.
    #[must_use]
    pub fn fields(&self) -> Fields {
        each_rule!(self, rule => rule.fields())
    }

    /// Returns whether cost ages alike under both rules, so that one state serves both.
    pub(crate) fn ages_alike(&self, other: &Self) -> bool {
        each_rule!(self, rule => other.try_into().is_ok_and(|other| rule.ages_alike(other)))
    }

    /// Returns the words of a `LIMIT` clause that makes this rule. See [`Rule::has_clause`].
    pub(crate) fn to_clause(self) -> Clause {
        each_rule!(self, rule => rule.to_clause())
    }

    /// Returns whether a `LIMIT` clause can make this rule.
    pub(crate) fn has_clause(&self) -> bool {
        each_rule!(self, rule => rule.has_clause())
    }
}

impl Kind {
    /// Returns the parameter that a `LIMIT` clause has beside limit and window, if there is one.
    #[must_use]
    pub const fn own(self) -> Option<Parameter> {
        each_kind!(self, A => <A as Algorithm>::OWN)
    }

    /// Makes the rule of a `LIMIT` clause. `own` is the value of [`Kind::own`], if given.
    ///
    /// # Errors
    /// The fault of the window.
    pub fn from_clause(self, limit: u64, window: &[u8], own: Option<i64>) -> Result<Rule> {
        each_kind!(self, A => A::from_clause(limit, window, own).map(Rule::from))
    }
}

impl RuleImage {
    /// Returns the image of a rule.
    pub(crate) fn of(rule: &Rule) -> Self {
        match rule {
            Rule::Slide(rule) => Self::Slide(rule.image()),
            Rule::Window(rule) => Self::Window(rule.image()),
            Rule::Bucket(rule) => Self::Bucket(rule.image()),
        }
    }

    /// Returns the rule, or `None` if a command would refuse its parameters.
    pub(crate) fn rule(self) -> Option<Rule> {
        match self {
            Self::Slide(image) => Algorithm::from_image(image).map(Rule::Slide),
            Self::Window(image) => Algorithm::from_image(image).map(Rule::Window),
            Self::Bucket(image) => Algorithm::from_image(image).map(Rule::Bucket),
            Self::InFlight(_) => None,
        }
    }
}
