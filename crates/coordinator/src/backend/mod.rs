//! The back ends: limits in this process, or in a Redis server with the module. Both take a [`Command`] and return a
//! [`reply::Result`].

mod embedded;
mod key_bounds;
mod pins;
mod redis;
mod shard;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::embedded::{Embedded, Settings};
pub(crate) use self::key_bounds::KeyBounds;
pub(crate) use self::redis::Redis;
use rl_core::quota::name::Name;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

use crate::command::Command;
use crate::flow_state::FlowState;
use crate::reply::{self, Failure};

/// The back end of the program.
pub(crate) enum Backend {
    /// Limits in this process.
    Embedded(Arc<Embedded>),
    /// Limits in a Redis or Valkey server with the module.
    Redis(Arc<Redis>),
}

impl Backend {
    /// Starts the background tasks.
    pub(crate) fn start(&self) {
        match self {
            Self::Embedded(embedded) => embedded.start(),
            Self::Redis(redis) => redis.start(),
        }
    }

    /// Runs a command, and waits if the command does. A dropped future consumes nothing.
    pub(crate) async fn run(&self, command: &Arc<Command>) -> reply::Result {
        match self {
            Self::Embedded(embedded) => embedded.run(command).await,
            Self::Redis(redis) => Box::pin(redis.run(command)).await, // its future is large
        }
    }

    /// Deletes a key. Returns whether there was one.
    ///
    /// # Errors
    /// Why it could not be deleted.
    pub(crate) async fn delete(&self, key: &[u8]) -> Result<bool, Failure> {
        match self {
            Self::Embedded(embedded) => embedded.delete(key),
            Self::Redis(redis) => {
                let deleted = redis.delete(key).await;
                redis.release(key).await; // its leases are of the key that is gone
                deleted
            }
        }
    }

    /// The names of all policies.
    ///
    /// # Errors
    /// Why they could not be read.
    pub(crate) async fn policies(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Embedded(embedded) => {
                let name = |name: &Name| name.as_str().to_owned();
                Ok(embedded.policies().iter().map(|(known, _)| name(known)).collect())
            }
            Self::Redis(redis) => redis.policies().await,
        }
    }

    /// A policy.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) async fn policy(&self, name: &[u8]) -> Result<Option<PolicyEntry>, Failure> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.policies().entry(name)),
            Self::Redis(redis) => redis.policy(name).await,
        }
    }

    /// The keys that have limits of their own under a policy; `None` if there is no such policy.
    ///
    /// # Errors
    /// Why they could not be read.
    pub(crate) async fn overrides(&self, name: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        match self {
            Self::Embedded(embedded) => {
                let policies = embedded.policies();
                Ok(policies.overrides(name).map(|keys| keys.map(|(key, _)| key.to_vec()).collect()))
            }
            Self::Redis(redis) => redis.overrides(name).await,
        }
    }

    /// The limits that a key has of its own under a policy.
    ///
    /// # Errors
    /// Why they could not be read.
    pub(crate) async fn policy_override(
        &self,
        name: &[u8],
        key: &[u8],
    ) -> Result<Option<Arc<Shape>>, Failure> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.policies().get_override(name, key).cloned()),
            Self::Redis(redis) => redis.policy_override(name, key).await,
        }
    }

    /// The limits that a policy sets for a key, if they are known here without asking a server.
    pub(crate) fn known_limits(&self, policy: &[u8], key: &[u8]) -> Option<Arc<Shape>> {
        match self {
            Self::Embedded(embedded) => embedded.policies().in_force(policy, key).cloned(),
            Self::Redis(_) => None,
        }
    }

    /// The algorithm of a key, and the answer of [`Verb::Peek`](crate::command::Verb::Peek) for a cost of 0.
    pub(crate) async fn fill(&self, key: &[u8]) -> Option<(&'static str, reply::Reply)> {
        match self {
            Self::Embedded(embedded) => embedded.fill(key),
            Self::Redis(redis) => redis.fill(key).await,
        }
    }

    /// The flows with the most waiters in the line of a key, at most `most`; none if they cannot be read.
    pub(crate) async fn flows(&self, key: &[u8], most: usize) -> Vec<FlowState> {
        match self {
            Self::Embedded(embedded) => embedded.flows(key, most),
            Self::Redis(redis) => redis.flows(key, most).await.unwrap_or_default(),
        }
    }

    /// The number of keys in this process.
    pub(crate) fn keys(&self) -> usize {
        match self {
            Self::Embedded(embedded) => embedded.keys(),
            Self::Redis(_) => 0,
        }
    }

    /// Its name.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// Whether it decides requests now.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn is_ready(&self) -> Result<(), Failure> {
        match self {
            Self::Embedded(embedded) => embedded.is_ready(),
            Self::Redis(redis) => redis.is_ready().await,
        }
    }

    /// Answers all waiters. From now on no request waits.
    pub(crate) fn close(&self) {
        match self {
            Self::Embedded(embedded) => embedded.close(),
            Self::Redis(redis) => redis.close(),
        }
    }

    /// Settles all leases, within this time. From now on there are none.
    pub(crate) async fn end_leases(&self, most: Duration) {
        match self {
            Self::Embedded(_) => {}
            Self::Redis(redis) => redis.end_leases(most).await,
        }
    }
}
