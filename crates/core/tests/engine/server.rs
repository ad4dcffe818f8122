//! A server in virtual time: the engine with a timer that fires whenever there is something to do.

use std::sync::Arc;

use rl_core::engine::run::Reply;
use rl_core::engine::serve::{self, Served};
use rl_core::engine::{Standing, Turn};
use rl_core::grammar::ask::{Ask as QuotaAsk, Limits};
use rl_core::grammar::limit;
use rl_core::grammar::outside::{Hold, Left, Lefts, Sync};
use rl_core::grammar::quota::ManyRequest;
use rl_core::grammar::request::Request;
use rl_core::grammar::terms::{Reserve, ReserveKind, Terms};
use rl_core::limit::decision::Retry;
use rl_core::memory::{DB, Now};
use rl_core::queue::{Lane, Lines, Place, Ticket, Wait, Waiter};
use rl_core::quota::costs::Costs;
use rl_core::quota::name::Name;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::{Draft, Measure, REQUESTS, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use crate::common::{at, span};
use crate::node::Node;
use crate::world::{Ask, Became, Entry, Event, Spec, World};

const KEYS: [&[u8]; 4] = [b"k0", b"k1", b"k2", b"k3"];
const POLICIES: [&[u8]; 4] = [b"p0", b"p1", b"p2", b"p3"];
const LIMITS: [&[u8]; 3] = [b"one", b"two", b"three"];
/// The unit of each limit of each key. Units differ, so that a request may have a different cost for each.
const UNITS: [[&[u8]; 3]; 4] =
    [[b"a0", b"a1", b"a2"], [b"b0", b"b1", b"b2"], [b"c0", b"c1", b"c2"], [b"d0", b"d1", b"d2"]];

/// Makes the policy of a key.
fn shape(key: usize, measures: &[Measure]) -> Arc<Shape> {
    let draft = |(nth, measure): (usize, &Measure)| {
        let unit = if matches!(measure, Measure::InFlight(_)) { REQUESTS } else { UNITS[key][nth] };
        Draft { name: LIMITS[nth], unit, measure: *measure, is_shadow: false }
    };
    let drafts: Vec<Draft<'_>> = measures.iter().enumerate().map(draft).collect();
    Shape::new(Name::new(POLICIES[key]).as_ref(), &drafts).unwrap()
}

pub(crate) struct Server {
    pub(crate) now: u64,
    node: Node<usize>,
    specs: Vec<Spec>,
    asks: Vec<Ask>,
    pub(crate) log: Vec<Entry>,
    /// How often the timer has fired.
    pub(crate) wakes: usize,
    /// How often a request was tried again.
    pub(crate) attempts: usize,
}

impl Server {
    pub(crate) fn new(world: &World, now: u64) -> Self {
        let mut policies = Policies::new();
        for (key, spec) in world.specs.iter().enumerate().filter(|(_, spec)| spec.is_quota) {
            policies.set(shape(key, &spec.measures)).unwrap();
        }
        Self {
            now,
            node: Node::new(policies),
            specs: world.specs.clone(),
            asks: Vec::new(),
            log: Vec::new(),
            wakes: 0,
            attempts: 0,
        }
    }

    fn at(&self) -> At {
        at(self.now)
    }

    pub(crate) fn waiting(&self) -> &Lines<usize> {
        &self.node.memory.lines
    }

    /// Whether a key counts anything. One that does not can be told nothing about what is left.
    pub(crate) fn counts(&self, key: usize) -> bool {
        let value = self.node.memory.keys.get(KEYS[key], self.at());
        value.is_some_and(|value| !matches!(value, Value::Held(_)))
    }

    fn note(&mut self, caller: usize, became: Became) {
        self.log.push(Entry { at: self.now, caller, became });
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Pass(ms) => self.run(self.now + ms),
            Event::Serve => self.run(self.now),
            Event::Arrive(ask) => self.arrive(ask),
            Event::Delete(key) => self.node.delete(KEYS[*key]),
            Event::Refund(key, cost) => {
                if !self.specs[*key].is_quota {
                    let turn = self.node.run(&[KEYS[*key]], &Request::Refund(*cost), FIRST, self.clocks());
                    assert!(matches!(turn, Ok(Turn::Answer { reply: Reply::Remaining(_), .. })));
                }
            }
            Event::Hold(key, limit, ms) => {
                let limits = limit.iter().map(|nth| LIMITS[*nth]).collect();
                let request = Request::Hold(Hold { time: span(*ms), limits });
                let turn = self.node.run(&[KEYS[*key]], &request, FIRST, self.clocks());
                assert!(matches!(turn, Ok(Turn::Answer { reply: Reply::Held(_), .. })), "{turn:?}");
            }
            Event::Sync(key, nth, remaining, ms) => {
                let left = Left { remaining: *remaining, limit: None, reset: Some(span(*ms)) };
                let is_quota = self.specs[*key].is_quota;
                let named = || Lefts::Named([(LIMITS[*nth], left)].into_iter().collect());
                let left = if is_quota { named() } else { Lefts::One(left) };
                let request = Request::Sync(Sync { left, age: None });
                let turn = self.node.run(&[KEYS[*key]], &request, FIRST, self.clocks());
                assert!(matches!(turn, Ok(Turn::Answer { reply: Reply::Elsewhere(_), .. })), "{turn:?}");
            }
            Event::Settle(pick) => self.settle(pick % self.asks.len().max(1)),
            Event::Leave(pick) => {
                let mut caller: Vec<(usize, Ticket)> = self.waits();
                if !caller.is_empty() {
                    let (caller, ticket) = caller.swap_remove(pick % caller.len());
                    self.node.memory.lines.leave(ticket);
                    self.note(caller, Became::Left);
                }
            }
            Event::Aging(aging) => self.node.memory.lines.set_aging(aging.map(span)),
        }
    }

    /// Returns the two clocks, which are equal on this server.
    fn clocks(&self) -> Now {
        Now { wall: self.at(), steady: self.at() }
    }

    /// Returns the waiters, in the order of arrival.
    fn waits(&self) -> Vec<(usize, Ticket)> {
        let lines = self.waiting();
        let tickets = (0..lines.upcoming().0).map(Ticket);
        tickets.filter_map(|ticket| Some((lines.get(ticket)?.what, ticket))).collect()
    }

    fn settle(&mut self, caller: usize) {
        let (id, now) = (caller.to_be_bytes(), self.clocks());
        for (key, _) in self.specs.iter().enumerate().filter(|(_, spec)| spec.is_quota) {
            let request = Request::Settle { id: &id, used: Costs::default() };
            let turn = self.node.run(&[KEYS[key]], &request, FIRST, now);
            assert!(matches!(turn, Ok(Turn::Answer { reply: Reply::Done(_), .. })));
        }
    }

    /// Runs the request of a new arrival or of a waiter.
    fn decide(&mut self, caller: usize, standing: Standing) -> Turn<Reply> {
        let (ask, now, id) = (self.asks[caller].clone(), self.clocks(), caller.to_be_bytes());
        let keys: Vec<usize> = ask.keys.iter().map(|(key, _)| *key).collect();
        let names: Vec<&[u8]> = keys.iter().map(|key| KEYS[*key]).collect();
        let wait = ask.wait.map(|ms| Wait { time: span(ms), lane: Lane::ALL[ask.lane], flow: None });
        let reserve =
            ask.ttl.map(|ttl| Reserve { ttl: span(ttl), id: Some(&id), kind: ReserveKind::Reservation });
        let mut costs = Costs::default();
        for (key, taken) in ask.keys.iter().filter(|(key, _)| self.specs[*key].is_quota) {
            UNITS[*key].iter().zip(taken).for_each(|(unit, cost)| costs.add(unit, *cost).unwrap());
        }
        let request = match &self.specs[keys[0]].measures[..] {
            [Measure::Rate(rule)] if !self.specs[keys[0]].is_quota => {
                Request::Limit(limit::Request { rule: *rule, cost: ask.keys[0].1[0], is_up_to: false, wait })
            }
            measures if keys.len() == 1 && caller.is_multiple_of(2) => {
                let shape = shape(keys[0], measures);
                let costs = costs.by_limit(&shape);
                Request::Quota(QuotaAsk {
                    limits: Limits::Known { shape, costs },
                    reserve,
                    wait,
                    is_short: false,
                })
            }
            _ if keys.len() == 1 => {
                let limits = Limits::Policy { name: POLICIES[keys[0]], costs };
                Request::Quota(QuotaAsk { limits, reserve, wait, is_short: false })
            }
            _ => {
                let policies = keys.iter().map(|key| POLICIES[*key]).collect();
                let terms = Terms { costs, reserve, wait, is_short: false, is_up_to: false };
                Request::ManyQuotas(ManyRequest { keys: 0..keys.len(), policies, terms })
            }
        };
        let turn = self.node.run(&names, &request, standing, now);
        turn.expect("nothing is wrong with a request")
    }

    fn arrive(&mut self, ask: &Ask) {
        let caller = self.asks.len();
        self.asks.push(ask.clone());
        let lane = Lane::ALL[ask.lane];
        match self.decide(caller, Standing::Newcomer(lane)) {
            Turn::Answer { admitted, reply, .. } => {
                assert_eq!(retry(&reply) == Retry::Now, admitted);
                self.note(caller, if admitted { Became::AdmittedAtOnce } else { Became::Denied });
            }
            Turn::Wait { claims, after } => {
                assert!(after > Span::default());
                let place = |(key, _): &(usize, _)| Place { db: DB, key: KEYS[*key].into() };
                let places = ask.keys.iter().map(place).collect();
                let wait = span(ask.wait.expect("it asked to"));
                let now = self.at();
                self.node.memory.lines.join(places, claims, lane, now, wait, caller);
                self.note(caller, Became::Waits);
            }
        }
    }

    /// Fires the timer whenever there is something to do, until `until`.
    pub(crate) fn run(&mut self, until: u64) {
        while let Some(next) = self.waiting().next(self.at()).map(At::ms).filter(|next| *next <= until) {
            assert!(next >= self.now);
            self.now = next;
            let (done, attempts) = (self.log.len(), self.attempts);
            self.wakes += 1;
            serve::serve(self, true);
            let tried = self.attempts - attempts;
            let done = self.log.len() - done;
            assert!(
                done > 0 || self.waiting().next(self.at()) > Some(self.at()) || self.waiting().is_empty(),
                "nothing was done, and there is to be done something still"
            );
            // The first of each line is tried once after each admission ahead of it, and not again.
            assert!(tried <= (done + 1) * self.specs.len() + done, "{tried} tries for {done} admissions");
        }
        self.now = until;
    }
}

