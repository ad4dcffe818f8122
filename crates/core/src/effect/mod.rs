//! What a decision changes: the only thing that replicas and the AOF get.
//!
//! An effect carries absolute instants and everything that it needs, so that it reads no clock and
//! decides nothing. Applying it is the same code on the primary, on a replica and when an AOF is
//! loaded: all three hold equal values.

mod image;
mod legacy;
mod quota_image;

use crate::fault::{Fault, Result};
use crate::limit::decision::Expiry;
use crate::limit::effect::LimitEffect;
use crate::quota::effect::QuotaEffect;
use crate::value::Value;

/// A change to the value of one key.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<'a> {
    /// A change to one limit.
    Limit(LimitEffect),
    /// A change to a quota.
    Quota(QuotaEffect<'a>),
}

impl<'a> Effect<'a> {
    /// Applies it to the value of a key that exists.
    ///
    /// # Errors
    /// [`Fault::WrongType`] if the value is of another kind. Nothing has changed then.
    #[inline(always)] // its kind is known where it is made
    pub fn apply(&self, value: &mut Value) -> Result<Expiry> {
        match self {
            Self::Limit(effect) => effect.apply(value.limit_mut()?),
            Self::Quota(effect) => Ok(effect.apply(value.quota_mut()?)),
        }
    }

    /// Makes the value of a key that does not exist, and tells when it expires; `None` if the effect
    /// changes nothing there.
    #[must_use]
    pub fn create(&self) -> Option<(Value, Expiry)> {
        match self {
            Self::Limit(effect) => effect.create().map(|(state, expiry)| (Value::Limit(state), expiry)),
            Self::Quota(effect) => {
                effect.create().map(|(quota, expiry)| (Value::Quota(Box::new(quota)), expiry))
            }
        }
    }

    /// Encodes it, and lends the bytes to `send`.
    pub fn encode<T>(&self, send: impl FnOnce(&[u8]) -> T) -> T {
        image::encode(self, send)
    }

    /// Reads an encoded effect for a key that holds `held`.
    ///
    /// A quota of the same limits lends its shape, which is not read again then.
    ///
    /// # Errors
    /// [`Fault::Effect`] for bytes that [`Effect::encode`] does not write.
    pub fn decode(bytes: &'a [u8], held: Option<&Value>) -> Result<Self> {
        image::decode(bytes, held).ok_or(Fault::Effect)
    }

    /// Reads the effect of a limit as versions up to 0.1 wrote it: a line of text.
    ///
    /// # Errors
    /// [`Fault::Effect`] for other text.
    pub fn decode_text(text: &[u8]) -> Result<Self> {
        legacy::limit(text).map(Self::Limit).ok_or(Fault::Effect)
    }

    /// Reads the effect of a quota as versions up to 0.1 wrote it.
    ///
    /// # Errors
    /// [`Fault::Effect`] for other bytes, [`Fault::WrongType`] if the key holds one limit.
    pub fn decode_quota(bytes: &'a [u8], held: Option<&Value>) -> Result<Self> {
        let held = held.map(Value::quota).transpose()?;
        quota_image::decode(bytes, held).map(Self::Quota).ok_or(Fault::Effect)
    }
}
