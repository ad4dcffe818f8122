//! One limit of a quota: what it is called, what it counts, and how.

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

/// A quota has so many limits at most.
pub const LIMITS_MAX: usize = 16;

/// The unit of a limit that names none; a request costs one of it unless it says otherwise.
pub const REQUESTS: &[u8] = b"requests";

/// One limit of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What replies call it; unique in its quota.
    pub name: Name,
    /// What it counts.
    pub unit: Name,
    /// How.
    pub measure: Measure,
}

/// One of something for each limit of a quota. Nearly every quota has four limits or fewer: those take no
/// allocation.
pub type PerLimit<T> = SmallVec<[T; 4]>;

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Cost over time.
    Rate(Rule),
    /// Reservations that are open at one time, `1..=2^53-1`.
    InFlight(u64),
}

/// A limit as a request spells it out, its names not looked at yet.
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
    /// Its window or period, if it has one.
    pub(super) fn longest(&self) -> Span {
        match self {
            Self::Rate(rule) => rule.longest(),
            Self::InFlight(_) => Span::default(),
        }
    }

    /// By which algorithm it counts cost; none where it counts reservations.
    fn algorithm(&self) -> Option<&'static str> {
        match self {
            Self::Rate(rule) => Some(rule.algorithm()),
            Self::InFlight(_) => None,
        }
    }

    /// Whether both count alike, however much they admit.
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
    /// A limit from a draft.
    ///
    /// # Errors
    /// [`Fault::LimitName`], [`Fault::UnitName`].
    pub fn new(draft: &Draft<'_>) -> Result<Self> {
        let name = Name::new(draft.name).ok_or(Fault::LimitName)?;
        let unit = Name::new(draft.unit).ok_or(Fault::UnitName)?;
        Ok(Self { name, unit, measure: draft.measure })
    }

    /// Whether both count the same alike, however much they admit.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        self.unit == other.unit && self.measure.same_course(&other.measure)
    }

    /// Whether it goes on with the very state that the other has: a state is of one name and one algorithm.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        self.name == other.name && self.measure.algorithm() == other.measure.algorithm()
    }

    /// Whether it is the other one as callers see it, maybe by another algorithm.
    pub(crate) fn succeeds(&self, other: &Self) -> bool {
        let counts_cost = |limit: &Self| limit.measure.algorithm().is_some();
        self.name == other.name && counts_cost(self) == counts_cost(other)
    }

    /// What a request would have spelled out for it.
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

/// A limit as bytes have it.
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
                // A quota's bucket refills by its limit, which is whole.
                if rule.refill().scale > 0 {
                    return None;
                }
                Measure::Rate(Rule::Bucket(rule))
            }
            MeasureImage::InFlight(_) if self.unit != REQUESTS => return None, // it counts no unit
            MeasureImage::InFlight(limit) => Measure::InFlight(count(limit)?),
        };
        Some(Draft { name: self.name, unit: self.unit, measure })
    }
}
