//! The leases of all keys. It decides requests, and says what the server must be asked and told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};

use super::entry::{Entry, Fetching};
use super::fetch::{Order, Outcome};
use super::identity::{Identity, Wish, words};
use super::permits::{Costs, Permits};
use super::terms::{Settlement, Terms};
use crate::reply::Quota;

/// How often a request waits for a lease before it is sent to the server.
const ROUNDS: u32 = 4;
/// A key is forgotten after this many ttls without a request.
const IDLE: u64 = 10;

/// What a request is answered.
#[derive(Debug)]
pub(crate) enum Decision<G> {
    /// This, without asking the server.
    Local(Quota),
    /// The server is asked, as if there were no leases, after these settlements.
    Plain(Vec<Settlement>),
    /// Wait until this opens, and ask again.
    Wait(G),
}

/// What a request does next.
enum Step {
    /// It is answered this.
    Local(Quota),
    /// It waits for a lease.
    Wait,
    /// It is sent to the server.
    Plain,
}

/// What the server must be asked or told.
#[derive(Debug)]
pub(crate) enum Work {
    /// Ask for a lease: [`Book::order`] says how much.
    Fetch(Arc<Identity>, u64),
    /// Tell what was used.
    Settle(Settlement),
}

/// The leases of all keys. `G` is what requests wait for.
#[derive(Debug)]
pub(crate) struct Book<G> {
    terms: Terms,
    entries: HashMap<Arc<Identity>, Entry<G>, foldhash::fast::RandomState>,
    /// When leases end. Some may have ended earlier.
    ends: BTreeSet<(At, Arc<Identity>)>,
    work: Vec<Work>,
    number: u64,
    swept: At,
    is_closed: bool,
}

