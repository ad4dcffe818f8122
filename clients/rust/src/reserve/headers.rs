//! Tells the keys of a reservation what a provider's headers say.

use std::time::{Duration, SystemTime};

use super::reservation::Reservation;
use crate::error::Error;
use crate::hold::Left;
use crate::profile::{Left as Told, Profile, read};

impl Reservation {
    /// Tells the keys what the headers of a provider's answer say that is left. Limits that the quota lacks are ignored. It does not hold
    /// for a `Retry-After`: see [`read`](crate::profile::read).
    ///
    /// ```
    #[doc = include_str!("../doc_begin.txt")]
    /// use redis_rl::{Limit, profile::profile};
    ///
    /// let limits = [Limit::slide("requests", 500, Duration::from_secs(60))];
    /// let call = limiter.reserve("doc:headers", &limits).await?;
    /// // let headers = response.headers();
    /// let headers = [("x-ratelimit-remaining-requests", "120"), ("x-ratelimit-reset-requests", "30s")];
    /// call.sync(profile("openai").unwrap(), headers).await?;
    /// let left = limiter.peek_quota("doc:headers").await?.unwrap();
    /// assert_eq!(left.limit("requests").unwrap().remaining, 120);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn sync<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        by: &Profile,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Error> {
        self.tell(None, by, headers.into_iter().collect()).await
    }

    /// Tells the same of an answer whose request was sent so long ago. One to an older request than that of the last one is ignored.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn sync_aged<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        age: Duration,
        by: &Profile,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Error> {
        self.tell(Some(age), by, headers.into_iter().collect()).await
    }

    async fn tell<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        age: Option<Duration>,
        by: &Profile,
        headers: Vec<(N, V)>,
    ) -> Result<(), Error> {
        let Some(open) = &self.open else { return Ok(()) };
        let texts = headers
            .iter()
            .filter_map(|(name, value)| Some((name, std::str::from_utf8(value.as_ref()).ok()?)));
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let told = read(by, &texts.collect::<Vec<_>>(), u64::try_from(since.as_millis()).unwrap_or(0));
        let mut done = Ok(());
        for (key, policy) in &open.scope.keys {
            let left = self.left(policy, &told.limits);
            if !left.is_empty() {
                let tell = open.scope.limiter.sync_quota(key, &left);
                let tell = if let Some(age) = age { tell.age(age) } else { tell };
                done = done.and(tell.await.map(drop));
            }
        }
        done
    }

    /// Names what is left as the limits of one key are named. Each limit is told once, by the first header that names it.
    fn left<'a>(&self, policy: &str, told: &'a [Told]) -> Vec<(&'a str, Left)> {
        let own = |name: &str| {
            self.decision.limits.iter().any(|(known, _)| match policy {
                "" => known == name,
                policy => known.strip_prefix(policy).and_then(|rest| rest.strip_prefix('/')) == Some(name),
            })
        };
        let mut left: Vec<(&str, Left)> = Vec::new();
        for one in told {
            let names = one.names.iter().map(String::as_str);
            let named =
                names.into_iter().find(|name| own(name) && !left.iter().any(|(known, _)| known == name));
            if let Some(name) = named {
                let mut what = Left::of(i64::try_from(one.remaining).unwrap_or(i64::MAX));
                if let Some(limit) = one.limit {
                    what = what.limit(limit);
                }
                if let Some(ms) = one.reset_ms {
                    what = what.reset(Duration::from_millis(ms));
                }
                left.push((name, what));
            }
        }
        left
    }
}
