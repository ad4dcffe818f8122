//! Requests of many limits at once: quotas, several keys, and the first of several keys that admits.

use std::future::IntoFuture;
use std::time::Duration;

use crate::command::{Command, Pending};
use crate::decision::QuotaDecision;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::limits::{Limit, add_limits};
use crate::options::{Lane, Options, add_costs, waiting};
use crate::reply::Reply;

/// By which limits a quota is asked: the name of a policy that the server keeps, or limits that are spelled out.
#[derive(Clone, Copy, Debug)]
pub enum Rules<'a> {
    /// A policy.
    Policy(&'a str),
    /// Limits.
    Limits(&'a [Limit]),
}

impl<'a> From<&'a str> for Rules<'a> {
    fn from(policy: &'a str) -> Self {
        Self::Policy(policy)
    }
}

impl<'a> From<&'a String> for Rules<'a> {
    fn from(policy: &'a String) -> Self {
        Self::Policy(policy)
    }
}

impl<'a> From<&'a [Limit]> for Rules<'a> {
    fn from(limits: &'a [Limit]) -> Self {
        Self::Limits(limits)
    }
}

impl<'a> From<&'a Vec<Limit>> for Rules<'a> {
    fn from(limits: &'a Vec<Limit>) -> Self {
        Self::Limits(limits)
    }
}

impl<'a, const N: usize> From<&'a [Limit; N]> for Rules<'a> {
    fn from(limits: &'a [Limit; N]) -> Self {
        Self::Limits(limits)
    }
}

impl Rules<'_> {
    pub(crate) fn add_to(self, command: &mut Command) {
        match self {
            Self::Policy(name) => {
                command.word("POLICY").word(name).field("policy", || name.into());
            }
            Self::Limits(limits) => add_limits(command, limits),
        }
    }
}

/// A request of a quota, or of several keys. `.await` sends it.
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct Quota<'a> {
    pub(crate) limiter: &'a Limiter,
    command: Command,
    pub(crate) options: Options,
    first: bool,
}

impl Limiter {
    /// Asks many limits under one key: all of them admit the request, or nothing is counted anywhere.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::Limit;
    ///
    /// let minute = Duration::from_secs(60);
    /// let limits = [Limit::slide("rpm", 1_000, minute), Limit::slide("tpm", 80_000, minute).unit("tokens")];
    /// let decision = limiter.quota("doc:quota", &limits).cost("tokens", 500).await?;
    /// assert!(decision.allowed && decision.limit("tpm").unwrap().remaining == 79_500);
    /// let decision = limiter.quota("doc:quota", &limits).cost("tokens", 80_000).await?;
    /// assert_eq!(decision.blocking, ["tpm"]);
    /// # Ok(()) }
    /// ```
    pub fn quota<'a>(&'a self, key: &str, by: impl Into<Rules<'a>>) -> Quota<'a> {
        let mut command = self.command("/v1/quota", "RL.QUOTA", key);
        by.into().add_to(&mut command);
        Quota { limiter: self, command, options: Options::default(), first: false }
    }

    /// Asks several keys, each by its policy, such as those of an organisation, its team and its user: all of them admit the request,
    /// or nothing is counted anywhere. In a cluster the keys must be in one slot.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::Limit;
    ///
    /// let minute = Duration::from_secs(60);
    /// limiter.policies().set("doc-org", &[Limit::slide("rpm", 100, minute)]).await?;
    /// limiter.policies().set("doc-user", &[Limit::slide("rpm", 1, minute)]).await?;
    /// let keys = [("{acme}:org", "doc-org"), ("{acme}:ann", "doc-user")];
    /// assert!(limiter.mquota(&keys).await?.allowed);
    /// assert_eq!(limiter.mquota(&keys).await?.blocking, ["doc-user/rpm"]);
    /// # Ok(()) }
    /// ```
    pub fn mquota<K: AsRef<str>, P: AsRef<str>>(&self, keys: &[(K, P)]) -> Quota<'_> {
        self.many("/v1/mquota", "RL.MQUOTA", keys, false)
    }

    /// Asks several keys, each by its policy, in the order given: the first that admits the request is charged, such as the preferred
    /// model, or else the cheaper one. [`index`](QuotaDecision::index) says which it is. The other fields are about that key; of a
    /// denial, about the one that admits it soonest. In a cluster the keys must be in one slot.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::Limit;
    ///
    /// let minute = Duration::from_secs(60);
    /// limiter.policies().set("doc-opus", &[Limit::slide("otpm", 1_000, minute).unit("output")]).await?;
    /// limiter.policies().set("doc-haiku", &[Limit::slide("otpm", 8_000, minute).unit("output")]).await?;
    /// let models = [("{doc}:opus", "doc-opus"), ("{doc}:haiku", "doc-haiku")];
    /// let decision = limiter.first(&models).cost("output", 1_500).await?;
    /// assert_eq!(decision.index, Some(1));
    /// # Ok(()) }
    /// ```
    pub fn first<K: AsRef<str>, P: AsRef<str>>(&self, keys: &[(K, P)]) -> Quota<'_> {
        self.many("/v1/first", "RL.FIRST", keys, true)
    }

    fn many<K: AsRef<str>, P: AsRef<str>>(
        &self,
        path: &str,
        name: &str,
        keys: &[(K, P)],
        first: bool,
    ) -> Quota<'_> {
        let mut command = self.bare(path, name);
        command.word(keys.len().to_string());
        for (key, _) in keys {
            command.word(key.as_ref()).keys.push(key.as_ref().to_owned());
        }
        command.word("POLICY");
        for (_, policy) in keys {
            command.word(policy.as_ref());
        }
        command.field("keys", || {
            let one =
                |(key, policy): &(K, P)| serde_json::json!({"key": key.as_ref(), "policy": policy.as_ref()});
            keys.iter().map(one).collect::<Vec<_>>().into()
        });
        Quota { limiter: self, command, options: Options::default(), first }
    }
}

