//! The requests that are being answered, on all ports. When the program ends, it waits for these and not for connections:
//! a client that says nothing must not keep it.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// How long the program still waits for the rest of a message after it has begun to end.
const REST: Duration = Duration::from_secs(1);

/// Counts requests from the end of their head until they have an answer.
#[derive(Debug, Default)]
pub(crate) struct Underway {
    count: AtomicUsize,
    /// Whether the end of the last one is waited for.
    is_awaited: AtomicBool,
    ended: Notify,
}

/// Counts one request until it is dropped.
pub(super) struct Request<U: Deref<Target = Underway>>(U);

impl<U: Deref<Target = Underway>> Request<U> {
    /// Counts one more request.
    pub(super) fn enter(underway: U) -> Self {
        underway.count.fetch_add(1, SeqCst);
        Self(underway)
    }
}

impl Underway {
    /// Waits until there is none.
    pub(crate) async fn none(&self) {
        self.is_awaited.store(true, SeqCst); // before the count is read: a request that ends later sees it
        loop {
            let ended = self.ended.notified();
            if self.count.load(SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl<U: Deref<Target = Underway>> Drop for Request<U> {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, SeqCst) == 1 && self.0.is_awaited.load(SeqCst) {
            self.0.ended.notify_waiters();
        }
    }
}

/// Waits until the program ends, and then for the rest of messages that are being read.
pub(crate) async fn no_more(mut ending: watch::Receiver<bool>) {
    if ending.wait_for(|ends| *ends).await.is_ok() {
        tokio::time::sleep(REST).await;
    }
}
