//! One line: those who wait for one key.

use std::collections::BTreeMap;

use super::lane::Lane;
use crate::time::{At, Span};

/// What a waiter is known by: the later it came, the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a waiter's place in every line follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// The lane it asked for.
    pub lane: Lane,
    /// When it came.
    pub since: At,
    /// Its ticket.
    pub ticket: Ticket,
}

/// What is before is smaller.
type Rank = (Lane, Ticket);

impl Stand {
    /// The lane it has come to at `now`.
    #[must_use]
    pub fn lane_at(&self, now: At, aging: Option<Span>) -> Lane {
        self.lane.risen(self.steps(now, aging))
    }

    /// Its place in the order.
    #[must_use]
    pub fn rank(&self, now: At, aging: Option<Span>) -> (Lane, Ticket) {
        (self.lane_at(now, aging), self.ticket)
    }

    fn steps(&self, now: At, aging: Option<Span>) -> u64 {
        aging.and_then(|aging| now.since(self.since).ms().checked_div(aging.ms())).unwrap_or(0)
    }

    /// When it has come to be before `other`, seen from `now`; both rise.
    fn passes(&self, other: &Self, now: At, aging: Option<Span>) -> Option<At> {
        let aging = aging.filter(|aging| aging.ms() > 0)?;
        let up = |steps: u64| self.since.plus(Span::from_ms(aging.ms().saturating_mul(steps)));
        let first = self.steps(now, Some(aging)).saturating_add(1);
        // After so many steps it is in the first lane.
        (first..first.saturating_add(3))
            .map(up)
            .find(|at| self.rank(*at, Some(aging)) < other.rank(*at, Some(aging)))
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Line {
    /// By the lane that was asked for, then as they came. Within a lane the order never changes.
    waiters: BTreeMap<Rank, At>,
    /// How many wait in each lane.
    counts: [usize; 4],
    /// When it is to be looked at again.
    pub(super) wake: Option<At>,
    /// When the first goes on, as far as is known.
    pub(super) goes_on: Option<At>,
}

impl Line {
    /// Adds one, behind all that came before.
    pub fn add(&mut self, stand: &Stand) {
        if self.waiters.insert((stand.lane, stand.ticket), stand.since).is_none()
            && let Some(count) = self.counts.get_mut(stand.lane.index())
        {
            *count = count.saturating_add(1);
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, stand: &Stand) {
        if self.waiters.remove(&(stand.lane, stand.ticket)).is_some()
            && let Some(count) = self.counts.get_mut(stand.lane.index())
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Who is first at `now`.
    #[must_use]
    pub fn head(&self, now: At, aging: Option<Span>) -> Option<Stand> {
        self.heads().min_by_key(|stand| stand.rank(now, aging))
    }

    /// Whether one who comes to `lane` at `now` has to stand behind another.
    #[must_use]
    pub fn blocks(&self, lane: Lane, now: At, aging: Option<Span>) -> bool {
        self.heads().any(|stand| stand.lane_at(now, aging) <= lane)
    }

    /// Those whom one who comes to `lane` at `now` has to stand behind, in order, `most` at most.
    #[must_use]
    pub fn ahead(&self, lane: Lane, now: At, aging: Option<Span>, most: usize) -> Vec<Stand> {
        let before = |stand: &Stand| stand.lane_at(now, aging) <= lane;
        let of = |lane: Lane| self.of(lane).take_while(before).take(most);
        let mut ahead: Vec<Stand> = Lane::ALL.into_iter().flat_map(of).collect();
        ahead.sort_unstable_by_key(|stand| stand.rank(now, aging));
        ahead.truncate(most);
        ahead
    }

    /// When another than the first at `now` is first because it has risen, if nobody comes or goes.
    #[must_use]
    pub fn changes(&self, now: At, aging: Option<Span>) -> Option<At> {
        let head = self.head(now, aging)?;
        let others = self.heads().filter(|stand| stand.ticket != head.ticket);
        others.filter_map(|stand| stand.passes(&head, now, aging)).min()
    }

    /// How long the first has to wait still, if nobody else comes, as was found when the line was last
    /// looked at.
    #[must_use]
    pub fn expects(&self, now: At) -> Option<Span> {
        self.goes_on.map(|at| at.since(now))
    }

    /// How many wait in each lane, by the lane they asked for.
    #[must_use]
    pub const fn counts(&self) -> [usize; 4] {
        self.counts
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// The first of each lane: whoever is first in the line is one of them.
    fn heads(&self) -> impl Iterator<Item = Stand> {
        Lane::ALL.into_iter().filter_map(|lane| self.of(lane).next())
    }

    /// Those of one lane, in order.
    fn of(&self, lane: Lane) -> impl Iterator<Item = Stand> {
        let range = (lane, Ticket(0))..=(lane, Ticket(u64::MAX));
        self.waiters.range(range).map(|(&(lane, ticket), &since)| Stand { lane, since, ticket })
    }
}
