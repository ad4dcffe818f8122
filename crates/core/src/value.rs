//! The value of a key: one limit, a quota with many limits, or only a hold.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Result};
use crate::limit::codec;
use crate::limit::outside::{Image, LongImage, Outside, OutsideImage};
use crate::limit::state::{Relocate, State};
use crate::quota::outsides::{Outsides, OutsidesImage};
use crate::quota::shape::Shape;
use crate::quota::{self, Quota};
use crate::time::At;

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The state of one limit.
    Limit(State),
    /// A quota.
    Quota(Box<Quota>),
    /// Nothing is counted yet, but the key is held.
    Held(Box<Held>),
}

/// A key that is held before its first request. It answers as one limit and as a quota would.
#[derive(Clone, Debug)]
pub struct Held {
    limit: State,
    quota: Quota,
}

/// The first byte of an encoded quota. An encoded limit begins with a lower number.
const QUOTA: u8 = 16;
/// The first byte of a limit that was told something from outside: that, then the limit as it is written alone.
const TOLD_LIMIT: u8 = 17;
/// The first byte of a quota that was told something from outside: that, then the quota.
const TOLD_QUOTA: u8 = 18;
/// The first byte of a key that is only held.
const HELD: u8 = 19;
/// As [`TOLD_LIMIT`], in the long form: the limit was told what it is elsewhere, or how old the news was.
const LONG_TOLD_LIMIT: u8 = 20;
/// As [`TOLD_QUOTA`], in the long form.
const LONG_TOLD_QUOTA: u8 = 21;

impl Held {
    /// Makes a key that is held.
    #[must_use]
    pub(crate) fn new(outsides: Outsides) -> Self {
        let limit = State::unknown(Outside { held: outsides.all(), ..Outside::NONE });
        let mut quota = Quota::new(Shape::none());
        quota.tell(outsides);
        Self { limit, quota }
    }

    /// Returns until when what is held.
    #[must_use]
    pub fn outsides(&self) -> Option<&Outsides> {
        self.quota.outsides()
    }

    /// Returns the limit that a first request to one limit finds.
    pub(crate) const fn limit(&self) -> &State {
        &self.limit
    }

    /// Returns the quota that a first request to many limits finds.
    pub(crate) const fn quota(&self) -> &Quota {
        &self.quota
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.outsides() == other.outsides()
    }
}

impl Value {
    /// Returns the state of one limit.
    ///
    /// # Errors
    /// [`Fault::HoldsQuota`] for a quota.
    pub fn limit(&self) -> Result<&State> {
        match self {
            Self::Limit(state) => Ok(state),
            Self::Held(held) => Ok(&held.limit),
            Self::Quota(_) => Err(Fault::HoldsQuota),
        }
    }

    /// Returns whether it holds nothing any more at `clock`, so that its key only lives on.
    #[must_use]
    pub fn is_over(&self, clock: At) -> bool {
        let end = match self {
            Self::Limit(state) => state.empty_at(),
            Self::Quota(quota) => quota.empty_at(),
            Self::Held(held) => held.quota.empty_at(),
        };
        end.is_none_or(|end| end <= clock)
    }

    /// Returns the quota.
    ///
    /// # Errors
    /// [`Fault::HoldsSlide`], [`Fault::HoldsWindow`] or [`Fault::HoldsBucket`] for one limit.
    pub fn quota(&self) -> Result<&Quota> {
        if let Self::Quota(quota) = self { Ok(quota) } else { self.no_quota() }
    }

    #[cold]
    fn no_quota(&self) -> Result<&Quota> {
        match self {
            Self::Quota(quota) => Ok(quota),
            Self::Held(held) => Ok(&held.quota),
            Self::Limit(state) => Err(state.rule().kind().held()),
        }
    }

