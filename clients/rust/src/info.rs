//! What a key holds, and which keys have most requests: for operators.

use std::time::Duration;

use crate::error::Error;
use crate::limiter::Limiter;
use crate::limits::Limit;
use crate::options::Lane;
use crate::reply::{Fields, Reply};

/// What a key holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Info {
    /// `slide`, `window`, `bucket` or `quota`; `none` for a key that is only held.
    pub algorithm: String,
    /// The name of a quota's policy, if it has one.
    pub policy: Option<String>,
    /// The limits of a quota, with their names, in their order. The one limit of another key has the name `""`.
    pub limits: Vec<(String, LimitInfo)>,
    /// How many requests wait in each lane.
    pub waiting: [(Lane, u64); 4],
    /// How long the first waiter still has to wait if no other request comes. `None`: nobody waits, or it waits for another key, too.
    pub head_wait: Option<Duration>,
    /// The number of open reservations.
    pub reservations: u64,
    /// The memory of the value.
    pub bytes: u64,
}

/// What a key holds of one limit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LimitInfo {
    /// The limit. `None` for a key that is only held.
    pub limit: Option<Limit>,
    /// What a bucket gains in a period, in full: it may have decimals, such as 8.33.
    pub refill: Option<String>,
    /// What is used of the limit.
    pub used: u64,
    /// What remains of the limit.
    pub remaining: u64,
    /// How long the limit is still held.
    pub held: Duration,
    /// How much is used elsewhere, by [`Limiter::sync`].
    pub used_elsewhere: u64,
    /// How long that still counts.
    pub elsewhere: Duration,
}

impl Info {
    /// Returns what the key holds of the limit of this name. That of the one limit is `""`.
    #[must_use]
    pub fn limit(&self, name: &str) -> Option<&LimitInfo> {
        self.limits.iter().find(|(known, _)| known == name).map(|(_, limit)| limit)
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let algorithm = fields.text("algorithm")?;
        let parameters = fields.get("parameters")?.fields()?;
        let limits = if algorithm == "quota" {
            let one = |(name, own): (&str, &Reply)| {
                let own = own.fields()?;
                let algorithm = own.text("algorithm")?;
                Some((name.to_owned(), LimitInfo::read(name, &algorithm, &own, fields)?))
            };
            parameters.iter().map(one).collect::<Option<_>>()?
        } else {
            vec![(String::new(), LimitInfo::read("", &algorithm, &parameters, fields)?)]
        };
        let waiting = fields.get("waiting")?.fields()?;
        Some(Self {
            algorithm,
            policy: fields.text("policy"),
            limits,
            waiting: Lane::ALL.map(|lane| (lane, waiting.count(lane.name()).unwrap_or(0))),
            head_wait: fields.count("head_wait_ms").map(Duration::from_millis),
            reservations: fields.count("reservations")?,
            bytes: fields.count("bytes")?,
        })
    }
}

impl LimitInfo {
    /// Reads one limit. A field of the key is a number, or a map by limit.
    fn read(name: &str, algorithm: &str, parameters: &Fields<'_>, of_key: &Fields<'_>) -> Option<Self> {
        let number = |field: &str| {
            let value = of_key.get(field)?;
            value.count().or_else(|| value.fields()?.count(name))
        };
        let ms = |field| number(field).map(Duration::from_millis);
        let limit = match algorithm {
            "none" => None,
            other => Some(Limit::of_reply(name, other, parameters)?),
        };
        let refill = parameters.get("refill");
        Some(Self {
            limit,
            refill: refill.and_then(|refill| refill.text().or_else(|| Some(refill.integer()?.to_string()))),
            used: number("used")?,
            remaining: number("remaining")?,
            held: ms("held_ms")?,
            used_elsewhere: number("used_elsewhere")?,
            elsewhere: ms("elsewhere_ms")?,
        })
    }
}

/// Which keys [`Limiter::top`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopBy {
    /// Those with most requests that were denied.
    Denied,
    /// Those with most requests that were admitted.
    Admitted,
    /// Those that were held most often.
    Held,
}

/// A key with many requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopKey {
    /// The first 256 bytes of the key.
    pub key: String,
    /// The number of requests. The true number may be lower, by at most `error`.
    pub count: u64,
    /// By how much the count may be too high.
    pub error: u64,
}

impl Limiter {
    /// Returns what a key holds; `None` if there is no such key. rl-coordinator lacks it.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// limiter.slide("doc:info", 5, Duration::from_secs(60)).cost(2).await?;
    /// let info = limiter.info("doc:info").await?.unwrap();
    /// assert_eq!((info.algorithm.as_str(), info.limit("").unwrap().used), ("slide", 2));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn info(&self, key: &str) -> Result<Option<Info>, Error> {
        match self.send(&self.command("", "RL.INFO", key)).await? {
            Reply::Nil => Ok(None),
            reply => reply
                .fields()
                .and_then(|fields| Info::read(&fields))
                .map(Some)
                .ok_or_else(|| Error::strange("that of RL.INFO")),
        }
    }

    /// Returns the `n` keys with most requests of a kind. `None` stands for the server's defaults: ten of the denied. It is for operators.
    /// rl-coordinator lacks it.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::TopBy;
    ///
    /// limiter.slide("doc:top", 5, Duration::from_secs(60)).await?;
    /// let top = limiter.top(TopBy::Admitted, 1).await?;
    /// assert!(top[0].count > 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn top(
        &self,
        by: impl Into<Option<TopBy>>,
        n: impl Into<Option<u32>>,
    ) -> Result<Vec<TopKey>, Error> {
        let mut command = self.bare("", "RL.TOP");
        match by.into() {
            Some(TopBy::Denied) => command.word("DENIED"),
            Some(TopBy::Admitted) => command.word("ADMITTED"),
            Some(TopBy::Held) => command.word("HELD"),
            None => &mut command,
        };
        if let Some(n) = n.into() {
            command.word("COUNT").word(n.to_string());
        }
        let row = |row: &Reply| match row.list()? {
            [key, count, error] => {
                Some(TopKey { key: key.text()?, count: count.count()?, error: error.count()? })
            }
            _ => None,
        };
        let reply = self.send(&command).await?;
        let rows = reply.list().and_then(|rows| rows.iter().map(row).collect());
        rows.ok_or_else(|| Error::strange("a list of keys"))
    }

    /// Forgets all counts of [`top`](Self::top).
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn reset_top(&self) -> Result<(), Error> {
        let mut command = self.bare("", "RL.TOP");
        command.word("RESET");
        self.send(&command).await.map(drop)
    }
}
