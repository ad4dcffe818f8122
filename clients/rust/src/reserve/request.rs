//! The request for a reservation.

use std::future::IntoFuture;
use std::time::Duration;

use super::open::{Open, Scope};
use super::reservation::Reservation;
use crate::command::Pending;
use crate::error::Error;
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
    #[doc = include_str!("../doc_begin.txt")]
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
    /// [`index`](crate::QuotaDecision::index) says which it is.
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
            Ok(Reservation { decision, open: Some(Open::begin(scope)) })
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
