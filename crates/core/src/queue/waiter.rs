//! A request that waits, and where it stands.

use std::sync::Arc;

use smallvec::SmallVec;

use super::claim::{Claim, Claims};
use super::flow::Flow;
use super::line::Stand;
use super::share::{Share, share};
use crate::quota::lends_policies::LendsPolicies;
use crate::time::At;

/// The name of a line: a database and a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the database.
    pub db: i32,
    /// The key, which may be any bytes.
    pub key: Arc<[u8]>,
}

/// A list of places. Nearly all requests have one key.
pub type Places = SmallVec<[Place; 1]>;

/// A set of the keys of a request, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeySet(u16);

impl KeySet {
    /// Adds a key. There are at most sixteen, the keys of [`crate::grammar::quota::KEYS_MAX`].
    #[must_use]
    pub fn with(self, key: usize) -> Self {
        Self(self.0 | u32::try_from(key).ok().and_then(|key| 1_u16.checked_shl(key)).unwrap_or(0))
    }

    /// Returns whether it contains a key.
    #[must_use]
    pub fn contains(self, key: usize) -> bool {
        self.0 & Self::default().with(key).0 != 0
    }
}

/// A request that waits.
#[derive(Debug)]
pub struct Waiter<W> {
    /// Its place in the order.
    pub stand: Stand,
    /// Its flow.
    pub flow: Option<Box<Flow>>,
    /// Whether it goes as soon as it is first in one of its lines.
    pub is_any: bool,
    /// The instant at which it times out.
    pub deadline: At,
    /// The keys of the request.
    pub(super) keys: Places,
    /// What it takes of which key. It is in the lines of these keys only.
    pub(super) claims: Claims,
    /// What the host stores for it.
    pub what: W,
}

impl<W> Waiter<W> {
    /// Iterates over the lines that it is in.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.keys_and_places().map(|(_, place)| place)
    }

    /// Iterates over the lines that it is in, each with the index of its key.
    pub(super) fn keys_and_places(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.claims.iter().filter_map(|(key, _)| Some((*key, self.keys.get(*key)?)))
    }

    /// Returns what it takes of the share of its flow on a key, by the weights that these policies give now.
    #[must_use]
    pub(super) fn share(&self, key: &[u8], policies: &impl LendsPolicies) -> Share {
        self.claim(key).map_or(1, |claim| share(claim, self.weight(claim, policies)))
    }

    /// The weight of its flow: that of the request, or that of the policy that the claim is under, or 1.
    fn weight(&self, claim: &Claim, policies: &impl LendsPolicies) -> u16 {
        let Some(flow) = &self.flow else { return 1 };
        let by_policy = || {
            let policy = claim.policy()?.as_bytes();
            policies.lend(|policies| policies.flows(policy)?.get(&flow.id))
        };
        flow.weight.or_else(by_policy).unwrap_or(1)
    }

    /// Returns its claim on a key.
    pub(super) fn claim(&self, key: &[u8]) -> Option<&Claim> {
        let claims = self.claims.iter();
        claims
            .filter(|(at, _)| self.keys.get(*at).is_some_and(|place| *place.key == *key))
            .map(|(_, c)| c)
            .next()
    }
}
