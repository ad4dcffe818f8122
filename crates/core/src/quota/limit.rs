//! One limit of a quota: its name, the unit that it counts, and its rule.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::name::Name;
use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::checked;
use crate::limit::rule::{Rule, RuleImage};
use crate::time::Span;

/// The most limits of a quota.
pub const LIMITS_MAX: usize = 16;

/// The unit of a limit that names none. A request costs 1 of it by default.
pub const REQUESTS: &[u8] = b"requests";

/// One limit of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name in replies, unique in its quota.
    pub name: Name,
    /// The unit that it counts.
    pub unit: Name,
    /// How it counts.
    pub measure: Measure,
    /// Whether it only counts and tells what it would do. It denies nobody.
    pub is_shadow: bool,
}

/// A value for each limit of a quota. Nearly all quotas have at most four limits, which take no allocation.
pub type PerLimit<T> = SmallVec<[T; 4]>;

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Counts cost over time.
    Rate(Rule),
    /// The most reservations that may be open at one time, `0..=2^53-1`.
    InFlight(u64),
}

/// A limit as a request spells it out, its names not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// As [`Limit::name`].
    pub name: &'a [u8],
    /// As [`Limit::unit`].
    pub unit: &'a [u8],
    /// As [`Limit::measure`].
    pub measure: Measure,
    /// As [`Limit::is_shadow`].
    pub is_shadow: bool,
}

impl Measure {
    /// Returns its window or period, or nothing if it has none.
    pub(super) fn longest(&self) -> Span {
        match self {
            Self::Rate(rule) => rule.longest(),
            Self::InFlight(_) => Span::default(),
        }
    }

    /// Returns the rule by which it counts cost, or `None` if it counts reservations.
    #[must_use]
    pub const fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Rate(rule) => Some(rule),
            Self::InFlight(_) => None,
        }
    }

    /// Returns the algorithm that counts cost, or `None` if it counts reservations.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Rate(rule) => Some(rule.kind()),
            Self::InFlight(_) => None,
        }
    }

    /// Returns whether what both count ages alike, so that one state serves both.
    pub(crate) fn ages_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rate(one), Self::Rate(other)) => one.ages_alike(other),
            (Self::InFlight(_), Self::InFlight(_)) => true,
            (Self::Rate(_), Self::InFlight(_)) | (Self::InFlight(_), Self::Rate(_)) => false,
        }
    }
}

impl Limit {
    /// Makes a limit of a draft.
    ///
    /// # Errors
    /// [`Fault::LimitName`] or [`Fault::UnitName`] for an invalid name.
    pub fn new(draft: &Draft<'_>) -> Result<Self> {
        let name = Name::new(draft.name).ok_or(Fault::LimitName)?;
        let unit = Name::new(draft.unit).ok_or(Fault::UnitName)?;
        Ok(Self { name, unit, measure: draft.measure, is_shadow: draft.is_shadow })
    }

    /// Returns whether it counts the cost of `unit`.
    pub(crate) fn counts(&self, unit: &[u8]) -> bool {
        matches!(self.measure, Measure::Rate(_)) && self.unit.as_bytes() == unit
    }

    /// Returns whether both count the same unit and age alike. How much they admit does not matter.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        self.unit == other.unit && self.measure.ages_alike(&other.measure)
    }

    /// Returns whether it goes on with the state of the other one. A state belongs to one name and one
    /// algorithm.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        self.name == other.name && self.measure.kind() == other.measure.kind()
    }

    /// Returns whether callers see it as the other one, perhaps with another algorithm.
    pub(crate) fn succeeds(&self, other: &Self) -> bool {
        let counts_cost = |limit: &Self| limit.measure.kind().is_some();
        self.name == other.name && counts_cost(self) == counts_cost(other)
    }

    /// Returns the draft that makes this limit.
    pub(super) fn draft(&self) -> Draft<'_> {
        let Self { name, unit, measure, is_shadow } = self;
        Draft { name: name.as_bytes(), unit: unit.as_bytes(), measure: *measure, is_shadow: *is_shadow }
    }

    /// Returns whether `draft` makes this limit.
    pub(super) fn is(&self, draft: &Draft<'_>) -> bool {
        (self.measure, self.is_shadow) == (draft.measure, draft.is_shadow)
            && self.name.as_bytes() == draft.name
            && self.unit.as_bytes() == draft.unit
    }

    /// Returns the words of a `LIMIT` clause that makes this limit.
    pub(super) fn words(&self) -> Vec<Vec<u8>> {
        let mut words = vec![b"LIMIT".to_vec(), self.name.as_bytes().to_vec()];
        let mut add = |word: &str| words.push(word.as_bytes().to_vec());
        match self.measure {
            Measure::InFlight(limit) => {
                add(&limit.to_string());
                add("INFLIGHT");
            }
            Measure::Rate(rule) => {
                let (kind, clause) = (rule.kind(), rule.to_clause());
                add(&clause.limit);
                add(&clause.window);
                add("UNIT");
                add(self.unit.as_str());
                add(&kind.name().to_ascii_uppercase());
                if let (Some(own), Some(value)) = (kind.own(), clause.own) {
                    if !own.is_required {
                        add(&own.name.to_ascii_uppercase());
                    }
                    add(&value);
                }
            }
        }
        if self.is_shadow {
            add("SHADOW");
        }
        words
    }
}

/// A limit as files have it. Whether it is a shadow is written with all limits of a [`Shape`](super::shape::Shape).
#[derive(Serialize, Deserialize)]
pub(crate) struct LimitImage<'a> {
    name: &'a [u8],
    unit: &'a [u8],
    measure: RuleImage,
}

impl<'a> LimitImage<'a> {
    /// Returns the image of a limit.
    pub(crate) fn of(limit: &'a Limit) -> Self {
        let measure = match &limit.measure {
            Measure::Rate(rule) => RuleImage::of(rule),
            Measure::InFlight(limit) => RuleImage::InFlight(*limit),
        };
        Self { name: limit.name.as_bytes(), unit: limit.unit.as_bytes(), measure }
    }

    /// Returns the limit, its names not checked yet, or `None` if no `LIMIT` clause makes it.
    pub(crate) fn draft(&self) -> Option<Draft<'a>> {
        let measure = if let RuleImage::InFlight(limit) = self.measure {
            let counts_no_unit = self.unit == REQUESTS;
            Measure::InFlight(checked::count(limit).filter(|_| counts_no_unit)?)
        } else {
            Measure::Rate(self.measure.rule().filter(Rule::has_clause)?)
        };
        Some(Draft { name: self.name, unit: self.unit, measure, is_shadow: false })
    }
}
