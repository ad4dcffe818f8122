//! One line: the waiters of one key, in order.

use std::collections::BTreeMap;

use super::fair::{Fair, Standing};
use super::flow::Flow;
use super::lane::Lane;
use super::share::Share;
use super::ticket::Ticket;
use crate::time::{At, Span};

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
    /// Each waiter of no flow and the instant at which it joined, ordered by the lane it asked for, then by ticket. The
    /// order within a lane never changes.
    waiters: BTreeMap<Rank, At>,
    /// The flows of each lane, while any wait or owe.
    flows: Option<Box<[Fair; 4]>>,
    /// The number of waiters by the lane they asked for.
    counts: [usize; 4],
    /// The instant at which the line must be looked at again.
    pub(super) wake: Option<At>,
    /// The instant at which the first waiter may be admitted, as found at the last look.
    pub(super) goes_on: Option<At>,
}

impl Line {
    /// Adds a waiter, behind all earlier waiters of its lane and flow.
    pub fn add(&mut self, stand: &Stand, flow: Option<&Flow>) {
        match flow {
            Some(flow) => {
                let fair = self.flows.get_or_insert_default().get_mut(stand.lane.index());
                if let Some(fair) = fair {
                    fair.add(&flow.id, stand.ticket, stand.since);
                }
            }
            None => {
                let begins = self.flows.is_some() && self.plain(stand.lane).next().is_none();
                self.waiters.insert((stand.lane, stand.ticket), stand.since);
                if let Some(fair) = self.fair_mut(stand.lane).filter(|_| begins) {
                    fair.begin_plain();
                }
            }
        }
        if let Some(count) = self.counts.get_mut(stand.lane.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// Removes a waiter that is in the line. `took` is what it took of the share of its flow if it was served.
    pub fn remove(&mut self, stand: &Stand, flow: Option<&Flow>, took: Option<Share>) {
        match flow {
            Some(flow) => {
                let plain_waits = self.plain(stand.lane).next().is_some();
                if let Some(fair) = self.fair_mut(stand.lane) {
                    fair.remove(&flow.id, stand.ticket, took, plain_waits);
                }
            }
            None => {
                self.waiters.remove(&(stand.lane, stand.ticket));
                let took = took.filter(|_| self.flows.is_some());
                let waits = took.is_some() && self.plain(stand.lane).next().is_some();
                if let Some((fair, took)) = self.fair_mut(stand.lane).zip(took) {
                    fair.serve_plain(took, waits);
                }
            }
        }
        let Some(count) = self.counts.get_mut(stand.lane.index()) else { return };
        *count = count.saturating_sub(1);
        let is_left = *count == 0; // nobody is left there to whom anything is owed
        let Some(flows) = &mut self.flows else { return };
        if let Some(fair) = flows.get_mut(stand.lane.index()).filter(|fair| is_left || fair.is_empty()) {
            *fair = Fair::default();
        }
        if flows.iter().all(Fair::is_empty) {
            self.flows = None;
        }
    }

    /// Returns the first waiter at `now`.
    #[must_use]
    pub fn head(&self, now: At, aging: Option<Span>) -> Option<Stand> {
        self.heads().min_by_key(|stand| stand.rank(now, aging))
    }

    /// Returns the waiters ahead of a request that comes to `lane` at `now`: at most `most`, in order.
    ///
    /// `share` is what a waiter takes of the share of its flow.
    #[must_use]
    pub fn ahead(
        &self,
        lane: Lane,
        now: At,
        aging: Option<Span>,
        most: usize,
        share: &impl Fn(Ticket) -> Share,
    ) -> Vec<Stand> {
        let before = |stand: &Stand| stand.lane_at(now, aging) <= lane;
        let lanes = Lane::ALL.map(|lane| self.of(lane, share).take_while(before).peekable());
        merge(lanes, now, aging).take(most).collect()
    }

    /// Returns the waiters that a request of `lane` need not stand behind: at most `most`, in order.
    ///
    /// `share` is what a waiter takes of the share of its flow.
    #[must_use]
    pub fn lower(
        &self,
        lane: Lane,
        now: At,
        aging: Option<Span>,
        most: usize,
        share: &impl Fn(Ticket) -> Share,
    ) -> Vec<Stand> {
        let before = |stand: &Stand| stand.lane_at(now, aging) <= lane;
        let lanes = Lane::ALL.map(|lane| self.of(lane, share).skip_while(before).peekable());
        merge(lanes, now, aging).take(most).collect()
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
        self.counts.iter().sum()
    }

    /// Returns whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts == [0; 4]
    }

    /// Returns the number of flows that wait or owe.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.as_ref().map_or(0, |flows| flows.iter().map(Fair::len).sum())
    }

    /// Returns whether a flow waits or owes in a lane.
    #[must_use]
    pub fn knows(&self, lane: Lane, flow: &[u8]) -> bool {
        self.fair(lane).is_some_and(|fair| fair.knows(flow))
    }

    /// Returns what each flow has in a lane, in no order.
    pub fn standings(&self, lane: Lane) -> impl Iterator<Item = Standing<'_>> {
        self.fair(lane).into_iter().flat_map(Fair::standings)
    }

    /// Iterates over the first waiter of each lane. The first of the line is always among them.
    fn heads(&self) -> impl Iterator<Item = Stand> {
        Lane::ALL.into_iter().filter_map(|lane| {
            let plain = self.plain(lane).next();
            let first = match self.fair(lane) {
                Some(fair) => fair.first(plain),
                None => plain,
            };
            first.map(|(ticket, since)| Stand { lane, since, ticket })
        })
    }

    /// Iterates over the waiters of one lane, in order.
    fn of<'a>(
        &'a self,
        lane: Lane,
        share: impl Fn(Ticket) -> Share + 'a,
    ) -> impl Iterator<Item = Stand> + 'a {
        let fair = self.fair(lane);
        let plain = self.plain(lane);
        let alone = fair.is_none().then(|| self.plain(lane));
        let fair = fair.map(|fair| fair.in_order(plain, share));
        let all = alone.into_iter().flatten().chain(fair.into_iter().flatten());
        all.map(move |(ticket, since)| Stand { lane, since, ticket })
    }

    /// Iterates over the waiters of one lane that are of no flow, in order.
    fn plain(&self, lane: Lane) -> impl Iterator<Item = (Ticket, At)> {
        let range = (lane, Ticket(0))..=(lane, Ticket(u64::MAX));
        self.waiters.range(range).map(|(&(_, ticket), &since)| (ticket, since))
    }

    /// The flows of a lane, if any wait or owe there.
    fn fair(&self, lane: Lane) -> Option<&Fair> {
        self.flows.as_ref()?.get(lane.index()).filter(|fair| !fair.is_empty())
    }

    fn fair_mut(&mut self, lane: Lane) -> Option<&mut Fair> {
        self.flows.as_mut()?.get_mut(lane.index()).filter(|fair| !fair.is_empty())
    }
}

/// The waiters of all lanes in one order: at each step the first of a lane that goes before those of the others.
fn merge<I: Iterator<Item = Stand>>(
    mut lanes: [core::iter::Peekable<I>; 4],
    now: At,
    aging: Option<Span>,
) -> impl Iterator<Item = Stand> {
    core::iter::from_fn(move || {
        let firsts = lanes.iter_mut().filter_map(|lane| {
            let rank = lane.peek()?.rank(now, aging);
            Some((rank, lane))
        });
        let (_, lane) = firsts.min_by_key(|(rank, _)| *rank)?;
        lane.next()
    })
}
