//! The policies of the server: `RL.POLICY`. Each primary of a cluster has policies of its own, so a change goes to all.

use std::sync::Arc;

use redis::Value;
use redis::cluster_routing::{
    AggregateOp, MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo,
};
use rl_core::grammar::policy::{overriding, setting};
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

use super::{Redis, words};
use crate::reply::Failure;

type Result<T> = std::result::Result<T, Failure>;

impl Redis {
    /// The names of all policies. In a cluster, one primary is asked.
    pub(crate) async fn policies(&self) -> Result<Vec<String>> {
        let Value::Array(names) = self.ask_policies(&[b"LIST"], one()).await? else {
            return Err(Failure::Strange);
        };
        names.iter().map(|name| super::reply::text(name).ok_or(Failure::Strange)).collect()
    }

    /// A policy. In a cluster, one primary is asked.
    pub(crate) async fn policy(&self, name: &[u8]) -> Result<Option<PolicyEntry>> {
        let all = match self.ask_policies(&[b"GET", name, b"AS", b"COMMAND"], one()).await? {
            Value::Nil => return Ok(None),
            Value::Array(all) => bulk(&all).ok_or(Failure::Strange)?,
            _ => return Err(Failure::Strange),
        };
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        setting(all.as_slice()).map(Some).map_err(|_| Failure::Strange)
    }

    /// Sets a policy on each primary.
    pub(crate) async fn set_policy(&self, policy: &PolicyEntry) -> Result<()> {
        let words = policy.words();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match self.ask_policies(&words, all(ResponsePolicy::AllSucceeded)).await? {
            Value::Okay => Ok(()),
            _ => Err(Failure::Strange),
        }
    }

    /// Deletes a policy on each primary. Returns whether one of them had it.
    pub(crate) async fn delete_policy(&self, name: &[u8]) -> Result<bool> {
        match self.ask_policies(&[b"DEL", name], all(ResponsePolicy::Aggregate(AggregateOp::Sum))).await? {
            Value::Int(deleted) => Ok(deleted > 0),
            _ => Err(Failure::Strange),
        }
    }

    /// The keys that have limits of their own under a policy; `None` if there is no such policy.
    pub(crate) async fn overrides(&self, name: &[u8]) -> Result<Option<Vec<Vec<u8>>>> {
        match self.ask_policies(&[b"OVERRIDES", name], one()).await? {
            Value::Nil => Ok(None),
            Value::Array(keys) => Ok(Some(bulk(&keys).ok_or(Failure::Strange)?)),
            _ => Err(Failure::Strange),
        }
    }

    /// The limits that a key has of its own under a policy. In a cluster, one primary is asked.
    pub(crate) async fn policy_override(&self, name: &[u8], key: &[u8]) -> Result<Option<Arc<Shape>>> {
        let all =
            match self.ask_policies(&[b"OVERRIDES", name, b"KEY", key, b"AS", b"COMMAND"], one()).await? {
                Value::Nil => return Ok(None),
                Value::Array(all) => bulk(&all).ok_or(Failure::Strange)?,
                _ => return Err(Failure::Strange),
            };
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        overriding(all.as_slice()).map(|read| read.limits).map_err(|_| Failure::Strange)
    }

    /// Gives a key limits of its own under a policy, or takes them away, on each primary.
    pub(crate) async fn set_override(&self, name: &[u8], key: &[u8], limits: Option<&Shape>) -> Result<()> {
        let limits = limits.map_or_else(|| vec![b"NONE".to_vec()], Shape::words);
        let mut words: Vec<&[u8]> = vec![b"OVERRIDE", name, key];
        words.extend(limits.iter().map(Vec::as_slice));
        match self.ask_policies(&words, all(ResponsePolicy::AllSucceeded)).await? {
            Value::Okay => Ok(()),
            _ => Err(Failure::Strange),
        }
    }

    async fn ask_policies(&self, more: &[&[u8]], routing: RoutingInfo) -> Result<Value> {
        let words = words(std::iter::once(b"RL.POLICY".as_slice()).chain(more.iter().copied()));
        self.try_route(&words, Some(routing)).await?.map_err(|error| super::reply::failure(&error))
    }
}

/// The bytes of a list of bulk strings.
fn bulk(all: &[Value]) -> Option<Vec<Vec<u8>>> {
    let word = |word: &Value| if let Value::BulkString(word) = word { Some(word.clone()) } else { None };
    all.iter().map(word).collect()
}

fn one() -> RoutingInfo {
    RoutingInfo::SingleNode(SingleNodeRoutingInfo::RandomPrimary)
}

fn all(response: ResponsePolicy) -> RoutingInfo {
    RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, Some(response)))
}
