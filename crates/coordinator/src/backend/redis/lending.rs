//! Decides requests out of leases: drives [`crate::leases`] with the server and the clock.
//!
//! Requests for leases and settlements are sent by tasks of their own, so that a client that leaves loses none of them.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Cmd;
use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::{Redis, reply};
use crate::clock::Now;
use crate::command::{Command, Verb};
use crate::config::LeaseSettings;
use crate::leases::{Book, Decision, Identity, Outcome, Settlement, Terms, Wish, Work, wish, words};
use crate::metrics::{LeaseFetch, LeaseMetrics, LeaseSettlement};
use crate::reply::{Failure, Reply, Result};

/// Books, so that requests for several keys rarely wait for each other.
const SHARDS: usize = 16;
/// The most keys that are leased or looked at. Requests for further keys are sent to the server.
const KEYS_MAX: usize = 100_000;
/// How often leases are looked at that have ended. It is less than what they are ended earlier by.
const TICK: Duration = Duration::from_millis(5);
/// For how long a policy's limits are known.
const POLICY: Span = Span::from_ms(10_000);
/// How long a key is not leased after the server has not understood.
const STRANGE: Span = Span::from_ms(10_000);

/// What requests wait for: it is closed when they may go on.
#[derive(Clone, Debug)]
struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

/// The limits of policies by name, and when they were read.
type Policies = HashMap<Vec<u8>, (At, Option<Arc<Shape>>)>;

/// The leases of this process.
pub(super) struct Lending {
    prefixes: Vec<String>,
    ttl: Span,
    hasher: foldhash::fast::RandomState,
    books: Vec<Mutex<Book<Gate>>>,
    policies: Mutex<Policies>,
    work: mpsc::UnboundedSender<Work>,
    /// Taken when the program starts to serve.
    worker: Mutex<Option<mpsc::UnboundedReceiver<Work>>>,
    metrics: LeaseMetrics,
    /// Work that is not done yet.
    open: std::sync::atomic::AtomicUsize,
    done: Notify,
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

    fn is_leased(&self, key: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }

    /// Uses the book of a key, and sends on what it wants done.
    fn with_book<T>(&self, key: &[u8], look: impl FnOnce(&mut Book<Gate>) -> T) -> Option<T> {
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let at = usize::try_from(self.hasher.hash_one(key).checked_rem(shards)?).ok()?;
        self.books.get(at).map(|book| self.use_book(book, look))
    }

    fn use_book<T>(&self, book: &Mutex<Book<Gate>>, look: impl FnOnce(&mut Book<Gate>) -> T) -> T {
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

    fn finish(&self) {
        if self.open.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            self.done.notify_waiters();
        }
    }

    fn policies(&self) -> MutexGuard<'_, Policies> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> At {
    Now::read().steady
}

fn key(identity: &Identity) -> &[u8] {
    words(identity).next().unwrap_or_default()
}

impl Redis {
    /// Decides a request out of a lease; `None` if the server must be asked as if there were none.
    pub(super) async fn lend(&self, lending: &Lending, command: &Command) -> Option<Reply> {
        if command.verb() != Verb::Quota || !lending.is_leased(command.key()) {
            return None;
        }
        for round in 0.. {
            let decide =
                |wish: Wish<'_>| lending.with_book(command.key(), |book| book.decide(now(), &wish, round));
            match wish(command, decide)?? {
                Decision::Local(quota) => {
                    lending.metrics.decided(quota.allowed);
                    return Some(Reply::Quota(quota));
                }
                Decision::Plain(settlements) => {
                    for settlement in settlements {
                        self.settle(lending, &settlement).await;
                    }
                    return None;
                }
                Decision::Wait(gate) => {
                    let _ = gate.0.acquire().await; // it is closed, never free
                }
            }
        }
        None
    }

    /// Notes the answer of the server to a request that no lease has decided.
    pub(super) fn note_reply(lending: &Lending, command: &Command, reply: &Result) {
        let Ok(Reply::Quota(quota)) = reply else { return };
        if command.verb() != Verb::Quota || !lending.is_leased(command.key()) {
            return;
        }
        let note = |wish: Wish<'_>| lending.with_book(command.key(), |book| book.noted(now(), &wish, quota));
        let _ = wish(command, note);
    }

    /// Ends the leases of a key: the next request for it is decided by the server.
    pub(crate) async fn release(&self, key: &[u8]) {
        let Some(lending) = &self.lending else { return };
        let (settlements, gates) = lending.with_book(key, |book| book.release(key)).unwrap_or_default();
        gates.iter().for_each(|gate| gate.0.close());
        for settlement in settlements {
            self.settle(lending, &settlement).await;
        }
    }

