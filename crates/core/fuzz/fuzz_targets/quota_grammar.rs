//! Parses arbitrary words for every quota command.
//!
//! Each input is parsed or refused and never panics. A parsed request is within its bounds. The cache must
//! recognise words as what they parse to.
#![no_main]

#[path = "../../tests/common/effect.rs"]
#[allow(dead_code, reason = "it is for the tests")]
mod effect;

use std::sync::Arc;

use effect::{decoded_quota, encoded_quota};
use libfuzzer_sys::fuzz_target;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::ask::{self, Ask};
use rl_core::grammar::cache::QuotaCache;
use rl_core::grammar::policy::setting;
use rl_core::grammar::quota::{self as request, Limits};
use rl_core::grammar::terms::{Terms, Wanted};
use rl_core::number::COUNT_MAX;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::effect::{Admission, QuotaEffect as Change};
use rl_core::quota::name::Name;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::{Measure, Shape};
use rl_core::time::{At, Span};

// Words are separated by spaces. A second line is the request of another client to the same key.
fuzz_target!(|input: &[u8]| {
    let lines: Vec<Vec<&[u8]>> = input
        .splitn(2, |byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b' ').collect())
        .collect();
    let first = lines[0].as_slice();
    for words in &lines {
        every_command(words);
    }
    // The first line is a policy's, too, so that the second may name it.
    let named = setting(first).ok().map(|policy| policy.shape);
    let policy =
        |name: &[u8]| named.clone().filter(|shape| shape.policy().is_some_and(|own| own.as_bytes() == name));
    let mut policies = Policies::new();
    named.iter().for_each(|shape| policies.set(Arc::clone(shape)).unwrap());
    let mut cache = QuotaCache::new();
    for words in lines.iter().chain(&lines).map(Vec::as_slice) {
        let (read, expected) = (cache.read(words, 0, &policies), Ask::read(words));
        assert_eq!(resolved(read, policy), resolved(expected, policy));
    }
});

/// Returns the limits that a request names, and what it asks of them.
fn resolved<'w>(
    ask: Result<Ask<'w>>,
    policy: impl Fn(&[u8]) -> Option<Arc<Shape>>,
) -> Result<(Arc<Shape>, Wanted<'w>)> {
    let Ask { limits, reserve, wait, is_short } = ask?;
    let (shape, costs) = match limits {
        ask::Limits::Known { shape, costs } => (shape, costs),
        ask::Limits::Policy { name, costs } => {
            let shape = policy(name).ok_or(Fault::NoPolicy)?;
            let costs = costs.by_limit(&shape);
            (shape, costs)
        }
    };
    Ok((shape, Wanted { costs, reserve, wait, is_short }))
}

/// Returns the shape that the words of `RL.QUOTA` spell out, and the rest of the request.
fn spelled<'a>(words: &'a [&'a [u8]]) -> Result<(Arc<Shape>, Terms<'a>)> {
    let read = request::quota(words)?;
    let Limits::Spelled(drafts) = &read.limits else { return Err(Fault::NoPolicy) };
    Ok((Shape::new(None, drafts)?, read.terms))
}

fn every_command(words: &[&[u8]]) {
    if let Ok(read) = request::quota(words) {
        terms(&read.terms);
        if let Limits::Spelled(drafts) = &read.limits {
            assert!((1..=16).contains(&drafts.len()));
            match Shape::new(None, drafts) {
                Ok(shape) => {
                    assert!(shape.is(drafts));
                    limits(&shape);
                    charged(&shape, &read.terms.costs);
                }
                Err(fault) => {
                    assert!(
                        matches!(fault, Fault::LimitName | Fault::UnitName | Fault::LimitTwice),
                        "{fault:?}"
                    );
                }
            }
        }
    }
    if let Ok(read) = request::many(words) {
        terms(&read.terms);
        assert!((1..=16).contains(&read.policies.len()) && read.keys.len() == read.policies.len());
        assert!(
            read.keys
                .clone()
                .all(|at| !words[..at].iter().skip(read.keys.start).any(|word| *word == words[at]))
        );
    }
    if let Ok((id, used)) = request::settle(words) {
        assert_eq!((request::reservation(words), costs(&used)), (Ok(id), ()));
    }
    if let Ok(id) = request::reservation(words) {
        assert!((1..=128).contains(&id.len()));
    }
    if let Ok((id, ttl)) = request::renew(words) {
        assert!(request::reservation(words) == Ok(id) && (1..=Span::MAX.ms()).contains(&ttl.ms()));
    }
    if let Ok(asked) = request::peek(words) {
        costs(&asked);
    }
    if let Ok(policy) = setting(words) {
        assert_eq!(policy.shape.policy().map(Name::as_bytes), Some(words[2]));
        limits(&policy.shape);
    }
}

fn terms(terms: &Terms<'_>) {
    costs(&terms.costs);
    if let Some(reserve) = terms.reserve {
        assert!((1..=Span::MAX.ms()).contains(&reserve.ttl.ms()));
        assert!(reserve.id.is_none_or(|id| (1..=128).contains(&id.len())));
    }
}

fn costs(costs: &Costs<'_>) {
    assert!(costs.iter().count() <= 16);
    assert!(costs.iter().all(|(unit, cost)| Name::is(unit) && cost <= COUNT_MAX));
}

/// Checks that limits are within their bounds, and the same when read back from their words or bytes.
fn limits(shape: &Arc<Shape>) {
    assert!((1..=16).contains(&shape.limits().len()) && shape.longest() <= Span::MAX);
    for limit in shape.limits() {
        match &limit.measure {
            Measure::Rate(rule) => assert!(rule.longest().ms() > 0),
            Measure::InFlight(most) => assert!((1..=COUNT_MAX).contains(most)),
        }
    }
    let begin = match shape.policy() {
        Some(name) => vec![b"RL.POLICY".to_vec(), b"SET".to_vec(), name.as_bytes().to_vec()],
        None => vec![b"RL.QUOTA".to_vec(), b"key".to_vec()],
    };
    let words = [begin, shape.words()].concat();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let again = match shape.policy() {
        Some(_) => setting(words.as_slice()).map(|policy| policy.shape),
        None => spelled(&words).map(|(shape, _)| shape),
    };
    assert!(Arc::ptr_eq(&again.unwrap(), shape));
    assert!(Arc::ptr_eq(&Shape::from_bytes(shape.bytes()).unwrap(), shape));
}

/// Checks that a parsed request can be decided, and that the effect of an admission survives encoding.
fn charged(shape: &Arc<Shape>, asked: &Costs<'_>) {
    let costs = asked.by_limit(shape);
    for clock in [At::MIN, At::MAX] {
        let verdict = decide::decide(None, shape, &Demand { costs: &costs, ..Demand::NONE }, clock);
        assert!(verdict.rows.iter().all(|row| row.remaining <= row.limit));
        if verdict.allowed() && costs.iter().any(|cost| *cost > 0) {
            let shape = Arc::clone(shape);
            let change = Change::Admit(Admission { shape, at: clock, costs: costs.clone(), reserved: None });
            let bytes = encoded_quota(&change);
            assert!(decoded_quota(&bytes, None).is_ok_and(|read| encoded_quota(&read) == bytes));
        }
    }
}
