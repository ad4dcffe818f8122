//! Merges what two states have counted, so that the merged state denies all that either of them would.
//!
//! A state has a *history*: costs at instants. Its *tail* at an instant is the cost that came later. A sliding
//! window reads the tail at the instant that its window reaches back to, and a fixed window the tail at its
//! beginning. A bucket is missing the largest difference, over all instants, between the tail and what it has
//! gained since. So all of them only grow with the tail. The merged history has at each instant the larger
//! tail of the two: the least history that counts at least what each of the two counts, under any rule.
//!
//! Sliding and fixed windows are merged into the log of a sliding window, and buckets into the bucket that
//! refills most slowly.

use core::cmp::Reverse;

use super::algorithm::{AlgorithmState, COST_MAX};
use super::bucket::BucketRule;
use super::counter::{Before, Counter};
use super::form::{Form, Parts};
use super::meter::{Meter, Usage, amount, converted};
use super::rule::Rule;
use super::slide::log::{Entry, Log};
use super::slide::{Longer, Slide, SlideRule};
use super::state::State;
use crate::time::{At, Span};

/// A merged log with more entries than this is coarsened: it is read each time that a merged limit is asked for.
const ENTRIES_MERGED: u32 = 1_000;

/// Into how many cells it is then divided.
const CELLS: u64 = 500;

/// Returns the rule under which the states of both rules are merged. `None` if they cannot be.
pub(crate) fn merged_rule(one: &Rule, other: &Rule) -> Option<Rule> {
    match (one, other) {
        (Rule::Bucket(one), Rule::Bucket(other)) => Some(slower(*one, *other).into()),
        (Rule::Bucket(_), Rule::Slide(_) | Rule::Window(_))
        | (Rule::Slide(_) | Rule::Window(_), Rule::Bucket(_)) => None,
        (Rule::Slide(_) | Rule::Window(_), Rule::Slide(_) | Rule::Window(_)) => {
            let (limit, window) =
                (one.quota().max(other.quota()), one.longest().max(other.longest()).min(Span::MAX));
            Some(SlideRule { limit, window }.into())
        }
    }
}

/// Merges states under a rule of [`merged_rule`]. `None` if neither counts anything.
pub(crate) fn merged_state(rule: &Rule, one: Option<&State>, other: Option<&State>) -> Option<State> {
    let states = [one, other].into_iter().flatten();
    match rule {
        Rule::Bucket(rule) => states
            .fold(None, |merged: Option<Counter<BucketRule>>, state| {
                let Parts::Bucket(bucket) = state.parts() else { return merged };
                Some(match merged {
                    Some(merged) => merged_bucket(merged, bucket),
                    None => merged_bucket(bucket, Counter::new(*rule)),
                })
            })
            .map(|bucket| State::from(Form::from(bucket))),
        Rule::Slide(SlideRule { limit, window }) => {
            let merged = states.map(History::of).reduce(|one, other| one.merged(&other))?;
            let rule = SlideRule { limit: *limit, window: merged.span.max(*window).min(Span::MAX) };
            let mut slide = Slide { at: merged.at, log: merged.log(), ..Slide::new(rule) };
            if slide.log.entries() > ENTRIES_MERGED {
                let cell = Span::from_ms(rule.window.ms().div_euclid(CELLS).saturating_add(1));
                slide.log.coarsen(None, cell, cell);
            }
            Some(Form::from(slide).into())
        }
        Rule::Window(_) => None, // no states are merged under one
    }
}

impl State {
    /// Raises what it counts to at least what a merged state does.
    pub(crate) fn raise(&mut self, merged: &Self) {
        let history = History::of(merged);
        let form: Form = match self.parts() {
            Parts::Slide(slide) => raised_slide(slide.into_owned(), &history).into(),
            Parts::Window(window) => raised(window, |rule| history.usage(rule)).into(),
            Parts::Bucket(bucket) => match merged.parts() {
                Parts::Bucket(merged) => {
                    raised(bucket, |rule| converted(&merged.rule, merged.usage, rule)).into()
                }
                Parts::Slide(_) | Parts::Window(_) => raised(bucket, |rule| history.usage(rule)).into(),
            },
        };
        *self = form.into();
    }
}

/// What a state has counted: costs at instants, in order.
struct History {
    entries: Vec<Entry>,
    /// How long an entry counts at most.
    span: Span,
    /// The instant of the last change.
    at: At,
}

impl History {
    fn of(state: &State) -> Self {
        match state.parts() {
            Parts::Slide(slide) => {
                Self { entries: slide.log.iter().collect(), span: slide.retained(), at: slide.at }
            }
            Parts::Window(window) => Self::of_counter(&window),
            Parts::Bucket(bucket) => Self::of_counter(&bucket),
        }
    }

