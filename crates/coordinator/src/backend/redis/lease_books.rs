//! The books of leases of this process, and the work that they want done at the server.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::config::LeaseSettings;
use crate::leases::{Book, Terms, Work};
use crate::metrics::LeaseMetrics;

/// Books, so that requests for several keys rarely wait for each other.
const SHARDS: usize = 16;
/// The most keys that are leased or looked at. Requests for further keys are sent to the server.
const KEYS_MAX: usize = 100_000;
/// What requests wait for: it is closed when they may go on.
#[derive(Clone, Debug)]
pub(super) struct Gate(pub(super) Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

/// The limits of policies by name, and when they were read.
pub(super) type Policies = HashMap<Vec<u8>, (At, Option<Arc<Shape>>)>;

/// The leases of this process.
pub(super) struct Lending {
    prefixes: Vec<String>,
    pub(super) ttl: Span,
    hasher: foldhash::fast::RandomState,
    pub(super) books: Vec<Mutex<Book<Gate>>>,
    policies: Mutex<Policies>,
    work: mpsc::UnboundedSender<Work>,
    /// Taken when the program starts to serve.
    pub(super) worker: Mutex<Option<mpsc::UnboundedReceiver<Work>>>,
    pub(super) metrics: LeaseMetrics,
    /// Work that is not done yet.
    pub(super) open: std::sync::atomic::AtomicUsize,
    pub(super) done: Notify,
}

impl Lending {
    /// No leases yet.
    pub(super) fn new(settings: &LeaseSettings, metrics: LeaseMetrics) -> Self {
        let (work, worker) = mpsc::unbounded_channel();
        let terms = Terms { ttl: settings.ttl.span(), holders: settings.holders, keys: KEYS_MAX / SHARDS };
        Self {
            prefixes: settings.prefixes.clone(),
            ttl: terms.ttl,
            hasher: foldhash::fast::RandomState::default(),
            books: (0..SHARDS).map(|_| Mutex::new(Book::new(terms))).collect(),
            policies: Mutex::default(),
            work,
            worker: Mutex::new(Some(worker)),
            metrics,
            open: std::sync::atomic::AtomicUsize::new(0),
            done: Notify::new(),
        }
    }

    pub(super) fn is_leased(&self, key: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }

    /// Uses the book of a key, and sends on what it wants done.
    pub(super) fn with_book<T>(&self, key: &[u8], look: impl FnOnce(&mut Book<Gate>) -> T) -> Option<T> {
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let at = usize::try_from(self.hasher.hash_one(key).checked_rem(shards)?).ok()?;
        self.books.get(at).map(|book| self.use_book(book, look))
    }

    pub(super) fn use_book<T>(&self, book: &Mutex<Book<Gate>>, look: impl FnOnce(&mut Book<Gate>) -> T) -> T {
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        let done = look(&mut book);
        for work in book.take_work() {
            self.send(work);
        }
        done
    }

    fn send(&self, work: Work) {
        self.open.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if self.work.send(work).is_err() {
            self.finish();
        }
    }

    pub(super) fn finish(&self) {
        if self.open.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            self.done.notify_waiters();
        }
    }

    pub(super) fn policies(&self) -> MutexGuard<'_, Policies> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
