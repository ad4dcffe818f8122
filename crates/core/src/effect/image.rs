//! The encoding of every effect, in postcard's wire format: one effect has one form.
//!
//! The first byte is below 32, so that no text of an older version can be taken for it.

use serde::{Deserialize, Serialize};

use super::kinds::Effect;
use super::quota_image::{QuotaImage, room};
use super::told::ToldImage;
use crate::fault::{Fault, Result};
use crate::limit::codec::is_written;
use crate::limit::effect::LimitEffect;
use crate::limit::rule::RuleImage;
use crate::number::COUNT_MAX;
use crate::time::At;
use crate::value::Value;

/// An effect as it is written.
#[derive(Serialize, Deserialize)]
enum Image<'a> {
    Limit(LimitImage),
    #[serde(borrow)]
    Quota(QuotaImage<'a>),
    #[serde(borrow)]
    Told(ToldImage<'a>),
}

/// The effect of one limit as it is written.
#[derive(Serialize, Deserialize)]
enum LimitImage {
    Admit { at: u64, cost: u64, rule: RuleImage },
    Refund { at: u64, cost: u64 },
}

/// The effect of a limit takes at most this many bytes: two tags, six numbers of ten bytes, one of one.
const LIMIT_ROOM: usize = 64;

impl<'a> Effect<'a> {
    /// Encodes it, and lends the bytes to `send`.
    pub fn encode<T>(&self, send: impl FnOnce(&[u8]) -> T) -> T {
        encode(self, send)
    }

    /// Reads an encoded effect for a key that holds `held`.
    ///
    /// A quota of the same limits lends its shape, which is not read again then.
    ///
    /// # Errors
    /// [`Fault::Effect`] for bytes that [`Effect::encode`] does not write.
    pub fn decode(bytes: &'a [u8], held: Option<&Value>) -> Result<Self> {
        decode(bytes, held).ok_or(Fault::Effect)
    }
}

/// Encodes an effect, and lends the bytes to `send`.
fn encode<T>(effect: &Effect<'_>, send: impl FnOnce(&[u8]) -> T) -> T {
    // Writing to memory that has room cannot fail.
    match effect {
        Effect::Limit(effect) => {
            let mut bytes = [0; LIMIT_ROOM];
            let image = Image::Limit(LimitImage::of(effect));
            send(postcard::to_slice(&image, &mut bytes).map_or(&[], |bytes| bytes))
        }
        Effect::Quota(effect) => {
            let image = Image::Quota(QuotaImage::of(effect));
            send(&postcard::to_extend(&image, Vec::with_capacity(room(effect))).unwrap_or_default())
        }
        Effect::Told(told) => {
            let image = Image::Told(ToldImage::of(told));
            send(&postcard::to_stdvec(&image).unwrap_or_default())
        }
    }
}

/// Reads an effect; `None` for bytes that [`encode`] does not write.
fn decode<'a>(bytes: &'a [u8], held: Option<&Value>) -> Option<Effect<'a>> {
    let (image, rest) = postcard::take_from_bytes::<Image<'a>>(bytes).ok()?;
    let effect = match image {
        Image::Limit(image) => Effect::Limit(image.effect()?),
        Image::Quota(image) => Effect::Quota(image.effect(held.and_then(|held| held.quota().ok()))?),
        Image::Told(image) => Effect::Told(image.told()?),
    };
    let is_same = match &effect {
        Effect::Limit(effect) => is_written(&Image::Limit(LimitImage::of(effect)), bytes),
        Effect::Quota(effect) => is_written(&Image::Quota(QuotaImage::of(effect)), bytes),
        Effect::Told(told) => is_written(&Image::Told(ToldImage::of(told)), bytes),
    };
    (rest.is_empty() && is_same).then_some(effect)
}

impl LimitImage {
    fn of(effect: &LimitEffect) -> Self {
        match effect {
            LimitEffect::Admit { rule, at, cost } => {
                Self::Admit { at: at.ms(), cost: *cost, rule: RuleImage::of(rule) }
            }
            LimitEffect::Refund { at, cost } => Self::Refund { at: at.ms(), cost: *cost },
        }
    }

    fn effect(self) -> Option<LimitEffect> {
        Some(match self {
            Self::Admit { at, cost, rule } => {
                LimitEffect::Admit { rule: rule.rule()?, at: At::new(at)?, cost: checked(cost)? }
            }
            Self::Refund { at, cost } => LimitEffect::Refund { at: At::new(at)?, cost: checked(cost)? },
        })
    }
}

fn checked(cost: u64) -> Option<u64> {
    (1..=COUNT_MAX).contains(&cost).then_some(cost)
}
