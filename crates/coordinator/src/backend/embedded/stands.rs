//! A request that stands in a line.

use std::sync::{Arc, OnceLock};

use rl_core::queue::Ticket;
use tokio::sync::oneshot;

use super::part::Part;
use crate::reply::{self, Failure};
use crate::waiter_limits::CountedWaiter;

/// Removes a waiter whose client has left: the future that waits is dropped then.
pub(super) struct Stands {
    pub(super) part: Arc<Part>,
    pub(super) joint: Arc<Part>,
    /// `None` once it is answered.
    pub(super) ticket: Option<Ticket>,
    /// The ticket in the joint shard, once its key has gone there.
    pub(super) moved: Arc<OnceLock<Ticket>>,
    /// Counts the waiter: held, not read.
    #[expect(dead_code, reason = "dropped with the waiter")]
    pub(super) counted: Option<CountedWaiter>,
}

impl Stands {
    /// Waits for the answer.
    pub(super) async fn wait(mut self, told: oneshot::Receiver<reply::Result>) -> reply::Result {
        let result = told.await.unwrap_or(Err(Failure::Down));
        self.ticket = None;
        result
    }
}

impl Drop for Stands {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut shard = self.part.lock();
        let part = match self.moved.get() {
            None => {
                shard.gone(ticket);
                &self.part
            }
            Some(ticket) => {
                drop(shard);
                self.joint.lock().gone(*ticket);
                &self.joint
            }
        };
        part.wake.notify_one();
    }
}
