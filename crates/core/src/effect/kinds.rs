//! The kinds of effects, and how each is applied.

use crate::fault::Result;
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

impl Effect<'_> {
    /// Applies it to the value of a key that exists.
    ///
    /// # Errors
    /// The fault of what the value holds ([`crate::limit::Kind::held`]) if it is of another kind. Nothing has changed then.
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
}
