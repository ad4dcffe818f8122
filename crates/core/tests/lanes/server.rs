//! A server in virtual time: what the module's `waiting` does with [`Lines`], and with real limits.

use std::sync::Arc;

use rl_core::limit::decision::Retry;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::number::COUNT_MAX;
use rl_core::queue::{Lane, Lines, Place, Ticket};
use rl_core::quota::Quota;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::{Demand, decide};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::{Draft, Measure, Shape};
use rl_core::time::At;

use crate::common::{Key, at, span};
use crate::world::{Ask, Became, Entry, Event, Spec, World};

pub(crate) enum Stored {
    Limit(Key, Rule),
    Quota(Option<Quota>, Arc<Shape>),
}

pub(crate) fn shape(measures: &[Measure]) -> Arc<Shape> {
    let names: [&[u8]; 3] = [b"one", b"two", b"three"];
    let drafts = names.iter().zip(measures);
    let drafts: Vec<Draft<'_>> =
        drafts.map(|(name, measure)| Draft { name, unit: b"requests", measure: *measure }).collect();
    Shape::new(None, &drafts).unwrap()
}

impl Stored {
    fn new(spec: &Spec) -> Self {
        match &spec.measures[..] {
            [Measure::Rate(rule)] if !spec.is_quota => Self::Limit(Key::default(), *rule),
            measures => Self::Quota(None, shape(measures)),
        }
    }

    fn ask(&self, costs: &[u64], ttl: Option<u64>, now: u64) -> Retry {
        match self {
            Self::Limit(key, rule) => match key.state() {
                Some(state) => state.decide(rule, costs[0], at(now)).unwrap().retry,
                None => State::decide_new(rule, costs[0], at(now)).retry,
            },
            Self::Quota(held, shape) => {
                decide(held.as_ref(), shape, &Demand { costs, ttl: ttl.map(span) }, at(now)).retry()
            }
        }
    }

    fn take(&mut self, who: usize, costs: &[u64], ttl: Option<u64>, now: u64) {
        match self {
            Self::Limit(key, rule) => assert!(key.request(rule, costs[0], now).allowed),
            Self::Quota(held, shape) => admit(held, shape, who, costs, ttl, now),
        }
    }
}

/// Charges what a quota has admitted, as the module does.
pub(crate) fn admit(
    held: &mut Option<Quota>,
    shape: &Arc<Shape>,
    who: usize,
    costs: &[u64],
    ttl: Option<u64>,
    clock: u64,
) {
    if ttl.is_none() && costs.iter().all(|cost| *cost == 0) {
        return;
    }
    let verdict = decide(held.as_ref(), shape, &Demand { costs, ttl: ttl.map(span) }, at(clock));
    assert!(verdict.allowed());
    let id = who.to_be_bytes();
    let reserved = ttl.map(|ttl| Reserved {
        id: &id,
        expires: verdict.at.plus(span(ttl)),
        answers: verdict.rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect(),
    });
    let admission = Admission {
        shape: Arc::clone(shape),
        at: verdict.at,
        costs: costs.iter().copied().collect(),
        reserved,
    };
    let change = Change::Admit(admission);
    match held {
        Some(quota) => {
            change.apply(quota);
        }
        None => *held = change.create().map(|(quota, _)| quota),
    }
}

pub(crate) struct Server {
    pub(crate) now: u64,
    pub(crate) waiting: Lines<usize>,
    specs: Vec<Spec>,
    keys: Vec<Stored>,
    asks: Vec<Ask>,
    pub(crate) log: Vec<Entry>,
    /// How often the timer has fired, and how often a request was tried again.
    pub(crate) wakes: usize,
    pub(crate) attempts: usize,
}

impl Server {
    pub(crate) fn new(world: &World, now: u64) -> Self {
        let keys = world.specs.iter().map(Stored::new).collect();
        Self {
            now,
            waiting: Lines::default(),
            specs: world.specs.clone(),
            keys,
            asks: Vec::new(),
            log: Vec::new(),
            wakes: 0,
            attempts: 0,
        }
    }

    pub(crate) fn at(&self) -> At {
        at(self.now)
    }

    fn note(&mut self, who: usize, became: Became) {
        self.log.push(Entry { at: self.now, who, became });
    }

    fn ask(&self, ask: &Ask) -> Retry {
        let keys = ask.keys.iter();
        keys.map(|(key, costs)| self.keys[*key].ask(costs, ask.ttl, self.now)).max().unwrap()
    }

