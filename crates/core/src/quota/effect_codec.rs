//! A change as it travels: bytes that say all of it, and are read as if an enemy had written them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Quota;
use super::bounds::{ID_MAX, UNITS_MAX};
use super::costs::Costs;
use super::effect::{Admission, QuotaEffect, Reserved};
use super::limit::{LIMITS_MAX, PerLimit};
use super::shape::Shape;
use crate::bounded::Bounded;
use crate::fault::{Fault, Result};
use crate::limit::codec::future;
use crate::number::COUNT_MAX;
use crate::time::At;

/// A change as it travels.
#[derive(Serialize, Deserialize)]
enum Image<'a> {
    Admit {
        #[serde(borrow)]
        shape: &'a [u8],
        at: u64,
        costs: Bounded<u64, LIMITS_MAX>,
        #[serde(borrow)]
        reserved: Option<ReservedImage<'a>>,
    },
    Settle {
        id: &'a [u8],
        at: u64,
        #[serde(borrow)]
        used: Bounded<(&'a [u8], u64), UNITS_MAX>,
    },
    Cancel {
        id: &'a [u8],
        at: u64,
    },
    Renew {
        id: &'a [u8],
        at: u64,
        expires: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct ReservedImage<'a> {
    id: &'a [u8],
    expires: u64,
    answers: Bounded<(u64, u64), LIMITS_MAX>,
}

impl<'a> QuotaEffect<'a> {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let image = match self {
            Self::Admit(Admission { shape, at, costs, reserved }) => Image::Admit {
                shape: shape.bytes(),
                at: at.ms(),
                costs: Bounded(costs.to_vec()),
                reserved: reserved.as_ref().map(|reserved| ReservedImage {
                    id: reserved.id,
                    expires: reserved.expires.ms(),
                    answers: Bounded(reserved.answers.to_vec()),
                }),
            },
            Self::Settle { id, at, used } => {
                Image::Settle { id, at: at.ms(), used: Bounded(used.iter().collect()) }
            }
            Self::Cancel { id, at } => Image::Cancel { id, at: at.ms() },
            Self::Renew { id, at, expires } => Image::Renew { id, at: at.ms(), expires: expires.ms() },
        };
        postcard::to_extend(&image, Vec::with_capacity(self.room())).unwrap_or_default() // memory takes all
    }

    /// About how many bytes it takes at most: a buffer that grows costs more than what is written to it.
    fn room(&self) -> usize {
        match self {
            Self::Admit(Admission { shape, costs, reserved, .. }) => {
                let fixed = shape.bytes().len().saturating_add(32);
                let id = reserved.as_ref().map_or(0, |reserved| reserved.id.len());
                let each = if reserved.is_some() { 24 } else { 8 }; // a cost, and the two numbers it was answered
                fixed.saturating_add(id).saturating_add(costs.len().saturating_mul(each))
            }
            Self::Settle { .. } | Self::Cancel { .. } | Self::Renew { .. } => 256,
        }
    }

    /// Reads its bytes. The key that it is for may have the same limits: then they are not read again.
    ///
    /// # Errors
    /// [`Fault::Effect`] for anything that [`QuotaEffect::to_bytes`] does not write.
    pub fn parse(bytes: &'a [u8], known: Option<&Quota>) -> Result<Self> {
        let change = Self::read(bytes, known).ok_or(Fault::Effect)?;
        // One change has one form, so that streams can be compared.
        if change.to_bytes() == bytes { Ok(change) } else { Err(Fault::Effect) }
    }

    fn read(bytes: &'a [u8], known: Option<&Quota>) -> Option<Self> {
        let (image, rest) = postcard::take_from_bytes::<Image<'a>>(bytes).ok()?;
        if !rest.is_empty() {
            return None;
        }
        Some(match image {
            Image::Admit { shape, at, costs: Bounded(costs), reserved } => {
                let known = known.map(Quota::shape).filter(|known| known.bytes() == shape);
                let shape = match known {
                    Some(known) => Arc::clone(known),
                    None => Shape::from_bytes(shape)?,
                };
                let limits = shape.limits().len();
                let at = At::new(at)?;
                let sound = costs.len() == limits && costs.iter().all(|cost| *cost <= COUNT_MAX);
                let reserved = match reserved {
                    Some(reserved) => Some(reserved.read(at, limits)?),
                    None => None,
                };
                let empty = reserved.is_none() && costs.iter().all(|cost| *cost == 0);
                if !sound || empty {
                    return None;
                }
                Self::Admit(Admission { shape, at, costs: PerLimit::from_vec(costs), reserved })
            }
            Image::Settle { id, at, used } => {
                let mut costs = Costs::default();
                for (unit, cost) in used.0 {
                    costs.add(unit, cost).ok().filter(|()| cost <= COUNT_MAX)?;
                }
                Self::Settle { id: checked(id)?, at: At::new(at)?, used: costs }
            }
            Image::Cancel { id, at } => Self::Cancel { id: checked(id)?, at: At::new(at)? },
            Image::Renew { id, at, expires } => {
                Self::Renew { id: checked(id)?, at: At::new(at)?, expires: future(expires)? }
            }
        })
    }
}

impl<'a> ReservedImage<'a> {
    fn read(self, at: At, limits: usize) -> Option<Reserved<'a>> {
        let expires = future(self.expires).filter(|expires| *expires > at)?;
        let answers = self.answers.0;
        let sound =
            answers.len() == limits && answers.iter().all(|(a, b)| *a <= COUNT_MAX && *b <= COUNT_MAX);
        sound.then_some(Reserved { id: checked(self.id)?, expires, answers: PerLimit::from_vec(answers) })
    }
}

fn checked(id: &[u8]) -> Option<&[u8]> {
    (1..=ID_MAX).contains(&id.len()).then_some(id)
}
