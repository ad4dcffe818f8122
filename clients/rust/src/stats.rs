//! Counts what a limiter answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::unavailable::Cause;

/// What a [`Limiter`](crate::Limiter) has answered since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that the server admitted.
    pub admitted: u64,
    /// Requests that the server denied.
    pub denied: u64,
    /// Requests that could not be decided and were admitted by the fail mode.
    pub degraded_open: u64,
    /// Requests that could not be decided and were denied by the fail mode.
    pub degraded_closed: u64,
    /// Requests for admission that the server refused.
    pub errors: u64,
    /// How many requests wait now, in the server's lines or in this program.
    pub waiting: usize,
    /// Why requests could not be decided.
    pub causes: BTreeMap<Cause, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    admitted: AtomicU64,
    denied: AtomicU64,
    open: AtomicU64,
    closed: AtomicU64,
    errors: AtomicU64,
    causes: Mutex<BTreeMap<Cause, u64>>,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn decided(&self, allowed: bool) {
        add(if allowed { &self.admitted } else { &self.denied });
    }

    pub(crate) fn refused(&self) {
        add(&self.errors);
    }

    pub(crate) fn degraded(&self, cause: Cause, allowed: bool) {
        add(if allowed { &self.open } else { &self.closed });
        *self.causes.lock().unwrap_or_else(PoisonError::into_inner).entry(cause).or_default() += 1;
    }

    pub(crate) fn read(&self, waiting: usize) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            admitted: count(&self.admitted),
            denied: count(&self.denied),
            degraded_open: count(&self.open),
            degraded_closed: count(&self.closed),
            errors: count(&self.errors),
            waiting,
            causes: self.causes.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
