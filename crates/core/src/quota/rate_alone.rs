//! A rate limit of a quota, alone.

use super::lent::Leased;
use crate::limit::outside::Inside;
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::time::At;

/// A rate limit of a quota without what it is told from outside.
pub(crate) struct RateAlone<'a> {
    /// What it has counted.
    pub(crate) state: Option<&'a State>,
    /// The rule of the request.
    pub(crate) rule: &'a Rule,
    /// What is lent of it.
    pub(crate) lent: &'a [(At, u64)],
}

impl Inside for RateAlone<'_> {
    fn rule(&self) -> Option<&Rule> {
        Some(self.rule)
    }

    fn admits(&self, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let Self { state, rule, lent } = *self;
        if !lent.is_empty() {
            return Leased::new(state, rule, lent).admits(cost, from, until);
        }
        let Some(state) = state else { return State::admits_new(rule, cost, from, until) };
        state
            .admits(rule, cost, from, until)
            .or_else(|_| state.under(rule).admits(rule, cost, from, until))
            .unwrap_or_else(|_| State::admits_new(rule, cost, from, until))
    }
}
