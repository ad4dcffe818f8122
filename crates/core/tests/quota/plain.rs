//! A key for short examples: limits as a client spells them, tokens as cost, and ms since `TODAY`.

use std::sync::Arc;

use rl_core::grammar::quota::{self as request, Limits};
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::shape::Shape;

use crate::common::{TODAY, at};
use crate::key::{Ask, Key, costs, standing};

/// The id of a reservation and its time to live in ms.
pub(crate) type Reserve = Option<(&'static [u8], u64)>;

/// Returns the limits of this text.
pub(crate) fn limits(text: &str) -> Arc<Shape> {
    let words: Vec<&[u8]> =
        ["RL.QUOTA", "key"].into_iter().chain(text.split(' ')).map(str::as_bytes).collect();
    let read = request::quota(words.as_slice()).unwrap();
    let Limits::Spelled(drafts) = read.limits else { panic!("a policy") };
    Shape::new(None, &drafts).unwrap()
}

impl Key {
    pub(crate) fn ask(
        &mut self,
        shape: &Arc<Shape>,
        tokens: u64,
        reserve: Reserve,
        ms: u64,
    ) -> QuotaDecision {
        self.request(shape, &Ask { costs: costs(&[(b"tokens", tokens)]), reserve }, TODAY + ms).unwrap()
    }

    /// Takes this many tokens of each limit. Returns what remains of each.
    pub(crate) fn take(&mut self, shape: &Arc<Shape>, tokens: u64, reserve: Reserve, ms: u64) -> Vec<u64> {
        let verdict = self.ask(shape, tokens, reserve, ms);
        assert!(verdict.allowed(), "{verdict:?}");
        remaining(&verdict)
    }

    pub(crate) fn used(&mut self, id: &'static [u8], tokens: u64, ms: u64) -> bool {
        self.settle(id, Some(&costs(&[(b"tokens", tokens)])), TODAY + ms)
    }

    pub(crate) fn cancel(&mut self, id: &'static [u8], ms: u64) -> bool {
        self.settle(id, None, TODAY + ms)
    }

    /// Returns what remains of each limit.
    pub(crate) fn left(&self, shape: &Arc<Shape>, ms: u64) -> Vec<u64> {
        remaining(&standing(self.quota(), shape, at(TODAY + ms)))
    }
}

pub(crate) fn remaining(verdict: &QuotaDecision) -> Vec<u64> {
    verdict.rows.iter().map(|row| row.remaining).collect()
}
