//! The flows of one lane of a line, in fair order.
//!
//! This is start-time fair queuing (Goyal, Vin and Cheng, 1996). Each flow has a *start*: how far it has got, in units of
//! what its requests take divided by its weight. The flow that has got least far goes first. When one of its requests is
//! served, its start grows by what the request took. A flow that begins to wait starts where the service has got to, so
//! that it saves nothing up while it waits for nothing. One that leaves further ahead than that *owes*: it starts there
//! when it comes back.
//!
//! Over any stretch in which two flows both wait, what each gets, divided by its weight, differs by at most one largest
//! request of each. The proof is in docs/DESIGN.md.
//!
//! The start belongs to the first request of a flow, not to each request when it comes. So a request that leaves takes
//! nothing of the share of those behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::share::Share;
use super::ticket::Ticket;
use crate::time::At;

/// The flows of one lane of a line.
///
/// The requests of the flow of no name are not kept here: only its start is.
#[derive(Debug, Default)]
pub(super) struct Fair {
    /// How far the service has got: the start of the request that was served last, or of the flow that has got least far if
    /// that request went out of its turn.
    reached: Share,
    /// The start of the flow of no name.
    plain: Share,
    flows: HashMap<Arc<[u8]>, Waits>,
    /// The flows that wait, by start and first ticket: the first of them goes first.
    order: BTreeMap<(Share, Ticket), Arc<[u8]>>,
    /// The flows that wait for nothing and have got further than the service has.
    owing: BTreeSet<(Share, Arc<[u8]>)>,
}

/// A flow that waits or owes.
#[derive(Debug, Default)]
pub(super) struct Waits {
    start: Share,
    waiters: BTreeMap<Ticket, At>,
    /// How many of its requests were served since the flow is known here.
    served: u64,
}

/// What a flow has in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// The number of its requests that wait.
    pub waiting: usize,
    /// How many of its requests were served since the flow is known here.
    pub served: u64,
    /// The instant at which its first request joined.
    pub since: Option<At>,
}

impl Fair {
    /// The number of flows that wait or owe.
    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether no flow with a name waits or owes.
    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Whether a flow waits or owes here.
    pub(super) fn knows(&self, id: &[u8]) -> bool {
        self.flows.contains_key(id)
    }

    /// The flow of no name begins to wait.
    pub(super) fn begin_plain(&mut self) {
        self.plain = self.plain.max(self.reached);
    }

    /// A request of the flow of no name was served. `waits` is whether another one of it waits.
    pub(super) fn serve_plain(&mut self, share: Share, waits: bool) {
        let start = self.plain;
        self.plain = start.saturating_add(share);
        self.reach(start, waits);
    }

    /// Adds a request of a flow, behind its others.
    pub(super) fn add(&mut self, id: &Arc<[u8]>, ticket: Ticket, since: At) {
        let reached = self.reached;
        let flow = self.flows.entry(Arc::clone(id));
        let flow = flow.or_insert_with(|| Waits { start: reached, ..Waits::default() });
        match flow.waiters.first_key_value() {
            None => {
                self.owing.remove(&(flow.start, Arc::clone(id)));
                flow.start = flow.start.max(reached);
            }
            Some((first, _)) => {
                self.order.remove(&(flow.start, *first));
            }
        }
        flow.waiters.insert(ticket, since);
        if let Some((first, _)) = flow.waiters.first_key_value() {
            self.order.insert((flow.start, *first), Arc::clone(id));
        }
    }

    /// Removes a request of a flow. `took` is what it took of its share if it was served. `plain_waits` is whether the flow of
    /// no name waits.
    pub(super) fn remove(&mut self, id: &Arc<[u8]>, ticket: Ticket, took: Option<Share>, plain_waits: bool) {
        let Some(flow) = self.flows.get_mut(id) else { return };
        let start = flow.start;
        if let Some((first, _)) = flow.waiters.first_key_value() {
            self.order.remove(&(start, *first));
        }
        flow.waiters.remove(&ticket);
        if let Some(took) = took {
            flow.start = start.saturating_add(took);
            flow.served = flow.served.saturating_add(1);
        }
        match flow.waiters.first_key_value() {
            Some((first, _)) => {
                self.order.insert((flow.start, *first), Arc::clone(id));
            }
            None => {
                self.owing.insert((flow.start, Arc::clone(id)));
            }
        }
        self.reach(if took.is_some() { start } else { self.reached }, plain_waits);
    }

    /// The service has got to `start`, but not past a flow that waits. Forgets the flows that owe nothing any more.
    ///
    /// A request may go out of its turn if it waits for other keys as well.
    fn reach(&mut self, start: Share, plain_waits: bool) {
        let least = self.order.first_key_value().map(|((start, _), _)| *start);
        let waiting = least.into_iter().chain(plain_waits.then_some(self.plain));
        self.reached = self.reached.max(waiting.fold(start, Share::min));
        while self.owing.first().is_some_and(|(start, _)| *start <= self.reached) {
            if let Some((_, id)) = self.owing.pop_first() {
                self.flows.remove(&id);
            }
        }
    }

    /// The request that goes first, if `plain` is the first one of the flow of no name.
    pub(super) fn first(&self, plain: Option<(Ticket, At)>) -> Option<(Ticket, At)> {
        let named = self.order.first_key_value();
        let plain = plain.map(|(ticket, since)| ((self.plain, ticket), since));
        match (named, plain) {
            (Some((rank, id)), plain) if plain.is_none_or(|(other, _)| *rank < other) => {
                let since = self.flows.get(id)?.waiters.get(&rank.1)?;
                Some((rank.1, *since))
            }
            (_, plain) => plain.map(|((_, ticket), since)| (ticket, since)),
        }
    }

    /// The requests in the order in which they go, if nobody comes or leaves. `plain` are those of the flow of no name;
    /// `share` is what a request takes of its flow's share.
    pub(super) fn in_order<'a>(
        &'a self,
        plain: impl Iterator<Item = (Ticket, At)> + 'a,
        share: impl Fn(Ticket) -> Share + 'a,
    ) -> impl Iterator<Item = (Ticket, At)> + 'a {
        let mut plain = plain.peekable();
        let mut plain_start = self.plain;
        let mut rest = self.order.iter().peekable();
        // The flows of which a request has gone: their next one, and those behind it.
        let mut gone = BTreeMap::new();
        core::iter::from_fn(move || {
            let named = rest.peek().map(|(rank, _)| **rank);
            let again = gone.first_key_value().map(|(rank, _)| *rank);
            let of_plain = plain.peek().map(|(ticket, _)| (plain_start, *ticket));
            let next = [named, again, of_plain].into_iter().flatten().min()?;
            if of_plain == Some(next) {
                plain_start = plain_start.saturating_add(share(next.1));
                return plain.next();
            }
            let mut waiters = if again == Some(next) {
                gone.remove(&next)?
            } else {
                let (_, id) = rest.next()?;
                self.flows.get(id)?.waiters.iter().peekable()
            };
            let (ticket, since) = waiters.next()?;
            if let Some((behind, _)) = waiters.peek() {
                gone.insert((next.0.saturating_add(share(*ticket)), **behind), waiters);
            }
            Some((*ticket, *since))
        })
    }

    /// What each flow has here, in no order.
    pub(super) fn standings(&self) -> impl Iterator<Item = Standing<'_>> {
        self.flows.iter().map(|(id, flow)| Standing {
            id,
            waiting: flow.waiters.len(),
            served: flow.served,
            since: flow.waiters.first_key_value().map(|(_, since)| *since),
        })
    }
}
