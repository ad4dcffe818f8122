//! Tests the forecast for a request behind waiters, against one limit.
//!
//! On the oracle, the waiters are admitted one after another or time out. Then the request must be admitted
//! at exactly the announced instant.

use proptest::prelude::*;
use rl_core::engine::forecast::{self, AHEAD_MAX, Stands};
use rl_core::grammar::limit::Request;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::number::COUNT_MAX;
use rl_core::queue::{Ahead, Claim};
use rl_core::time::{At, Span};

use crate::common::any::{slide_rules, window_rules};
use crate::common::{Key, Step, TODAY, at, begin, cases, span, steps};
use crate::limits::{Oracle, limit_of};
use crate::world::{bucket, slide, window};

/// The longest time that a waiter may wait.
const FOR_LONG: u64 = Span::MAX.ms();

/// A waiter: what it asks for, and how long it will still wait.
#[derive(Clone, Copy)]
struct Waiter {
    request: Request,
    time_left: u64,
}

fn request(rule: Rule, cost: u64) -> Request {
    Request { rule, cost, is_up_to: false, wait: None }
}

fn waiter(rule: Rule, cost: u64) -> Waiter {
    Waiter { request: request(rule, cost), time_left: FOR_LONG }
}

fn told(key: &Key, ahead: &[Waiter], last: &Request, clock: u64) -> Decision {
    let claims: Vec<Claim> = ahead.iter().map(|waiter| Claim::Limit(waiter.request)).collect();
    let ahead = ahead.iter().zip(&claims);
    let ahead =
        ahead.map(|(waiter, claim)| Ahead { claim, time_left: span(waiter.time_left), is_lower: false });
    forecast::limit(key.state(), ahead, last, &Stands::Leaves, at(clock))
}

/// Admits the waiters in order from `clock` on, each as soon as it fits, or lets it time out. Returns when
/// the last one is admitted, or `None` if that is after the end of time.
///
/// The clock moves by at most `stride` ms at once, and only while no request fits.
fn then(oracle: &mut Oracle, all: &[Waiter], clock: u64, stride: u64) -> Option<u64> {
    let (mut now, (last, ahead)) = (clock, all.split_last().unwrap());
    let mut may = |request: &Request, oracle: &Oracle, until: u64| loop {
        if now > until {
            return None;
        }
        match oracle.decide(&request.rule, request.cost, now).retry {
            Retry::Now => return Some(now),
            Retry::After(_) if now == until => return None,
            Retry::After(ms) => now = (now + ms.min(stride)).min(until),
            Retry::Never => panic!("it never waits"),
        }
    };
    for Waiter { request, time_left } in ahead {
        if request.cost <= limit_of(&request.rule)
            && let Some(at) = may(request, oracle, clock.saturating_add(*time_left).min(At::MAX.ms()))
        {
            oracle.charge(&request.rule, request.cost, at);
        }
    }
    may(&last.request, oracle, At::MAX.ms())
}

/// Does the same on the state, as the server would. Returns whether the last waiter is admitted at `then`.
fn is_admitted(key: &Key, all: &[Waiter], clock: u64, then: u64) -> bool {
    let (mut state, (last, ahead)) = (key.state().cloned(), all.split_last().unwrap());
    let ask = |state: &Option<State>, request: &Request, now| match state {
        Some(state) => state.decide(&request.rule, request.cost, at(now)).unwrap(),
        None => State::decide_new(&request.rule, request.cost, at(now)),
    };
    let may_wait = |waiter: &&Waiter| waiter.request.cost <= limit_of(&waiter.request.rule);
    let mut queue = ahead.iter().filter(may_wait).peekable();
    let mut now = clock;
    while let Some(Waiter { request, time_left }) = queue.peek() {
        let decision = ask(&state, request, now);
        let gives_up = clock.saturating_add(*time_left);
        match decision.retry {
            Retry::After(ms) if (now + ms).min(gives_up) > then => return false, // still ahead of the last one
            Retry::After(ms) if now + ms > gives_up => {
                now = now.max(gives_up);
                queue.next();
            }
            Retry::After(ms) => now += ms,
            _ if now > gives_up => {
                queue.next();
            }
            _ => {
                let state = state.get_or_insert_with(|| State::new(&request.rule));
                state.charge(&request.rule, request.cost, decision.at).unwrap();
                queue.next();
            }
        }
    }
    ask(&state, &last.request, then).allowed
}

