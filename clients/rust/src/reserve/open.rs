//! What is sent while a reservation is open, and at its end: each in a task of its own, so that a caller that goes away ends none of it.

use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::limiter::Limiter;
use crate::unavailable::Cause;

#[derive(Debug)]
pub(super) struct Open {
    pub(super) scope: Scope,
    pub(super) used: Vec<(String, u64)>,
    renewal: AbortHandle,
}

/// Where a reservation is open.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) limiter: Limiter,
    /// The keys, each with its policy; of one key, the policy is empty.
    pub(super) keys: Vec<(String, String)>,
    pub(super) id: String,
    pub(super) ttl: Duration,
}

#[derive(Clone, Debug)]
enum End {
    Settle(Vec<(String, u64)>),
    Cancel,
}

impl Open {
    /// Begins to renew the reservation.
    pub(super) fn begin(scope: Scope) -> Self {
        let renewal = tokio::spawn(scope.clone().renew()).abort_handle();
        Self { scope, used: Vec::new(), renewal }
    }

    pub(super) async fn end(self, cancel: bool) -> Result<(), Error> {
        let gone = |_| Err(Error::unavailable(Cause::Down, "the runtime ends"));
        self.begin_end(cancel).await.unwrap_or_else(gone)
    }

    /// Ends the reservation without waiting for it. Without a runtime, the reservation runs out.
    pub(super) fn leave(self) {
        self.renewal.abort();
        if Handle::try_current().is_ok() {
            drop(self.begin_end(false));
        }
    }

    /// Ends the reservation in a task of its own, which sends the first result.
    fn begin_end(self, cancel: bool) -> oneshot::Receiver<Result<(), Error>> {
        self.renewal.abort();
        let end = if cancel { End::Cancel } else { End::Settle(self.used) };
        let (tell, told) = oneshot::channel();
        tokio::spawn(self.scope.end(end, tell));
        told
    }
}

/// When an end that the server did not answer is sent again. The time doubles then.
const FIRST_REPEAT: Duration = Duration::from_millis(250);

impl Scope {
    /// Makes the reservation last for its ttl again and again. If the server does not answer, it tries again earlier than it would.
    async fn renew(self) {
        let mut next = self.ttl / 3;
        loop {
            sleep(next).await;
            next = self.ttl / 3;
            for (key, _) in &self.keys {
                if self.limiter.renew(key, &self.id, self.ttl).await.is_err() {
                    next = self.ttl / 10;
                }
            }
        }
    }

    /// Ends the reservation at all keys, and again at those that did not answer, while it lasts.
    async fn end(self, end: End, tell: oneshot::Sender<Result<(), Error>>) {
        let last = Instant::now() + self.ttl;
        let (mut undone, result) = self.end_at(&self.keys, &end).await;
        _ = tell.send(result); // nobody may listen any more
        let mut after = FIRST_REPEAT;
        while !undone.is_empty() && Instant::now() < last {
            sleep(after).await;
            after = after.saturating_mul(2);
            (undone, _) = self.end_at(&undone, &end).await;
        }
    }

    /// Returns the keys that did not answer, and the first error.
    async fn end_at(
        &self,
        keys: &[(String, String)],
        end: &End,
    ) -> (Vec<(String, String)>, Result<(), Error>) {
        let (mut undone, mut result) = (Vec::new(), Ok(()));
        for one in keys {
            let ended = match end {
                End::Settle(used) => self.limiter.settle(&one.0, &self.id, used).await,
                End::Cancel => self.limiter.cancel(&one.0, &self.id).await,
            };
            if matches!(ended, Err(Error::Unavailable(_))) {
                undone.push(one.clone());
            }
            result = result.and(ended.map(drop));
        }
        (undone, result)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("keys", &self.keys).field("id", &self.id).finish_non_exhaustive()
    }
}
