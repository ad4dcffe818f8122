//! Tests a memory without room for another key: all keys of a request change, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rl_core::engine::run::run;
use rl_core::engine::{Standing, Turn};
use rl_core::grammar::policy::setting;
use rl_core::grammar::quota;
use rl_core::grammar::request::{Command, Request};
use rl_core::memory::{Error, Memory, Now, Room};
use rl_core::queue::Lane;
use rl_core::quota::policies::Policies;
use rl_core::value::Value;

use crate::common::{TODAY, at, cases};

const NEWCOMER: Standing = Standing::Newcomer(Lane::Normal);

fn words(text: &str) -> Vec<&[u8]> {
    text.split(' ').map(str::as_bytes).collect()
}

/// A memory with room for some keys, and a policy of ten requests a second.
struct Small {
    memory: Memory<()>,
    room: Arc<Room>,
    clock: u64,
}

impl Small {
    fn new(most: usize) -> Self {
        let mut policies = Policies::new();
        let limits = words("RL.POLICY SET p LIMIT a 10 1 LIMIT b 10 1 UNIT t");
        policies.set_entry(&setting(limits.as_slice()).unwrap()).unwrap();
        let room = Arc::new(Room::new(most));
        let memory = Memory::new(Arc::clone(&room), Arc::new(policies), || Some([b'x'; 32]));
        Self { memory, room, clock: TODAY }
    }

    /// Makes a request to each of these keys. Returns whether it is admitted.
    fn ask(&mut self, keys: &[&str], terms: &str) -> Result<bool, Error> {
        let text =
            format!("RL.MQUOTA {} {} POLICY{}{terms}", keys.len(), keys.join(" "), " p".repeat(keys.len()));
        let words = words(&text);
        let request = Request::read(Command::ManyQuotas, words.as_slice()).unwrap();
        let names = &words[quota::keys(words.as_slice()).unwrap()];
        let now = Now { wall: at(self.clock), steady: at(self.clock) };
        match run(&mut self.memory.at(now), names, &request, NEWCOMER)? {
            Turn::Answer { admitted, .. } => Ok(admitted),
            Turn::Wait { .. } => panic!("it does not wait"),
        }
    }

    /// Returns all values as bytes.
    fn held(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let keys = self.memory.keys.iter(at(self.clock));
        keys.map(|(key, value, _): (&[u8], &Value, _)| (key.to_vec(), value.encode())).collect()
    }
}

#[test]
fn a_request_for_which_there_is_too_little_room_changes_no_key() {
    let mut small = Small::new(1);
    assert_eq!(small.ask(&["k", "l"], ""), Err(Error::Full));
    assert_eq!((small.held().len(), small.room.taken()), (0, 0), "not even the first");
    assert_eq!(small.ask(&["k"], ""), Ok(true));
    let before = small.held();
    assert_eq!(small.ask(&["k", "l"], " RESERVE 60"), Err(Error::Full));
    assert_eq!((small.held(), small.room.taken()), (before, 1));
}

#[test]
fn it_is_admitted_where_there_is_room_for_each_key_that_is_new() {
    let mut small = Small::new(2);
    assert_eq!(small.ask(&["k"], ""), Ok(true));
    assert_eq!(small.ask(&["k", "l"], ""), Ok(true));
    assert_eq!((small.held().len(), small.room.taken()), (2, 2));
    assert_eq!(small.ask(&["l", "k"], ""), Ok(true));
    assert_eq!(small.ask(&["l", "m"], ""), Err(Error::Full));
    assert_eq!(small.ask(&["l", "m"], " COST requests 0"), Ok(true), "it makes no key");
    small.clock += 10_000;
    assert_eq!(small.ask(&["m", "n"], ""), Ok(true), "the others have expired");
    assert_eq!((small.held().len(), small.room.taken()), (2, 2));
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Stored keys count towards the room, whether or not they have been swept.
    #[test]
    fn a_full_memory_answers_an_error_and_changes_nothing(
        most in 0_usize..5,
        steps in prop::collection::vec((1_u8..16, 0_u8..4, prop_oneof![3 => 0_u64..400, 1 => 0_u64..3_000]), 1..40),
    ) {
        let mut small = Small::new(most);
        for (chosen, kind, passes) in steps {
            small.clock += passes;
            let keys: Vec<&str> =
                ["k", "l", "m", "n"].into_iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).map(|(_, key)| key).collect();
            let before = small.held();
            let terms = ["", " COST requests 0", " COST requests 0 RESERVE 1", " COST t 4"][usize::from(kind)];
            let new = keys.iter().filter(|key| kind != 1 && !before.contains_key(key.as_bytes())).count();
            let answer = small.ask(&keys, terms);
            // A denied request needs no room.
            if answer != Ok(false) {
                let expected = if before.len() + new > most && new > 0 { Err(Error::Full) } else { Ok(true) };
                prop_assert_eq!(answer, expected);
            }
            let after = small.held();
            if answer != Ok(true) {
                prop_assert_eq!(&after, &before);
            } else if kind != 1 {
                prop_assert!(keys.iter().all(|key| after.get(key.as_bytes()) != before.get(key.as_bytes())));
            }
            prop_assert!(small.room.taken() >= after.len() && small.room.taken() <= most);
            small.memory.keys.sweep(at(small.clock), if passes % 2 == 0 { usize::MAX } else { 1 }, |_| ());
            if passes % 2 == 0 {
                prop_assert_eq!(small.room.taken(), after.len(), "no room is taken that no key has");
            }
        }
    }
}
