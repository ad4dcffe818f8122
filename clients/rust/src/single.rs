//! Requests of one limit, and what else a key of one limit knows.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use serde_json::Value;

use crate::command::{Command, Pending};
use crate::decision::Decision;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::options::{Lane, Options, waiting};
use crate::reply::Reply;
use crate::window::{Offset, Window};

/// A request of one limit. `.await` sends it.
///
/// `A` is [`Slide`], [`Fixed`] or [`Bucket`].
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct Single<'a, A> {
    limiter: &'a Limiter,
    command: Command,
    cost: u64,
    options: Options,
    algorithm: PhantomData<A>,
}

/// An exact sliding window: see [`Limiter::slide`].
#[derive(Debug)]
pub enum Slide {}

/// A fixed window: see [`Limiter::window`].
#[derive(Debug)]
pub enum Fixed {}

/// A token bucket: see [`Limiter::bucket`].
#[derive(Debug)]
pub enum Bucket {}

impl Limiter {
    /// Asks an exact sliding window: in every interval of length `window`, at most `limit` is admitted.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::Lane;
    ///
    /// let decision = limiter.slide("doc:slide", 1, Duration::from_millis(200)).await?;
    /// assert!(decision.allowed);
    /// let decision = limiter
    ///     .slide("doc:slide", 1, Duration::from_millis(200))
    ///     .wait(Duration::from_secs(30))
    ///     .priority(Lane::High)
    ///     .flow("tenant-7", 3)
    ///     .await?;
    /// assert!(decision.allowed);
    /// # Ok(()) }
    /// ```
    pub fn slide(&self, key: &str, limit: u64, window: Duration) -> Single<'_, Slide> {
        let mut command = self.command("/v1/slide", "RL.SLIDE", key);
        command.number("limit", limit).duration("window", window);
        Single::new(self, command)
    }

    /// Asks a fixed window that is aligned to the clock. `window` may also be [`Window::Week`] or [`Window::Month`].
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// use redis_rl::{Offset, Window};
    ///
    /// let day = Duration::from_secs(86_400);
    /// let decision = limiter.window("doc:day", 10_000, day).offset(Offset::from_hours(-8)).await?;
    /// assert_eq!(decision.remaining, 9_999);
    /// let decision = limiter.window("doc:month", 100_000, Window::Month).cost(3).await?;
    /// assert_eq!(decision.remaining, 99_997);
    /// # Ok(()) }
    /// ```
    pub fn window(&self, key: &str, limit: u64, window: impl Into<Window>) -> Single<'_, Fixed> {
        let mut command = self.command("/v1/window", "RL.WINDOW", key);
        command.number("limit", limit).window(window.into());
        Single::new(self, command)
    }

    /// Asks a token bucket that holds `capacity` and gains `refill` tokens in each period, continuously. The period is a second,
    /// or that of [`Single::per`]. `refill` may have decimals.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// let decision = limiter.bucket("doc:bucket", 50, 500).per(Duration::from_secs(60)).await?;
    /// assert_eq!((decision.remaining, decision.reset_after), (49, Duration::from_millis(120)));
    /// # Ok(()) }
    /// ```
    pub fn bucket(&self, key: &str, capacity: u64, refill: impl Into<f64>) -> Single<'_, Bucket> {
        let refill = refill.into();
        let mut command = self.command("/v1/bucket", "RL.BUCKET", key);
        command.number("capacity", capacity).word(refill.to_string()).field("refill", || number(refill));
        Single::new(self, command)
    }
}

/// Writes a number for a body. What is no number is text, which rl-coordinator refuses.
fn number(n: f64) -> Value {
    let text = n.to_string();
    match text.parse::<i64>() {
        Ok(whole) => whole.into(),
        Err(_) => serde_json::Number::from_f64(n).map_or(text.into(), Value::Number),
    }
}

impl<'a, A> Single<'a, A> {
    fn new(limiter: &'a Limiter, command: Command) -> Self {
        Self { limiter, command, cost: 1, options: Options::default(), algorithm: PhantomData }
    }

    /// What the request consumes, 1 without it. A cost of 0 takes nothing and is always admitted.
    pub fn cost(mut self, n: u64) -> Self {
        self.cost = n;
        self
    }

    waiting!(options);
}

impl Single<'_, Fixed> {
    /// Moves the beginning of the windows.
    pub fn offset(mut self, offset: Offset) -> Self {
        if offset != Offset::default() {
            self.command.word("OFFSET").word(offset.word()).field("offset", || offset.word().into());
        }
        self
    }
}

impl Single<'_, Bucket> {
    /// The period in which the bucket gains its refill.
    pub fn per(mut self, period: Duration) -> Self {
        self.command.duration("period", period);
        self
    }
}

fn add_cost(command: &mut Command, cost: u64) {
    if cost != 1 {
        command.word("COST").number("cost", cost);
    }
}

impl<'a, A: 'a> IntoFuture for Single<'a, A> {
    type Output = Result<Decision, Error>;
    type IntoFuture = Pending<'a, Decision>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { limiter, mut command, cost, options, .. } = self;
        add_cost(&mut command, cost);
        Box::pin(
            async move { limiter.ask(command, &options, Reply::decision, |decision| decision.allowed).await },
        )
    }
}

/// A look at a key of one limit. `.await` sends it.
#[derive(Debug)]
#[must_use = "a request is sent by .await"]
pub struct Peek<'a> {
    limiter: &'a Limiter,
    command: Command,
    cost: u64,
}

impl Peek<'_> {
    /// The cost of the request that would be made, 1 without it.
    pub fn cost(mut self, n: u64) -> Self {
        self.cost = n;
        self
    }
}

impl<'a> IntoFuture for Peek<'a> {
    type Output = Result<Option<Decision>, Error>;
    type IntoFuture = Pending<'a, Option<Decision>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { limiter, mut command, cost } = self;
        add_cost(&mut command, cost);
        Box::pin(async move {
            match limiter.send(&command).await? {
                Reply::Nil => Ok(None),
                reply => reply.decision().map(Some),
            }
        })
    }
}

impl Limiter {
    /// Says whether a request of one limit would be admitted now. It consumes nothing and works on replicas. The answer is `None` if
    /// there is no such key.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// assert!(limiter.peek("doc:peek").await?.is_none());
    /// limiter.slide("doc:peek", 10, Duration::from_secs(60)).cost(4).await?;
    /// assert!(!limiter.peek("doc:peek").cost(7).await?.unwrap().allowed);
    /// # Ok(()) }
    /// ```
    pub fn peek(&self, key: &str) -> Peek<'_> {
        Peek { limiter: self, command: self.command("/v1/peek", "RL.PEEK", key), cost: 1 }
    }

    /// Gives `n` back that was admitted and not used after all. It returns what remains then.
    ///
    /// ```
    #[doc = include_str!("doc_begin.txt")]
    /// limiter.slide("doc:refund", 10, Duration::from_secs(60)).cost(4).await?;
    /// assert_eq!(limiter.refund("doc:refund", 3).await?, 9);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kinds of [`Error`], except [`Error::Denied`].
    pub async fn refund(&self, key: &str, n: u64) -> Result<u64, Error> {
        let mut command = self.command("/v1/refund", "RL.REFUND", key);
        command.number("cost", n);
        self.send(&command).await?.count().ok_or_else(|| Error::strange("an integer"))
    }
}