impl Quota<'_> {
    /// What the request consumes of a unit. It may be given several times. Without it, the request consumes 1 of the unit `requests`,
    /// and nothing of others.
    pub fn cost(mut self, unit: impl Into<String>, n: u64) -> Self {
        self.options.costs.push((unit.into(), n));
        self
    }

    /// Adds the costs of several units.
    pub fn costs<U: Into<String>>(mut self, costs: impl IntoIterator<Item = (U, u64)>) -> Self {
        self.options.costs.extend(costs.into_iter().map(|(unit, n)| (unit.into(), n)));
        self
    }

    /// Makes the request a reservation that lasts for `ttl` unless it is settled. See [`Limiter::reserve`] for one that ends by itself.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = Some(ttl);
        self
    }

    /// Names the reservation. Without it, [`Limiter::reserve`] makes an id, and for other calls the server does.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.options.id = Some(id.into());
        self
    }

    /// Asks the server for its short reply, with neither the limits nor the names of those that block.
    pub fn short(mut self) -> Self {
        self.options.short = true;
        self
    }

    waiting!(options);

    pub(crate) async fn send(self) -> Result<QuotaDecision, Error> {
        let Self { limiter, mut command, options, first } = self;
        options.add_to(&mut command);
        let read =
            |reply: &Reply| if first { reply.first(options.short) } else { reply.quota(options.short) };
        let mut decision =
            limiter.ask(command, &options, read, |decision: &QuotaDecision| decision.allowed).await?;
        if first && decision.degraded.is_some() && decision.allowed {
            decision.index = Some(0);
        }
        Ok(decision)
    }
}

impl<'a> IntoFuture for Quota<'a> {
    type Output = Result<QuotaDecision, Error>;
    type IntoFuture = Pending<'a, QuotaDecision>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A look at a key of a quota. `.await` sends it.
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct PeekQuota<'a> {
    limiter: &'a Limiter,
    command: Command,
    costs: Vec<(String, u64)>,
}

impl PeekQuota<'_> {
    /// The cost of the request that would be made, of one unit. It may be given several times.
    pub fn cost(mut self, unit: impl Into<String>, n: u64) -> Self {
        self.costs.push((unit.into(), n));
        self
    }
}

impl<'a> IntoFuture for PeekQuota<'a> {
    type Output = Result<Option<QuotaDecision>, Error>;
    type IntoFuture = Pending<'a, Option<QuotaDecision>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { limiter, mut command, costs } = self;
        add_costs(&mut command, &costs);
        Box::pin(async move {
            match limiter.send(&command).await? {
                Reply::Nil => Ok(None),
                reply => reply.quota(false).map(Some),
            }
        })
    }
}

impl Limiter {
    /// Says whether a request of a quota would be admitted now. It consumes nothing and works on replicas. The answer is `None` if there
    /// is no such key.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// let limits = [redis_rl::Limit::slide("tpm", 100, Duration::from_secs(60)).unit("tokens")];
    /// limiter.quota("doc:peek-quota", &limits).cost("tokens", 40).await?;
    /// let decision = limiter.peek_quota("doc:peek-quota").cost("tokens", 61).await?.unwrap();
    /// assert!(!decision.allowed && decision.limit("tpm").unwrap().remaining == 60);
    /// # Ok(()) }
    /// ```
    pub fn peek_quota(&self, key: &str) -> PeekQuota<'_> {
        PeekQuota { limiter: self, command: self.command("/v1/peek", "RL.PEEK", key), costs: Vec::new() }
    }
}
