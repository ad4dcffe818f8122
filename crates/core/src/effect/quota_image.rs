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
            QuotaEffect::Admit(Admission { shape, at, costs, reserved }) => Self::Admit {
                shape: shape.bytes(),
                at: at.ms(),
                costs: Bounded(costs.to_vec()),
                reserved: reserved.as_ref().map(|reserved| ReservedImage {
                    id: reserved.id,
                    expires: reserved.expires.ms(),
                    answers: Bounded(reserved.answers.to_vec()),
                }),
            },
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
            QuotaImage::Admit { shape, at, costs: Bounded(costs), reserved } => {
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
                QuotaEffect::Admit(Admission { shape, at, costs: PerLimit::from_vec(costs), reserved })
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
