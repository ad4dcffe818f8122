//! Overrides against a naive map: what is in force for each policy and key, and in which order all is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rl_core::fault::Fault;
use rl_core::grammar::policy::{Shown, overrides, overriding, shown};
use rl_core::quota::flow_weights::FlowWeights;
use rl_core::quota::policies::{OVERRIDES_MAX, Policies};
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

use crate::common::cases;
use crate::key::policy;
use crate::plain::limits;

const NAMES: [&[u8]; 3] = [b"p", b"q", b"r"];
const KEYS: [&[u8]; 4] = [b"", b"a", b"a\0\xff", b"user:42"];
const LIMITS: [&str; 3] = ["LIMIT a 5 60", "LIMIT a 6 60 LIMIT b 5 INFLIGHT", "LIMIT b 7 60 UNIT t"];
/// The weights that a policy gives to flows, beside each of [`LIMITS`].
const FLOWS: [&[(&[u8], u16)]; 3] = [&[], &[(b"\xff", 1_000), (b"free", 1)], &[(b"free", 2)]];

/// Sets or removes a policy (without a key) or an override.
type Step = (usize, Option<usize>, Option<usize>);

fn step() -> impl Strategy<Value = Step> {
    let key = prop::option::weighted(0.7, 0..KEYS.len());
    (0..NAMES.len(), key, prop::option::weighted(0.7, 0..LIMITS.len()))
}

fn shape(name: &[u8], like: usize) -> Arc<Shape> {
    policy(name, &limits(LIMITS[like]))
}

fn entry((name, key, like): &Step) -> Option<PolicyEntry> {
    let (key, like) = (key.map(|key| KEYS[key].into()), (*like)?);
    let flows = if key.is_none() { flows(like) } else { FlowWeights::new() };
    Some(PolicyEntry { key, shape: shape(NAMES[*name], like), flows })
}

fn flows(like: usize) -> FlowWeights {
    let mut flows = FlowWeights::new();
    FLOWS[like].iter().for_each(|(id, weight)| flows.add(id, *weight).unwrap());
    flows
}

/// What was set under each policy, and for each key under each policy.
#[derive(Clone, Default)]
struct Naive(BTreeMap<(usize, Option<usize>), usize>);

impl Naive {
    fn apply(&mut self, (name, key, like): &Step) -> Result<(), Fault> {
        let is_there = self.0.contains_key(&(*name, None));
        match (key, like) {
            (Some(_), _) if !is_there => return Err(Fault::NoPolicy),
            (_, Some(like)) => drop(self.0.insert((*name, *key), *like)),
            (Some(_), None) => drop(self.0.remove(&(*name, *key))),
            (None, None) => self.0.retain(|(other, _), _| other != name),
        }
        Ok(())
    }

    fn check(&self, policies: &Policies) {
        for (name, text) in NAMES.iter().enumerate() {
            let own = self.0.get(&(name, None)).map(|like| shape(text, *like));
            assert_eq!(policies.get(text), own.as_ref());
            let weights = self.0.get(&(name, None)).map(|like| flows(*like));
            assert_eq!(policies.flows(text), weights.as_ref());
            let keys = || (0..KEYS.len()).filter(|key| self.0.contains_key(&(name, Some(*key))));
            for (key, bytes) in KEYS.iter().enumerate() {
                let like = self.0.get(&(name, Some(key)));
                let overridden = like.map(|like| shape(text, *like));
                assert_eq!(policies.get_override(text, bytes), overridden.as_ref());
                assert_eq!(policies.in_force(text, bytes), overridden.as_ref().or(own.as_ref()));
            }
            assert_eq!(policies.has_overrides(text), keys().next().is_some());
            let listed = policies.overrides(text).map(|list| list.map(|(key, _)| key).collect::<Vec<_>>());
            assert_eq!(
                listed,
                own.map(|_| keys().map(|key| KEYS[key]).collect()),
                "names and keys are sorted"
            );
        }
        let overrides = self.0.keys().filter(|(_, key)| key.is_some()).count();
        assert_eq!((policies.len(), policies.overrides_len()), (self.0.len() - overrides, overrides));
        assert_eq!(policies.overrides_bytes() > 0, overrides > 0);
        assert!(Policies::decode(&policies.encode()).as_ref() == Some(policies));
        // The entries, in their order, make the same policies: so an AOF is written.
        let mut again = Policies::new();
        let entries = policies.entries().inspect(|entry| assert!(policies.has(entry)));
        again.set_all(&entries.collect::<Vec<_>>()).unwrap();
        assert!(again == *policies);
    }
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn policies_and_overrides_are_those_of_a_naive_map(steps in prop::collection::vec(step(), 1..40)) {
        let (mut policies, mut naive) = (Policies::new(), Naive::default());
        for step in &steps {
            let done = match (entry(step), step.1) {
                (Some(entry), _) => policies.set_entry(&entry),
                (None, Some(key)) => policies.remove_override(NAMES[step.0], KEYS[key]).map(drop),
                (None, None) => {
                    policies.remove(NAMES[step.0]);
                    Ok(())
                }
            };
            prop_assert_eq!(done, naive.apply(step));
            naive.check(&policies);
        }
    }

