//! What a history is played on: two keys of one limit each, three keys of quotas, three policies.
//!
//! Numbers are small: a few requests fill a limit, and it has aged within some tens of milliseconds.

use std::sync::Arc;

use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::Decimal;
use rl_core::quota::name::Name;
use rl_core::quota::shape::{Draft, Measure, REQUESTS, Shape};

use super::dice::Dice;
use crate::common::by_algorithm::with_limit;
use crate::common::span;

pub(crate) const KEYS: [&[u8]; 5] = [b"k0", b"k1", b"", b"k3\0\r\n", b"k4"];
/// The first keys have one limit, the others quotas.
pub(crate) const LIMIT_KEYS: usize = 2;
pub(crate) const POLICIES: [&[u8]; 3] = [b"p0", b"p1", b"p2"];
pub(crate) const UNITS: [&[u8]; 3] = [REQUESTS, b"t", b"u"];
/// The names of the limits of each family. Limits of one name count alike, however much they admit.
const FAMILIES: [[&[u8]; 3]; 2] = [[b"a", b"b", b"c"], [b"d", b"e", b"f"]];

pub(crate) struct Setup {
    /// The rules that each key of one limit is asked by. Only how much they admit differs.
    pub(crate) rules: Vec<Vec<Rule>>,
    /// The limits of each family, in several variants.
    pub(crate) shapes: Vec<Vec<Arc<Shape>>>,
}

impl Setup {
    pub(crate) fn new(dice: &mut Dice<'_>) -> Self {
        let rules = (0..LIMIT_KEYS).map(|_| {
            let first = rule(dice);
            (0..3).map(|_| with_limit(&first, 1 + dice.roll(6))).collect()
        });
        let rules = rules.collect();
        let shapes = FAMILIES.iter().map(|names| {
            let limits: Vec<(&[u8], Measure)> = names.iter().map(|_| measure(dice)).collect();
            (0..3).map(|_| variant(names, &limits, dice)).collect()
        });
        Self { rules, shapes: shapes.collect() }
    }

    /// A variant of a family as the limits of a policy.
    pub(crate) fn policy(&self, policy: usize, variant: usize) -> Arc<Shape> {
        let limits = self.shapes[Self::family(policy)][variant].limits().iter();
        let draft =
            |limit: &'_ rl_core::quota::shape::Limit| (limit.name.clone(), limit.unit.clone(), limit.measure);
        let limits: Vec<_> = limits.map(draft).collect();
        let drafts: Vec<Draft<'_>> = limits
            .iter()
            .map(|(name, unit, measure)| Draft {
                name: name.as_bytes(),
                unit: unit.as_bytes(),
                measure: *measure,
                is_shadow: false,
            })
            .collect();
        Shape::new(Name::new(POLICIES[policy]).as_ref(), &drafts).unwrap()
    }

    /// The family that a policy is of.
    pub(crate) const fn family(policy: usize) -> usize {
        policy % FAMILIES.len()
    }
}

fn rule(dice: &mut Dice<'_>) -> Rule {
    let limit = 1 + dice.roll(6);
    let ms = span(1 + dice.roll(60));
    match dice.roll(3) {
        0 => Rule::Slide(SlideRule { limit, window: ms }),
        1 => {
            let offset = dice.roll(19).cast_signed() - 9;
            Rule::Window(WindowRule { limit, length: Length::Span(ms), offset })
        }
        _ => {
            let refill = Decimal { mantissa: 1 + dice.roll(4), scale: 0 };
            Rule::Bucket(BucketRule::new(limit, refill, ms).unwrap())
        }
    }
}

/// A unit, and how it is counted.
fn measure(dice: &mut Dice<'_>) -> (&'static [u8], Measure) {
    if dice.one_in(5) {
        return (REQUESTS, Measure::InFlight(1 + dice.roll(3)));
    }
    (*dice.pick(&UNITS), Measure::Rate(rule(dice)))
}

/// Some of the limits of a family, in any order, which admit more or less.
fn variant(names: &[&[u8]], limits: &[(&[u8], Measure)], dice: &mut Dice<'_>) -> Arc<Shape> {
    let chosen = 1 + dice.roll(7);
    let mut drafts = Vec::new();
    for (at, (name, (unit, measure))) in names.iter().zip(limits).enumerate() {
        let limit = 1 + dice.roll(6);
        let measure = match measure {
            Measure::Rate(rule) => Measure::Rate(with_limit(rule, limit)),
            Measure::InFlight(_) => Measure::InFlight(limit.div_ceil(2)),
        };
        if chosen >> at & 1 == 1 {
            drafts.push(Draft { name, unit, measure, is_shadow: false });
        }
    }
    let first = dice.roll(drafts.len() as u64) as usize;
    drafts.rotate_left(first);
    Shape::new(None, &drafts).unwrap()
}