impl<G: Clone + Default> Book<G> {
    /// No leases.
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            terms,
            entries: HashMap::default(),
            ends: BTreeSet::new(),
            work: Vec::new(),
            number: 0,
            swept: At::default(),
            is_closed: false,
        }
    }

    /// Decides a request. `round` is how often it has waited for a lease.
    pub(crate) fn decide(&mut self, now: At, wish: &Wish<'_>, round: u32) -> Decision<G> {
        let Wish { identity, costs, shape } = wish;
        if self.is_closed {
            return Decision::Plain(Vec::new());
        }
        if !self.entries.contains_key(identity) {
            if self.entries.len() >= self.terms.keys {
                return Decision::Plain(Vec::new());
            }
            let identity = Arc::new(identity.clone());
            let entry = Entry::new(Arc::clone(&identity), shape.clone(), self.terms.ttl, now);
            self.entries.insert(identity, entry);
        }
        let Some(entry) = self.entries.get_mut(identity) else { return Decision::Plain(Vec::new()) };
        entry.last = now;
        if round == 0 {
            entry.demand.note(now, costs);
        }
        let mut settled = Vec::new();
        let step = Self::step(entry, &self.terms, now, costs, round, &mut settled);
        let fetches = match &step {
            Step::Local(quota) => quota.allowed && entry.is_next_due(costs, &self.terms, now),
            Step::Wait => entry.fetching.is_none(),
            Step::Plain => false,
        };
        if fetches {
            self.number = self.number.saturating_add(1);
            let (number, asked, gate) = (self.number, Permits::default(), G::default());
            entry.fetching = Some(Fetching { number, asked, ttl: self.terms.ttl, gate });
            self.work.push(Work::Fetch(Arc::clone(&entry.identity), number));
        }
        let decision = match (step, &entry.fetching) {
            (Step::Local(quota), _) => Decision::Local(quota),
            (Step::Wait, Some(fetching)) => {
                costs.iter().for_each(|(unit, cost)| entry.waiting.add(unit, *cost));
                Decision::Wait(fetching.gate.clone())
            }
            // What the request leaves of the leases must not stand in its way.
            (Step::Wait, None) | (Step::Plain, _) => return Decision::Plain(settled),
        };
        self.work.extend(settled.into_iter().map(Work::Settle));
        decision
    }

    /// What a request does next.
    fn step(
        entry: &mut Entry<G>,
        terms: &Terms,
        now: At,
        costs: &Costs<'_>,
        round: u32,
        settled: &mut Vec<Settlement>,
    ) -> Step {
        entry.expire(now, settled);
        if entry.take(costs, settled) {
            return Step::Local(entry.admitted(now));
        }
        if entry.fetching.is_some() && round < ROUNDS {
            return Step::Wait;
        }
        if entry.denies(costs, now) {
            return Step::Local(entry.denied(now));
        }
        if entry.fetching.is_none() && round < ROUNDS && entry.is_worth(costs, terms, now) {
            if entry.next.is_some() {
                entry.release(settled); // neither of both has enough
            }
            return Step::Wait;
        }
        if entry.is_short(costs) {
            entry.release(settled);
        }
        Step::Plain
    }

    /// Takes over the server's answer to a request that was sent without a lease.
    pub(crate) fn noted(&mut self, now: At, wish: &Wish<'_>, quota: &Quota) {
        let Some(entry) = self.entries.get_mut(&wish.identity) else { return };
        entry.learn(now, quota);
        if !quota.allowed {
            entry.deny(now, quota, Permits::of(wish.costs.iter().copied()), self.terms.ttl);
        }
    }

    /// What to ask the server for; `None` if nothing, and then the gate is returned that must be opened.
    pub(crate) fn order(
        &mut self,
        now: At,
        identity: &Identity,
        number: u64,
        shape: Option<Arc<Shape>>,
    ) -> Result<Order, Option<G>> {
        let Some(entry) = self.entries.get_mut(identity) else { return Err(None) };
        if shape.is_some() {
            entry.shape = shape;
        }
        let order = if self.is_closed { None } else { entry.order(number, &self.terms, now) };
        order.ok_or_else(|| {
            let fetching = entry.fetching.take_if(|fetching| fetching.number == number);
            entry.waiting.clear();
            fetching.map(|fetching| fetching.gate)
        })
    }

    /// Takes over what came of a request for a lease. Returns the gate that must be opened.
    pub(crate) fn fetched(
        &mut self,
        (sent, now): (At, At),
        identity: &Arc<Identity>,
        number: u64,
        outcome: Outcome,
    ) -> Option<G> {
        let mut settled = Vec::new();
        let entry = self.entries.get_mut(identity);
        let waits = entry.and_then(|entry| {
            let fetching = entry.fetching.take_if(|fetching| fetching.number == number)?;
            Some((entry, fetching))
        });
        let gate = match (waits, outcome) {
            (Some((entry, fetching)), outcome) => {
                let (gate, ends) = entry.fetched(fetching, sent, now, outcome, &mut settled);
                if self.is_closed {
                    entry.release(&mut settled);
                }
                self.ends.extend(ends.map(|ends| (ends, Arc::clone(identity))));
                Some(gate)
            }
            (None, Outcome::Reply(quota)) => {
                // The key was forgotten meanwhile.
                let granted = quota.granted.iter().flatten().map(|(unit, _)| (unit.as_bytes(), 0));
                let used = Permits::of(granted);
                let id = quota.reservation.flatten();
                settled.extend(id.map(|id| Settlement { identity: Arc::clone(identity), id, used }));
                None
            }
            (None, Outcome::Failed(_)) => None,
        };
        self.work.extend(settled.into_iter().map(Work::Settle));
        gate
    }

    /// Ends the leases whose time has passed, and forgets keys that are not asked for.
    pub(crate) fn tick(&mut self, now: At) {
        let mut settled = Vec::new();
        while let Some((_, identity)) = self.ends.first().filter(|(ends, _)| *ends <= now) {
            let identity = Arc::clone(identity);
            self.ends.pop_first();
            if let Some(entry) = self.entries.get_mut(&identity) {
                entry.expire(now, &mut settled);
            }
        }
        self.work.extend(settled.into_iter().map(Work::Settle));
        let idle = Span::from_ms(self.terms.ttl.ms().saturating_mul(IDLE));
        if now.since(self.swept) > idle {
            let before = At::from_ms(now.signed_ms().saturating_sub_unsigned(idle.ms()));
            self.entries.retain(|_, entry| !entry.is_idle(before));
            self.swept = now;
        }
    }

    /// Ends the leases of a key, whatever its limits. Also returns the gates that must be opened.
    pub(crate) fn release(&mut self, key: &[u8]) -> (Vec<Settlement>, Vec<G>) {
        let (mut settled, mut gates) = (Vec::new(), Vec::new());
        for (identity, entry) in &mut self.entries {
            if words(identity).next() == Some(key) {
                entry.release(&mut settled);
                // A lease that is under way is settled when it comes, since its number is unknown then.
                gates.extend(entry.fetching.take().map(|fetching| fetching.gate));
                entry.waiting.clear();
                entry.denial = None;
            }
        }
        (settled, gates)
    }

    /// Ends all leases. From now on there are none.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        let mut settled = Vec::new();
        self.entries.values_mut().for_each(|entry| entry.release(&mut settled));
        self.work.extend(settled.into_iter().map(Work::Settle));
    }

    /// What the server must be asked and told.
    pub(crate) fn take_work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.work)
    }
}
