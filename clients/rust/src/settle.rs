//! What ends a reservation of [`Quota::ttl`](crate::Quota::ttl), and what makes it last longer. [`Limiter::reserve`] does it by itself.

use std::time::Duration;

use crate::command::Command;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::options::add_costs;

impl Limiter {
    /// Reports what a reservation really used, and ends it. Units that are not named stay as they were charged. The answer is false
    /// if there is no such reservation: then nothing has changed.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// let limits = [redis_rl::Limit::slide("otpm", 1_000, Duration::from_secs(60)).unit("output")];
    /// let decision = limiter.quota("doc:settle", &limits).cost("output", 400).ttl(Duration::from_secs(30)).await?;
    /// let id = decision.id.unwrap();
    /// assert!(limiter.renew("doc:settle", &id, Duration::from_secs(30)).await?);
    /// assert!(limiter.settle("doc:settle", &id, &[("output", 90)]).await?);
    /// assert!(!limiter.cancel("doc:settle", &id).await?); // it is over
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn settle<U: AsRef<str>>(&self, key: &str, id: &str, used: &[(U, u64)]) -> Result<bool, Error> {
        let mut command = self.command("/v1/settle", "RL.SETTLE", key);
        command.word(id).field("id", || id.into());
        add_costs(&mut command, used);
        self.done(&command).await
    }

    /// Gives back everything that a reservation was charged, and ends it. The answer is false if there is no such reservation.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn cancel(&self, key: &str, id: &str) -> Result<bool, Error> {
        let mut command = self.command("/v1/cancel", "RL.CANCEL", key);
        command.word(id).field("id", || id.into());
        self.done(&command).await
    }

    /// Makes a reservation last for `ttl` from now on. The answer is false if there is no such reservation.
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn renew(&self, key: &str, id: &str, ttl: Duration) -> Result<bool, Error> {
        let mut command = self.command("/v1/renew", "RL.RENEW", key);
        command.word(id).field("id", || id.into()).duration("ttl", ttl);
        self.done(&command).await
    }

    async fn done(&self, command: &Command) -> Result<bool, Error> {
        self.send(command).await?.integer().map(|n| n > 0).ok_or_else(|| Error::strange("an integer"))
    }
}
