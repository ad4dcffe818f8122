//! The kinds of effects, and how each is applied.

use super::told::Told;
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
    /// Something that a key is told from outside.
    Told(Told<'a>),
}

impl Effect<'_> {
    /// Applies it to the value of a key that exists.
    ///
    /// # Errors
    /// The fault of what the value holds ([`crate::limit::Kind::held`]) if it is of another kind. Nothing has changed then.
    #[inline(always)] // its kind is known where it is made
    pub fn apply(&self, value: &mut Value) -> Result<Expiry> {
        match (self, &mut *value) {
            (Self::Limit(effect), Value::Limit(state)) => {
                effect.apply(state).or_else(|fault| self.apply_anew(value, fault))
            }
            (Self::Quota(effect), Value::Quota(quota)) => Ok(effect.apply(quota)),
            (Self::Limit(_), Value::Quota(_)) => self.apply_anew(value, Fault::HoldsQuota),
            (Self::Quota(_), Value::Limit(state)) => {
                let fault = state.rule().kind().held();
                self.apply_anew(value, fault)
            }
            (Self::Told(told), _) => told.apply(value),
            (Self::Limit(_) | Self::Quota(_), Value::Held(_)) => self.apply_first(value),
        }
    }

    /// Applies an admission to a key of another kind, which is `fault` unless the key only lives on.
    #[cold]
    fn apply_anew(&self, value: &mut Value, fault: Fault) -> Result<Expiry> {
        let at = match self {
            Self::Limit(LimitEffect::Admit { at, .. }) => *at,
            Self::Quota(QuotaEffect::Admit(admission)) => admission.at,
            Self::Limit(LimitEffect::Refund { .. })
            | Self::Quota(
                QuotaEffect::Settle { .. } | QuotaEffect::Cancel { .. } | QuotaEffect::Renew { .. },
            )
            | Self::Told(_) => return Err(fault),
        };
        if !value.is_over(at) {
            return Err(fault);
        }
        let (new, expiry) = self.create().ok_or(fault)?;
        *value = new;
        Ok(expiry)
    }

    /// Applies it to a key that is held and counts nothing yet. An admission makes it a limit or a quota.
    #[cold]
    fn apply_first(&self, value: &mut Value) -> Result<Expiry> {
        let Value::Held(held) = value else { return Ok(Expiry::Same) };
        *value = match self {
            Self::Limit(LimitEffect::Admit { .. }) => Value::Limit(held.limit().clone()),
            Self::Quota(QuotaEffect::Admit(_)) => Value::Quota(Box::new(held.quota().clone())),
            Self::Limit(LimitEffect::Refund { .. })
            | Self::Quota(
                QuotaEffect::Settle { .. } | QuotaEffect::Cancel { .. } | QuotaEffect::Renew { .. },
            )
            | Self::Told(_) => return Ok(Expiry::Same), // nothing is charged or reserved
        };
        self.apply(value)
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
            Self::Told(told) => told.create(),
        }
    }
}
