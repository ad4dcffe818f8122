//! Waiters of several lines that block each other.
//!
//! A waiter of several lines has its turn when it is the first in each. Without flows, all lines have one order, so the
//! first of that order always has its turn. With flows, each line has an order of its own: of two waiters that stand in
//! the same two lines, each may be first where the other is second. Neither would ever have its turn.
//!
//! **The rule.** Among waiters that block each other the one of the highest lane goes, and in a lane the oldest. It goes
//! although another one is first in some of its lines; that one could not go anyway.
//!
//! **Progress.** A waiter is blocked by those that are first in lines where it is not. Whoever is blocked by nobody has
//! its turn. Follow from any waiter all that block it, those that block these, and so on. Either one of them is blocked by
//! nobody: then it has its turn, and nobody else needs one. Or each is blocked by others of the same set. Then let `a` be
//! the one of them with the smallest rank. If `a` is reached from itself, it is the oldest of those that block each other,
//! and goes. If not, the set that is reached from `a` is smaller, and each of it is blocked by others of it as well. So the
//! search ends with a waiter that goes.
//!
//! Nobody starves by it: the waiter that goes is older than those it passes, or of a higher lane.

use std::collections::HashSet;

use super::lane::Lane;
use super::ticket::Ticket;

/// How many waiters a search visits. If more block each other, the oldest of those that were visited goes.
const VISITED_MAX: usize = 256;

/// The waiter that goes among those that `first` waits for; `None` if one of them has its turn.
pub(super) fn breaks<I: Iterator<Item = Ticket>>(
    first: Ticket,
    blocked_by: impl Fn(Ticket) -> I,
    rank: impl Fn(Ticket) -> Option<(Lane, Ticket)>,
) -> Option<Ticket> {
    let mut from = first;
    // Each round reaches fewer waiters than the one before.
    for _ in 0..VISITED_MAX {
        let reached = reach(from, &blocked_by)?;
        let oldest = reached.iter().copied().min_by_key(|ticket| rank(*ticket))?;
        if oldest == from || reached.len() >= VISITED_MAX {
            return Some(oldest);
        }
        from = oldest;
    }
    Some(from)
}

/// The waiters that block `from`, those that block these, and so on; `None` if one of them is blocked by nobody.
fn reach<I: Iterator<Item = Ticket>>(
    from: Ticket,
    blocked_by: &impl Fn(Ticket) -> I,
) -> Option<HashSet<Ticket>> {
    let mut reached = HashSet::new();
    let mut open = vec![from];
    while let Some(ticket) = open.pop() {
        let mut is_blocked = false;
        for blocker in blocked_by(ticket) {
            is_blocked = true;
            if reached.len() < VISITED_MAX && reached.insert(blocker) {
                open.push(blocker);
            }
        }
        if !is_blocked {
            return None;
        }
    }
    Some(reached)
}
