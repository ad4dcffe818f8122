//! Refunds, and what ends a reservation or keeps it.

use rl_core::engine::run::Reply;
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Result;
use rl_core::grammar::request::Request;
use rl_core::memory::Error;
use rl_core::quota::costs::Costs;

use super::ask::{IDS, cost};
use super::dice::Dice;
use super::play::Play;
use super::setup::{KEYS, LIMIT_KEYS, UNITS};
use crate::common::span;
use crate::oracle::Oracle;

impl Play {
    /// Runs a request with no waiter ahead, and compares its answer.
    fn done(&mut self, key: usize, request: &Request<'_>, expected: Result<Reply>) {
        let now = self.now();
        match self.node.run(&[KEYS[key]], request, Standing::First, now) {
            Ok(Turn::Answer { reply, .. }) => assert_eq!(Ok(reply), expected),
            Ok(Turn::Wait { .. }) => panic!("it does not wait"),
            Err(error) => assert_eq!(Some(error), expected.err().map(Error::Fault)),
        }
    }

    pub(super) fn refund(&mut self, key: usize, cost: u64) {
        let is_there = if key < LIMIT_KEYS { self.is_there(key) } else { self.counts(key) };
        let remaining = if is_there { self.naive.model.refund(key, cost, self.wall) } else { Ok(0) };
        self.done(key, &Request::Refund(cost), remaining.map(Reply::Remaining));
    }

    /// Settles, cancels or renews a reservation, twice.
    pub(super) fn conclude(&mut self, dice: &mut Dice<'_>) {
        let other = (dice.roll(KEYS.len() as u64) as usize, dice.pick(&IDS).to_vec());
        let (key, id) = self.made.iter().rev().nth(dice.roll(8) as usize).cloned().unwrap_or(other);
        let mut used = Costs::default();
        for unit in UNITS {
            if !dice.one_in(3) {
                used.add(unit, cost(dice)).unwrap();
            }
        }
        let ttl = 1 + dice.roll(50);
        match dice.roll(5) {
            0 => self.cancel(key, &id),
            1 => {
                let open = self.with_open(key, &id, |oracle, now| oracle.renew(&id, ttl, now));
                self.end(key, &Request::Renew { id: &id, ttl: span(ttl) }, open);
            }
            _ => {
                let settle = |unit: &[u8], taken| used.named(unit).unwrap_or(taken);
                let open = self.with_open(key, &id, |oracle, now| oracle.settle(&id, settle, now));
                self.end(key, &Request::Settle { id: &id, used: used.clone() }, open);
                self.cancel(key, &id); // it is over
            }
        }
    }

    fn cancel(&mut self, key: usize, id: &[u8]) {
        let open = self.with_open(key, id, |oracle, now| oracle.settle(id, |_, _| 0, now));
        self.end(key, &Request::Cancel { id }, open);
    }

    fn with_open(&mut self, key: usize, id: &[u8], change: impl FnOnce(&mut Oracle, u64)) -> Result<bool> {
        let is_there = if key < LIMIT_KEYS { self.counts(key) } else { self.is_there(key) };
        if !is_there {
            return Ok(false);
        }
        self.naive.model.with_open(key, id, self.wall, change)
    }

    /// Ends a reservation or renews it. A key of which nothing is left may have expired in the past: it goes at once.
    fn end(&mut self, key: usize, request: &Request<'_>, open: Result<bool>) {
        self.done(key, request, open.map(Reply::Done));
        if !self.is_there(key) && self.naive.model.keys.remove(&key).is_some() {
            self.node.delete(KEYS[key]);
        }
    }
}
