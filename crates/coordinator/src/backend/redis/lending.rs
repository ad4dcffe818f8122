//! Decides requests out of leases: drives [`crate::leases`] with the server and the clock.
//!
//! Requests for leases and settlements are sent by tasks of their own, so that a client that leaves loses none of them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redis::Cmd;
use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};
use tokio::task::JoinSet;

use super::lease_books::Lending;
use super::{Redis, reply};
use crate::clock::Now;
use crate::command::{Command, Verb};
use crate::leases::{Book, Decision, Identity, Outcome, Settlement, Wish, Work, wish, words};
use crate::metrics::{LeaseFetch, LeaseSettlement};
use crate::reply::{Failure, Reply, Result};

/// How often leases are looked at that have ended. It is less than what they are ended earlier by.
const TICK: Duration = Duration::from_millis(5);
/// For how long a policy's limits are known.
const POLICY: Span = Span::from_ms(10_000);
/// How long a key is not leased after the server has not understood.
const STRANGE: Span = Span::from_ms(10_000);

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
