//! All lines of a host, and when to look at each of them.
//!
//! Everything that may admit a waiter *marks* a line. Time does so too, at the instant that was set at
//! the last look. The engine works through the marked lines. It takes one ([`Lines::marked`]), asks whose
//! turn it is ([`Lines::look`]), and sets when to look again ([`Lines::sleep`]). So a host needs only one
//! timer, set for [`Lines::next`], and an idle host does no work.
//!
//! All instants here are of a clock that never steps.
//!
//! Over 300 lines: each change keeps the same six indexes in step.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::claim::{Ahead, Claims};
use super::lane::Lane;
use super::line::{Line, Stand, Ticket};
use super::waiter::{Place, Places, Waiter};
use crate::time::{At, Span};

/// All lines and waiters of a host. `W` is what the host stores for a waiter.
#[derive(Debug)]
pub struct Lines<W> {
    lines: HashMap<i32, HashMap<Arc<[u8]>, Line>>,
    waiters: HashMap<Ticket, Waiter<W>>,
    /// The deadline of each waiter, the earliest first.
    deadlines: BTreeSet<(At, Ticket)>,
    /// When each line must be looked at, the earliest first.
    wakes: BTreeSet<(At, Place)>,
    /// The lines that must be looked at now.
    marked: BTreeSet<Place>,
    /// The line that was looked at last. The next one after it is looked at next, so that all have their turn.
    looked_at: Option<Place>,
    /// The last ticket given out.
    last: u64,
    /// The number of waiters by the lane they asked for.
    counts: [usize; 4],
    /// The time after which a waiter rises one lane. `None` if waiters never rise.
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
            looked_at: None,
            last: 0,
            counts: [0; 4],
            aging: None,
        }
    }
}

