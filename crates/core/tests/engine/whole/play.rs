//! A history, played on the engine and on the model; both must say the same at each step.

use rl_core::engine::run::Reply;
use rl_core::engine::{Standing, Turn};
use rl_core::memory::{DB, Error, Now};
use rl_core::queue::{Line, Place, Ticket};
use rl_core::quota::policies::Policies;
use rl_core::time::Span;

use super::ask::Ask;
use super::check;
use super::dice::Dice;
use super::setup::{KEYS, LIMIT_KEYS, POLICIES, Setup};
use super::waiting::{self, Became, Entry, Naive, is_never};
use crate::common::{TODAY, at, span};
use crate::node::Node;

/// What the server keeps of a waiter.
pub(crate) struct Waits {
    pub(super) caller: usize,
    pub(super) ask: Ask,
}

pub(crate) struct Play {
    pub(super) setup: Setup,
    pub(super) node: Node<Waits>,
    pub(super) naive: Naive,
    /// The clocks of the engine.
    pub(super) wall: u64,
    pub(super) steady: u64,
    pub(super) log: Vec<Entry>,
    came: usize,
    /// The reservations that were made: the key and the id of each.
    pub(super) made: Vec<(usize, Vec<u8>)>,
}

impl Play {
    pub(crate) fn new(dice: &mut Dice<'_>) -> Self {
        let setup = Setup::new(dice);
        let (wall, steady) = (TODAY, 1_000);
        let mut naive = Naive { steady, wall, ..Naive::default() };
        naive.model.policies = vec![None; POLICIES.len()];
        let node = Node::new(Policies::new());
        let mut play = Self { setup, node, naive, wall, steady, log: Vec::new(), came: 0, made: Vec::new() };
        (0..POLICIES.len()).for_each(|policy| play.set_policy(policy, 0));
        play
    }

    /// Plays the whole history, and admits all waiters.
    pub(crate) fn all(mut self, dice: &mut Dice<'_>, most: usize) {
        for _ in 0..most {
            if dice.is_used_up() {
                break;
            }
            self.event(dice);
            self.check();
        }
        self.pass(300);
        self.check();
    }

    pub(super) fn now(&self) -> Now {
        Now { wall: at(self.wall), steady: at(self.steady) }
    }

    fn event(&mut self, dice: &mut Dice<'_>) {
        let key = dice.roll(KEYS.len() as u64) as usize;
        match dice.roll(34) {
            0 => {
                self.node.delete(KEYS[key]);
                self.naive.model.keys.remove(&key);
            }
            1 => self.step(dice),
            2 => self.set_policy(dice.roll(3) as usize, dice.roll(4) as usize),
            3 => {
                let aging = [None, Some(1), Some(5), Some(20), Some(100)][dice.roll(5) as usize];
                self.naive.aging = aging;
                self.node.memory.lines.set_aging(aging.map(span));
            }
            4 => self.leave(dice.roll(8) as usize),
            5 => self.sweep(),
            6 => self.refund(dice.roll(LIMIT_KEYS as u64) as usize, dice.roll(6)),
            7 => self.refund(key, dice.roll(3)),
            8..=12 => self.conclude(dice),
            13..=15 => self.pass(dice.roll(6)),
            16 => self.pass(dice.roll(60)),
            17 => self.serve(),
            18 => self.wrong_type(dice),
            19 | 20 => self.serve(),
            21 | 22 => self.set_override(dice),
            _ => {
                let mut ask = Ask::roll(&self.setup, dice);
                if ask.wait.is_some() && self.naive.waiting.iter().any(|waiter| waiter.ask.id() == ask.id()) {
                    ask.set_id(self.came.to_be_bytes().to_vec());
                }
                self.arrive(&ask);
                self.remind(&ask);
            }
        }
    }

    /// Sets a policy to a variant of its limits, or removes it.
    fn set_policy(&mut self, policy: usize, variant: usize) {
        let shape = (variant < 3).then(|| self.setup.policy(policy, variant));
        self.naive.model.set_policy(policy, shape.clone());
        self.change_policies(|policies| match shape {
            Some(shape) => policies.set(shape).unwrap(),
            None => drop(policies.remove(POLICIES[policy])),
        });
    }

