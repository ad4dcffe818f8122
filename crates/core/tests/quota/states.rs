//! A model of a quota's limits that may change: the states under each name, each decided and charged alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use rl_core::limit::decision::Decision;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::quota::shape::{Limit, Shape};

use crate::changes::rule_of;
use crate::common::at;

/// An admission: its instant, its limits, its cost, and what was used of it in the end.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) at: u64,
    pub(crate) shape: Arc<Shape>,
    pub(crate) cost: u64,
    pub(crate) used: u64,
}

/// The states under each name, one for each algorithm. The algorithm asked last is the first.
pub(crate) type States = BTreeMap<Vec<u8>, Vec<State>>;

/// Returns the states after these events, with only what was used charged.
///
/// A state that is not asked for a while is forgotten at the same event at which the key forgets it. The key
/// was charged more, so it could keep the state for longer, and amounts alone would not explain the result. A
/// key that still knows the earlier rule of a limit knows what counts under it. A key that has forgotten
/// that rule takes over what another rule has counted, and errs towards denying, by as much as that rule
/// gains more slowly. If both sides know the same rules, a smaller charge never leads to a higher use, to the last part
/// of a token.
pub(crate) fn replay(events: &[Event]) -> States {
    let (mut charged, mut states) = (States::new(), States::new());
    for event in events {
        for world in [&mut charged, &mut states] {
            event.shape.limits().iter().for_each(|limit| ask(world, limit));
        }
        for (name, known) in &mut charged {
            let asked = usize::from(names(&event.shape, name));
            let counts = |state: &State| state.empty_at().is_some_and(|empty| empty.ms() > event.at);
            let stays: Vec<bool> =
                known.iter().enumerate().map(|(at, state)| at < asked || counts(state)).collect();
            for list in [known, states.get_mut(name).unwrap()] {
                let mut stays = stays.iter();
                list.retain(|_| *stays.next().unwrap());
            }
        }
        for limit in event.shape.limits() {
            charge(&mut charged, limit, event.cost, event.at);
            charge(&mut states, limit, event.used, event.at);
        }
    }
    states
}

pub(crate) fn names(shape: &Shape, name: &[u8]) -> bool {
    shape.limits().iter().any(|limit| limit.name.as_bytes() == name)
}

/// Moves the state of a limit to the front of its name.
fn ask(states: &mut States, limit: &Limit) {
    let known = states.entry(limit.name.as_bytes().to_vec()).or_default();
    let rule = rule_of(&limit.measure);
    let state = state_under(known, rule);
    known.retain(|other| other.rule().algorithm() != rule.algorithm());
    known.insert(0, state);
}

/// Charges a limit, and the other states of its name, each under its own last rule.
fn charge(states: &mut States, limit: &Limit, cost: u64, now: u64) {
    let known = states.get_mut(limit.name.as_bytes()).unwrap();
    for (index, state) in known.iter_mut().enumerate() {
        let own = state.rule();
        let rule = if index == 0 { rule_of(&limit.measure) } else { &own };
        state.charge(rule, cost, at(now)).unwrap();
    }
}

/// Returns the state of that algorithm, else a conversion of another algorithm's state.
fn state_under(known: &[State], rule: &Rule) -> State {
    let own = known.iter().find(|state| state.rule().algorithm() == rule.algorithm());
    own.cloned().or_else(|| Some(known.first()?.under(rule))).unwrap_or_else(|| State::new(rule))
}

/// Decides for each limit of `shape` alone, at the key's own time.
pub(crate) fn rows(states: &States, shape: &Shape, cost: u64, now: u64) -> Vec<Decision> {
    let row = |limit: &Limit| {
        let rule = rule_of(&limit.measure);
        let known = states.get(limit.name.as_bytes()).map_or(&[][..], Vec::as_slice);
        state_under(known, rule).decide(rule, cost, at(now)).unwrap()
    };
    shape.limits().iter().map(row).collect()
}
