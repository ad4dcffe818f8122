//! How the effect of a quota is written: with all of its limits and costs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kinds::Effect;
use crate::bounded::Bounded;
use crate::fault::{Fault, Result};
use crate::limit::codec::{future, is_written};
use crate::number::COUNT_MAX;
use crate::quota::Quota;
use crate::quota::bounds::{ID_MAX, UNITS_MAX};
use crate::quota::costs::Costs;
use crate::quota::effect::{Admission, QuotaEffect, Reserved};
use crate::quota::limit::{LIMITS_MAX, PerLimit};
use crate::quota::shape::Shape;
use crate::time::At;
use crate::value::Value;

/// The effect of a quota as it is written.
#[derive(Serialize, Deserialize)]
pub(super) enum QuotaImage<'a> {
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
    /// An admission that is a lease.
    Lease {
        #[serde(borrow)]
        shape: &'a [u8],
        at: u64,
        costs: Bounded<u64, LIMITS_MAX>,
        #[serde(borrow)]
        reserved: ReservedImage<'a>,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReservedImage<'a> {
    id: &'a [u8],
    expires: u64,
    answers: Bounded<(u64, u64), LIMITS_MAX>,
}

impl<'a> QuotaImage<'a> {
    /// The image of an effect.
    pub(super) fn of(effect: &'a QuotaEffect<'_>) -> Self {
        match effect {
            QuotaEffect::Admit(Admission { shape, at, costs, reserved }) => {
                let (shape, at, costs) = (shape.bytes(), at.ms(), Bounded(costs.to_vec()));
                match reserved {
                    Some(lease) if lease.is_lease => {
                        Self::Lease { shape, at, costs, reserved: ReservedImage::of(lease) }
                    }
                    Some(_) | None => {
                        Self::Admit { shape, at, costs, reserved: reserved.as_ref().map(ReservedImage::of) }
                    }
                }
            }
            QuotaEffect::Settle { id, at, used } => {
                Self::Settle { id, at: at.ms(), used: Bounded(used.iter().collect()) }
            }
            QuotaEffect::Cancel { id, at } => Self::Cancel { id, at: at.ms() },
            QuotaEffect::Renew { id, at, expires } => Self::Renew { id, at: at.ms(), expires: expires.ms() },
        }
    }

    /// The effect; `None` if no decision has it. A key with the same limits lends its shape.
    pub(super) fn effect(self, known: Option<&Quota>) -> Option<QuotaEffect<'a>> {
        Some(match self {
            QuotaImage::Admit { shape, at, costs, reserved } => {
                admission(known, (shape, at, costs), reserved, false)?
            }
            QuotaImage::Lease { shape, at, costs, reserved } => {
                admission(known, (shape, at, costs), Some(reserved), true)?
            }
            QuotaImage::Settle { id, at, used } => {
                let mut costs = Costs::default();
                for (unit, cost) in used.0 {
                    costs.add(unit, cost).ok().filter(|()| cost <= COUNT_MAX)?;
                }
                QuotaEffect::Settle { id: checked(id)?, at: At::new(at)?, used: costs }
            }
            QuotaImage::Cancel { id, at } => QuotaEffect::Cancel { id: checked(id)?, at: At::new(at)? },
            QuotaImage::Renew { id, at, expires } => {
                QuotaEffect::Renew { id: checked(id)?, at: At::new(at)?, expires: future(expires)? }
            }
        })
    }
}

/// Reads an admission. A key with the same limits lends its shape.
fn admission<'a>(
    known: Option<&Quota>,
    (shape, at, Bounded(costs)): (&'a [u8], u64, Bounded<u64, LIMITS_MAX>),
    reserved: Option<ReservedImage<'a>>,
    is_lease: bool,
) -> Option<QuotaEffect<'a>> {
    let known = known.map(Quota::shape).filter(|known| known.bytes() == shape);
    let shape = match known {
        Some(known) => Arc::clone(known),
        None => Shape::from_bytes(shape)?,
    };
    let limits = shape.limits().len();
    let at = At::new(at)?;
    let sound = costs.len() == limits && costs.iter().all(|cost| *cost <= COUNT_MAX);
    let reserved = match reserved {
        Some(reserved) => Some(reserved.read(at, limits, is_lease)?),
        None => None,
    };
    let empty = reserved.is_none() && costs.iter().all(|cost| *cost == 0);
    let admission = Admission { shape, at, costs: PerLimit::from_vec(costs), reserved };
    (sound && !empty).then_some(QuotaEffect::Admit(admission))
}

/// About how many bytes an effect takes at most: a buffer that grows costs more than what is written.
pub(super) fn room(effect: &QuotaEffect<'_>) -> usize {
    match effect {
        QuotaEffect::Admit(Admission { shape, costs, reserved, .. }) => {
            let fixed = shape.bytes().len().saturating_add(32);
            let id = reserved.as_ref().map_or(0, |reserved| reserved.id.len());
            let each = if reserved.is_some() { 24 } else { 8 }; // a cost, and the two numbers it was answered
            fixed.saturating_add(id).saturating_add(costs.len().saturating_mul(each))
        }
        QuotaEffect::Settle { .. } | QuotaEffect::Cancel { .. } | QuotaEffect::Renew { .. } => 256,
    }
}

impl<'a> Effect<'a> {
    /// Reads the effect of a quota as versions up to 0.1 wrote it.
    ///
    /// # Errors
    /// [`Fault::Effect`] for other bytes, [`Kind::held`](crate::limit::Kind::held) if the key holds one limit.
    pub fn decode_quota(bytes: &'a [u8], held: Option<&Value>) -> Result<Self> {
        let held = held.map(Value::quota).transpose()?;
        decode(bytes, held).map(Self::Quota).ok_or(Fault::Effect)
    }
}

/// Reads an effect that is written alone, as versions up to 0.1 did.
fn decode<'a>(bytes: &'a [u8], held: Option<&Quota>) -> Option<QuotaEffect<'a>> {
    let (image, rest) = postcard::take_from_bytes::<QuotaImage<'a>>(bytes).ok()?;
    let effect = image.effect(held).filter(|_| rest.is_empty())?;
    is_written(&QuotaImage::of(&effect), bytes).then_some(effect)
}

impl<'a> ReservedImage<'a> {
    fn of(reserved: &'a Reserved<'_>) -> Self {
        let answers = Bounded(reserved.answers.to_vec());
        Self { id: reserved.id, expires: reserved.expires.ms(), answers }
    }

    fn read(self, at: At, limits: usize, is_lease: bool) -> Option<Reserved<'a>> {
        let expires = future(self.expires).filter(|expires| *expires > at)?;
        let answers = self.answers.0;
        let sound =
            answers.len() == limits && answers.iter().all(|(a, b)| *a <= COUNT_MAX && *b <= COUNT_MAX);
        let (id, answers) = (checked(self.id)?, PerLimit::from_vec(answers));
        sound.then_some(Reserved { id, expires, answers, is_lease })
    }
}

fn checked(id: &[u8]) -> Option<&[u8]> {
    (1..=ID_MAX).contains(&id.len()).then_some(id)
}
