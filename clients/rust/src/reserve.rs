//! Reservations as scopes: an estimate is charged when the scope begins, and what was really used when it ends.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::command::Pending;
use crate::decision::QuotaDecision;
use crate::error::{Cause, Error};
use crate::limiter::Limiter;
use crate::options::{Lane, waiting};
use crate::quota::{Quota, Rules};

/// A request for a [`Reservation`]. `.await` sends it. A denial is [`Error::Denied`].
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct Reserve<'a> {
    quota: Quota<'a>,
    keys: Vec<(String, String)>,
    first: bool,
}

impl Limiter {
    /// Asks a quota, and reserves the costs as an estimate. While the reservation is open, it is renewed. See [`Reservation`] for
    /// how it ends.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::{Error, Limit};
    ///
    /// let minute = Duration::from_secs(60);
    /// let limits = [Limit::slide("otpm", 10_000, minute).unit("output"), Limit::in_flight("calls", 1)];
    /// let call = limiter.reserve("doc:claude", &limits).cost("output", 4_096).wait(Duration::from_secs(30)).await?;
    /// assert!(matches!(limiter.reserve("doc:claude", &limits).await, Err(Error::Denied(_))));
    /// call.settle([("output", 812)]).await?;
    /// let left = limiter.peek_quota("doc:claude").await?.unwrap();
    /// assert_eq!((left.limit("otpm").unwrap().remaining, left.limit("calls").unwrap().remaining), (9_188, 1));
    /// # Ok(()) }
    /// ```
    pub fn reserve<'a>(&'a self, key: &str, by: impl Into<Rules<'a>>) -> Reserve<'a> {
        Reserve { quota: self.quota(key, by), keys: vec![(key.to_owned(), String::new())], first: false }
    }

    /// Reserves the costs at several keys, each by its policy, as [`reserve`](Self::reserve) does at one.
    pub fn reserve_all<K: AsRef<str>, P: AsRef<str>>(&self, keys: &[(K, P)]) -> Reserve<'_> {
        Reserve { quota: self.mquota(keys), keys: owned(keys), first: false }
    }

    /// Reserves the costs at the first of several keys that admits, as for [`first`](Self::first). The decision's
    /// [`index`](QuotaDecision::index) says which it is.
    pub fn reserve_first<K: AsRef<str>, P: AsRef<str>>(&self, keys: &[(K, P)]) -> Reserve<'_> {
        Reserve { quota: self.first(keys), keys: owned(keys), first: true }
    }
}

fn owned<K: AsRef<str>, P: AsRef<str>>(keys: &[(K, P)]) -> Vec<(String, String)> {
    keys.iter().map(|(key, policy)| (key.as_ref().to_owned(), policy.as_ref().to_owned())).collect()
}

impl Reserve<'_> {
    /// The estimate of a unit. It may be given several times.
    pub fn cost(mut self, unit: impl Into<String>, n: u64) -> Self {
        self.quota = self.quota.cost(unit, n);
        self
    }

    /// Adds the estimates of several units.
    pub fn costs<U: Into<String>>(mut self, costs: impl IntoIterator<Item = (U, u64)>) -> Self {
        self.quota = self.quota.costs(costs);
        self
    }

    /// How long the reservation lasts after its program ended. It replaces [`Limiter::reservation_ttl`].
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.quota = self.quota.ttl(ttl);
        self
    }

    /// Names the reservation, instead of a random id. An id is charged once, however often it asks.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.quota = self.quota.id(id);
        self
    }

    waiting!(quota.options);
}

impl<'a> IntoFuture for Reserve<'a> {
    type Output = Result<Reservation, Error>;
    type IntoFuture = Pending<'a, Reservation>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { mut quota, mut keys, first } = self;
        let limiter = quota.limiter;
        let ttl = *quota.options.ttl.get_or_insert(limiter.ttl);
        let id = quota.options.id.get_or_insert_with(new_id).clone();
        Box::pin(async move {
            let decision = quota.send().await?;
            if !decision.allowed {
                return Err(Error::Denied(Box::new(decision)));
            }
            if first {
                // Its limits are those of one key, and named without the policy.
                let index = decision.index.filter(|index| *index < keys.len());
                let (key, _) = keys.swap_remove(index.ok_or_else(|| Error::strange("the index of a key"))?);
                keys = vec![(key, String::new())];
            }
            if decision.degraded.is_some() {
                return Ok(Reservation { decision, open: None });
            }
            let scope = Scope { limiter: limiter.clone(), keys, id, ttl };
            let renewal = tokio::spawn(scope.clone().renew()).abort_handle();
            Ok(Reservation { decision, open: Some(Open { scope, used: Vec::new(), renewal }) })
        })
    }
}

