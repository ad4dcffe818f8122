//! Tests a key that only lives on: it holds nothing any more, and answers requests of another algorithm as a new key does.

use rl_core::engine::{Standing, Turn};
use rl_core::grammar::request::{Command, Request};
use rl_core::limit::Kind;
use rl_core::memory::Now;
use rl_core::queue::Lane;
use rl_core::quota::policies::Policies;

use crate::common::{TODAY, at};
use crate::node::Node;

const ASKED: [(Command, &str); 4] = [
    (Command::Limit(Kind::Slide), "RL.SLIDE k 3 8"),
    (Command::Limit(Kind::Window), "RL.WINDOW k 3 8"),
    (Command::Limit(Kind::Bucket), "RL.BUCKET k 3 3 8"),
    (Command::Quota, "RL.QUOTA k LIMIT a 3 8"),
];

fn ask(node: &mut Node<()>, (command, text): (Command, &str), ms: u64) -> Result<String, String> {
    let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
    let request = Request::read(command, words.as_slice()).unwrap();
    let now = Now { wall: at(ms), steady: at(ms) };
    match node.run(&[b"k"], &request, Standing::Newcomer(Lane::Normal), now) {
        Ok(Turn::Answer { reply, .. }) => Ok(format!("{reply:?}")),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_key_that_only_lives_on_answers_requests_of_any_algorithm_as_a_new_key() {
    for first in ASKED {
        for then in ASKED {
            let mut node = Node::new(Policies::new());
            ask(&mut node, first, TODAY + 7_999).unwrap();
            let is_same = first.1 == then.1;
            // Each window ends by then, or a ms earlier.
            let ends =
                if matches!(first.0, Command::Limit(Kind::Window)) { TODAY + 8_000 } else { TODAY + 15_999 };
            let early = ask(
                &mut node,
                then,
                ends - 1 - u64::from(matches!(first.0, Command::Limit(Kind::Bucket))) * 13_000,
            );
            assert_eq!(early.is_ok(), is_same, "{} then {}: {early:?}", first.1, then.1);
            if !is_same {
                let over = ask(&mut node, then, ends);
                assert!(node.expires(b"k") > Some(at(ends)));
                assert_eq!(
                    over,
                    ask(&mut Node::new(Policies::new()), then, ends),
                    "{} then {}",
                    first.1,
                    then.1
                );
            }
        }
    }
}