impl<W> Lines<W> {
    /// Returns the number of waiters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Returns whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Returns whether nothing at all is stored. This must hold whenever nobody waits.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.waiters.is_empty()
            && self.lines.is_empty()
            && self.deadlines.is_empty()
            && self.wakes.is_empty()
            && self.marked.is_empty()
            && self.counts == [0; 4]
    }

    /// Returns the number of waiters by the lane they asked for.
    #[must_use]
    pub const fn counts(&self) -> [usize; 4] {
        self.counts
    }

    /// Returns the line of a key, if anyone waits there.
    #[must_use]
    pub fn line(&self, db: i32, key: &[u8]) -> Option<&Line> {
        self.lines.get(&db)?.get(key)
    }

    /// Returns the place of a key. It shares the name with the line of the key, if anyone waits there.
    #[must_use]
    pub fn place(&self, db: i32, key: &[u8]) -> Place {
        let known = self.lines.get(&db).and_then(|lines| lines.get_key_value(key));
        Place { db, key: known.map_or_else(|| key.into(), |(key, _)| Arc::clone(key)) }
    }

    /// Returns a waiter.
    #[must_use]
    pub fn get(&self, ticket: Ticket) -> Option<&Waiter<W>> {
        self.waiters.get(&ticket)
    }

    /// Returns the ticket that the next waiter will get.
    #[must_use]
    pub const fn upcoming(&self) -> Ticket {
        Ticket(self.last.saturating_add(1))
    }

    /// Adds a waiter to the line of each key that it has a claim on.
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

    /// Adds a waiter that has left the lines of another host, behind all that are here. It keeps its lane, its deadline and
    /// the instant at which it joined.
    pub fn take_over(&mut self, waiter: Waiter<W>) -> Ticket {
        let Waiter { stand: Stand { lane, since, .. }, deadline, keys, claims, what } = waiter;
        self.join(keys, claims, lane, since, deadline.since(since), what)
    }

    /// Removes a waiter and marks its lines, because the waiters behind it may be next.
    pub fn leave(&mut self, ticket: Ticket) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(&ticket)?;
        self.deadlines.remove(&(waiter.deadline, ticket));
        if let Some(count) = self.counts.get_mut(waiter.stand.lane.index()) {
            *count = count.saturating_sub(1);
        }
        self.exit(&waiter.stand, waiter.places());
        if self.waiters.is_empty() {
            // After the last of many waiters, give their memory back.
            debug_assert!(self.is_clear(), "something is left of a waiter");
            self.waiters.shrink_to_fit();
            self.lines.shrink_to_fit();
        }
        Some(waiter)
    }

    /// Updates the claims of a waiter after a policy change. Returns whether it changed lines. It keeps its
    /// ticket in the new lines.
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

    /// Marks the line of a key that has changed.
    pub fn mark(&mut self, db: i32, key: &[u8]) {
        let known = self.lines.get(&db).and_then(|lines| lines.get_key_value(key));
        if let Some((key, _)) = known {
            self.marked.insert(Place { db, key: Arc::clone(key) });
        }
    }

    /// Marks all lines of a database, or of all databases.
    pub fn mark_all(&mut self, only: Option<i32>) {
        for (&db, lines) in self.lines.iter().filter(|(db, _)| only.is_none_or(|only| only == **db)) {
            self.marked.extend(lines.keys().map(|key| Place { db, key: Arc::clone(key) }));
        }
    }

    /// Takes one of the lines that must be looked at by `now`.
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
        let after = self.looked_at.take().map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.marked.range((after, Bound::Unbounded)).next().cloned();
        let next = match next {
            Some(place) => self.marked.take(&place),
            None => self.marked.pop_first(),
        };
        self.looked_at.clone_from(&next);
        next
    }

    /// Returns the waiter whose turn it is in a line: the first one, if it is first in all of its lines.
    #[must_use]
    pub fn turn(&self, place: &Place, now: At) -> Option<Ticket> {
        let head = |place: &Place| self.line(place.db, &place.key)?.head(now, self.aging);
        let first = head(place)?.ticket;
        let mut places = self.waiters.get(&first)?.places();
        places.all(|place| head(place).is_some_and(|head| head.ticket == first)).then_some(first)
    }

    /// Removes the mark of a line and returns the waiter whose [`Lines::turn`] it is.
    pub fn look(&mut self, place: &Place, now: At) -> Option<Ticket> {
        self.marked.remove(place);
        self.turn(place, now)
    }

    /// Sets when to look at a line again: at `until`, when its first waiter may be admitted, or when another
    /// waiter becomes the first by rising, whichever is earlier.
    ///
    /// `now` is the instant passed to [`Lines::look`]. A waiter that has risen since then counts as about to
    /// rise, so that the line is looked at again at once.
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

    /// Returns a waiter whose deadline has passed.
    #[must_use]
    pub fn overdue(&self, now: At) -> Option<Ticket> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, ticket)| *ticket)
    }

    /// Returns when there is something to do: `now`, a later instant, or `None` for never.
    #[must_use]
    pub fn next(&self, now: At) -> Option<At> {
        if !self.marked.is_empty() {
            return Some(now);
        }
        let wake = self.wakes.first().map(|(at, _)| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        wake.into_iter().chain(deadline).min().map(|at| at.max(now))
    }

    /// Calls `look` with the waiters ahead of a request of `lane`: at most `most`, in order. Returns `None`
    /// without a call if there are none.
    pub fn ahead<T>(
        &self,
        (db, key): (i32, &[u8]),
        lane: Lane,
        now: At,
        most: usize,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        let stands = self.line(db, key)?.ahead(lane, now, self.aging, most);
        let mut all = stands.iter().filter_map(|stand| self.seen(stand, key, now, false));
        (!stands.is_empty()).then(|| look(&mut all))
    }

    /// Calls `look` with the waiters that may be served before a request of `lane`: those ahead of it, then those of
    /// lower lanes; at most `most`, in order. Returns `None` without a call if there are none.
    pub fn all<T>(
        &self,
        (db, key): (i32, &[u8]),
        lane: Lane,
        now: At,
        most: usize,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        let line = self.line(db, key)?;
        let ahead = line.ahead(lane, now, self.aging, most);
        let lower = line.lower(lane, now, self.aging, most.saturating_sub(ahead.len()));
        let ahead = ahead.iter().filter_map(|stand| self.seen(stand, key, now, false));
        let mut all = ahead.chain(lower.iter().filter_map(|stand| self.seen(stand, key, now, true)));
        Some(look(&mut all))
    }

    fn seen(&self, stand: &Stand, key: &[u8], now: At, is_lower: bool) -> Option<Ahead<'_>> {
        let waiter = self.get(stand.ticket)?;
        Some(Ahead { claim: waiter.claim(key)?, time_left: waiter.deadline.since(now), is_lower })
    }

    /// Sets the time after which a waiter rises one lane. `None` means never.
    pub fn set_aging(&mut self, aging: Option<Span>) {
        if self.aging != aging {
            self.aging = aging;
            self.mark_all(None);
        }
    }
}
