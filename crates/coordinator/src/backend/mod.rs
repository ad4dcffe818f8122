//! Who decides: this process, or a Redis server with the module. Both take the same [`Command`] and give the same
//! [`reply::Result`].

mod embedded;
mod redis;
mod shard;

use std::sync::Arc;

use rl_core::quota::shape::Shape;

pub(crate) use self::embedded::{Embedded, Settings};
pub(crate) use self::redis::Redis;
use crate::command::Command;
use crate::reply;

/// See the head of this file.
pub(crate) enum Backend {
    /// In this process.
    Embedded(Arc<Embedded>),
    /// In a Redis or Valkey server with the module.
    Redis(Box<Redis>),
}

impl Backend {
    /// Starts what runs beside requests, for as long as the program does.
    pub(crate) fn start(&self) {
        match self {
            Self::Embedded(embedded) => embedded.start(),
            Self::Redis(_) => {}
        }
    }

    /// Runs a command. If it waits, so does this; whoever drops the future consumes nothing.
    pub(crate) async fn run(&self, command: &Arc<Command>) -> reply::Result {
        match self {
            Self::Embedded(embedded) => embedded.run(command).await,
            Self::Redis(redis) => redis.run(command).await,
        }
    }

    /// The limits of a policy, where they are known here.
    pub(crate) fn policy(&self, name: &[u8]) -> Option<Arc<Shape>> {
        match self {
            Self::Embedded(embedded) => embedded.policy(name),
            Self::Redis(_) => None, // they are that server's own
        }
    }

    /// How a key stands: the algorithm, and what [`Verb::Peek`](crate::command::Verb::Peek) answers for no cost.
    pub(crate) async fn fill(&self, key: &[u8]) -> Option<(&'static str, reply::Reply)> {
        match self {
            Self::Embedded(embedded) => embedded.fill(key),
            Self::Redis(redis) => redis.fill(key).await,
        }
    }

    /// How many keys are held here.
    pub(crate) fn keys(&self) -> usize {
        match self {
            Self::Embedded(embedded) => embedded.keys(),
            Self::Redis(_) => 0,
        }
    }

    /// What it is called.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// Whether it can be asked now.
    pub(crate) async fn is_up(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::Redis(redis) => redis.is_up().await,
        }
    }

    /// Answers all who wait, and lets nobody wait from now on.
    pub(crate) fn close(&self) {
        match self {
            Self::Embedded(embedded) => embedded.close(),
            Self::Redis(redis) => redis.close(),
        }
    }
}
