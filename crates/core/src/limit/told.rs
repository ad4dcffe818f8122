//! A state that was told something from outside, and the state of a key that was told something before its first
//! request.

use super::algorithm::AlgorithmState as _;
use super::counter::Counter;
use super::decision::{Decision, Expiry, Retry, wait_ms};
use super::form::{Form, Parts, each_part};
use super::outside::{Inside, Outside};
use super::rule::Rule;
use super::window::{Length, WindowRule};
use crate::fault::Result;
use crate::time::{At, Span};

/// A state, and what it was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The state; `None` before the first request, as long as nobody knows of which rule it will be.
    pub(super) form: Option<Form>,
    pub(super) outside: Outside,
}

/// The rule that a key is shown with before its first request.
const UNKNOWN: WindowRule = WindowRule { limit: 0, length: Length::Span(Span::from_ms(1)), offset: 0 };

impl Told {
    /// See [`State::decide`](super::state::State::decide).
    #[cold]
    pub(super) fn decide(&self, rule: &Rule, cost: u64, clock: At) -> Result<Decision> {
        let alone = self.alone(rule, clock)?;
        Ok(self.outside.decide(&alone, |cost| alone.decide(cost, clock), cost, (alone.now, clock)))
    }

    /// See [`State::admits`](super::state::State::admits).
    #[cold]
    pub(super) fn admits(&self, rule: &Rule, cost: u64, from: At, until: Option<At>) -> Result<Option<At>> {
        let alone = self.alone(rule, from)?;
        if cost == 0 {
            return Ok(alone.admits(0, from, until));
        }
        Ok(self
            .outside
            .admits(&alone, cost, alone.now, until)
            .map(|then| if then <= alone.now { from } else { then }))
    }

    /// See [`State::peek`](super::state::State::peek).
    #[cold]
    pub(super) fn peek(&self, cost: u64, clock: At) -> Decision {
        if self.form.is_none() {
            let wait = wait_ms(clock, self.outside.held);
            let allowed = cost == 0 || wait == 0;
            let retry = if allowed { Retry::Now } else { Retry::After(wait) };
            return Decision { allowed, limit: 0, remaining: 0, retry, reset_after_ms: wait, at: clock };
        }
        let rule = each_part!(self.parts(), part => Rule::from(part.rule()));
        let decide =
            |cost| self.decide(&rule, cost, clock).unwrap_or_else(|_| Form::decide_new(&rule, cost, clock));
        let Decision { allowed, retry, .. } = decide(cost);
        Decision { allowed, retry, ..decide(0) }
    }

    /// See [`State::charge`](super::state::State::charge).
    pub(super) fn charge(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        let form = self.form.get_or_insert_with(|| Form::new(rule));
        form.charge(rule, cost, at).map(|expiry| self.expiry(expiry))
    }

    /// See [`State::refund`](super::state::State::refund).
    pub(super) fn refund(&mut self, cost: u64, at: At) -> Expiry {
        let expiry = self.form.as_mut().map_or(Expiry::Same, |form| form.refund(cost, at));
        self.expiry(expiry)
    }

    /// The expiry of the key, if that of the state alone is `alone`.
    fn expiry(&self, alone: Expiry) -> Expiry {
        match alone {
            Expiry::Same => Expiry::Same,
            Expiry::Moved { to, .. } => Expiry::at(to.max(self.outside.last())),
        }
    }

    pub(super) fn empty_at(&self) -> Option<At> {
        let end = Some(self.outside.last()).filter(|end| *end > At::MIN);
        self.form.as_ref().and_then(Form::empty_at).max(end)
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        self.form.as_ref().map_or_else(|| Parts::Window(Counter::new(UNKNOWN)), Form::parts)
    }

    /// The state alone, for a request under `rule` at `clock`.
    fn alone<'a>(&'a self, rule: &'a Rule, clock: At) -> Result<Alone<'a>> {
        let Some(form) = &self.form else { return Ok(Alone { form: None, rule, now: clock }) };
        let (kind, now) = each_part!(form.parts(), part => (Rule::from(part.rule()).kind(), part.now(clock)));
        if kind == rule.kind() { Ok(Alone { form: Some(form), rule, now }) } else { Err(kind.held()) }
    }
}

/// The state alone, for requests under a rule.
struct Alone<'a> {
    form: Option<&'a Form>,
    rule: &'a Rule,
    now: At,
}

impl Alone<'_> {
    fn decide(&self, cost: u64, clock: At) -> Decision {
        let known = self.form.and_then(|form| form.decide(self.rule, cost, clock).ok());
        known.unwrap_or_else(|| Form::decide_new(self.rule, cost, clock))
    }
}

impl Inside for Alone<'_> {
    fn rule(&self) -> Option<&Rule> {
        Some(self.rule)
    }

    fn admits(&self, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let from = from.max(self.now);
        let known = self.form.and_then(|form| form.admits(self.rule, cost, from, until).ok());
        known.unwrap_or_else(|| Form::admits_new(self.rule, cost, from, until))
    }
}
