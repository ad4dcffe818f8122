//! One limit of a quota: its name, its unit, and how it counts.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::name::Name;
use crate::fault::{Fault, Result};
use crate::limit::bucket::BucketRule;
use crate::limit::codec::{Stored, count, span};
use crate::limit::decimal_text::decimal_text;
use crate::limit::meter::Meter;
use crate::limit::rule::Rule;
use crate::limit::slide::SlideRule;
use crate::limit::window::{Length, WindowRule};
use crate::time::Span;

/// The largest number of limits of a quota.
pub const LIMITS_MAX: usize = 16;

/// The default unit of a limit. A request costs 1 of it unless it names another cost.
pub const REQUESTS: &[u8] = b"requests";

/// One limit of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name in replies, unique in the quota.
    pub name: Name,
    /// The unit that it counts.
    pub unit: Name,
    /// How it counts.
    pub measure: Measure,
}

/// A list with one element for each limit of a quota. Up to four elements need no allocation, and nearly
/// every quota has four limits or fewer.
pub type PerLimit<T> = SmallVec<[T; 4]>;

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Counts cost over time.
    Rate(Rule),
    /// Counts the reservations that are open at one time. The limit is `1..=2^53-1`.
    InFlight(u64),
}

/// A limit as a request spells it out. Its names are not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// See [`Limit::name`].
    pub name: &'a [u8],
    /// See [`Limit::unit`].
    pub unit: &'a [u8],
    /// See [`Limit::measure`].
    pub measure: Measure,
}

impl Measure {
    /// Returns the window or period. Zero for a limit on reservations.
    pub(super) fn longest(&self) -> Span {
        match self {
            Self::Rate(rule) => rule.longest(),
            Self::InFlight(_) => Span::default(),
        }
    }

    /// Returns the name of the algorithm, or `None` for a limit on reservations.
    fn algorithm(&self) -> Option<&'static str> {
        match self {
            Self::Rate(rule) => Some(rule.algorithm()),
            Self::InFlight(_) => None,
        }
    }

    /// Returns whether both count in the same way. The size of the limit does not matter.
    pub(crate) fn same_course(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rate(Rule::Slide(one)), Self::Rate(Rule::Slide(other))) => one.window == other.window,
            (Self::Rate(Rule::Window(one)), Self::Rate(Rule::Window(other))) => one.same_course(other),
            (Self::Rate(Rule::Bucket(one)), Self::Rate(Rule::Bucket(other))) => one.same_course(other),
            (Self::InFlight(_), Self::InFlight(_)) => true,
            _ => false,
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
        Ok(Self { name, unit, measure: draft.measure })
    }

    /// Returns whether both count the same unit in the same way. The size of the limit does not matter.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        self.unit == other.unit && self.measure.same_course(&other.measure)
    }

    /// Returns whether this limit can use the state of `other`: a state belongs to one name and one algorithm.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        self.name == other.name && self.measure.algorithm() == other.measure.algorithm()
    }

    /// Returns whether callers see both as the same limit, possibly with another algorithm.
    pub(crate) fn succeeds(&self, other: &Self) -> bool {
        let counts_cost = |limit: &Self| limit.measure.algorithm().is_some();
        self.name == other.name && counts_cost(self) == counts_cost(other)
    }

    /// Returns the limit as a request would spell it out.
    pub(super) fn draft(&self) -> Draft<'_> {
        Draft { name: self.name.as_bytes(), unit: self.unit.as_bytes(), measure: self.measure }
    }

    pub(super) fn is(&self, draft: &Draft<'_>) -> bool {
        self.measure == draft.measure
            && self.name.as_bytes() == draft.name
            && self.unit.as_bytes() == draft.unit
    }

    pub(super) fn words(&self) -> Vec<Vec<u8>> {
        let text = |value: u64| value.to_string().into_bytes();
        let ms = |span: Span| span.to_string().into_bytes();
        let mut words = vec![b"LIMIT".to_vec(), self.name.as_bytes().to_vec()];
        let unit = [b"UNIT".to_vec(), self.unit.as_bytes().to_vec()];
        match self.measure {
            Measure::InFlight(limit) => words.extend([text(limit), b"INFLIGHT".to_vec()]),
            Measure::Rate(Rule::Slide(rule)) => {
                words.extend([text(rule.limit), ms(rule.window)]);
                words.extend(unit);
                words.push(b"SLIDE".to_vec());
            }
            Measure::Rate(Rule::Window(rule)) => {
                let length = match rule.length {
                    Length::Span(span) => ms(span),
                    Length::Month => b"1mo".to_vec(),
                };
                words.extend([text(rule.limit), length]);
                words.extend(unit);
                words.extend([
                    b"WINDOW".to_vec(),
                    b"OFFSET".to_vec(),
                    format!("{}ms", rule.offset).into_bytes(),
                ]);
            }
            Measure::Rate(Rule::Bucket(rule)) => {
                words.extend([decimal_text(rule.refill()).as_bytes().to_vec(), ms(rule.period())]);
                words.extend(unit);
                words.extend([b"BUCKET".to_vec(), text(rule.capacity())]);
            }
        }
        words
    }
}

/// The encoded form of a limit.
#[derive(Serialize, Deserialize)]
pub(crate) struct LimitImage<'a> {
    name: &'a [u8],
    unit: &'a [u8],
    measure: MeasureImage,
}

#[derive(Serialize, Deserialize)]
enum MeasureImage {
    Slide((u64, u64)),
    Window((u64, u64, i64)),
    Bucket((u64, u64, u8, u64)),
    InFlight(u64),
}

impl<'a> LimitImage<'a> {
    pub(crate) fn of(limit: &'a Limit) -> Self {
        let measure = match limit.measure {
            Measure::Rate(Rule::Slide(rule)) => MeasureImage::Slide((rule.limit, rule.window.ms())),
            Measure::Rate(Rule::Window(rule)) => MeasureImage::Window(rule.store()),
            Measure::Rate(Rule::Bucket(rule)) => MeasureImage::Bucket(rule.store()),
            Measure::InFlight(limit) => MeasureImage::InFlight(limit),
        };
        Self { name: limit.name.as_bytes(), unit: limit.unit.as_bytes(), measure }
    }

    pub(crate) fn draft(&self) -> Option<Draft<'a>> {
        let measure = match self.measure {
            MeasureImage::Slide((limit, window)) => {
                Measure::Rate(Rule::Slide(SlideRule { limit: count(limit)?, window: span(window)? }))
            }
            MeasureImage::Window(form) => Measure::Rate(Rule::Window(WindowRule::restore(form)?)),
            MeasureImage::Bucket(form) => {
                let rule = BucketRule::restore(form)?;
                // The refill of a quota's bucket is its limit, an integer.
                if rule.refill().scale > 0 {
                    return None;
                }
                Measure::Rate(Rule::Bucket(rule))
            }
            MeasureImage::InFlight(_) if self.unit != REQUESTS => return None, // it has no unit of its own
            MeasureImage::InFlight(limit) => Measure::InFlight(count(limit)?),
        };
        Some(Draft { name: self.name, unit: self.unit, measure })
    }
}