/// Plays a history. Returns the key and its oracle.
fn played(rules: &[Rule], history: &[Step], begin: u64, stride: u64) -> (Key, Oracle, u64) {
    let (mut key, mut oracle, mut clock) = (Key::default(), Oracle::new(&rules[0]), begin);
    for step in history {
        let rule = rules[usize::from(step.pick) % rules.len()];
        clock = step.clock(clock, stride, true);
        let cost = step.cost(limit_of(&rule));
        if key.request(&rule, cost, clock).allowed && cost > 0 {
            oracle.charge(&rule, cost, clock);
        }
    }
    (key, oracle, clock)
}

/// Makes a request and the waiters ahead of it. Some of them can never be admitted.
fn line(rules: &[Rule], waits: &[(Step, u64)]) -> Vec<Waiter> {
    let of = |(step, time_left): &(Step, u64)| {
        let rule = rules[usize::from(step.pick) % rules.len()];
        Waiter { request: request(rule, step.cost(limit_of(&rule)).max(1)), time_left: *time_left }
    };
    waits.iter().map(of).collect()
}

/// Waiters with long and short waits.
fn waits(most: usize, longest: u64) -> impl Strategy<Value = Vec<(Step, u64)>> {
    let time_left = prop::collection::vec(prop_oneof![3 => Just(FOR_LONG), 2 => 0..longest], most);
    (steps(most), time_left).prop_map(|(steps, time_left)| steps.into_iter().zip(time_left).collect())
}

fn check(key: &Key, mut oracle: Oracle, all: &[Waiter], clock: u64, stride: u64) -> Decision {
    let (Waiter { request: last, .. }, ahead) = all.split_last().unwrap();
    let standing = oracle.decide(&last.rule, 0, clock);
    let told = told(key, ahead, last, clock);
    let expected = if last.cost > limit_of(&last.rule) {
        Retry::Never
    } else if let Some(then) = then(&mut oracle, all, clock, stride) {
        Retry::After((then - clock).clamp(1, COUNT_MAX))
    } else {
        assert!(told.retry > Retry::After(At::MAX.ms() - clock), "announced before the end of time");
        return told;
    };
    let remaining = if ahead.is_empty() { standing.remaining } else { 0 };
    assert_eq!(told, Decision { allowed: false, remaining, retry: expected, ..standing });
    if let Retry::After(ms) = told.retry {
        assert!(is_admitted(key, all, clock, clock + ms), "refused for longer than announced");
        let told_earlier = ms > 1 && is_admitted(key, all, clock, clock + ms - 1);
        assert!(!told_earlier, "announced for later than it must");
    }
    told
}

/// Rules of one algorithm that share one oracle. At most two sliding windows: with three in turn, a key may
/// deny for longer than it must, see "When parameters change" in docs/DESIGN.md.
fn courses() -> impl Strategy<Value = Vec<Rule>> {
    let limits = || prop::collection::vec(1_u64..12, 1..4);
    prop_oneof![
        prop::collection::vec((1_u64..12, 1_u64..40), 1..3)
            .prop_map(|all| all.into_iter().map(|(limit, ms)| slide(limit, ms)).collect()),
        (limits(), 1_u64..40, -50_i64..50)
            .prop_map(|(all, ms, offset)| all.into_iter().map(|limit| window(limit, ms, offset)).collect()),
        (limits(), 1_u64..9, 1_u64..40).prop_map(|(all, refill, ms)| {
            all.into_iter().map(|limit| bucket(limit, refill, ms)).collect()
        }),
    ]
}

/// One rule of any size, also with windows of years and of months.
fn any_course() -> impl Strategy<Value = Vec<Rule>> {
    let buckets = (1_u64..1_000, 1_u64..1_000_000, 1_u64..100_000_000).prop_map(|(c, r, p)| bucket(c, r, p));
    prop_oneof![slide_rules(), window_rules(), buckets].prop_map(|rule| vec![rule])
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Steps millisecond by millisecond.
    #[test]
    fn it_is_admitted_at_the_announced_instant_and_not_before(
        rules in courses(), begin in begin(), history in steps(12), waits in waits(12, 200),
    ) {
        let (key, oracle, clock) = played(&rules, &history, begin, 40);
        check(&key, oracle, &line(&rules, &waits), clock, 1);
    }

    /// Steps from one announced instant to the next.
    #[test]
    fn so_it_is_however_long_that_takes(
        rules in any_course(), history in steps(8), waits in waits(10, 1 << 38),
    ) {
        let stride = rules[0].longest().ms();
        let (key, oracle, clock) = played(&rules, &history, TODAY, stride);
        check(&key, oracle, &line(&rules, &waits), clock, u64::MAX);
    }

    #[test]
    fn so_it_is_on_a_key_that_does_not_exist(rules in courses(), waits in waits(12, 200)) {
        check(&Key::default(), Oracle::new(&rules[0]), &line(&rules, &waits), TODAY, 1);
    }
}

