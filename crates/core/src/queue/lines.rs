//! All lines of a host, and what is to be done next.
//!
//! Everything that may admit a waiter *marks* a line. Time does so too, at the instant that was set
//! when the line was last looked at. The engine takes one marked line after another
//! ([`Lines::marked`]), asks whose turn it is ([`Lines::look`]), and says when to look again
//! ([`Lines::sleep`]). So a host with nothing to do does nothing, and needs one timer, for
//! [`Lines::next`].
//!
//! All instants here are of a clock that never steps.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::claim::{Ahead, Claim, Claims};
use super::lane::Lane;
use super::line::{Line, Stand, Ticket};
use crate::time::{At, Span};

/// The name of a line: a database's number and a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The database.
    pub db: i32,
    /// The key, any bytes.
    pub key: Arc<[u8]>,
}

/// One or a few places. Nearly all requests have one key.
pub type Places = SmallVec<[Place; 1]>;

/// A request that waits.
#[derive(Debug)]
pub struct Waiter<W> {
    /// Its place in the order.
    pub stand: Stand,
    /// When its time is over.
    pub deadline: At,
    /// The keys of the request.
    keys: Places,
    /// What it takes of which key. It stands in the lines of these.
    claims: Claims,
    /// What the host keeps of it.
    pub what: W,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Lines<W> {
    lines: HashMap<i32, HashMap<Arc<[u8]>, Line>>,
    waiters: HashMap<Ticket, Waiter<W>>,
    /// When the time of each waiter is over.
    deadlines: BTreeSet<(At, Ticket)>,
    /// When each line is to be looked at.
    wakes: BTreeSet<(At, Place)>,
    /// The lines to be looked at now.
    marked: BTreeSet<Place>,
    /// The last ticket given out.
    last: u64,
    /// How many wait in each lane.
    counts: [usize; 4],
    /// The time in which a waiter rises one lane.
    pub aging: Option<Span>,
}

impl<W> Default for Lines<W> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            waiters: HashMap::new(),
            deadlines: BTreeSet::new(),
            wakes: BTreeSet::new(),
            marked: BTreeSet::new(),
            last: 0,
            counts: [0; 4],
            aging: None,
        }
    }
}

impl<W> Waiter<W> {
    /// The lines it stands in.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.claims.iter().filter_map(|(key, _)| self.keys.get(*key))
    }

    /// What it takes of a key.
    fn claim(&self, key: &[u8]) -> Option<&Claim> {
        let claims = self.claims.iter();
        claims
            .filter(|(at, _)| self.keys.get(*at).is_some_and(|place| *place.key == *key))
            .map(|(_, c)| c)
            .next()
    }
}