    /// Gives a quota limits of its own under a policy, or takes them away.
    fn set_override(&mut self, dice: &mut Dice<'_>) {
        let key = LIMIT_KEYS + dice.roll((KEYS.len() - LIMIT_KEYS) as u64) as usize;
        let (policy, variant) = (dice.roll(3) as usize, dice.roll(4) as usize);
        let shape = (variant < 3).then(|| self.setup.policy(policy, variant));
        let had = self.naive.model.set_override(policy, key, shape.clone());
        self.change_policies(|policies| match shape {
            Some(shape) => assert_eq!(policies.set_override(KEYS[key], shape), had.map(|_| ())),
            None => assert_eq!(policies.remove_override(POLICIES[policy], KEYS[key]), had),
        });
    }

    /// Changes the policies of the host. Everyone who waits may be asked for others.
    fn change_policies(&mut self, change: impl FnOnce(&mut Policies)) {
        let mut policies = Policies::clone(&self.node.memory.policies);
        change(&mut policies);
        self.node.memory.policies = policies.into();
        self.node.memory.lines.mark_all(None);
        self.naive.policies += 1;
    }

    /// The clock that decides steps, back or forth.
    fn step(&mut self, dice: &mut Dice<'_>) {
        let ms = 1 + dice.roll(60);
        self.wall = if dice.one_in(3) { self.wall + ms } else { self.wall - ms };
        self.naive.wall = self.wall;
        self.node.memory.lines.mark_all(None);
    }

    fn leave(&mut self, pick: usize) {
        if let Some(at) = pick.checked_rem(self.naive.waiting.len()) {
            let caller = self.naive.waiting.remove(at).caller;
            let ticket = self.ticket(caller);
            self.node.memory.lines.leave(ticket).unwrap();
            self.note(caller, Became::Left);
            self.naive.note(caller, Became::Left);
        }
    }

    /// Notes the reservation that a request has made.
    pub(super) fn reserved(&mut self, ask: &Ask, reply: &Reply) {
        if let Some(id) = check::id(reply) {
            self.made.extend(ask.keys.iter().map(|key| (*key, id.to_vec())));
        }
    }

    fn ticket(&self, caller: usize) -> Ticket {
        let lines = &self.node.memory.lines;
        let mut tickets = (0..lines.upcoming().0).map(Ticket);
        tickets.find(|ticket| lines.get(*ticket).is_some_and(|waiter| waiter.what.caller == caller)).unwrap()
    }

    fn sweep(&mut self) {
        for gone in self.node.sweep(at(self.wall)) {
            let key = KEYS.iter().position(|key| **key == *gone).unwrap();
            assert!(self.naive.model.keys.remove(&key).is_some());
        }
    }

    pub(super) fn note(&mut self, caller: usize, became: Became) {
        self.log.push((self.steady, caller, became));
    }

    /// Whether the host still has the key: it is there until its time to expire has passed.
    pub(super) fn is_there(&self, key: usize) -> bool {
        let is_there = self.node.memory.keys.get(KEYS[key], at(self.wall)).is_some();
        let is_known = self.naive.model.keys.contains_key(&key);
        assert_eq!(
            is_there,
            is_known && self.node.expires(KEYS[key]).is_some_and(|end| at(self.wall) <= end)
        );
        is_there
    }

    /// Whether the host has the key and it does not only live on, so that requests of another kind are refused.
    pub(super) fn counts(&self, key: usize) -> bool {
        let clock = at(self.wall);
        self.is_there(key)
            && self.node.memory.keys.get(KEYS[key], clock).is_some_and(|value| !value.is_over(clock))
    }

