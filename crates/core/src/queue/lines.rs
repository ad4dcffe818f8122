//! All lines of a server, and what is to be done next.
//!
//! Whatever may let someone go on marks a line; time does so too, at the instant that was set when the
//! line was last looked at. Who looks takes one marked line after another ([`Lines::marked`]), asks
//! whose turn it is ([`Lines::look`]), and says when to look again ([`Lines::sleep`]). So a
//! server with nothing to do does nothing, and one instant ([`Lines::next`]) is all it needs a timer for.
//!
//! Instants here are of a clock that never steps.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::lane::Lane;
use super::line::{Line, Stand, Ticket};
use crate::time::{At, Span};

/// Which line: a database's number and a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The database.
    pub db: i32,
    /// The key, any bytes.
    pub key: Arc<[u8]>,
}

/// One who waits.
#[derive(Debug)]
pub struct Waiter<W> {
    /// Where it stands.
    pub stand: Stand,
    /// Until when it waits.
    pub deadline: At,
    /// The lines it stands in.
    pub places: SmallVec<[Place; 1]>,
    /// What its user keeps of it.
    pub what: W,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Lines<W> {
    lines: HashMap<i32, HashMap<Arc<[u8]>, Line>>,
    waiters: HashMap<Ticket, Waiter<W>>,
    /// When each of them has waited for long enough.
    deadlines: BTreeSet<(At, Ticket)>,
    /// When which line is to be looked at.
    wakes: BTreeSet<(At, Place)>,
    /// Those to be looked at now.
    marked: BTreeSet<Place>,
    /// The last ticket given out.
    last: u64,
    /// How many wait in each lane.
    counts: [usize; 4],
    /// In how long a waiter rises one lane.
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

impl<W> Lines<W> {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Whether nothing is kept at all: as it is where nobody waits.
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

    /// One who waits.
    #[must_use]
    pub fn get(&self, ticket: Ticket) -> Option<&Waiter<W>> {
        self.waiters.get(&ticket)
    }

    /// What is kept of one.
    pub fn what(&mut self, ticket: Ticket) -> Option<&mut W> {
        Some(&mut self.waiters.get_mut(&ticket)?.what)
    }

    /// The ticket of whoever is the next to [`Lines::join`].
    #[must_use]
    pub const fn upcoming(&self) -> Ticket {
        Ticket(self.last.saturating_add(1))
    }

    /// Puts one in the lines of all its keys.
    pub fn join(&mut self, places: SmallVec<[Place; 1]>, lane: Lane, now: At, wait: Span, what: W) -> Ticket {
        let ticket = self.upcoming();
        self.last = ticket.0;
        let stand = Stand { lane, since: now, ticket };
        self.enter(&stand, &places);
        let deadline = now.plus(wait);
        self.deadlines.insert((deadline, ticket));
        if let Some(count) = self.counts.get_mut(lane.index()) {
            *count = count.saturating_add(1);
        }
        self.waiters.insert(ticket, Waiter { stand, deadline, places, what });
        ticket
    }

    /// Takes one out, whatever for. Those behind it may be next.
    pub fn leave(&mut self, ticket: Ticket) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(&ticket)?;
        self.deadlines.remove(&(waiter.deadline, ticket));
        if let Some(count) = self.counts.get_mut(waiter.stand.lane.index()) {
            *count = count.saturating_sub(1);
        }
        self.exit(&waiter.stand, &waiter.places);
        if self.waiters.is_empty() {
            // A crowd that has gone leaves no memory behind.
            self.waiters.shrink_to_fit();
            self.lines.shrink_to_fit();
        }
        Some(waiter)
    }

    /// Puts one in other lines than it stood in, where it is among the others as if it had come to these.
    pub fn move_to(&mut self, ticket: Ticket, places: SmallVec<[Place; 1]>) {
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return };
        let stand = waiter.stand;
        let left = std::mem::replace(&mut waiter.places, places.clone());
        self.exit(&stand, &left);
        self.enter(&stand, &places);
    }

    fn enter(&mut self, stand: &Stand, places: &[Place]) {
        for place in places {
            let lines = self.lines.entry(place.db).or_default();
            lines.entry(Arc::clone(&place.key)).or_default().add(stand);
            self.marked.insert(place.clone());
        }
    }

    fn exit(&mut self, stand: &Stand, places: &[Place]) {
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

    /// Something has happened to a key: its line is to be looked at.
    pub fn mark(&mut self, db: i32, key: &[u8]) {
        let known = self.lines.get(&db).and_then(|lines| lines.get_key_value(key));
        if let Some((key, _)) = known {
            self.marked.insert(Place { db, key: Arc::clone(key) });
        }
    }

    /// Something has happened to a whole database, or to all.
    pub fn mark_all(&mut self, only: Option<i32>) {
        for (&db, lines) in self.lines.iter().filter(|(db, _)| only.is_none_or(|only| only == **db)) {
            self.marked.extend(lines.keys().map(|key| Place { db, key: Arc::clone(key) }));
        }
    }

    /// One of the lines that are to be looked at by `now`, which then is no more.
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

    /// Whose turn it is in a line: of its first, if that is the first in all of its lines.
    #[must_use]
    pub fn turn(&self, place: &Place, now: At) -> Option<Ticket> {
        let head = |place: &Place| self.line(place.db, &place.key)?.head(now, self.aging);
        let first = head(place)?.ticket;
        let places = &self.waiters.get(&first)?.places;
        places.iter().all(|place| head(place).is_some_and(|head| head.ticket == first)).then_some(first)
    }

    /// Looks at a line: whose [`Lines::turn`] it is. What has marked the line until now is seen to by
    /// that; what marks it from now on is not.
    pub fn look(&mut self, place: &Place, now: At) -> Option<Ticket> {
        self.marked.remove(place);
        self.turn(place, now)
    }

    /// A line has been looked at, and is to be again when its first may go on, or when another has
    /// become the first by rising, if that is before.
    ///
    /// `now` is the instant for which [`Lines::look`] was asked: whoever has risen since then is seen
    /// as one who is yet to, and so at once.
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

    /// One who has waited for as long as it would.
    #[must_use]
    pub fn overdue(&self, now: At) -> Option<Ticket> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, ticket)| *ticket)
    }

    /// When there is something to do: at `now`, or later, or never.
    #[must_use]
    pub fn next(&self, now: At) -> Option<At> {
        if !self.marked.is_empty() {
            return Some(now);
        }
        let wake = self.wakes.first().map(|(at, _)| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        wake.into_iter().chain(deadline).min().map(|at| at.max(now))
    }

    /// Whether one who comes to `lane` has to stand behind another in the line of a key.
    #[must_use]
    pub fn blocks(&self, db: i32, key: &[u8], lane: Lane, now: At) -> bool {
        self.line(db, key).is_some_and(|line| line.blocks(lane, now, self.aging))
    }

    /// Those whom it has to stand behind there, in order, `most` at most.
    pub fn ahead(&self, db: i32, key: &[u8], lane: Lane, now: At, most: usize) -> Vec<&Waiter<W>> {
        let stands = self.line(db, key).map(|line| line.ahead(lane, now, self.aging, most));
        stands.into_iter().flatten().filter_map(|stand| self.get(stand.ticket)).collect()
    }

    /// Makes waiters rise one lane in this time, or never.
    pub fn set_aging(&mut self, aging: Option<Span>) {
        if self.aging != aging {
            self.aging = aging;
            self.mark_all(None);
        }
    }
}