/// Makes an id that no other reservation has.
fn new_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    // The keys of a thread's first RandomState are random numbers of the system, and the next ones differ.
    let half = || RandomState::new().hash_one(std::process::id());
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    format!("{:016x}{:016x}{time:x}", half(), half())
}

/// An admitted request whose cost is an estimate until it is settled.
///
/// | the reservation | what is charged |
/// |---|---|
/// | is [settled](Self::settle) | what was used. A unit that is not named stays as estimated |
/// | is [cancelled](Self::cancel) | nothing |
/// | is dropped | what [`used`](Self::used) said, else the estimate, because it is not known what was used. An in-flight slot is free |
/// | ends with its program | the estimate. The slot is free after the ttl |
#[derive(Debug)]
#[must_use = "a reservation that is dropped is over"]
pub struct Reservation {
    decision: QuotaDecision,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    scope: Scope,
    used: Vec<(String, u64)>,
    renewal: AbortHandle,
}

/// Where a reservation is open.
#[derive(Clone)]
struct Scope {
    limiter: Limiter,
    /// The keys, each with its policy; of one key, the policy is empty.
    keys: Vec<(String, String)>,
    id: String,
    ttl: Duration,
}

#[derive(Clone, Debug)]
enum End {
    Settle(Vec<(String, u64)>),
    Cancel,
}

impl Reservation {
    /// Returns the answer that admitted the request.
    pub fn decision(&self) -> &QuotaDecision {
        &self.decision
    }

    /// Returns the key that the reservation is open at, the first of several. `None` if the fail mode has admitted the request.
    pub fn key(&self) -> Option<&str> {
        self.open.as_ref()?.scope.keys.first().map(|(key, _)| key.as_str())
    }

    /// Says what was used of a unit. It is sent when the reservation is settled or dropped.
    pub fn used(&mut self, unit: impl Into<String>, n: u64) -> &mut Self {
        if let Some(open) = &mut self.open {
            let unit = unit.into();
            open.used.retain(|(known, _)| *known != unit);
            open.used.push((unit, n));
        }
        self
    }

    /// Reports what was really used, and ends the reservation. Units that are not named stay as estimated.
    ///
    /// It is sent even if the future is dropped. If the server does not answer, that is the error, and it is sent again in the background,
    /// while the reservation lasts: repeating it is safe.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn settle<U: Into<String>>(
        mut self,
        used: impl IntoIterator<Item = (U, u64)>,
    ) -> Result<(), Error> {
        for (unit, n) in used {
            self.used(unit, n);
        }
        match self.open.take() {
            Some(open) => open.end(false).await,
            None => Ok(()),
        }
    }

    /// Gives everything back, including the request itself, and ends the reservation. It is sent as [`settle`](Self::settle) is.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn cancel(mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(open) => open.end(true).await,
            None => Ok(()),
        }
    }

    /// Admits nobody at the keys of the reservation before `duration` from now, as for a provider's `Retry-After`.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn hold(&self, duration: Duration) -> Result<(), Error> {
        let Some(open) = &self.open else { return Ok(()) };
        let mut held = Ok(());
        for (key, _) in &open.scope.keys {
            held = held.and(open.scope.limiter.hold(key, duration).await.map(drop));
        }
        held
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            open.renewal.abort();
            if Handle::try_current().is_ok() {
                drop(open.begin_end(false));
            }
        }
    }
}

impl Open {
    async fn end(self, cancel: bool) -> Result<(), Error> {
        let gone = |_| Err(Error::unavailable(Cause::Down, "the runtime ends"));
        self.begin_end(cancel).await.unwrap_or_else(gone)
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