    /// A request that comes.
    fn arrive(&mut self, ask: &Ask) {
        let caller = self.came;
        self.came += 1;
        let expected = self.naive.model.ask(ask, self.wall);
        let peeked = check::peek(self, ask);
        let now = self.now();
        let turn =
            ask.with(|names, request| self.node.run(names, request, Standing::Newcomer(ask.lane()), now));
        let (turn, answers) = match (turn, expected) {
            (Ok(turn), Ok(answers)) => (turn, answers),
            (Err(error), Err(fault)) => return assert_eq!(error, Error::Fault(fault)),
            (Ok(turn), Err(fault)) => panic!("{turn:?} instead of {fault:?}"),
            (Err(error), Ok(_)) => panic!("{error:?} instead of an answer"),
        };
        let lines = answers.lines(ask);
        let blocked: Vec<usize> =
            lines.iter().copied().filter(|key| self.naive.is_blocked(*key, ask.lane)).collect();
        match turn {
            Turn::Wait { claims, after } => {
                assert!(!answers.allowed() || !blocked.is_empty());
                assert!(!is_never(&answers));
                assert!(after > Span::default());
                check::told(&answers, &blocked, after.ms());
                let wait = ask.wait.expect("it asked to wait");
                let place = |key: &usize| Place { db: DB, key: KEYS[*key].into() };
                let places = ask.keys.iter().map(place).collect();
                let waits = Waits { caller, ask: ask.clone() };
                let memory = &mut self.node.memory;
                memory.lines.join(places, claims, ask.lane(), at(self.steady), span(wait), waits);
                let (since, deadline, policies) = (self.steady, self.steady + wait, self.naive.policies);
                self.naive.waiting.push(waiting::Waiter {
                    caller,
                    ask: ask.clone(),
                    since,
                    deadline,
                    policies,
                    lines,
                });
                self.note(caller, Became::Waits);
                self.naive.note(caller, Became::Waits);
            }
            Turn::Answer { admitted, reply, .. } => {
                assert_eq!(admitted, answers.allowed() && blocked.is_empty());
                assert!(admitted || ask.wait.is_none() || is_never(&answers), "it waits");
                check::reply(self, ask, &answers, &blocked, &reply);
                check::as_peeked(&peeked, &reply);
                if admitted {
                    let id = check::id(&reply);
                    self.reserved(ask, &reply);
                    self.naive.model.charge(ask, &answers, id.as_deref(), self.wall);
                }
                let became = if admitted { Became::Admitted } else { Became::Denied };
                self.note(caller, became);
                self.naive.note(caller, became);
            }
        }
    }

    /// Looks again at the waiters with the id of a request. A server does so only when it is their turn.
    fn remind(&mut self, ask: &Ask) {
        let same =
            self.naive.waiting.iter().filter(|waiter| ask.id().is_some() && waiter.ask.id() == ask.id());
        for key in same.flat_map(|waiter| &waiter.lines) {
            self.node.memory.lines.mark(DB, KEYS[*key]);
        }
    }

    /// A request of another kind than the key is.
    fn wrong_type(&mut self, dice: &mut Dice<'_>) {
        let mut ask = Ask::roll(&self.setup, dice);
        let is_limit = |key: usize| key < LIMIT_KEYS;
        let key = if is_limit(ask.keys[0]) {
            LIMIT_KEYS + ask.keys[0]
        } else {
            dice.roll(LIMIT_KEYS as u64) as usize
        };
        if !self.counts(key) {
            return; // it may be used by any kind: see living.rs
        }
        let last = ask.keys.len() - 1;
        ask.keys[last] = key;
        let expected = self.naive.model.ask(&ask, self.wall).err().expect("it is of another kind");
        let now = self.now();
        let turn =
            ask.with(|names, request| self.node.run(names, request, Standing::Newcomer(ask.lane()), now));
        assert_eq!(turn.err(), Some(Error::Fault(expected)));
    }

    fn check(&mut self) {
        assert_eq!((self.steady, self.wall), (self.naive.steady, self.naive.wall));
        let sorted = |log: &[Entry]| {
            let mut log: Vec<String> = log.iter().map(|entry| format!("{entry:?}")).collect();
            log.sort_unstable();
            log
        };
        assert_eq!(sorted(&self.log), sorted(&self.naive.log));
        let lines = &self.node.memory.lines;
        assert_eq!(lines.len(), self.naive.waiting.len());
        for (at, key) in KEYS.iter().enumerate() {
            let waits = self.naive.waiting.iter().filter(|waiter| waiter.lines.contains(&at)).count();
            assert_eq!(lines.line(DB, key).map_or(0, Line::len), waits);
        }
        self.log.clear();
        self.naive.log.clear();
        check::standing(self);
    }
}
