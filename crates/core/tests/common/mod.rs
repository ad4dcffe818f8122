//! Shared by the tests: histories to play, checks for every answer, and oracles.
//!
//! The oracles are obviously right: they remember everything and use no clever computation.
#![allow(dead_code, reason = "each test crate uses its part of this")]

pub(crate) mod any;
pub(crate) mod bucket;
pub(crate) mod by_algorithm;
pub(crate) mod effect;
pub(crate) mod slide;
pub(crate) mod window;

use proptest::prelude::*;
use rl_core::limit::codec;
use rl_core::limit::decision::{Decision, Expiry, Retry};
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::number::COUNT_MAX;
use rl_core::time::{At, Span};

/// An instant in November 2025, at which most histories begin. It is the start of an hour.
pub(crate) const TODAY: u64 = 1_764_000_000_000;

/// Configures the number of cases of a test. `PROPTEST_CASES` overrides it, and Miri runs only a few.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(if cfg!(miri) { 4 } else { cases });
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn at(ms: u64) -> At {
    At::new(ms).unwrap()
}

pub(crate) fn span(ms: u64) -> Span {
    Span::from_ms(ms)
}

/// One step of a history. Its numbers get their meaning from the limit that it is played on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) pick: u8,
    pub(crate) time: u8,
    pub(crate) cost: u8,
    pub(crate) raw: u64,
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let most = if cfg!(miri) { most.min(12) } else { most };
    let step = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u64>());
    prop::collection::vec(step.prop_map(|(pick, time, cost, raw)| Step { pick, time, cost, raw }), 1..=most)
}

/// The start of a history: mostly today, sometimes so early that the first window reaches back before 1970.
pub(crate) fn begin() -> impl Strategy<Value = u64> {
    prop_oneof![3 => TODAY..TODAY + 100_000, 1 => 0_u64..50]
}

/// Limits that a few steps fill, and some at the largest sum.
pub(crate) fn limits() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1_u64..40, 2 => 1_u64..1_000_000, 2 => Just(COUNT_MAX), 1 => Just(0)]
}

/// Windows and periods. Most are short, because there every millisecond is an edge.
pub(crate) fn spans() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_u64..60, 2 => 1_u64..5_000, 1 => 1_u64..=Span::MAX.ms(), 1 => Just(Span::MAX.ms())]
}

impl Step {
    /// Returns the clock after the step: mostly within a window of `span`, often exactly at its edges.
    pub(crate) fn clock(&self, clock: u64, span: u64, backwards: bool) -> u64 {
        let back = |ms: u64| if backwards { clock.saturating_sub(ms) } else { clock };
        let next = match self.time % 16 {
            0 | 1 => clock,
            2 => clock + span,
            3 => clock + span - 1,
            4 => clock + span + 1,
            5 => clock + self.raw % (span * 2 + 1),
            6 => back(self.raw % (span * 3)),
            7 => back(1),
            8 => clock + 1,
            _ => clock + self.raw % (span / 6 + 2),
        };
        next.min(At::MAX.ms())
    }

    /// Returns the cost under `limit`. It may be nothing, all, or more than the limit.
    pub(crate) fn cost(&self, limit: u64) -> u64 {
        let cost = match self.cost % 16 {
            0 => 0,
            1 => limit,
            2 => limit + 1,
            3 => limit / 2 + 1,
            4 | 5 => self.raw.rotate_left(17) % (limit + 1),
            6..=9 => 1 + self.raw.rotate_left(29) % (limit / 4 + 1),
            _ => 1,
        };
        cost.min(COUNT_MAX)
    }
}

/// A key as in the module: it does not exist until something is admitted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    state: Option<State>,
    /// The expiry that the server has been told so far.
    expires: u64,
    /// How much longer than it must it may live.
    lives_on: u64,
}

impl Key {
    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Returns the instant for which a request at `clock` is decided.
    pub(crate) fn now(&self, clock: u64) -> u64 {
        self.state.as_ref().map_or(clock, |state| state.peek(0, at(clock)).at.ms())
    }

