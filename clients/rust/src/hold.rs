//! What a provider says: nobody may ask before some time, or so much is left.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::command::{Command, Pending, time};
use crate::error::Error;
use crate::limiter::Limiter;
use crate::window::word;

impl Limiter {
    /// Admits nobody at the key before `duration` from now, as for a provider's `Retry-After`. A hold that ends later stays, and a
    /// duration of 0 lifts it. It returns the time until the hold ends.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// limiter.hold("doc:held", Duration::from_secs(20)).await?;
    /// assert!(!limiter.slide("doc:held", 5, Duration::from_secs(60)).await?.allowed);
    /// limiter.hold("doc:held", Duration::ZERO).await?;
    /// assert!(limiter.slide("doc:held", 5, Duration::from_secs(60)).await?.allowed);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn hold(&self, key: &str, duration: Duration) -> Result<Duration, Error> {
        self.hold_limits(key, duration, &[] as &[&str]).await
    }

    /// Admits nobody at these limits of a quota, as [`hold`](Self::hold) does at all of them.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn hold_limits<N: AsRef<str>>(
        &self,
        key: &str,
        duration: Duration,
        limits: &[N],
    ) -> Result<Duration, Error> {
        let mut command = self.command("/v1/hold", "RL.HOLD", key);
        command.duration("duration", duration);
        for name in limits {
            command.word("LIMIT").word(name.as_ref());
        }
        if !limits.is_empty() {
            command.field("limits", || limits.iter().map(AsRef::as_ref).collect::<Vec<&str>>().into());
        }
        self.send(&command).await?.ms().ok_or_else(|| Error::strange("an integer"))
    }

    /// Tells a key of one limit what is left by a provider's count, so that what others use there counts here, too. It only tightens.
    /// The answer is how much is used elsewhere.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::Left;
    ///
    /// limiter.slide("doc:sync", 500, Duration::from_secs(60)).await?;
    /// let elsewhere = limiter.sync("doc:sync", Left::of(120)).await?;
    /// assert_eq!(elsewhere, 379);
    /// # Ok(()) }
    /// ```
    pub fn sync(&self, key: &str, left: Left) -> Tell<'_> {
        let mut command = self.command("/v1/sync", "RL.SYNC", key);
        left.add_to(&mut command);
        for (name, value) in left.body() {
            command.field(&name, || value);
        }
        Tell { limiter: self, command }
    }

    /// Tells a quota what is left of its limits, as [`sync`](Self::sync) does for a key of one limit. The answer is how much of each
    /// is used elsewhere.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::{Left, Limit};
    ///
    /// let limits = [Limit::slide("rpm", 500, Duration::from_secs(60))];
    /// limiter.quota("doc:sync-quota", &limits).await?;
    /// // A response to a request that was sent 250 ms ago says that 3 too many were used.
    /// let left = Left::of(-3).limit(500).reset(Duration::from_secs(30));
    /// let elsewhere = limiter.sync_quota("doc:sync-quota", &[("rpm", left)]).age(Duration::from_millis(250)).await?;
    /// assert_eq!(elsewhere["rpm"], 502);
    /// # Ok(()) }
    /// ```
    pub fn sync_quota<N: AsRef<str>>(&self, key: &str, left: &[(N, Left)]) -> TellQuota<'_> {
        let mut command = self.command("/v1/sync", "RL.SYNC", key);
        for (name, left) in left {
            command.word("LIMIT").word(name.as_ref());
            left.add_to(&mut command);
        }
        command.field("limits", || {
            left.iter()
                .map(|(name, left)| (name.as_ref().to_owned(), left.body().into()))
                .collect::<Map<_, _>>()
                .into()
        });
        TellQuota { limiter: self, command }
    }
}

/// What somebody else's count says that is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    remaining: i64,
    limit: Option<u64>,
    reset: Option<Duration>,
}

impl Left {
    /// Says how much is left. Below 0 it is a debt: it must come back before anybody is admitted.
    #[must_use]
    pub const fn of(remaining: i64) -> Self {
        Self { remaining, limit: None, reset: None }
    }

    /// Says what the limit is there. A lower one than here counts here, too.
    #[must_use]
    pub const fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Says when that starts anew. 0 says that nothing is used elsewhere any more.
    #[must_use]
    pub const fn reset(mut self, reset: Duration) -> Self {
        self.reset = Some(reset);
        self
    }

    fn add_to(self, command: &mut Command) {
        command.word("REMAINING").word(self.remaining.to_string());
        if let Some(limit) = self.limit {
            command.word("OF").word(limit.to_string());
        }
        if let Some(reset) = self.reset {
            command.word("RESET").word(word(reset));
        }
    }

    fn body(self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("remaining".to_owned(), self.remaining.into());
        if let Some(limit) = self.limit {
            body.insert("of".to_owned(), limit.into());
        }
        if let Some(reset) = self.reset {
            body.insert("reset".to_owned(), time(reset));
        }
        body
    }
}

/// What is told to a key of one limit: see [`Limiter::sync`]. `.await` sends it.
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct Tell<'a> {
    limiter: &'a Limiter,
    command: Command,
}

/// What is told to a quota: see [`Limiter::sync_quota`]. `.await` sends it.
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct TellQuota<'a> {
    limiter: &'a Limiter,
    command: Command,
}

impl Tell<'_> {
    /// Says that this was in a response whose request was sent so long ago. Responses overtake each other: one to an older request than
    /// that of the last one is ignored.
    pub fn age(mut self, age: Duration) -> Self {
        self.command.word("AGE").duration("age", age);
        self
    }
}

impl TellQuota<'_> {
    /// Says that this was in a response whose request was sent so long ago, as [`Tell::age`].
    pub fn age(mut self, age: Duration) -> Self {
        self.command.word("AGE").duration("age", age);
        self
    }
}

impl<'a> IntoFuture for Tell<'a> {
    type Output = Result<u64, Error>;
    type IntoFuture = Pending<'a, u64>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.limiter.send(&self.command).await?;
            reply.count().ok_or_else(|| Error::strange("an integer"))
        })
    }
}

impl<'a> IntoFuture for TellQuota<'a> {
    type Output = Result<BTreeMap<String, u64>, Error>;
    type IntoFuture = Pending<'a, BTreeMap<String, u64>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.limiter.send(&self.command).await?;
            let counts = reply.fields().map(|fields| {
                fields
                    .iter()
                    .map(|(name, used)| Some((name.to_owned(), used.count()?)))
                    .collect::<Option<_>>()
            });
            counts.flatten().ok_or_else(|| Error::strange("a map of integers"))
        })
    }
}
