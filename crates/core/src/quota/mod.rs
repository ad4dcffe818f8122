//! Quotas: many limits under one key, all or nothing, each of the algorithms of this crate.
//!
//! A request is admitted if each limit alone would admit its cost; if one would not, nothing
//! changes. What was admitted may be reserved: it is charged like any cost, and corrected when the
//! caller says what was used.
//!
//! - [`shape`]: which limits, [`policies`]: those that have a name on the server, [`policy_file`]: as a file
//! - [`request`]: the words, [`decide`]: the answer, [`change`]: what it changes, [`codec`]: as bytes
//! - [`reservations`]: what is charged and not settled

pub mod bounds;
pub mod codec;
pub mod costs;
pub mod decide;
pub mod effect;
pub mod limit;
pub mod name;
pub mod policies;
mod refund_floor;
pub mod reservation;
pub mod reservations;
mod reshape;
pub mod shape;
mod slots;

use std::sync::Arc;

use self::limit::{Limit, Measure};
use self::reservations::Reservations;
use self::shape::Shape;
use crate::limit::state::{Relocate, State};
use crate::number::COUNT_MAX;
use crate::time::At;

/// A quota as one key holds it.
#[derive(Clone, Debug)]
pub struct Quota {
    /// The limits in force: those of the latest admission.
    shape: Arc<Shape>,
    /// What each of them counts, then each of the retired ones; nothing where nothing was charged.
    states: Box<[Option<State>]>,
    /// The instant of the last change.
    at: At,
    /// When the key expires: from then on a new one would answer alike.
    ends: At,
    /// What few keys have, or for a short time.
    more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct More {
    reservations: Reservations,
    /// Limits that are not in force any more, and still count something.
    retired: Vec<Limit>,
}

impl Quota {
    /// A quota in which nothing is used.
    #[must_use]
    pub fn new(shape: Arc<Shape>) -> Self {
        let states = shape.limits().iter().map(|_| None).collect();
        Self { shape, states, at: At::MIN, ends: At::MIN, more: None }
    }

    /// The limits in force.
    #[must_use]
    pub const fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// The instant that a request at `clock` is decided for: never before the last one.
    #[must_use]
    pub fn now(&self, clock: At) -> At {
        clock.max(self.at)
    }

    /// Its reservations, if it has had any lately.
    #[must_use]
    pub fn reservations(&self) -> Option<&Reservations> {
        self.more.as_deref().map(|more| &more.reservations)
    }

    /// All limits that it knows of: those in force, then the retired ones.
    fn limits(&self) -> impl Iterator<Item = &Limit> + Clone {
        let retired = self.more.as_deref().map_or(&[][..], |more| &more.retired);
        self.shape.limits().iter().chain(retired)
    }

    /// What is counted for the limit at `index` of `shape`.
    #[inline]
    fn counted(&self, shape: &Shape, index: usize) -> Option<&State> {
        let same = core::ptr::eq(&raw const *self.shape, shape);
        let at = if same { index } else { self.place(shape, index)? };
        self.states.get(at)?.as_ref()
    }

    /// Where what is counted for the limit at `index` of another shape is.
    #[cold]
    fn place(&self, shape: &Shape, index: usize) -> Option<usize> {
        self.source(shape.limits().get(index)?)
    }

    /// What counts at `clock` for the limit at `index` of `shape`, as it is told: an excess may be more than
    /// every client can read.
    #[must_use]
    pub fn used(&self, shape: &Shape, index: usize, clock: At) -> u64 {
        match shape.limits().get(index).map(|limit| limit.measure) {
            Some(Measure::InFlight(_)) => {
                let open = self.reservations().map_or(0, |held| held.open(self.now(clock)));
                u64::try_from(open).unwrap_or(u64::MAX)
            }
            _ => {
                let used = |state: &State| state.used_cost(self.now(clock)).min(COUNT_MAX);
                self.counted(shape, index).map_or(0, used)
            }
        }
    }

    /// From when on a new key would answer alike, seen from the last change; `None` if it would now.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        let counted = self.states.iter().flatten().filter_map(State::empty_at).max();
        counted.max(self.reservations().and_then(Reservations::end))
    }

    /// A copy that counts the same, and holds no reservation.
    pub(crate) fn without_reservations(&self) -> Self {
        let retired = self.more.as_deref().map_or(&[][..], |more| &more.retired);
        let more = More { reservations: Reservations::default(), retired: retired.to_vec() };
        let more = (!retired.is_empty()).then(|| Box::new(more));
        let (shape, states) = (Arc::clone(&self.shape), self.states.clone());
        Self { shape, states, at: self.at, ends: self.ends, more }
    }

    /// Memory that it takes beside itself, in bytes as asked for.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let states = self.states.iter().flatten().map(State::heap_bytes).fold(0, usize::saturating_add);
        let more = self.more.as_deref().map_or(0, |more| {
            let retired = size_of::<Limit>().saturating_mul(more.retired.capacity());
            size_of::<More>().saturating_add(retired).saturating_add(more.reservations.heap_bytes())
        });
        size_of_val(&*self.states).saturating_add(states).saturating_add(more)
    }

    /// How many allocations that is, roughly.
    #[must_use]
    pub fn allocations(&self) -> usize {
        let states = self.states.iter().flatten().map(State::allocations).fold(0, usize::saturating_add);
        let held = self.reservations().map_or(0, |held| held.iter().len());
        states.saturating_add(held.saturating_mul(3)).saturating_add(1)
    }

    /// Hands those that are worth it to a memory manager that may move them.
    pub fn relocate(&mut self, mover: &mut impl Relocate) {
        for state in self.states.iter_mut().flatten() {
            state.relocate(mover);
        }
    }
}

/// Two quotas are equal when they hold the same.
impl PartialEq for Quota {
    fn eq(&self, other: &Self) -> bool {
        let more = match (&self.more, &other.more) {
            (Some(more), Some(others)) => more == others,
            (Some(more), None) | (None, Some(more)) => **more == More::default(),
            (None, None) => true,
        };
        self.shape == other.shape
            && self.states == other.states
            && (self.at, self.ends) == (other.at, other.ends)
            && more
    }
}