    fn take(&mut self, who: usize) {
        let ask = self.asks[who].clone();
        for (key, costs) in &ask.keys {
            self.keys[*key].take(who, costs, ask.ttl, self.now);
        }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Pass(ms) => self.run(self.now + ms),
            Event::Serve => self.run(self.now),
            Event::Come(ask) => self.come(ask),
            Event::Delete(key) => {
                self.keys[*key] = Stored::new(&self.specs[*key]);
                self.mark(*key);
            }
            Event::Refund(key, cost) => {
                if let Stored::Limit(stored, _) = &mut self.keys[*key] {
                    stored.refund(*cost, self.now);
                    self.mark(*key);
                }
            }
            Event::Settle(pick) => self.settle(pick % self.asks.len().max(1)),
            Event::Leave(pick) => {
                let mut who: Vec<(usize, Ticket)> = self.waits();
                if !who.is_empty() {
                    let (who, ticket) = who.swap_remove(pick % who.len());
                    self.waiting.leave(ticket);
                    self.note(who, Became::Left);
                }
            }
            Event::Aging(aging) => self.waiting.set_aging(aging.map(span)),
        }
    }

    /// Those who wait, as they came.
    fn waits(&self) -> Vec<(usize, Ticket)> {
        let tickets = (0..self.waiting.upcoming().0).map(Ticket);
        tickets.filter_map(|ticket| Some((self.waiting.get(ticket)?.what, ticket))).collect()
    }

    fn mark(&mut self, key: usize) {
        self.waiting.mark(0, &[key as u8]);
    }

    fn settle(&mut self, who: usize) {
        let (id, now) = (who.to_be_bytes(), self.at());
        for key in 0..self.keys.len() {
            let Stored::Quota(Some(quota), _) = &mut self.keys[key] else { continue };
            let at = quota.now(now);
            if quota.reservations().is_some_and(|held| held.get(&id, at).is_some()) {
                Change::Settle { id: &id, at, used: Costs::default() }.apply(quota);
                self.mark(key);
            }
        }
    }

    fn come(&mut self, ask: &Ask) {
        let who = self.asks.len();
        self.asks.push(ask.clone());
        let lane = Lane::ALL[ask.lane];
        let is_blocked = ask.takes().any(|key| self.waiting.blocks(0, &[key as u8], lane, self.at()));
        match (self.ask(ask), ask.wait) {
            (Retry::Never, _) => self.note(who, Became::Denied),
            (Retry::Now, _) if !is_blocked => {
                self.take(who);
                self.note(who, Became::AdmittedAtOnce);
            }
            (_, None) => self.note(who, Became::Denied),
            (_, Some(wait)) => {
                let places = ask.takes().map(|key| Place { db: 0, key: vec![key as u8].into() });
                self.waiting.join(places.collect(), lane, self.at(), span(wait), who);
                self.note(who, Became::Waits);
            }
        }
    }

    /// Lets the timer fire whenever there is something to do, until `until`.
    pub(crate) fn run(&mut self, until: u64) {
        while let Some(next) = self.waiting.next(self.at()).map(At::ms).filter(|next| *next <= until) {
            assert!(next >= self.now);
            self.now = next;
            let (done, attempts) = (self.log.len(), self.attempts);
            self.wake();
            let tried = self.attempts - attempts;
            let done = self.log.len() - done;
            assert!(
                done > 0 || self.waiting.next(self.at()) > Some(self.at()) || self.waiting.is_empty(),
                "nothing was done, and there is to be done something still"
            );
            // The first of each line is tried once for each that it follows, and not again.
            assert!(tried <= (done + 1) * self.keys.len() + done, "{tried} tries for {done} that went on");
        }
        self.now = until;
    }

    fn wake(&mut self) {
        self.wakes += 1;
        while let Some(place) = self.waiting.marked(self.at()) {
            self.look(&place);
        }
        while let Some(ticket) = self.waiting.overdue(self.at()) {
            let who = self.waiting.leave(ticket).unwrap().what;
            self.note(who, Became::TimedOut);
        }
    }

    fn look(&mut self, place: &Place) {
        let until = loop {
            let Some(ticket) = self.waiting.look(place, self.at()) else { break None };
            let who = self.waiting.get(ticket).unwrap().what;
            self.attempts += 1;
            match self.ask(&self.asks[who]) {
                Retry::After(ms) => break Some(self.at().plus(span(ms.min(COUNT_MAX)))),
                Retry::Never => panic!("it was never to wait"),
                Retry::Now => {
                    self.take(who);
                    self.waiting.leave(ticket);
                    self.note(who, Became::Admitted);
                }
            }
        };
        self.waiting.sleep(place, self.at(), until);
    }
}
