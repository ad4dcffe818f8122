//! A model of lines: a plain list of waiters that is sorted again for each question.

use std::collections::{BTreeMap, BTreeSet};

/// The number of a database, and a key.
pub(crate) type Key = (i32, Vec<u8>);

/// The last instant, in ms.
const LAST: u64 = (1 << 53) - 1;

#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: u64,
    pub(crate) lane: usize,
    pub(crate) since: u64,
    pub(crate) deadline: u64,
    pub(crate) keys: Vec<Key>,
}

/// All waiters of the model. Tickets begin at 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) aging: Option<u64>,
    last: u64,
    /// The lines with a change since the last look.
    due: BTreeSet<Key>,
    /// The other lines: when the last look was, and the time set then for the next one.
    asleep: BTreeMap<Key, (u64, Option<u64>)>,
}

impl Model {
    /// Returns the lane that a waiter has risen to.
    pub(crate) fn lane(&self, waiter: &Waiter, now: u64) -> usize {
        let risen = self.aging.filter(|aging| *aging > 0).map_or(0, |aging| (now - waiter.since) / aging);
        waiter.lane.saturating_sub(risen.min(3) as usize)
    }

    /// Returns all waiters of a line, in order.
    pub(crate) fn line(&self, key: &Key, now: u64) -> Vec<&Waiter> {
        let mut line: Vec<&Waiter> = self.waiters.iter().filter(|waiter| waiter.keys.contains(key)).collect();
        line.sort_by_key(|waiter| (self.lane(waiter, now), waiter.ticket));
        line
    }

    pub(crate) fn head(&self, key: &Key, now: u64) -> Option<u64> {
        self.line(key, now).first().map(|waiter| waiter.ticket)
    }

    /// Returns the waiters ahead of a request that comes to `lane`, in order.
    pub(crate) fn ahead(&self, key: &Key, lane: usize, now: u64) -> Vec<u64> {
        let before = |waiter: &&&Waiter| self.lane(waiter, now) <= lane;
        self.line(key, now).iter().filter(before).map(|waiter| waiter.ticket).collect()
    }

    /// Returns the first waiter of a line, if it is first in all of its other lines too.
    pub(crate) fn turn(&self, key: &Key, now: u64) -> Option<u64> {
        let first = *self.line(key, now).first()?;
        first.keys.iter().all(|key| self.head(key, now) == Some(first.ticket)).then_some(first.ticket)
    }

    /// Returns when the head differs from that at `from`, if no waiter joins or leaves. Tries each instant at
    /// which a waiter rises.
    pub(crate) fn changes(&self, key: &Key, from: u64) -> Option<u64> {
        let aging = self.aging.filter(|aging| *aging > 0)?;
        let rises = |waiter: &&Waiter| {
            (1..=3).map(|steps| u128::from(waiter.since) + u128::from(aging) * steps).collect::<Vec<_>>()
        };
        let mut rises: Vec<u64> = self
            .line(key, from)
            .iter()
            .flat_map(rises)
            .filter(|at| (u128::from(from) + 1..=u128::from(LAST)).contains(at))
            .map(|at| at as u64)
            .collect();
        rises.sort_unstable();
        rises.into_iter().find(|at| self.head(key, *at) != self.head(key, from))
    }

    pub(crate) fn overdue(&self, now: u64) -> Option<u64> {
        let over = self.waiters.iter().filter(|waiter| waiter.deadline <= now);
        over.min_by_key(|waiter| (waiter.deadline, waiter.ticket)).map(|waiter| waiter.ticket)
    }

    /// Returns when a line without changes must be looked at.
    fn wakes(&self, key: &Key) -> Option<u64> {
        let (looked, until) = self.asleep.get(key)?;
        until.iter().copied().chain(self.changes(key, *looked)).min()
    }

    /// Returns the lines that must be looked at by `now`.
    pub(crate) fn due(&self, now: u64) -> BTreeSet<Key> {
        let woken = self.asleep.keys().filter(|key| self.wakes(key).is_some_and(|at| at <= now));
        self.due.iter().chain(woken).cloned().collect()
    }

    /// Returns when there is something to do.
    pub(crate) fn next(&self, now: u64) -> Option<u64> {
        if !self.due.is_empty() {
            return Some(now);
        }
        let wakes = self.asleep.keys().filter_map(|key| self.wakes(key));
        let deadlines = self.waiters.iter().map(|waiter| waiter.deadline);
        wakes.chain(deadlines).min().map(|at| at.max(now))
    }

    pub(crate) fn join(&mut self, keys: &[Key], lane: usize, now: u64, wait: u64) -> u64 {
        self.last += 1;
        let deadline = (now + wait).min(LAST);
        self.waiters.push(Waiter { ticket: self.last, lane, since: now, deadline, keys: keys.to_vec() });
        keys.iter().for_each(|key| self.mark(key));
        self.last
    }

    pub(crate) fn leave(&mut self, ticket: u64) {
        let at = self.waiters.iter().position(|waiter| waiter.ticket == ticket).unwrap();
        let left = self.waiters.remove(at).keys;
        self.changed(&left);
    }

    pub(crate) fn get(&self, ticket: u64) -> &Waiter {
        self.waiters.iter().find(|waiter| waiter.ticket == ticket).unwrap()
    }

    /// Moves a waiter to other lines. Returns whether the lines differ.
    pub(crate) fn move_to(&mut self, ticket: u64, keys: &[Key]) -> bool {
        let waiter = self.waiters.iter_mut().find(|waiter| waiter.ticket == ticket).unwrap();
        if waiter.keys == keys {
            return false;
        }
        let left = std::mem::replace(&mut waiter.keys, keys.to_vec());
        self.changed(&left);
        keys.iter().for_each(|key| self.mark(key));
        true
    }

    /// Marks the lines that a waiter has left. A line that is empty now is forgotten.
    fn changed(&mut self, left: &[Key]) {
        for key in left {
            self.asleep.remove(key);
            self.due.remove(key);
            self.mark(key);
        }
    }

    /// Marks the line of a key that has changed.
    pub(crate) fn mark(&mut self, key: &Key) {
        if self.waiters.iter().any(|waiter| waiter.keys.contains(key)) {
            self.asleep.remove(key);
            self.due.insert(key.clone());
        }
    }

    pub(crate) fn mark_all(&mut self, only: Option<i32>) {
        let keys: Vec<Key> = self.waiters.iter().flat_map(|waiter| waiter.keys.clone()).collect();
        keys.iter().filter(|(db, _)| only.is_none_or(|only| only == *db)).for_each(|key| self.mark(key));
    }

    pub(crate) fn set_aging(&mut self, aging: Option<u64>) {
        if self.aging != aging {
            self.aging = aging;
            self.mark_all(None);
        }
    }

    /// Looks at a line, which removes its mark.
    pub(crate) fn look(&mut self, key: &Key, now: u64) -> Option<u64> {
        self.due.remove(key);
        self.turn(key, now)
    }

    /// Sets when to look at a line again.
    pub(crate) fn sleep(&mut self, key: &Key, now: u64, until: Option<u64>) {
        if self.waiters.iter().any(|waiter| waiter.keys.contains(key)) {
            self.asleep.insert(key.clone(), (now, until));
        }
    }
}
