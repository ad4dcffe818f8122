//! What a decision on one limit changes.

use super::decision::Expiry;
use super::rule::Rule;
use super::state::State;
use crate::fault::Result;
use crate::time::At;

/// A change to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitEffect {
    /// An admission.
    Admit {
        /// The parameters it was made under.
        rule: Rule,
        /// The instant it was made for.
        at: At,
        /// What it takes, at least 1.
        cost: u64,
    },
    /// Something is given back.
    Refund {
        /// The instant it was made for.
        at: At,
        /// How much, at least 1.
        cost: u64,
    },
}

impl LimitEffect {
    /// Applies it to a key that exists.
    ///
    /// # Errors
    /// [`crate::limit::Kind::held`] for another algorithm. Nothing has changed then.
    pub fn apply(&self, state: &mut State) -> Result<Expiry> {
        match self {
            Self::Admit { rule, at, cost } => {
                state.charge(rule, *cost, *at).map(|expiry| expiry.lives_on(rule.longest()))
            }
            Self::Refund { at, cost } => Ok(state.refund(*cost, *at).lives_on(state.rule().longest())),
        }
    }

    /// The state of a key that did not exist, and its expiry; none where there is nothing to change.
    #[must_use]
    pub fn create(&self) -> Option<(State, Expiry)> {
        let Self::Admit { rule, .. } = self else { return None };
        let mut state = State::new(rule);
        let expiry = self.apply(&mut state).ok()?; // the algorithm is the rule's own
        Some((state, expiry))
    }
}