    /// Fetches and settles leases from now on.
    pub(crate) fn start(self: &Arc<Self>) {
        let Some(lending) = &self.lending else { return };
        let worker = lending.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut worker) = worker else { return };
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let Some(lending) = &this.lending else { return };
            let mut ticks = tokio::time::interval(TICK);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut tasks = JoinSet::new();
            loop {
                tokio::select! {
                    Some(work) = worker.recv() => {
                        let this = Arc::clone(&this);
                        tasks.spawn(async move { this.work(work).await });
                    }
                    Some(_) = tasks.join_next() => {}
                    _ = ticks.tick() => {
                        for book in &lending.books {
                            lending.use_book(book, |book| book.tick(now()));
                        }
                    }
                }
            }
        });
    }

    async fn work(&self, work: Work) {
        let Some(lending) = &self.lending else { return };
        match work {
            Work::Fetch(identity, number) => self.fetch(lending, &identity, number).await,
            Work::Settle(settlement) => self.settle(lending, &settlement).await,
        }
        lending.finish();
    }

    /// Asks for a lease.
    async fn fetch(&self, lending: &Lending, identity: &Arc<Identity>, number: u64) {
        let shape = self.policy_of(lending, identity).await;
        let sent = now();
        let order = lending.with_book(key(identity), |book| book.order(sent, identity, number, shape));
        let order = match order.unwrap_or(Err(None)) {
            Ok(order) => order,
            Err(gate) => return gate.iter().for_each(|gate| gate.0.close()),
        };
        let mut command = Cmd::new();
        command.arg(Verb::Quota.command());
        words(identity).for_each(|word| {
            command.arg(word);
        });
        for (unit, n) in order.costs.iter() {
            command.arg("COST").arg(unit).arg(n);
        }
        command.arg("UPTO").arg("LEASE").arg(format!("{}ms", order.ttl.ms()));
        let reply = self.ask(&command).await;
        let reply = reply.and_then(|value| reply::read(Verb::Quota, true, &value).ok_or(Failure::Strange));
        let (outcome, told) = match reply {
            Ok(Reply::Quota(quota)) => {
                let told = if quota.allowed { LeaseFetch::Granted } else { LeaseFetch::Denied };
                (Outcome::Reply(quota), told)
            }
            Err(Failure::Down) => (Outcome::Failed(Span::from_ms(lending.ttl.ms() / 8)), LeaseFetch::Failed),
            Ok(_) | Err(_) => (Outcome::Failed(STRANGE), LeaseFetch::Failed),
        };
        lending.metrics.fetched(told);
        let gate = lending
            .with_book(key(identity), |book| book.fetched((sent, now()), identity, number, outcome))
            .flatten();
        gate.iter().for_each(|gate| gate.0.close());
    }

    /// Tells what was used of a lease.
    async fn settle(&self, lending: &Lending, settlement: &Settlement) {
        let mut command = Cmd::new();
        command.arg(Verb::Settle.command()).arg(key(&settlement.identity)).arg(&settlement.id);
        for (unit, used) in settlement.used.iter() {
            command.arg("COST").arg(unit).arg(used);
        }
        let told = match self.ask(&command).await.map(|value| reply::read(Verb::Settle, false, &value)) {
            Ok(Some(Reply::Done(true))) => LeaseSettlement::Done,
            Ok(Some(_)) => LeaseSettlement::Late,
            Ok(None) | Err(_) => LeaseSettlement::Failed,
        };
        lending.metrics.settled(told);
    }

    /// The limits of the policy of a request, if it has one and it can be read.
    async fn policy_of(&self, lending: &Lending, identity: &Identity) -> Option<Arc<Shape>> {
        let mut words = words(identity).skip(1);
        let name =
            words.next().filter(|word| word.eq_ignore_ascii_case(b"POLICY")).and_then(|_| words.next())?;
        let known = lending.policies().get(name).filter(|(at, _)| now().since(*at) < POLICY).cloned();
        if let Some((_, shape)) = known {
            return shape;
        }
        let shape = self.policy(name).await.ok().flatten().map(|entry| entry.shape);
        let mut policies = lending.policies();
        policies.retain(|_, (at, _)| now().since(*at) < POLICY);
        policies.insert(name.to_vec(), (now(), shape.clone()));
        shape
    }

    /// Settles all leases, within this time. From now on there are none.
    pub(crate) async fn end_leases(&self, most: Duration) {
        let Some(lending) = &self.lending else { return };
        for book in &lending.books {
            lending.use_book(book, Book::close);
        }
        let none = async {
            loop {
                let done = lending.done.notified();
                if lending.open.load(std::sync::atomic::Ordering::SeqCst) == 0 {
                    return;
                }
                done.await;
            }
        };
        if tokio::time::timeout(most, none).await.is_err() {
            tracing::warn!("leases that could not be settled in time are charged in full");
        }
    }
}
