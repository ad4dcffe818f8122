//! One line: the waiters of one key, in order.

use std::collections::BTreeMap;

use super::lane::Lane;
use crate::time::{At, Span};

/// The id of a waiter. A later waiter has a larger ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The facts that decide the position of a waiter in all of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// The lane that it asked for.
    pub lane: Lane,
    /// The instant at which it joined.
    pub since: At,
    /// The ticket.
    pub ticket: Ticket,
}

/// The key of the order in a line. The smaller rank goes first.
type Rank = (Lane, Ticket);

impl Stand {
    /// Returns the lane that the waiter has risen to at `now`.
    #[must_use]
    pub fn lane_at(&self, now: At, aging: Option<Span>) -> Lane {
        self.lane.risen(self.steps(now, aging))
    }

    /// Returns the rank at `now`: the smaller rank goes first.
    #[must_use]
    pub fn rank(&self, now: At, aging: Option<Span>) -> (Lane, Ticket) {
        (self.lane_at(now, aging), self.ticket)
    }

    fn steps(&self, now: At, aging: Option<Span>) -> u64 {
        aging.and_then(|aging| now.since(self.since).ms().checked_div(aging.ms())).unwrap_or(0)
    }

    /// Returns when this waiter passes `other`, as seen from `now`. Both rise.
    fn passes(&self, other: &Self, now: At, aging: Option<Span>) -> Option<At> {
        let aging = aging.filter(|aging| aging.ms() > 0)?;
        let up = |steps: u64| self.since.plus(Span::from_ms(aging.ms().saturating_mul(steps)));
        let first = self.steps(now, Some(aging)).saturating_add(1);
        // After three steps it is in the first lane.
        (first..first.saturating_add(3))
            .map(up)
            .find(|at| self.rank(*at, Some(aging)) < other.rank(*at, Some(aging)))
    }
}

/// The waiters of one key.
#[derive(Debug, Default)]
pub struct Line {
    /// Each waiter and the instant at which it joined, ordered by the lane it asked for, then by ticket. The
    /// order within a lane never changes.
    waiters: BTreeMap<Rank, At>,
    /// The number of waiters by the lane they asked for.
    counts: [usize; 4],
    /// The instant at which the line must be looked at again.
    pub(super) wake: Option<At>,
    /// The instant at which the first waiter may be admitted, as found at the last look.
    pub(super) goes_on: Option<At>,
}

impl Line {
    /// Adds a waiter, behind all earlier waiters of its lane.
    pub fn add(&mut self, stand: &Stand) {
        if self.waiters.insert((stand.lane, stand.ticket), stand.since).is_none()
            && let Some(count) = self.counts.get_mut(stand.lane.index())
        {
            *count = count.saturating_add(1);
        }
    }

    /// Removes a waiter.
    pub fn remove(&mut self, stand: &Stand) {
        if self.waiters.remove(&(stand.lane, stand.ticket)).is_some()
            && let Some(count) = self.counts.get_mut(stand.lane.index())
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Returns the first waiter at `now`.
    #[must_use]
    pub fn head(&self, now: At, aging: Option<Span>) -> Option<Stand> {
        self.heads().min_by_key(|stand| stand.rank(now, aging))
    }

    /// Returns the waiters ahead of a request that comes to `lane` at `now`: at most `most`, in order.
    #[must_use]
    pub fn ahead(&self, lane: Lane, now: At, aging: Option<Span>, most: usize) -> Vec<Stand> {
        let before = |stand: &Stand| stand.lane_at(now, aging) <= lane;
        let of = |lane: Lane| self.of(lane).take_while(before).take(most);
        let mut ahead: Vec<Stand> = Lane::ALL.into_iter().flat_map(of).collect();
        ahead.sort_unstable_by_key(|stand| stand.rank(now, aging));
        ahead.truncate(most);
        ahead
    }

    /// Returns the waiters that a request of `lane` need not stand behind: at most `most`, in order.
    #[must_use]
    pub fn lower(&self, lane: Lane, now: At, aging: Option<Span>, most: usize) -> Vec<Stand> {
        let after = |stand: &Stand| stand.lane_at(now, aging) > lane;
        let of = |lane: Lane| self.of(lane).skip_while(|stand| !after(stand)).take(most);
        let mut lower: Vec<Stand> = Lane::ALL.into_iter().flat_map(of).collect();
        lower.sort_unstable_by_key(|stand| stand.rank(now, aging));
        lower.truncate(most);
        lower
    }

    /// Returns when another waiter becomes the first by rising, if nobody joins or leaves.
    #[must_use]
    pub fn changes(&self, now: At, aging: Option<Span>) -> Option<At> {
        let head = self.head(now, aging)?;
        let others = self.heads().filter(|stand| stand.ticket != head.ticket);
        others.filter_map(|stand| stand.passes(&head, now, aging)).min()
    }

    /// Returns how long the first waiter must still wait if nobody else comes, as found at the last look.
    #[must_use]
    pub fn expects(&self, now: At) -> Option<Span> {
        self.goes_on.map(|at| at.since(now))
    }

    /// Returns the number of waiters by the lane they asked for.
    #[must_use]
    pub const fn counts(&self) -> [usize; 4] {
        self.counts
    }

    /// Returns the number of waiters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Returns whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Iterates over the first waiter of each lane. The first of the line is always among them.
    fn heads(&self) -> impl Iterator<Item = Stand> {
        Lane::ALL.into_iter().filter_map(|lane| self.of(lane).next())
    }

    /// Iterates over the waiters of one lane, in order.
    fn of(&self, lane: Lane) -> impl Iterator<Item = Stand> {
        let range = (lane, Ticket(0))..=(lane, Ticket(u64::MAX));
        self.waiters.range(range).map(|(&(lane, ticket), &since)| Stand { lane, since, ticket })
    }
}
