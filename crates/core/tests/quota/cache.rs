//! Tests that the cache of requests returns what parsing would, whatever was parsed before.

use std::cell::Cell;
use std::sync::Arc;

use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::cache::QuotaCache;
use rl_core::grammar::terms::Wanted;
use rl_core::quota::lends_policies::LendsPolicies;
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

/// The keys of the requests.
const KEYS: [&str; 2] = ["key", "other"];

/// A step: parses words for a key, or changes a policy or an override.
#[derive(Clone, Debug)]
enum Step {
    Read(usize, prop::sample::Index, Vec<Mutation>),
    Set(usize, usize),
    Override(usize, usize, usize),
}

/// A mutation of one word: replaced, dropped, doubled, moved or changed in case.
type Mutation = (u8, u8, Vec<u8>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mutations = prop::collection::vec((any::<u8>(), any::<u8>(), any_word()), 1..3);
    let mutations = prop_oneof![3 => Just(Vec::new()), 1 => mutations];
    let step = prop_oneof![
        12 => (0..KEYS.len(), any::<prop::sample::Index>(), mutations)
            .prop_map(|(key, pick, change)| Step::Read(key, pick, change)),
        2 => (0..NAMES.len(), 0..POLICIES.len()).prop_map(|(name, like)| Step::Set(name, like)),
        2 => (0..NAMES.len(), 0..KEYS.len(), 0..POLICIES.len())
            .prop_map(|(name, key, like)| Step::Override(name, key, like)),
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

/// Returns the limits that a request asks of `key`, and what it asks of them.
fn resolved<'w>(ask: Result<Ask<'w>>, key: &[u8], policies: &Policies) -> Result<(Arc<Shape>, Wanted<'w>)> {
    let Ask { limits, reserve, wait, is_short } = ask?;
    let (shape, costs) = match limits {
        Limits::Known { shape, costs } => (shape, costs),
        Limits::Policy { name, costs } => {
            let shape = policies.in_force(name, key).ok_or(Fault::NoPolicy)?;
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

    fn set_override(&mut self, name: usize, key: usize, like: usize) {
        let (name, key) = (NAMES[name].as_bytes(), KEYS[key].as_bytes());
        let _ = match POLICIES[like] {
            Some(text) => self.policies.set_override(key, policy(name, &limits(text))),
            None => self.policies.remove_override(name, key).map(drop),
        };
        self.state += 1;
    }

    /// Parses the words twice through the cache, and once without it.
    fn check(&mut self, words: &[Vec<u8>]) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let (words, key, policies) = (words.as_slice(), words[1], &self.policies);
        let expected = resolved(Ask::read(words), key, policies);
        for _ in 0..2 {
            let read = self.cache.read(words, self.state, policies);
            let read = resolved(read, key, policies);
            if let (Ok((shape, _)), Ok((same, _))) = (&read, &expected) {
                assert!(Arc::ptr_eq(shape, same), "other limits: {words:?}");
            }
            assert_eq!(read, expected, "{words:?}");
        }
    }
}

fn words(rest: &[&str]) -> Vec<Vec<u8>> {
    words_for("key", rest)
}

fn words_for(key: &str, rest: &[&str]) -> Vec<Vec<u8>> {
    ["RL.QUOTA", key].iter().chain(rest).map(|word| word.as_bytes().to_vec()).collect()
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
                Step::Read(key, pick, mutations) => {
                    let mut words = words_for(KEYS[*key], &pool[pick.index(pool.len())]);
                    mutations.iter().for_each(|mutation| mutate(&mut words, mutation));
                    reader.check(&words);
                }
                Step::Set(name, like) => reader.set(*name, *like),
                Step::Override(name, key, like) => reader.set_override(*name, *key, *like),
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

/// Policies that count how often they are lent.
struct Counted<'a>(&'a Policies, Cell<usize>);

impl LendsPolicies for Counted<'_> {
    fn lend<T: Default>(&self, look: impl FnOnce(&Policies) -> T) -> T {
        self.1.set(self.1.get() + 1);
        look(self.0)
    }
}

/// The cache saves work: a repeated request looks up no policy.
#[test]
fn a_policy_is_looked_up_once_for_each_state_of_the_policies() {
    let mut reader = Reader::default();
    reader.set(0, 2);
    let words = words(&["POLICY", "p", "COST", "t", "5", "RESERVE", "60", "ID", "x"]);
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let host = Counted(&reader.policies, Cell::new(0));
    for (state, expected) in [(1, 1), (1, 1), (2, 2), (2, 2), (1, 3)] {
        assert!(reader.cache.read(words.as_slice(), state, &host).is_ok());
        assert_eq!(host.1.get(), expected);
    }
}

/// Other keys of the policy are still recognised, and the cache keeps what it knows of them.
#[test]
fn a_key_with_limits_of_its_own_is_parsed_and_others_are_recognised() {
    let mut reader = Reader::default();
    reader.set(0, 2);
    reader.set_override(0, 0, 1);
    for (key, is_known) in
        [("other", false), ("other", true), ("key", false), ("other", true), ("key", false)]
    {
        let words = words_for(key, &["POLICY", "p", "COST", "t", "5"]);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let read = reader.cache.read(words.as_slice(), reader.state, &reader.policies).unwrap();
        assert_eq!(matches!(read.limits, Limits::Known { .. }), is_known, "{key}");
    }
    reader.set_override(0, 0, 0); // takes it away
    for (key, is_known) in [("key", false), ("key", true), ("other", true)] {
        let words = words_for(key, &["POLICY", "p", "COST", "t", "5"]);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let read = reader.cache.read(words.as_slice(), reader.state, &reader.policies).unwrap();
        assert_eq!(matches!(read.limits, Limits::Known { .. }), is_known, "{key}");
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
