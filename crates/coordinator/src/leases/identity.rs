//! What a lease is for: the key and the limits of a request, without its costs.

use std::sync::Arc;

use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::request::Request;
use rl_core::quota::limit::{Measure, REQUESTS};
use rl_core::quota::shape::Shape;
use smallvec::SmallVec;

use super::permits::Costs;
use crate::command::Command;

/// The words of a key and its limits, each after its length.
pub(crate) type Identity = SmallVec<[u8; 128]>;

/// What a request wishes that may be answered out of a lease.
pub(crate) struct Wish<'a> {
    /// Its key and limits.
    pub(crate) identity: Identity,
    /// Its costs.
    pub(crate) costs: Costs<'a>,
    /// Its limits, unless they are a policy's.
    pub(crate) shape: Option<Arc<Shape>>,
}

/// Looks at what a request wishes; `None` if leases are not for it. Those that reserve, wait or cost nothing are not, and
/// neither are limits on what is in flight.
pub(crate) fn wish<T>(command: &Command, look: impl FnOnce(Wish<'_>) -> T) -> Option<T> {
    command.with_request(|request| {
        let Request::Quota(Ask { limits, reserve: None, wait: None, is_short: false }) = request else {
            return None;
        };
        let (costs, shape) = match limits {
            Limits::Known { shape, costs } => {
                if shape.limits().iter().any(|limit| matches!(limit.measure, Measure::InFlight(_))) {
                    return None;
                }
                let mut by_unit = Costs::new();
                for (limit, cost) in shape.limits().iter().zip(costs) {
                    let unit = limit.unit.as_bytes();
                    if *cost > 0 && !by_unit.iter().any(|(known, _)| *known == unit) {
                        by_unit.push((unit, *cost));
                    }
                }
                (by_unit, Some(shape))
            }
            Limits::Policy { costs, .. } => {
                let mut by_unit = Costs::new();
                let other = costs.named(REQUESTS).is_none().then_some((REQUESTS, 1));
                for (unit, cost) in costs.iter().chain(other).filter(|(_, cost)| *cost > 0) {
                    by_unit.push((unit, cost));
                }
                (by_unit, None)
            }
        };
        if costs.is_empty() {
            return None;
        }
        let mut identity = Identity::new();
        let mut words = command.words().skip(1);
        push(&mut identity, words.next().unwrap_or_default()); // the key, which may be any word
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"COST") {
                let _ = words.nth(1);
                continue;
            }
            push(&mut identity, word);
            // A name may be a keyword as well.
            let precedes = |keyword: &[u8]| word.eq_ignore_ascii_case(keyword);
            if precedes(b"LIMIT") || precedes(b"POLICY") || precedes(b"UNIT") {
                push(&mut identity, words.next().unwrap_or_default());
            }
        }
        Some(look(Wish { identity, costs, shape: shape.cloned() }))
    })
}

fn push(identity: &mut Identity, word: &[u8]) {
    let length = u32::try_from(word.len()).unwrap_or(u32::MAX); // a word is shorter than a body may be
    identity.extend_from_slice(&length.to_be_bytes());
    identity.extend_from_slice(word);
}

/// The words of an identity, the key first.
pub(crate) fn words(mut identity: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = identity.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (word, rest) = rest.split_at_checked(length)?;
        identity = rest;
        Some(word)
    })
}
