//! A naive server without lines, marks or timers.
//!
//! Each millisecond it sorts all waiters. It admits the first waiter that fits its limits and has nobody
//! ahead on any of its keys, and repeats that until there is none.

use crate::limits::Limit;
use crate::outside::{News, Told};
use crate::world::{Ask, Became, Entry, Event, World};

#[derive(Clone, Debug)]
struct Waiter {
    caller: usize,
    since: u64,
    deadline: u64,
}

pub(crate) struct Naive {
    pub(crate) now: u64,
    keys: Vec<Vec<Limit>>,
    /// What each key is told from outside.
    told: Vec<Told>,
    /// The limits of each key when nothing is used.
    unused: Vec<Vec<Limit>>,
    /// Every request that has come.
    asks: Vec<Ask>,
    /// The waiters, in the order of arrival.
    waiting: Vec<Waiter>,
    aging: Option<u64>,
    pub(crate) log: Vec<Entry>,
}

impl Naive {
    pub(crate) fn new(world: &World, now: u64) -> Self {
        let keys: Vec<Vec<Limit>> =
            world.specs.iter().map(|spec| spec.measures.iter().map(Limit::new).collect()).collect();
        let unused = keys.clone();
        let told = world.specs.iter().map(|spec| Told::new(spec.measures.len())).collect();
        Self { now, keys, told, unused, asks: Vec::new(), waiting: Vec::new(), aging: None, log: Vec::new() }
    }

    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn note(&mut self, caller: usize, became: Became) {
        self.log.push(Entry { at: self.now, caller, became });
    }

    fn lane(&self, waiter: &Waiter) -> usize {
        let risen = self.aging.map_or(0, |aging| (self.now - waiter.since) / aging);
        self.asks[waiter.caller].lane.saturating_sub(risen.min(3) as usize)
    }

    fn fits(&self, ask: &Ask) -> bool {
        let fits = |(key, costs): &(usize, Vec<u64>)| {
            let takes = ask.ttl.is_some() || costs.iter().any(|cost| *cost > 0);
            self.told[*key].fits(&self.keys[*key], costs, ask.ttl, self.now)
                && !(takes && self.told[*key].all > self.now)
        };
        ask.keys.iter().all(fits)
    }

    fn take(&mut self, caller: usize) {
        let ask = self.asks[caller].clone();
        for (key, costs) in &ask.keys {
            let limits = self.keys[*key].iter_mut().zip(costs);
            limits.for_each(|(limit, cost)| limit.take(caller, *cost, ask.ttl, self.now));
        }
    }

    /// Whether there is a key from which both take something.
    fn share(one: &Ask, other: &Ask) -> bool {
        one.takes().any(|key| other.takes().any(|other| other == key))
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Pass(ms) => {
                self.serve();
                (0..*ms).for_each(|_| self.pass());
            }
            Event::Serve => self.serve(),
            Event::Arrive(ask) => self.arrive(ask),
            Event::Delete(key) => {
                self.keys[*key] = self.unused[*key].clone();
                self.told[*key] = Told::new(self.keys[*key].len());
            }
            Event::Hold(key, limit, ms) => self.told[*key].hold(*limit, *ms, self.now),
            Event::Sync(key, nth, left, ms) => {
                let news = News { left: *left, of: None, ms: *ms, age: None };
                self.told[*key].sync(*nth, &self.keys[*key][*nth], news, self.now);
            }
            Event::Refund(key, cost) => {
                if let [Limit::Rate(rule, oracle)] = &mut self.keys[*key][..] {
                    oracle.refund(rule, *cost, self.now);
                }
            }
            Event::Settle(pick) => {
                let caller = pick % self.asks.len().max(1);
                for limit in self.keys.iter_mut().flatten() {
                    if let Limit::Slots(_, held) = limit {
                        held.retain(|(holder, _)| *holder != caller);
                    }
                }
            }
            Event::Leave(pick) => {
                if !self.waiting.is_empty() {
                    let caller = self.waiting.remove(pick % self.waiting.len()).caller;
                    self.note(caller, Became::Left);
                }
            }
            Event::Aging(aging) => self.aging = *aging,
        }
    }

    fn arrive(&mut self, ask: &Ask) {
        let caller = self.asks.len();
        self.asks.push(ask.clone());
        let stands_before =
            |waiter: &Waiter| self.lane(waiter) <= ask.lane && Self::share(&self.asks[waiter.caller], ask);
        let never = ask.keys.iter().any(|(key, costs)| {
            let limits = self.unused[*key].iter().zip(costs);
            limits.into_iter().any(|(limit, cost)| !limit.fits(*cost, ask.ttl, self.now))
        });
        let is_blocked = self.waiting.iter().any(stands_before);
        if never {
            self.note(caller, Became::Denied);
        } else if !is_blocked && self.fits(ask) {
            self.take(caller);
            self.note(caller, Became::AdmittedAtOnce);
        } else if let Some(wait) = ask.wait {
            self.waiting.push(Waiter { caller, since: self.now, deadline: self.now + wait });
            self.note(caller, Became::Waits);
        } else {
            self.note(caller, Became::Denied);
        }
    }

    pub(crate) fn pass(&mut self) {
        self.now += 1;
        self.serve();
    }

    /// Admits all waiters that may be admitted, and times out the waiters whose deadline has passed.
    pub(crate) fn serve(&mut self) {
        loop {
            while let Some(at) = self.first_that_may() {
                let caller = self.waiting.remove(at).caller;
                self.take(caller);
                self.note(caller, Became::Admitted);
            }
            let now = self.now;
            let over: Vec<usize> = self
                .waiting
                .iter()
                .filter(|waiter| waiter.deadline <= now)
                .map(|waiter| waiter.caller)
                .collect();
            if over.is_empty() {
                return;
            }
            self.waiting.retain(|waiter| waiter.deadline > now);
            over.into_iter().for_each(|caller| self.note(caller, Became::TimedOut));
        }
    }

    fn first_that_may(&self) -> Option<usize> {
        let mut order: Vec<usize> = (0..self.waiting.len()).collect();
        order.sort_by_key(|at| (self.lane(&self.waiting[*at]), *at));
        let ask = |at: usize| &self.asks[self.waiting[at].caller];
        let mut before: Vec<usize> = Vec::new();
        for at in order {
            if !before.iter().any(|other| Self::share(ask(*other), ask(at))) && self.fits(ask(at)) {
                return Some(at);
            }
            before.push(at);
        }
        None
    }
}