    /// A counter knows one instant, that of the last change. All that it has counted came by then.
    fn of_counter<M: Meter>(counter: &Counter<M>) -> Self {
        let cost = |rule: &M, usage: Usage| {
            u64::try_from(usage.amount.div_ceil(u128::from(rule.unit()))).unwrap_or(u64::MAX).min(COST_MAX)
        };
        let (rule, usage) = (&counter.rule, counter.usage);
        let before = counter.before.map(|before| (cost(&before.rule, before.usage), before.rule.longest()));
        let (other, span) = before.unwrap_or_default();
        let cost = cost(rule, usage).max(other);
        let entry = (cost > 0).then_some(Entry { at: usage.at, cost });
        Self { entries: entry.into_iter().collect(), span: span.max(rule.longest()), at: usage.at }
    }

    /// Returns the history that has at each instant the larger tail.
    fn merged(self, other: &Self) -> Self {
        let (mut one, mut two) =
            (self.entries.iter().rev().peekable(), other.entries.iter().rev().peekable());
        let (mut tails, mut tail) = ((0_u64, 0_u64), 0_u64);
        let mut entries = Vec::with_capacity(self.entries.len().max(other.entries.len()));
        while let Some(at) = one.peek().map(|entry| entry.at).max(two.peek().map(|entry| entry.at)) {
            if let Some(entry) = one.next_if(|entry| entry.at == at) {
                tails.0 = tails.0.saturating_add(entry.cost);
            }
            if let Some(entry) = two.next_if(|entry| entry.at == at) {
                tails.1 = tails.1.saturating_add(entry.cost);
            }
            let cost = tails.0.max(tails.1).saturating_sub(tail);
            if cost > 0 {
                entries.push(Entry { at, cost });
            }
            tail = tail.saturating_add(cost);
        }
        entries.reverse();
        Self { entries, span: self.span.max(other.span), at: self.at.max(other.at) }
    }

    fn log(&self) -> Log {
        let mut log = Log::default();
        self.entries.iter().for_each(|entry| log.push(entry.at, entry.cost));
        log
    }

    /// Returns what is used under `rule` after it.
    fn usage<M: Meter>(&self, rule: &M) -> Usage {
        let mut counter = Counter::new(*rule);
        for entry in &self.entries {
            counter.charge(rule, entry.cost, entry.at);
        }
        counter.usage
    }
}

fn raised_slide(slide: Slide, by: &History) -> Slide {
    let (rule, longer, at) = (slide.rule, slide.longer.clone(), slide.at.max(by.at));
    let span = by.span.min(Span::MAX);
    let longer = if span > slide.retained() {
        Some(Box::new(Longer { window: span, until: at.plus(span) }))
    } else {
        longer
    };
    let own = History { entries: slide.log.iter().collect(), span: slide.retained(), at };
    let mut raised = Slide { rule, longer, at, log: own.merged(by).log() };
    raised.bound();
    raised
}

/// Raises the usage under each of its rules to at least that of `floor`.
fn raised<M: Meter>(counter: Counter<M>, floor: impl Fn(&M) -> Usage) -> Counter<M> {
    let at = counter.usage.at.max(floor(&counter.rule).at);
    let raise = |rule: &M, usage: Usage| {
        let now = rule.moment(at);
        let raised = rule.aged(usage, now).max(rule.aged(floor(rule), now));
        Usage { at, amount: raised.min(amount(rule, COST_MAX)) }
    };
    let usage = raise(&counter.rule, counter.usage);
    let before = counter.before.map(|before| Before { usage: raise(&before.rule, before.usage), ..before });
    Counter { usage, before, ..counter }
}

/// Merges two buckets, of which each may be counted under two rules.
fn merged_bucket(one: Counter<BucketRule>, other: Counter<BucketRule>) -> Counter<BucketRule> {
    let rules = |counter: &Counter<BucketRule>| {
        [Some((counter.rule, counter.usage)), counter.before.map(|before| (before.rule, before.usage))]
    };
    let all = [rules(&one), rules(&other)].into_iter().flatten().flatten();
    let (rule, at) = all
        .clone()
        .fold((one.rule, At::MIN), |(slowest, at), (rule, usage)| (slower(slowest, rule), at.max(usage.at)));
    let missing = |(from, usage): (BucketRule, Usage)| {
        let usage = Usage { at, amount: from.aged(usage, at) };
        converted(&from, usage, &rule).amount
    };
    let most = all.map(missing).max().unwrap_or(0).min(amount(&rule, COST_MAX));
    Counter { usage: Usage { at, amount: most }, ..Counter::new(rule) }
}

/// Returns the rule of the bucket that refills more slowly.
fn slower(one: BucketRule, other: BucketRule) -> BucketRule {
    let speed = |rule: &BucketRule, of: &BucketRule| {
        u128::from(rule.refill().mantissa).saturating_mul(u128::from(of.unit()))
    };
    let order =
        (speed(&one, &other), Reverse(one.capacity())).cmp(&(speed(&other, &one), Reverse(other.capacity())));
    if order.is_le() { one } else { other }
}
