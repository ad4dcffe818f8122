//! Quotas: many limits under one key, decided all or nothing.
//!
//! Each limit uses one of the algorithms of this crate. A request is admitted if each limit alone would
//! admit its cost. Otherwise nothing changes. An admitted request may reserve its cost: the cost is
//! charged like any other, and corrected when the caller settles with what it used.
//!
//! ```
//! use rl_core::grammar::policy::setting;
//! use rl_core::quota::decide::{Demand, decide};
//! use rl_core::time::At;
//!
//! let words = "RL.POLICY SET gpt LIMIT rpm 500 60 LIMIT tpm 80000 60 UNIT tokens";
//! let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
//! let shape = setting(words.as_slice())?.shape;
//!
//! // One request, and more tokens than the second limit ever admits.
//! let demand = Demand { costs: &[1, 90_000], ..Demand::NONE };
//! let decision = decide(None, &shape, &demand, At::from_ms(1_764_000_000_000));
//! assert!(!decision.allowed());
//! assert_eq!(decision.retry().reply(), -1);
//! let blocking: Vec<bool> = decision.rows.iter().map(|row| !row.allowed).collect();
//! assert_eq!(blocking, [false, true]);
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```
//!
//! The command grammar is not here: see [`crate::grammar::quota`] and [`crate::grammar::policy_file`].
//!
//! - [`limit`]: one limit, [`shape`]: the limits of a quota, [`policies`]: shapes kept under a name,
//!   [`flow_weights`]: the weights that a policy gives to flows, [`lends_policies`]: how a host lends them
//! - [`demand`]: what a request asks, [`decide`]: the decision, `view`: what each limit answers, [`effect`]: what an admission changes, [`codec`]: a
//!   quota as bytes
//! - [`reservation`]: one reservation or lease, [`reservations`]: all of a key, `by_end`: in the order of their ends; `lent`: what leases hold of a limit,
//!   `leasing`: how leases are granted and charged
//! - [`outsides`]: holds, and what is used elsewhere
//! - `reshape`: changing the limits of a key, `merged`, `merging`: retired limits counted together, `slots`: the limits that
//!   a reservation took part in, `refund_floor`: how much a bucket can still be given back

pub mod bounds;
mod by_end;
mod charge;
pub mod codec;
pub mod costs;
pub mod decide;
pub mod demand;
pub mod effect;
mod ends;
pub mod flow_weights;
pub(crate) mod leasing;
pub mod lends_policies;
pub(crate) mod lent;
pub mod limit;
mod merged;
mod merging;
pub mod name;
pub mod outsides;
pub mod policies;
mod policies_codec;
pub mod policy_entry;
pub(crate) mod rate_alone;
mod refund_floor;
pub mod reservation;
pub mod reservations;
mod reshape;
pub mod shape;
mod slots;
pub(crate) mod view;

use std::borrow::Cow;
use std::sync::Arc;

use self::ends::Ends;
use self::lent::Leased;
use self::limit::{Limit, Measure};
use self::merged::Merged;
use self::outsides::Outsides;
use self::reservations::Reservations;
use self::shape::Shape;
use crate::limit::state::{Relocate, State};
use crate::number::COUNT_MAX;
use crate::time::At;

/// A quota as one key holds it.
#[derive(Clone, Debug)]
pub struct Quota {
    /// The limits in force, which are those of the latest admission.
    shape: Arc<Shape>,
    /// The state of each limit in force, then of each retired and of each merged limit. `None` if nothing was
    /// charged.
    states: Box<[Option<State>]>,
    /// The instant of the last change.
    at: At,
    /// The instant from which a new key would answer the same.
    ends: Ends,
    /// The parts that few keys have, or only for a short time.
    more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct More {
    reservations: Reservations,
    /// Limits that are no longer in force but still count something.
    retired: Vec<Limit>,
    /// Retired limits that are counted together.
    merged: Vec<Merged>,
    /// What the limits are told from outside.
    outsides: Outsides,
}

impl Quota {
    /// Makes a quota in which nothing is used.
    #[must_use]
    pub fn new(shape: Arc<Shape>) -> Self {
        let states = shape.limits().iter().map(|_| None).collect();
        Self { shape, states, at: At::MIN, ends: Ends::new(At::MIN), more: None }
    }

    /// Returns the limits in force.
    #[must_use]
    pub const fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// Returns the instant for which a request at `clock` is decided: never before the last change.
    #[must_use]
    pub fn now(&self, clock: At) -> At {
        clock.max(self.at)
    }

    /// Returns the reservations. `None` if the key holds none and keeps no retired limits.
    #[must_use]
    pub fn reservations(&self) -> Option<&Reservations> {
        self.more.as_deref().map(|more| &more.reservations)
    }

    /// Iterates over all limits that are known by name: those in force, then the retired ones.
    fn limits(&self) -> impl Iterator<Item = &Limit> + Clone {
        let retired = self.more.as_deref().map_or(&[][..], |more| &more.retired);
        self.shape.limits().iter().chain(retired)
    }

    /// Returns the state of the limit at `index` of `shape`.
    #[inline]
    pub(crate) fn counted(&self, shape: &Shape, index: usize) -> Option<Cow<'_, State>> {
        if self.is_in_force(shape) {
            return self.state(index).map(Cow::Borrowed);
        }
        self.counted_by(shape.limits().get(index)?)
    }

    /// Returns whether these are the limits in force.
    #[inline]
    fn is_in_force(&self, shape: &Shape) -> bool {
        core::ptr::eq(&raw const *self.shape, shape)
    }

    /// Returns the state of the limit in force at `index`.
    #[inline]
    fn state(&self, index: usize) -> Option<&State> {
        self.states.get(index)?.as_ref()
    }

    /// Returns the state of a limit that is not in force.
    #[cold]
    fn counted_by(&self, asked: &Limit) -> Option<Cow<'_, State>> {
        let known = self.source(asked).and_then(|index| self.states.get(index)?.as_ref());
        self.inherited(asked, known).map(Cow::Owned).or(known.map(Cow::Borrowed))
    }

    /// Returns what is used at `clock` of the limit at `index` of `shape`, for a reply.
    ///
    /// At most 2^53 - 1 for a rate limit, because an excess may be larger than every client can read.
    #[must_use]
    pub fn used(&self, shape: &Shape, index: usize, clock: At) -> u64 {
        match shape.limits().get(index).map(|limit| limit.measure) {
            Some(Measure::InFlight(_)) => {
                let open = self.reservations().map_or(0, |held| held.open(self.now(clock)));
                u64::try_from(open).unwrap_or(u64::MAX)
            }
            Some(Measure::Rate(rule)) => {
                let (state, lent) = (self.counted(shape, index), self.lent(shape, index));
                Leased::new(state.as_deref(), &rule, &lent).used(self.now(clock)).min(COUNT_MAX)
            }
            None => 0,
        }
    }

    /// Returns the instant from which a new key would answer the same, as seen from the last change. `None`
    /// if it would already.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        let counted = self.states.iter().flatten().filter_map(State::empty_at).max();
        let told = self.outsides().map(Outsides::last);
        counted.max(self.reservations().and_then(Reservations::end)).max(told).max(self.leases_empty_at())
    }

    /// Returns what the limits are told from outside, if it is anything.
    #[must_use]
    pub fn outsides(&self) -> Option<&Outsides> {
        self.more.as_deref().map(|more| &more.outsides).filter(|outsides| !outsides.is_none())
    }

    /// Replaces what the limits are told from outside, at `at`.
    pub(crate) fn tell(&mut self, outsides: Outsides) {
        if self.more.is_some() || !outsides.is_none() {
            self.more.get_or_insert_default().outsides = outsides;
        }
    }

    /// Copies the quota without its reservations, but with its leases. The copy counts the same.
    pub(crate) fn without_reservations(&self) -> Self {
        let kept = |more: &More| {
            let (retired, merged) = (more.retired.clone(), more.merged.clone());
            let (reservations, outsides) = (more.reservations.only_leases(), more.outsides.clone());
            Box::new(More { reservations, retired, merged, outsides })
        };
        let more = self.more.as_deref().map(kept);
        let (shape, states) = (Arc::clone(&self.shape), self.states.clone());
        Self { shape, states, at: self.at, ends: self.ends, more }
    }

    /// Returns the number of entries that a walk of all its logs passes.
    pub(crate) fn entries(&self) -> usize {
        self.states.iter().flatten().map(State::entries).fold(0, usize::saturating_add)
    }

    /// Returns the heap memory in use, in requested bytes, without the struct itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let states = self.states.iter().flatten().map(State::heap_bytes).fold(0, usize::saturating_add);
        let more = self.more.as_deref().map_or(0, |more| {
            let retired = size_of::<Limit>().saturating_mul(more.retired.capacity());
            size_of::<More>()
                .saturating_add(retired)
                .saturating_add(size_of::<Merged>().saturating_mul(more.merged.capacity()))
                .saturating_add(more.reservations.heap_bytes())
                .saturating_add(more.outsides.heap_bytes())
        });
        // Keys share their shapes. A shape of this key alone counts as this key's.
        let sharers = Arc::strong_count(&self.shape);
        let shape = self.shape.heap_bytes().checked_div(sharers).unwrap_or(0);
        [size_of_val(&*self.states), states, more, shape].into_iter().fold(0, usize::saturating_add)
    }

    /// Returns the approximate number of allocations.
    #[must_use]
    pub fn allocations(&self) -> usize {
        let states = self.states.iter().flatten().map(State::allocations).fold(0, usize::saturating_add);
        let held = self.reservations().map_or(0, |held| held.iter().len());
        states.saturating_add(held.saturating_mul(3)).saturating_add(1)
    }

    /// Passes the larger allocations to a memory manager, which may move them.
    pub fn relocate(&mut self, mover: &mut impl Relocate) {
        mover.slice(&mut self.states);
        for state in self.states.iter_mut().flatten() {
            state.relocate(mover);
        }
        if let Some(more) = &mut self.more {
            mover.boxed(more);
        }
    }
}

/// Quotas are equal if they hold the same, even if one has allocated an empty `More`.
impl PartialEq for Quota {
    fn eq(&self, other: &Self) -> bool {
        let more = match (&self.more, &other.more) {
            (Some(more), Some(others)) => more == others,
            (Some(more), None) | (None, Some(more)) => **more == More::default(),
            (None, None) => true,
        };
        self.shape == other.shape
            && self.states == other.states
            && (self.at, self.ends.at()) == (other.at, other.ends.at())
            && more
    }
}
