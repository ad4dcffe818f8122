//! The value of a key: one limit, or a quota of many.

use crate::fault::{Fault, Result};
use crate::limit::codec;
use crate::limit::state::{Relocate, State};
use crate::quota::{self, Quota};

/// See the head of this file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One limit.
    Limit(State),
    /// Many.
    Quota(Box<Quota>),
}

/// What the bytes of a quota begin with; those of one limit begin with a lower number.
const QUOTA: u8 = 16;

impl Value {
    /// The one limit.
    ///
    /// # Errors
    /// [`Fault::WrongType`] for a quota.
    pub fn limit(&self) -> Result<&State> {
        match self {
            Self::Limit(state) => Ok(state),
            Self::Quota(_) => Err(Fault::WrongType),
        }
    }

    /// The one limit, to be changed.
    ///
    /// # Errors
    /// [`Fault::WrongType`] for a quota.
    pub fn limit_mut(&mut self) -> Result<&mut State> {
        match self {
            Self::Limit(state) => Ok(state),
            Self::Quota(_) => Err(Fault::WrongType),
        }
    }

    /// The quota.
    ///
    /// # Errors
    /// [`Fault::WrongType`] for one limit.
    pub fn quota(&self) -> Result<&Quota> {
        match self {
            Self::Quota(quota) => Ok(quota),
            Self::Limit(_) => Err(Fault::WrongType),
        }
    }

    /// The quota, to be changed.
    ///
    /// # Errors
    /// [`Fault::WrongType`] for one limit.
    pub fn quota_mut(&mut self) -> Result<&mut Quota> {
        match self {
            Self::Quota(quota) => Ok(quota),
            Self::Limit(_) => Err(Fault::WrongType),
        }
    }

    /// All of it as bytes; equal values have equal ones.
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

    /// The value of these bytes; `None` if they are not a value's.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&QUOTA, rest)) => quota::codec::decode(rest).map(|quota| Self::Quota(Box::new(quota))),
            _ => codec::decode(bytes).map(Self::Limit),
        }
    }

    /// Memory that it takes beside itself, in bytes as asked for.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Limit(state) => state.heap_bytes(),
            Self::Quota(quota) => size_of::<Quota>().saturating_add(quota.heap_bytes()),
        }
    }

    /// How many allocations that is, roughly.
    #[must_use]
    pub fn allocations(&self) -> usize {
        match self {
            Self::Limit(state) => state.allocations(),
            Self::Quota(quota) => quota.allocations().saturating_add(1),
        }
    }

    /// Hands them to a memory manager that may move them.
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

// A key of one limit is no larger for there being quotas.
const _: () = assert!(size_of::<Value>() == 16 && size_of::<Option<State>>() == 16);
