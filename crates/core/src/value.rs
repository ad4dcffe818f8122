//! The value of a key: one limit, or a quota with many limits.

use crate::fault::{Fault, Result};
use crate::limit::codec;
use crate::limit::state::{Relocate, State};
use crate::quota::{self, Quota};

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The state of one limit.
    Limit(State),
    /// A quota.
    Quota(Box<Quota>),
}

/// The first byte of an encoded quota. An encoded limit begins with a lower number.
const QUOTA: u8 = 16;

impl Value {
    /// Returns the state of one limit.
    ///
    /// # Errors
    /// [`Fault::HoldsQuota`] for a quota.
    pub fn limit(&self) -> Result<&State> {
        match self {
            Self::Limit(state) => Ok(state),
            Self::Quota(_) => Err(Fault::HoldsQuota),
        }
    }

    /// Returns the state of one limit, for a change.
    ///
    /// # Errors
    /// [`Fault::HoldsQuota`] for a quota.
    pub fn limit_mut(&mut self) -> Result<&mut State> {
        match self {
            Self::Limit(state) => Ok(state),
            Self::Quota(_) => Err(Fault::HoldsQuota),
        }
    }

    /// Returns the quota.
    ///
    /// # Errors
    /// [`Fault::HoldsSlide`], [`Fault::HoldsWindow`] or [`Fault::HoldsBucket`] for one limit.
    pub fn quota(&self) -> Result<&Quota> {
        match self {
            Self::Quota(quota) => Ok(quota),
            Self::Limit(state) => Err(state.rule().kind().held()),
        }
    }

    /// Returns the quota, for a change.
    ///
    /// # Errors
    /// [`Fault::HoldsSlide`], [`Fault::HoldsWindow`] or [`Fault::HoldsBucket`] for one limit.
    pub fn quota_mut(&mut self) -> Result<&mut Quota> {
        match self {
            Self::Quota(quota) => Ok(quota),
            Self::Limit(state) => Err(state.rule().kind().held()),
        }
    }

    /// Encodes the value. Equal values have equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Limit(state) => codec::encode(state),
            Self::Quota(quota) => {
                let mut bytes = quota::codec::encode(quota);
                bytes.insert(0, QUOTA);
                bytes
            }
        }
    }

    /// Decodes a value. Returns `None` if the bytes are not those of a value.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&QUOTA, rest)) => quota::codec::decode(rest).map(|quota| Self::Quota(Box::new(quota))),
            _ => codec::decode(bytes).map(Self::Limit),
        }
    }

    /// Returns the heap memory in use, in requested bytes, without the enum itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Limit(state) => state.heap_bytes(),
            Self::Quota(quota) => size_of::<Quota>().saturating_add(quota.heap_bytes()),
        }
    }

    /// Returns the approximate number of allocations.
    #[must_use]
    pub fn allocations(&self) -> usize {
        match self {
            Self::Limit(state) => state.allocations(),
            Self::Quota(quota) => quota.allocations().saturating_add(1),
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
        }
    }
}

// Quotas must not make a key of one limit larger.
const _: () = assert!(size_of::<Value>() == 16 && size_of::<Option<State>>() == 16);
