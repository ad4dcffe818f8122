//! Tests that the cache of requests returns what parsing would, whatever was parsed before.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::cache::QuotaCache;
use rl_core::grammar::terms::Wanted;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;

use crate::common::cases;
use crate::key::policy;
use crate::plain::limits;
use crate::words::{any_word, spelled};

/// Versions of a policy. `None` deletes it.
const POLICIES: [Option<&str>; 4] = [
    None,
    Some("LIMIT a 5 60"),
    Some("LIMIT a 5 60 LIMIT b 5 60 UNIT t LIMIT c 5 INFLIGHT"),
    Some("LIMIT b 9 60 UNIT u LIMIT t 5 60 UNIT t WINDOW LIMIT r 5 60"),
];
const NAMES: [&str; 3] = ["p", "q", "COST"];

/// A step: parses words, or changes a policy.
#[derive(Clone, Debug)]
enum Step {
    Read(prop::sample::Index, Vec<Mutation>),
    Set(usize, usize),
}

/// A mutation of one word: replaced, dropped, doubled, moved or changed in case.
type Mutation = (u8, u8, Vec<u8>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mutations = prop::collection::vec((any::<u8>(), any::<u8>(), any_word()), 1..3);
    let mutations = prop_oneof![3 => Just(Vec::new()), 1 => mutations];
    let step = prop_oneof![
        12 => (any::<prop::sample::Index>(), mutations).prop_map(|(pick, change)| Step::Read(pick, change)),
        2 => (0..NAMES.len(), 0..POLICIES.len()).prop_map(|(name, like)| Step::Set(name, like)),
    ];
    prop::collection::vec(step, 1..30)
}

fn mutate(words: &mut Vec<Vec<u8>>, (place, kind, other): &Mutation) {
    let place = 2 + usize::from(*place) % (words.len() - 1);
    match kind % 6 {
        0 => words.insert(place, other.clone()),
        1 if place < words.len() => drop(words.remove(place)),
        2 if place + 1 < words.len() => words.swap(place, place + 1),
        3 => words.truncate(place),
        4 => words.get_mut(place).into_iter().for_each(|word| word.make_ascii_lowercase()),
        _ => words.get_mut(place).into_iter().for_each(|word| word.clone_from(other)),
    }
}

/// Returns the limits that a request asks, and what it asks of them.
fn resolved<'w>(ask: Result<Ask<'w>>, policies: &Policies) -> Result<(Arc<Shape>, Wanted<'w>)> {
    let Ask { limits, reserve, wait, is_short } = ask?;
    let (shape, costs) = match limits {
        Limits::Known { shape, costs } => (shape, costs),
        Limits::Policy { name, costs } => {
            let shape = policies.get(name).ok_or(Fault::NoPolicy)?;
            (Arc::clone(shape), costs.by_limit(shape))
        }
    };
    Ok((shape, Wanted { costs, reserve, wait, is_short }))
}

/// A cache, the policies of its host, and their version.
#[derive(Default)]
struct Reader {
    cache: QuotaCache,
    policies: Policies,
    state: u64,
}

impl Reader {
    fn set(&mut self, name: usize, like: usize) {
        match POLICIES[like] {
            Some(text) => self.policies.set(policy(NAMES[name].as_bytes(), &limits(text))).unwrap(),
            None => drop(self.policies.remove(NAMES[name].as_bytes())),
        }
        self.state += 1;
    }

    /// Parses the words twice through the cache, and once without it.
    fn check(&mut self, words: &[Vec<u8>]) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let (words, policies) = (words.as_slice(), &self.policies);
        let expected = resolved(Ask::read(words), policies);
        for _ in 0..2 {
            let read = self.cache.read(words, self.state, |name| policies.get(name).cloned());
            let read = resolved(read, policies);
            if let (Ok((shape, _)), Ok((same, _))) = (&read, &expected) {
                assert!(Arc::ptr_eq(shape, same), "other limits: {words:?}");
            }
            assert_eq!(read, expected, "{words:?}");
        }
    }
}

fn words(rest: &[&str]) -> Vec<Vec<u8>> {
    ["RL.QUOTA", "key"].iter().chain(rest).map(|word| word.as_bytes().to_vec()).collect()
}

proptest! {
    #![proptest_config(cases(20_000))]

    /// Few different words, so that many requests share a place and have nearly the same words.
    #[test]
    fn a_cache_reads_what_the_grammar_reads(
        pool in prop::collection::vec(spelled(), 1..5), steps in steps(),
    ) {
        let mut reader = Reader::default();
        for step in &steps {
            match step {
                Step::Read(pick, mutations) => {
                    let mut words = words(&pool[pick.index(pool.len())]);
                    mutations.iter().for_each(|mutation| mutate(&mut words, mutation));
                    reader.check(&words);
                }
                Step::Set(name, like) => reader.set(*name, *like),
            }
        }
    }

    /// More different requests than places.
    #[test]
    fn so_it_does_when_it_is_full(order in prop::collection::vec((0..20_u64, 0..20_u64, 0..9_u64), 1..200)) {
        let mut reader = Reader::default();
        for (limit, window, cost) in order {
            let (limit, window, cost) = (format!("{}", limit + 1), format!("{}", window + 1), cost.to_string());
            reader.check(&words(&["LIMIT", "a", &limit, &window, "COST", "requests", &cost]));
            reader.check(&words(&["LIMIT", "a", &limit, &window, "COST", "t", &cost]));
        }
    }
}

/// The cache saves work: a repeated request looks up no policy.
#[test]
fn a_policy_is_looked_up_once_for_each_state_of_the_policies() {
    let mut reader = Reader::default();
    reader.set(0, 2);
    let mut looked_up = 0;
    let words = words(&["POLICY", "p", "COST", "t", "5", "RESERVE", "60", "ID", "x"]);
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    for (state, expected) in [(1, 1), (1, 1), (2, 2), (2, 2), (1, 3)] {
        let policies = &reader.policies;
        let read = reader.cache.read(words.as_slice(), state, |name| {
            looked_up += 1;
            policies.get(name).cloned()
        });
        assert!(read.is_ok());
        assert_eq!(looked_up, expected);
    }
}

/// A policy that does not exist is looked up each time.
#[test]
fn a_policy_that_is_made_later_is_found() {
    let mut reader = Reader::default();
    let words = words(&["POLICY", "q"]);
    reader.check(&words);
    reader.set(1, 1);
    reader.check(&words);
    reader.set(1, 3);
    reader.check(&words);
    reader.set(1, 0);
    reader.check(&words);
}