    /// Entries that are set together are all set or none.
    #[test]
    fn a_list_of_entries_is_set_as_a_whole(
        before in prop::collection::vec(step(), 0..10), list in prop::collection::vec(step(), 1..10),
    ) {
        let (mut policies, mut naive) = (Policies::new(), Naive::default());
        for step in before.iter().filter(|step| step.2.is_some()) {
            let _ = policies.set_entry(&entry(step).unwrap());
            let _ = naive.apply(step);
        }
        let list: Vec<Step> = list.into_iter().filter(|step| step.2.is_some()).collect();
        let mut after = naive.clone();
        let expected = list.iter().try_for_each(|step| after.apply(step));
        let entries: Vec<PolicyEntry> = list.iter().filter_map(entry).collect();
        prop_assert_eq!(policies.set_all(&entries), expected);
        if expected.is_ok() { after } else { naive }.check(&policies);
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded(
        steps in prop::collection::vec(step(), 1..12), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut policies = Policies::new();
        steps.iter().filter_map(entry).for_each(|entry| {
            let _ = policies.set_entry(&entry);
        });
        let mut bytes = policies.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(read) = Policies::decode(&bytes) {
            prop_assert_eq!(read.encode(), &bytes[..]);
        }
        bytes.truncate(at);
        if let Some(read) = Policies::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }
}

#[test]
fn a_server_keeps_so_many_overrides_and_no_more() {
    if cfg!(miri) {
        return;
    }
    let mut policies = Policies::new();
    let own = shape(b"p", 1);
    for name in [&b"p"[..], b"q"] {
        policies.set(shape(name, 0)).unwrap();
    }
    for number in 0..OVERRIDES_MAX {
        policies.set_override(number.to_string().as_bytes(), Arc::clone(&own)).unwrap();
    }
    let under_q = PolicyEntry { key: Some(b"x".as_slice().into()), ..shape(b"q", 1).into() };
    for _ in 0..2 {
        assert_eq!(policies.set_entry(&under_q), Err(Fault::Overrides));
        assert_eq!(policies.set_all(&[shape(b"r", 0).into(), under_q.clone()]), Err(Fault::Overrides));
        assert_eq!((policies.len(), policies.overrides_len()), (2, OVERRIDES_MAX));
    }
    assert!(Policies::decode(&policies.encode()).as_ref() == Some(&policies));
    policies.set_override(b"7", shape(b"p", 2)).unwrap(); // in place of one
    assert_eq!(policies.remove_override(b"p", b"7"), Ok(true));
    policies.set_entry(&under_q).unwrap();
    assert_eq!(policies.remove(b"p").as_deref(), Some(&*shape(b"p", 0)));
    assert_eq!(policies.overrides_len(), 1);
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(str::as_bytes).collect()
}

#[test]
fn an_override_is_read_or_refused() {
    let read =
        |line: &'static str| overriding(words(line).as_slice()).map(|read| (read.key.to_vec(), read.limits));
    let own = Some(shape(b"p", 0));
    assert_eq!(read("RL.POLICY OVERRIDE p k LIMIT a 5 60"), Ok((b"k".to_vec(), own)));
    for line in ["RL.POLICY OVERRIDE p k NONE", "RL.POLICY override p k none"] {
        assert_eq!(read(line), Ok((b"k".to_vec(), None)), "{line}");
    }
    for (line, fault) in [
        ("RL.POLICY OVERRIDE p! k NONE", Fault::PolicyName),
        ("RL.POLICY OVERRIDE p k", Fault::OverrideSyntax),
        ("RL.POLICY OVERRIDE p k NO", Fault::OverrideSyntax),
        ("RL.POLICY OVERRIDE p k NONE NONE", Fault::OverrideSyntax),
        ("RL.POLICY OVERRIDE p k LIMIT a 5", Fault::OverrideSyntax),
        ("RL.POLICY OVERRIDE p k LIMIT a 5 60 NONE", Fault::OverrideSyntax),
        ("RL.POLICY OVERRIDE p k LIMIT a -1 60", Fault::Limit),
        ("RL.POLICY OVERRIDE p k LIMIT a! 1 60", Fault::LimitName),
        ("RL.POLICY OVERRIDE p k LIMIT a 1 60 LIMIT a 1 60", Fault::LimitTwice),
    ] {
        assert_eq!(read(line), Err(fault), "{line}");
    }
}

#[test]
fn what_is_asked_of_overrides_is_read_or_refused() {
    let read = |line: &'static str| match overrides(words(line).as_slice()) {
        Ok(Some((key, shown))) => Ok(Some((key.to_vec(), shown))),
        Ok(None) => Ok(None),
        Err(fault) => Err(fault),
    };
    let key = |shown| Ok(Some((b"k".to_vec(), shown)));
    assert_eq!(read("RL.POLICY OVERRIDES p"), Ok(None));
    assert_eq!(read("RL.POLICY OVERRIDES p key k"), key(Shown::Parameters));
    assert_eq!(read("RL.POLICY OVERRIDES p KEY k as command"), key(Shown::Command));
    for rest in [
        "k",
        "KEY",
        "AS",
        "AS COMMAND",
        "KEY k x",
        "KEY k AS",
        "KEY k AS JSON",
        "KEY k AS COMMAND x",
        "KEYS k",
    ] {
        let line = format!("RL.POLICY OVERRIDES p {rest}");
        assert_eq!(overrides(words(&line).as_slice()), Err(Fault::OverridesSyntax), "{line}");
    }
    assert_eq!(shown(words("RL.POLICY GET p AS COMMAND").as_slice()), Ok(Shown::Command));
    assert_eq!(shown(words("RL.POLICY GET p flows").as_slice()), Ok(Shown::Flows));
    for rest in ["KEY k", "AS", "AS COMMAND x", "FLOWS x", "AS FLOWS"] {
        let line = format!("RL.POLICY GET p {rest}");
        assert_eq!(shown(words(&line).as_slice()), Err(Fault::PolicyGetSyntax), "{line}");
    }
}
