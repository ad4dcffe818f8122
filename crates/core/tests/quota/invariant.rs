//! Tests the promise of every limit, whichever other limits share its key.
//!
//! Take the requests that a limit has admitted with one name, one algorithm and the same numbers. In no
//! window do they exceed the bound. The test assumes nothing about what a key remembers or when it forgets.
//! It looks only at these requests, each with what was used of it in the end, and checks that each fits beside
//! the earlier ones.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::quota::shape::{Limit, Shape};

use crate::changes::{rule_of, shape_of};
use crate::common::any::{slide_rules, window_rules};
use crate::common::{Step, TODAY, begin, cases, rule_limit, span, steps};
use crate::history::{IDS, bucket_rules};
use crate::key::{Ask, Key, costs};
use crate::oracle::decide;

/// An admitted request: its instant, its limits, and what it took or has used.
struct Admitted {
    at: u64,
    shape: Arc<Shape>,
    used: u64,
}

/// Makes requests by one shape after the other, and settles some of them with at most what they took.
fn play(shapes: &[Arc<Shape>], history: &[Step], begin: u64) -> Vec<Admitted> {
    let (mut key, mut clock, mut gone) = (Key::default(), begin, begin);
    let mut admitted = Vec::<Admitted>::new();
    let mut open: Vec<(&[u8], usize)> = Vec::new();
    for step in history {
        let shape = &shapes[usize::from(step.pick) % shapes.len()];
        let limit = &shape.limits()[(step.raw % shape.limits().len() as u64) as usize];
        let rule = rule_of(&limit.measure);
        // A key that has expired cannot know that the clock has stepped back since.
        clock = step.clock(clock, rule.longest().ms(), true).max(gone);
        if key.expire(clock) {
            gone = clock;
        }
        open.retain(|(id, _)| key.is_open(id, clock));
        if step.raw.rotate_left(33) % 4 == 0 && !open.is_empty() {
            let (id, made) = open.swap_remove((step.raw.rotate_left(23) % open.len() as u64) as usize);
            let used = step.raw.rotate_left(41) % (admitted[made].used + 1);
            admitted[made].used = used;
            assert!(key.settle(id, Some(&costs(&[(b"tokens", used)])), clock));
            if key.expire(clock) {
                gone = clock; // the key has expired
            }
            continue;
        }
        let cost = step.cost(rule_limit(rule)).max(1);
        let free = IDS.into_iter().find(|id| step.raw.rotate_left(7) % 2 == 0 && !key.is_open(id, clock));
        let reserve = free.map(|id| (id, rule.longest().ms() * 2));
        let (ask, at) = (Ask { costs: costs(&[(b"tokens", cost)]), reserve }, key.now(clock));
        if key.request(shape, &ask, clock).unwrap().allowed() {
            open.extend(free.map(|id| (id, admitted.len())));
            admitted.push(Admitted { at, shape: Arc::clone(shape), used: cost });
        }
    }
    admitted
}

fn keeps_its_bound(limit: &Limit, admitted: &[Admitted]) {
    let own = admitted.iter().filter(|one| one.shape.limits().contains(limit));
    let mut charges = Vec::new();
    for Admitted { at, used, .. } in own {
        let fits = decide(rule_of(&limit.measure), &charges, *used, *at).allowed;
        assert!(fits, "{used} at {at} is too much beside {charges:?} for {limit:?}");
        charges.push((*at, *used));
    }
}

/// Two to six shapes of two names, with three algorithms and two sets of numbers for each. With a third set,
/// what [`rl_core::limit::counter`] keeps would no longer be exact.
fn courses() -> impl Strategy<Value = Vec<Arc<Shape>>> {
    let rules = || {
        let two = |rules: BoxedStrategy<Rule>| prop::collection::vec(rules, 2);
        (two(slide_rules().boxed()), two(window_rules().boxed()), two(bucket_rules().boxed()))
            .prop_map(|(slides, windows, buckets)| [slides, windows, buckets].concat())
    };
    let pick = || prop::option::weighted(0.8, 0_usize..6);
    (rules(), rules(), prop::collection::vec((pick(), pick()), 2..7)).prop_filter_map(
        "a shape without limits",
        |(ones, others, picks)| {
            let rule = |rules: &[Rule], pick: Option<usize>| pick.map(|at| rules[at]);
            picks.iter().map(|(a, b)| shape_of(&[rule(&ones, *a), rule(&others, *b)])).collect()
        },
    )
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn no_sequence_of_other_limits_lets_one_admit_more_than_its_bound(
        shapes in courses(), begin in begin(), history in steps(50),
    ) {
        let admitted = play(&shapes, &history, begin);
        shapes.iter().flat_map(|shape| shape.limits()).for_each(|limit| keeps_its_bound(limit, &admitted));
    }
}

/// A reservation is settled with the clock ahead, when all has left its window. Then the clock steps back.
#[test]
fn a_clock_that_steps_back_after_a_late_settlement_is_of_a_key_that_is_gone() {
    let slide = |limit, window| Rule::Slide(SlideRule { limit, window: span(window) });
    let shape = |a, b| shape_of(&[a, b]).unwrap();
    let long = || shape(Some(slide(16, 201_952_324_601)), None);
    let short = |window| shape(None, Some(slide(1, window)));
    let window = Rule::Window(WindowRule { limit: 1, length: Length::Span(span(1)), offset: 0 });
    let shapes = [shape(None, Some(window)), long(), short(1), long(), short(1), short(239)];
    let step = |(pick, time, cost, raw)| Step { pick, time, cost, raw };
    let history = [
        (22, 9, 0, 5_324_829_827_647_649_060),
        (19, 0, 3, 2_307_277_513_258_172_416),
        (2, 100, 0, 186_566_621_207_199_744),
        (7, 197, 0, 4_032_288_754_173_771_686),
        (133, 166, 145, 2_156_182_153_421_513_172),
    ];
    let admitted = play(&shapes, &history.map(step), TODAY);
    keeps_its_bound(&long().limits()[0], &admitted);
}
