//! Charges one limit of a quota.

use super::reservations::Reservations;
use crate::limit::decision::Expiry;
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::time::At;

/// Charges `cost` to one limit and returns the new expiry of its state.
pub(super) fn charge(
    place: &mut Option<State>,
    rule: &Rule,
    index: usize,
    cost: u64,
    at: At,
    reservations: Option<&mut Reservations>,
) -> Expiry {
    let state = place.get_or_insert_with(|| State::new(rule));
    if let Some(reservations) = reservations
        && let Some(missing) = state.missing(at)
    {
        reservations.note(index, missing);
    }
    state.charge(rule, cost, at).unwrap_or(Expiry::Same) // cannot fail: it has the rule's algorithm
}
