//! A key remembers the parameters of its latest admission. A denied request leaves no trace, not even its parameters.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod common;

use common::any::rules;
use common::{Key, TODAY, at, cases, rule_limit, steps};
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn a_peek_answers_by_the_parameters_of_the_latest_admission(rules in rules(), history in steps(40)) {
        let (mut key, mut clock, mut latest) = (Key::default(), TODAY, None);
        for step in &history {
            let rule = &rules[usize::from(step.pick) % rules.len()];
            clock = step.clock(clock, rule.longest().ms(), true);
            let cost = step.cost(rule_limit(rule));
            if key.request(rule, cost, clock).allowed && cost > 0 {
                latest = Some(*rule);
            }
            let peeked = key.state().map(|state| (state.rule(), state.peek(1, at(clock)).limit));
            prop_assert_eq!(peeked, latest.map(|rule| (rule, rule_limit(&rule))));
        }
    }
}