    /// Encodes the value. Equal values have equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Limit(state) => match state.outside() {
                Outside::NONE => codec::encode(state),
                outside if outside.is_long() => {
                    joined(LONG_TOLD_LIMIT, &LongImage::of(&outside), &codec::encode(state))
                }
                outside => joined(TOLD_LIMIT, &OutsideImage::of(&outside), &codec::encode(state)),
            },
            Self::Quota(quota) => match quota.outsides() {
                None => [&[QUOTA], &*quota::codec::encode(quota)].concat(),
                Some(told) if told.is_long() => {
                    let image = OutsidesImage::<'_, LongImage>::of(told);
                    joined(LONG_TOLD_QUOTA, &image, &quota::codec::encode(quota))
                }
                Some(told) => {
                    let image = OutsidesImage::<'_, OutsideImage>::of(told);
                    joined(TOLD_QUOTA, &image, &quota::codec::encode(quota))
                }
            },
            Self::Held(held) => {
                let none = Outsides::default();
                let image = OutsidesImage::<'_, OutsideImage>::of(held.outsides().unwrap_or(&none));
                joined(HELD, &image, &[])
            }
        }
    }

    /// Decodes a value. Returns `None` if the bytes are not those of a value.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&QUOTA, rest)) => quota::codec::decode(rest).map(|quota| Self::Quota(Box::new(quota))),
            Some((&TOLD_LIMIT, rest)) => told_limit::<OutsideImage>(rest),
            Some((&LONG_TOLD_LIMIT, rest)) => told_limit::<LongImage>(rest),
            Some((&TOLD_QUOTA, rest)) => told_quota::<OutsideImage>(rest),
            Some((&LONG_TOLD_QUOTA, rest)) => told_quota::<LongImage>(rest),
            Some((&HELD, rest)) => {
                let (image, rest) = taken::<OutsidesImage<'_, OutsideImage>>(rest)?;
                let held = Held::new(image.outsides()?);
                rest.is_empty().then(|| Self::Held(Box::new(held)))
            }
            _ => codec::decode(bytes).map(Self::Limit),
        }
    }

    /// Returns the heap memory in use, in requested bytes, without the enum itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Limit(state) => state.heap_bytes(),
            Self::Quota(quota) => size_of::<Quota>().saturating_add(quota.heap_bytes()),
            Self::Held(held) => {
                let parts = held.limit.heap_bytes().saturating_add(held.quota.heap_bytes());
                size_of::<Held>().saturating_add(parts)
            }
        }
    }

    /// Returns the approximate number of allocations.
    #[must_use]
    pub fn allocations(&self) -> usize {
        match self {
            Self::Limit(state) => state.allocations(),
            Self::Quota(quota) => quota.allocations().saturating_add(1),
            Self::Held(held) => held.limit.allocations().saturating_add(held.quota.allocations()),
        }
    }

    /// Passes the allocations to a memory manager, which may move them.
    pub fn relocate(&mut self, mover: &mut impl Relocate) {
        match self {
            Self::Limit(state) => state.relocate(mover),
            Self::Quota(quota) => {
                mover.boxed(quota);
                quota.relocate(mover);
            }
            Self::Held(held) => {
                mover.boxed(held);
                held.limit.relocate(mover);
                held.quota.relocate(mover);
            }
        }
    }
}

/// Decodes a limit after what it was told. A file has the shortest form of that.
fn told_limit<'a, I: Image + Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Option<Value> {
    let (image, rest) = taken::<I>(bytes)?;
    let outside = image.outside().filter(|outside| *outside != Outside::NONE)?;
    let is_shortest = outside.is_long() == I::IS_LONG;
    codec::decode(rest).filter(|_| is_shortest).map(|state| Value::Limit(state.told(outside)))
}

/// Decodes a quota after what its limits were told. A file has the shortest form of that.
fn told_quota<'a, I: Image + Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Option<Value> {
    let (image, rest) = taken::<OutsidesImage<'a, I>>(bytes)?;
    let outsides = image.outsides().filter(|outsides| !outsides.is_none())?;
    let is_shortest = outsides.is_long() == I::IS_LONG;
    let mut quota = quota::codec::decode(rest).filter(|_| is_shortest)?;
    quota.tell(outsides);
    Some(Value::Quota(Box::new(quota)))
}

/// Returns what is told from outside, written before the rest of a value.
fn joined(tag: u8, told: &impl Serialize, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes = postcard::to_extend(told, bytes).unwrap_or_default(); // writing to memory cannot fail
    bytes.extend_from_slice(rest);
    bytes
}

/// Reads what is told from outside, in its one form, and returns it with the bytes after it.
fn taken<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    let (image, rest) = postcard::take_from_bytes::<T>(bytes).ok()?;
    let written = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
    codec::is_written(&image, written).then_some((image, rest))
}

// Quotas must not make a key of one limit larger.
const _: () = assert!(size_of::<Value>() == 16 && size_of::<Option<State>>() == 16);