/// Plays a line millisecond by millisecond: it is served first, then the request comes. Returns when that is admitted.
/// Only the first `ahead` waiters hold it up.
fn beside(oracle: &mut Oracle, line: &[Waiter], ahead: usize, last: &Request, clock: u64) -> u64 {
    let may_wait = |(_, waiter): &(usize, &Waiter)| waiter.request.cost <= limit_of(&waiter.request.rule);
    let mut line: Vec<(usize, &Waiter)> = line.iter().enumerate().filter(may_wait).collect();
    for now in clock..clock + 100_000 {
        while let Some((_, Waiter { request, time_left })) = line.first() {
            let fits = oracle.decide(&request.rule, request.cost, now).retry == Retry::Now;
            if fits && now <= clock.saturating_add(*time_left) {
                oracle.charge(&request.rule, request.cost, now);
            } else if now < clock.saturating_add(*time_left) {
                break;
            }
            line.remove(0);
        }
        let is_free = line.first().is_none_or(|(index, _)| *index >= ahead);
        if is_free && oracle.decide(&last.rule, last.cost, now).retry == Retry::Now {
            return now;
        }
    }
    panic!("nobody waits for so long")
}

proptest! {
    #![proptest_config(cases(5_000))]

    /// Waiters of lower lanes are served before the request comes again, if they fit sooner.
    #[test]
    fn waiters_of_lower_lanes_that_fit_sooner_count(
        rules in courses(), history in steps(12), waits in waits(8, 200), lower in 0_usize..8, own in steps(1),
    ) {
        let (key, mut oracle, clock) = played(&rules[..1], &history, TODAY, 40);
        let rules = &rules[..1];
        let line = line(rules, &waits);
        let Some(own) = own.first() else { return Ok(()) };
        let last = request(rules[0], own.cost(limit_of(&rules[0])).clamp(1, limit_of(&rules[0])));
        let decided = oracle.decide(&last.rule, last.cost, clock);
        let ahead = line.len().max(lower) - lower;
        let claims: Vec<Claim> = line.iter().map(|waiter| Claim::Limit(waiter.request)).collect();
        let all = line.iter().zip(&claims).enumerate().map(|(index, (waiter, claim))| Ahead {
            claim, time_left: span(waiter.time_left), is_lower: index >= ahead,
        });
        let told = forecast::limit(key.state(), all, &last, &Stands::Decided(decided), at(clock));
        if ahead == 0 && decided.allowed {
            prop_assert_eq!(told, decided);
        } else {
            let then = beside(&mut oracle, &line, ahead, &last, clock);
            prop_assert_eq!(told.retry, Retry::After((then - clock).max(1)));
        }
    }
}

#[test]
fn with_as_many_ahead_as_are_looked_at() {
    for rule in [slide(3, 1_000), bucket(3, 3, 1_000), window(3, 1_000, 0)] {
        let all = vec![waiter(rule, 2); AHEAD_MAX + 1];
        check(&Key::default(), Oracle::new(&rule), &all, TODAY, u64::MAX);
    }
}

/// After the last instant nothing is promised except that it does no harm.
#[test]
fn the_end_of_time_is_passed_in_peace() {
    for rule in [slide(1, 315_360_000_000), bucket(1, 1, 315_360_000_000), window(1, 315_360_000_000, 0)] {
        let (mut key, clock) = (Key::default(), At::MAX.ms() - 5);
        assert!(key.request(&rule, 1, clock).allowed);
        let told = told(&key, &[waiter(rule, 1); AHEAD_MAX], &request(rule, 1), clock);
        let Retry::After(ms) = told.retry else { panic!("{told:?}") };
        assert!((FOR_LONG..=COUNT_MAX).contains(&ms));
    }
}

#[test]
fn a_waiter_with_another_algorithm_charges_nothing() {
    let (held, other) = (slide(1, 1_000), bucket(1, 1, 60_000));
    let mut key = Key::default();
    assert!(key.request(&held, 1, TODAY).allowed);
    let told = told(&key, &[waiter(other, 1), waiter(held, 1)], &request(held, 1), TODAY);
    assert_eq!((told.retry, told.remaining), (Retry::After(2_000), 0));
}

/// When a large waiter ahead times out, what is left is available at once.
#[test]
fn a_waiter_that_times_out_charges_nothing_afterwards() {
    let rule = slide(10, 60_000);
    let mut key = Key::default();
    assert!(key.request(&rule, 5, TODAY).allowed);
    let large = |time_left| Waiter { request: request(rule, 9), time_left };
    for (time_left, retry) in [(0, 1), (250, 250), (59_999, 59_999), (60_000, 120_000)] {
        let told = told(&key, &[large(time_left)], &request(rule, 5), TODAY);
        assert_eq!(told.retry, Retry::After(retry));
    }
}
