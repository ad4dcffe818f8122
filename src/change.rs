//! How a change reaches a key: the same steps on the primary, on a replica and from an AOF.

use rl_core::fault::Result;
use rl_core::limit::decision::Expiry;
use rl_core::limit::effect::Effect;
use rl_core::quota;
use rl_core::value::Value;

use crate::commands::apply;
use crate::listeners;
use crate::sys::context::{Arg, Context};
use crate::sys::key::Key;

/// What was decided about a key, of one limit or of many.
pub(crate) trait Change {
    /// Changes a key that exists.
    fn apply(&self, value: &mut Value) -> Result<Expiry>;
    /// The value of a key that did not; none where there is nothing to change.
    fn create(&self) -> Option<(Value, Expiry)>;
    /// Tells replicas and the AOF.
    fn send(&self, context: Context<'_>, name: Arg<'_>);
}

impl Change for Effect {
    fn apply(&self, value: &mut Value) -> Result<Expiry> {
        Self::apply(self, value.limit_mut()?)
    }

    fn create(&self) -> Option<(Value, Expiry)> {
        Self::create(self).map(|(state, expiry)| (Value::Limit(state), expiry))
    }

    fn send(&self, context: Context<'_>, name: Arg<'_>) {
        context.replicate(apply::NAME, name, self.to_text().as_bytes());
    }
}

impl Change for quota::effect::QuotaEffect<'_> {
    fn apply(&self, value: &mut Value) -> Result<Expiry> {
        Ok(Self::apply(self, value.quota_mut()?))
    }

    fn create(&self) -> Option<(Value, Expiry)> {
        Self::create(self).map(|(quota, expiry)| (Value::Quota(Box::new(quota)), expiry))
    }

    fn send(&self, context: Context<'_>, name: Arg<'_>) {
        context.replicate_as(apply::NAME, name, apply::QUOTA, &self.to_bytes());
    }
}

/// Applies `change` to what the key holds, or makes the key.
///
/// A refund that empties a key leaves its expiry where it was: the key is gone no later than it
/// would have been, and until then still tells its parameters.
pub(crate) fn apply(
    context: Context<'_>,
    key: &mut Key<'_, Value>,
    name: Arg<'_>,
    change: &impl Change,
) -> Result<()> {
    let expiry = match key.value()? {
        Some(value) => change.apply(value)?,
        None => match change.create() {
            Some((value, expiry)) => {
                key.create(value);
                expiry
            }
            None => return Ok(()),
        },
    };
    if let Expiry::At(at) = expiry {
        key.expire_at(at);
    }
    context.signal_modified(name);
    Ok(())
}

/// Tells replicas and the AOF of a change that was applied here.
pub(crate) fn replicate(context: Context<'_>, name: Arg<'_>, change: &impl Change) {
    if listeners::any() {
        change.send(context, name);
    } else {
        context.replicate_verbatim(); // nobody reads it: this marks the change for the snapshot counter
    }
}