    /// Decides a request and applies the effect if it is admitted. Checks what holds for every decision of
    /// every algorithm.
    pub(crate) fn request(&mut self, rule: &Rule, cost: u64, clock: u64) -> Decision {
        let decision = match &self.state {
            None => {
                let decision = State::decide_new(rule, cost, at(clock));
                honest(&State::new(rule), rule, cost, clock);
                assert_eq!(State::new(rule).decide(rule, cost, at(clock)), Ok(decision));
                decision
            }
            Some(state) => {
                let before = codec::encode(state);
                let decision = state.decide(rule, cost, at(clock)).unwrap();
                honest(state, rule, cost, clock);
                assert_eq!(codec::encode(state), before, "to decide changes nothing");
                decision
            }
        };
        assert!(decision.remaining <= decision.limit);
        assert_eq!(decision.allowed, decision.retry == Retry::Now);
        if decision.allowed && cost > 0 {
            self.apply(&LimitEffect::Admit { rule: *rule, at: decision.at, cost });
            let after = self.state.as_ref().unwrap().peek(0, at(clock));
            assert_eq!(
                (decision.remaining, decision.reset_after_ms),
                (after.remaining, after.reset_after_ms)
            );
            assert_eq!((self.state.as_ref().unwrap().rule(), after.at), (*rule, decision.at));
        }
        decision
    }

    /// Refunds as the module does: nothing happens if nothing is used.
    pub(crate) fn refund(&mut self, cost: u64, clock: u64) {
        if let Some(at) = self.state.as_ref().and_then(|state| state.refundable(at(clock))) {
            self.apply(&LimitEffect::Refund { at, cost });
        }
    }

    /// Restarts from a file of an older build, in which a key does not live on.
    fn reload(&mut self) {
        if let Some(state) = &self.state
            && let Some(empty) = state.empty_at()
        {
            self.expires = empty.ms();
            self.state = codec::decode(&codec::encode(state));
        }
    }

    fn apply(&mut self, effect: &LimitEffect) {
        if self.expires.is_multiple_of(5) {
            self.reload();
        }
        let expiry = match &mut self.state {
            Some(state) => effect.apply(state).unwrap(),
            None => {
                let (state, expiry) = effect.create().unwrap();
                self.state = Some(state);
                expiry
            }
        };
        let state = self.state.as_ref().unwrap();
        if let Expiry::Moved { to: at, .. } = expiry {
            self.expires = at.ms();
            self.lives_on = (state.rule().longest().ms() / 8).clamp(1_000, 60_000);
        }
        match state.empty_at() {
            Some(empty) => {
                let last = empty.ms().saturating_add(self.lives_on - 1).min((1 << 53) - 1);
                assert!((empty.ms()..=last).contains(&self.expires), "{empty:?} {last} {}", self.expires);
            }
            None => assert_eq!(state.used_cost(state.peek(0, At::MIN).at), 0),
        }
        if self.expires <= At::MAX.ms() {
            let (rule, then) = (state.rule(), at(self.expires));
            assert_eq!(
                state.decide(&rule, 1, then),
                Ok(State::decide_new(&rule, 1, then)),
                "expires too early"
            );
        }
    }
}

/// Checks the announced times if only the clock moves. A denied request is admitted after `retry_after` and
/// not 1 ms earlier. All that is used is gone after `reset_after` and not 1 ms earlier.
pub(crate) fn honest(state: &State, rule: &Rule, cost: u64, clock: u64) {
    // After the last instant the clock stands still, and nothing is promised.
    let ask = |cost, ms| At::new(ms).map(|at| state.decide(rule, cost, at).unwrap());
    match ask(cost, clock).unwrap().retry {
        Retry::After(ms) => {
            assert!(ms > 0);
            if let Some(then) = ask(cost, clock + ms) {
                assert!(then.allowed, "refused for longer than announced");
                assert!(!ask(cost, clock + ms - 1).unwrap().allowed, "announced for later than it must");
            }
        }
        Retry::Never => assert!(cost > rule_limit(rule)),
        Retry::Now => assert!(ask(cost, clock).unwrap().allowed),
    }
    let reset = ask(0, clock).unwrap().reset_after_ms;
    if let Some(then) = ask(0, clock + reset) {
        assert_eq!(then.remaining, rule_limit(rule), "still used after reset_after");
        assert_eq!(then.reset_after_ms, 0);
        if reset > 0 && rule_limit(rule) > 0 {
            assert!(
                ask(0, clock + reset - 1).unwrap().remaining < rule_limit(rule),
                "gone before reset_after"
            );
        }
    }
}

pub(crate) fn rule_limit(rule: &Rule) -> u64 {
    rule.quota()
}

/// Checks what holds for any state, however it was made.
pub(crate) fn sound(state: &State) {
    assert!(state.heap_bytes() + size_of::<State>() <= 256 << 10, "{} bytes", state.heap_bytes());
    let bytes = codec::encode(state);
    let again = codec::decode(&bytes).expect("what is written can be read");
    assert!(again == *state);
    assert_eq!(codec::encode(&again), bytes);
    assert!(again.heap_bytes() <= state.heap_bytes().max(bytes.len() + 256));
}
