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
use super::flow::{Flow, Position};
use super::flow_row::{self, FlowRow};
use super::knot;
use super::lane::Lane;
use super::line::{Line, Stand};
use super::share::Share;
use super::ticket::Ticket;
use super::waiter::{KeySet, Place, Places, Waiter};
use crate::quota::lends_policies::LendsPolicies;
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
    /// The number of flows that wait or owe, in all lanes of all lines.
    flows: usize,
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
            flows: 0,
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
            && self.flows == 0
    }

    /// Returns the number of waiters by the lane they asked for.
    #[must_use]
    pub const fn counts(&self) -> [usize; 4] {
        self.counts
    }

    /// Returns the number of flows that wait or owe, in all lanes of all lines.
    #[must_use]
    pub const fn flows(&self) -> usize {
        self.flows
    }

    /// Returns whether a request may join the lines of these keys if there may be `most` flows.
    #[must_use]
    pub fn has_room_for_flow<'k>(
        &self,
        position: &Position,
        keys: impl Iterator<Item = (i32, &'k [u8])>,
        most: usize,
    ) -> bool {
        let Position { lane, flow: Some(flow), .. } = position else { return true };
        let knows =
            |(db, key): &(i32, &[u8])| self.line(*db, key).is_some_and(|line| line.knows(*lane, &flow.id));
        let new = keys.filter(|key| !knows(key)).count();
        new == 0 || self.flows.saturating_add(new) <= most
    }

    /// Returns the line of a key, if anyone waits there.
    #[must_use]
    pub fn line(&self, db: i32, key: &[u8]) -> Option<&Line> {
        self.lines.get(&db)?.get(key)
    }

    /// Iterates over the flows of all lines of a database, each with the key of its line. In no order.
    pub fn flow_rows(&self, db: i32, now: At) -> impl Iterator<Item = (&[u8], FlowRow<'_>)> {
        let lines = self.lines.get(&db).filter(|_| self.flows > 0).into_iter().flatten();
        lines.flat_map(move |(key, line)| flow_row::rows(line, now).map(move |row| (&**key, row)))
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
    pub fn join(
        &mut self,
        keys: Places,
        claims: Claims,
        position: impl Into<Position>,
        now: At,
        wait: Span,
        what: W,
    ) -> Ticket {
        let ticket = self.upcoming();
        self.last = ticket.0;
        let Position { lane, flow, is_any } = position.into();
        let stand = Stand { lane, since: now, ticket };
        let deadline = now.plus(wait);
        let waiter = Waiter { stand, flow, is_any, deadline, keys, claims, what };
        self.enter(&stand, waiter.flow.as_deref(), waiter.places());
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
        let Waiter { stand: Stand { lane, since, .. }, flow, is_any, deadline, keys, claims, what } = waiter;
        self.join(keys, claims, Position { lane, flow, is_any }, since, deadline.since(since), what)
    }

    /// Removes a waiter and marks its lines, because the waiters behind it may be next.
    pub fn leave(&mut self, ticket: Ticket) -> Option<Waiter<W>> {
        self.remove(ticket, |_, _, _| None)
    }

    /// Does what [`Lines::leave`] does for a waiter that was admitted: its flow has had what it took. `only` is the index of
    /// the key that it took from, if it did not take from all. `policies` are those of now: a flow is charged by the weight
    /// that it has when it is served.
    pub fn served(
        &mut self,
        ticket: Ticket,
        only: Option<usize>,
        policies: &impl LendsPolicies,
    ) -> Option<Waiter<W>> {
        self.remove(ticket, |waiter, key, place| {
            only.is_none_or(|only| only == key).then(|| waiter.share(&place.key, policies))
        })
    }

    fn remove(
        &mut self,
        ticket: Ticket,
        took: impl Fn(&Waiter<W>, usize, &Place) -> Option<Share>,
    ) -> Option<Waiter<W>> {
        let waiter = self.waiters.remove(&ticket)?;
        self.deadlines.remove(&(waiter.deadline, ticket));
        if let Some(count) = self.counts.get_mut(waiter.stand.lane.index()) {
            *count = count.saturating_sub(1);
        }
        self.exit(&waiter, took);
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
        let Some(mut waiter) = self.waiters.remove(&ticket) else { return false };
        let is_same = waiter.claims.iter().map(|(key, _)| key).eq(claims.iter().map(|(key, _)| key));
        if is_same {
            waiter.claims = claims;
        } else {
            self.exit(&waiter, |_, _, _| None);
            waiter.claims = claims;
            self.enter(&waiter.stand, waiter.flow.as_deref(), waiter.places());
        }
        self.waiters.insert(ticket, waiter);
        !is_same
    }

    fn enter<'a>(&mut self, stand: &Stand, flow: Option<&Flow>, places: impl Iterator<Item = &'a Place>) {
        for place in places {
            let lines = self.lines.entry(place.db).or_default();
            let line = lines.entry(Arc::clone(&place.key)).or_default();
            let flows = line.flows();
            line.add(stand, flow);
            self.flows = self.flows.saturating_add(line.flows()).saturating_sub(flows);
            self.marked.insert(place.clone());
        }
    }

    /// `took` is what the waiter took of its flow's share in a line, if it was served there.
    fn exit(&mut self, waiter: &Waiter<W>, took: impl Fn(&Waiter<W>, usize, &Place) -> Option<Share>) {
        for (key, place) in waiter.keys_and_places() {
            let Some(lines) = self.lines.get_mut(&place.db) else { continue };
            let Some(line) = lines.get_mut(&place.key) else { continue };
            let flows = line.flows();
            line.remove(&waiter.stand, waiter.flow.as_deref(), took(waiter, key, place));
            self.flows = self.flows.saturating_add(line.flows()).saturating_sub(flows);
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

    /// Returns the waiter whose turn it is in a line: the first one, if it is first in all of its lines, or needs to be in
    /// one only.
    ///
    /// Flows may have waiters of several lines block each other. Then it is the turn of one of them, which need not be in
    /// this line: see [`super::knot`].
    #[must_use]
    pub fn turn(&self, place: &Place, now: At) -> Option<Ticket> {
        let first = self.head(place, now)?.ticket;
        let mut blocked_by = self.blocked_by(first, now);
        if blocked_by.next().is_none() {
            return Some(first);
        }
        if self.flows == 0 {
            return None; // all lines have one order
        }
        knot::breaks(
            first,
            |ticket| self.blocked_by(ticket, now),
            |ticket| self.waiters.get(&ticket).map(|waiter| waiter.stand.rank(now, self.aging)),
        )
    }

    /// Returns the keys in whose lines a waiter is the first.
    #[must_use]
    pub fn first_at(&self, ticket: Ticket, now: At) -> KeySet {
        let places = self.waiters.get(&ticket).into_iter().flat_map(Waiter::keys_and_places);
        let first =
            |(_, place): &(usize, &Place)| self.head(place, now).is_some_and(|head| head.ticket == ticket);
        places.filter(first).fold(KeySet::default(), |keys, (key, _)| keys.with(key))
    }

    /// The first waiter of a line.
    fn head(&self, place: &Place, now: At) -> Option<Stand> {
        self.line(place.db, &place.key)?.head(now, self.aging)
    }

    /// The waiters that are first, instead of this one, in lines that it is in.
    fn blocked_by(&self, ticket: Ticket, now: At) -> impl Iterator<Item = Ticket> {
        let waiter = self.waiters.get(&ticket).filter(|waiter| !waiter.is_any);
        let places = waiter.into_iter().flat_map(Waiter::places);
        places
            .filter_map(move |place| self.head(place, now))
            .map(|head| head.ticket)
            .filter(move |head| *head != ticket)
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
    /// without a call if there are none. `policies` give weights to flows.
    pub fn ahead<T>(
        &self,
        (db, key): (i32, &[u8]),
        lane: Lane,
        now: At,
        most: usize,
        policies: &impl LendsPolicies,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        let share = |ticket| self.share(ticket, key, policies);
        let stands = self.line(db, key)?.ahead(lane, now, self.aging, most, &share);
        let mut all = stands.iter().filter_map(|stand| self.seen(stand, key, now, false));
        (!stands.is_empty()).then(|| look(&mut all))
    }

    /// Calls `look` with the waiters that may be served before a request of `lane`: those ahead of it, then those of
    /// lower lanes; at most `most`, in order. Returns `None` without a call if there are none. `policies` give weights to
    /// flows.
    pub fn all<T>(
        &self,
        (db, key): (i32, &[u8]),
        lane: Lane,
        now: At,
        most: usize,
        policies: &impl LendsPolicies,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        let line = self.line(db, key)?;
        let share = |ticket| self.share(ticket, key, policies);
        let ahead = line.ahead(lane, now, self.aging, most, &share);
        let lower = line.lower(lane, now, self.aging, most.saturating_sub(ahead.len()), &share);
        let ahead = ahead.iter().filter_map(|stand| self.seen(stand, key, now, false));
        let mut all = ahead.chain(lower.iter().filter_map(|stand| self.seen(stand, key, now, true)));
        Some(look(&mut all))
    }

    fn share(&self, ticket: Ticket, key: &[u8], policies: &impl LendsPolicies) -> Share {
        self.get(ticket).map_or(1, |waiter| waiter.share(key, policies))
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