/// The standing of requests that take nothing: no waiter is ahead of them.
const FIRST: Standing = Standing::First;

/// Returns when the limits admit a request, according to its reply.
fn retry(reply: &Reply) -> Retry {
    match reply {
        Reply::Limit(decision) | Reply::Granted(decision, _) => decision.retry,
        Reply::Quota(reply) | Reply::First(reply, _) => reply.retry(),
        Reply::Remaining(_) | Reply::Done(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::Nothing => {
            panic!("no decision")
        }
    }
}

impl serve::Server for Server {
    type Waiter = usize;
    type Request = usize;
    type Answer = Reply;

    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<usize>) -> T) -> T {
        look(&mut self.node.memory.lines)
    }

    fn served(&mut self, ticket: Ticket, only: Option<usize>) -> Option<Waiter<usize>> {
        self.node.memory.served(ticket, only)
    }

    fn steady(&self) -> At {
        self.at()
    }

    fn lag(&self) -> Span {
        Span::default()
    }

    fn request(caller: &usize) -> Option<usize> {
        Some(*caller)
    }

    fn attempt(&mut self, caller: usize, standing: Standing) -> Option<Turn<Reply>> {
        self.attempts += usize::from(standing == Standing::First);
        Some(self.decide(caller, standing))
    }

    fn answer(&mut self, waiter: Waiter<usize>, why: Served, answer: Reply) {
        let became = match why {
            Served::Admitted => Became::Admitted,
            Served::Refused => panic!("it was never to wait"),
            Served::TimedOut => Became::TimedOut,
        };
        assert_eq!(retry(&answer) == Retry::Now, why == Served::Admitted);
        self.note(waiter.what, became);
    }
}