impl<W> Lines<W> {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Whether nothing is kept at all, as it should be where nobody waits.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.waiters.is_empty()
            && self.lines.is_empty()
            && self.deadlines.is_empty()
            && self.wakes.is_empty()
            && self.marked.is_empty()
            && self.counts == [0; 4]
    }

    /// How many wait in each lane, by the lane they asked for.
    #[must_use]
    pub const fn counts(&self) -> [usize; 4] {
        self.counts
    }

    /// The line of a key, if anyone waits there.
    #[must_use]
    pub fn line(&self, db: i32, key: &[u8]) -> Option<&Line> {
        self.lines.get(&db)?.get(key)
    }

    /// A waiter.
    #[must_use]
    pub fn get(&self, ticket: Ticket) -> Option<&Waiter<W>> {
        self.waiters.get(&ticket)
    }

    /// The ticket that the next waiter gets.
    #[must_use]
    pub const fn upcoming(&self) -> Ticket {
        Ticket(self.last.saturating_add(1))
    }

    /// Adds a waiter to the line of each key that it claims something of.
    pub fn join(&mut self, keys: Places, claims: Claims, lane: Lane, now: At, wait: Span, what: W) -> Ticket {
        let ticket = self.upcoming();
        self.last = ticket.0;
        let stand = Stand { lane, since: now, ticket };
        let deadline = now.plus(wait);
        let waiter = Waiter { stand, deadline, keys, claims, what };
        self.enter(&stand, waiter.places());
        self.deadlines.insert((deadline, ticket));
        if let Some(count) = self.counts.get_mut(lane.index()) {
            *count = count.saturating_add(1);
        }
        self.waiters.insert(ticket, waiter);
        ticket
    }

    /// Removes a waiter, for whatever reason. The waiters behind it may be next.
    pub fn leave(&mut self, ticket: Ticket) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(&ticket)?;
        self.deadlines.remove(&(waiter.deadline, ticket));
        if let Some(count) = self.counts.get_mut(waiter.stand.lane.index()) {
            *count = count.saturating_sub(1);
        }
        self.exit(&waiter.stand, waiter.places());
        if self.waiters.is_empty() {
            // The last of many waiters gives their memory back.
            self.waiters.shrink_to_fit();
            self.lines.shrink_to_fit();
        }
        Some(waiter)
    }

    /// Updates what a waiter claims, after a policy has changed. Returns whether it changed lines; it keeps its
    /// place in the order in the new ones.
    pub fn update(&mut self, ticket: Ticket, claims: Claims) -> bool {
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return false };
        let is_same = waiter.claims.iter().map(|(key, _)| key).eq(claims.iter().map(|(key, _)| key));
        let left: Places = waiter.places().cloned().collect();
        waiter.claims = claims;
        if is_same {
            return false;
        }
        let (stand, entered): (_, Places) = (waiter.stand, waiter.places().cloned().collect());
        self.exit(&stand, left.iter());
        self.enter(&stand, entered.iter());
        true
    }

    fn enter<'a>(&mut self, stand: &Stand, places: impl Iterator<Item = &'a Place>) {
        for place in places {
            let lines = self.lines.entry(place.db).or_default();
            lines.entry(Arc::clone(&place.key)).or_default().add(stand);
            self.marked.insert(place.clone());
        }
    }

    fn exit<'a>(&mut self, stand: &Stand, places: impl Iterator<Item = &'a Place>) {
        for place in places {
            let Some(lines) = self.lines.get_mut(&place.db) else { continue };
            let Some(line) = lines.get_mut(&place.key) else { continue };
            line.remove(stand);
            if line.is_empty() {
                if let Some(at) = line.wake {
                    self.wakes.remove(&(at, place.clone()));
                }
                self.marked.remove(place);
                lines.remove(&place.key);
                if lines.is_empty() {
                    self.lines.remove(&place.db);
                }
            } else {
                self.marked.insert(place.clone());
            }
        }
    }

    /// Marks the line of a key: something has happened to the key.
    pub fn mark(&mut self, db: i32, key: &[u8]) {
        let known = self.lines.get(&db).and_then(|lines| lines.get_key_value(key));
        if let Some((key, _)) = known {
            self.marked.insert(Place { db, key: Arc::clone(key) });
        }
    }

    /// Marks all lines of a database, or of all.
    pub fn mark_all(&mut self, only: Option<i32>) {
        for (&db, lines) in self.lines.iter().filter(|(db, _)| only.is_none_or(|only| only == **db)) {
            self.marked.extend(lines.keys().map(|key| Place { db, key: Arc::clone(key) }));
        }
    }

    /// Takes one of the lines that are to be looked at by `now`.
    pub fn marked(&mut self, now: At) -> Option<Place> {
        if let Some((at, _)) = self.wakes.first()
            && *at <= now
        {
            let (_, place) = self.wakes.pop_first()?;
            if let Some(line) = self.lines.get_mut(&place.db).and_then(|lines| lines.get_mut(&place.key)) {
                line.wake = None;
            }
            self.marked.insert(place);
        }
        self.marked.pop_first()
    }

    /// Tells whose turn it is in a line: that of its first waiter, if it is the first in all of its lines.
    #[must_use]
    pub fn turn(&self, place: &Place, now: At) -> Option<Ticket> {
        let head = |place: &Place| self.line(place.db, &place.key)?.head(now, self.aging);
        let first = head(place)?.ticket;
        let mut places = self.waiters.get(&first)?.places();
        places.all(|place| head(place).is_some_and(|head| head.ticket == first)).then_some(first)
    }

    /// Looks at a line: whose [`Lines::turn`] it is. This answers everything that has marked the line so far.
    pub fn look(&mut self, place: &Place, now: At) -> Option<Ticket> {
        self.marked.remove(place);
        self.turn(place, now)
    }

    /// Sets when a line is to be looked at again: when its first waiter may be admitted, or when another
    /// becomes the first by rising, if that is before.
    ///
    /// `now` is the instant that [`Lines::look`] was asked for. A waiter that has risen since then counts as
    /// one that is about to, so that the line is looked at again at once.
    pub fn sleep(&mut self, place: &Place, now: At, until: Option<At>) {
        let aging = self.aging;
        let line = self.lines.get_mut(&place.db).and_then(|lines| lines.get_mut(&place.key));
        let Some(line) = line else { return };
        line.goes_on = until;
        let until = until.into_iter().chain(line.changes(now, aging)).min();
        if line.wake == until {
            return;
        }
        if let Some(at) = line.wake {
            self.wakes.remove(&(at, place.clone()));
        }
        line.wake = until;
        self.wakes.extend(until.map(|at| (at, place.clone())));
    }

    /// A waiter whose time is over.
    #[must_use]
    pub fn overdue(&self, now: At) -> Option<Ticket> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, ticket)| *ticket)
    }

    /// When there is something to do: at `now`, later, or never.
    #[must_use]
    pub fn next(&self, now: At) -> Option<At> {
        if !self.marked.is_empty() {
            return Some(now);
        }
        let wake = self.wakes.first().map(|(at, _)| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        wake.into_iter().chain(deadline).min().map(|at| at.max(now))
    }

    /// Whether a request that comes to `lane` has to stand behind a waiter in the line of a key.
    #[must_use]
    pub fn blocks(&self, db: i32, key: &[u8], lane: Lane, now: At) -> bool {
        self.line(db, key).is_some_and(|line| line.blocks(lane, now, self.aging))
    }

    /// Lends the waiters that a request of `lane` has to stand behind, in order and at most `most`; `None` if
    /// there is none.
    pub fn ahead<T>(
        &self,
        (db, key): (i32, &[u8]),
        lane: Lane,
        now: At,
        most: usize,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        let stands = self.line(db, key)?.ahead(lane, now, self.aging, most);
        let mut all = stands.iter().filter_map(|stand| {
            let waiter = self.get(stand.ticket)?;
            Some(Ahead { claim: waiter.claim(key)?, time_left: waiter.deadline.since(now) })
        });
        (!stands.is_empty()).then(|| look(&mut all))
    }

    /// Makes waiters rise one lane in this time, or never.
    pub fn set_aging(&mut self, aging: Option<Span>) {
        if self.aging != aging {
            self.aging = aging;
            self.mark_all(None);
        }
    }
}
