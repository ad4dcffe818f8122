//! The limiter: how long it waits for an answer, and how it answers if there is none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::command::{Command, Connection};
use crate::decision::Degraded;
use crate::error::Error;
use crate::options::Options;
use crate::reply::Reply;
use crate::stats::{Counters, Stats};
use crate::unavailable::Cause;
use crate::wait_queue::WaitQueue;

/// How a request for admission is answered that could not be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fail {
    /// It is denied. This is the default.
    #[default]
    Closed,
    /// It is admitted, and counted in no limit.
    Open,
}

/// Asks limits. A clone asks by the same connection, and counts in the same [`Stats`].
///
/// ```
#[doc = include_str!("doc_begin.txt")]
/// let limiter = limiter.timeout(Duration::from_secs(2)).fail(redis_rl::Fail::Open);
/// let decision = limiter.slide("doc:limiter", 500, Duration::from_secs(60)).await?;
/// assert!(decision.allowed && decision.remaining == 499);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Limiter {
    connection: Arc<dyn Connection>,
    pub(crate) web: bool,
    fail: Fail,
    timeout: Duration,
    pub(crate) ttl: Duration,
    waits: Arc<WaitQueue>,
    counters: Arc<Counters>,
}

impl Limiter {
    /// Returns a limiter that asks by a connection of your own.
    ///
    /// ```
    /// use redis_rl::{Command, Connection, Limiter, Pending, Reply};
    ///
    /// struct Fixed;
    /// impl Connection for Fixed {
    ///     fn send<'a>(&'a self, _: &'a Command) -> Pending<'a, Reply> {
    ///         Box::pin(async { Ok(Reply::List([1, 5, 4, 0, 60_000].map(Reply::Integer).to_vec())) })
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let decision = Limiter::with(Fixed).slide("api", 5, std::time::Duration::from_secs(60)).await.unwrap();
    /// assert_eq!(decision.remaining, 4);
    /// # }
    /// ```
    #[must_use]
    pub fn with(connection: impl Connection) -> Self {
        Self {
            connection: Arc::new(connection),
            web: false,
            fail: Fail::default(),
            timeout: Duration::from_millis(500),
            ttl: Duration::from_secs(60),
            waits: WaitQueue::new(100),
            counters: Arc::default(),
        }
    }

    /// Chooses how requests for admission are answered that cannot be decided. The default is [`Fail::Closed`].
    #[must_use]
    pub fn fail(mut self, fail: Fail) -> Self {
        self.fail = fail;
        self
    }

    /// Bounds each call, beside the time that the server may let it wait. The default is 500 ms.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a reservation lasts that is not renewed, for example since its program ended. Open reservations are renewed each
    /// third of it. The default is one minute.
    #[must_use]
    pub fn reservation_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Bounds how many requests wait in the server's lines at a time: each takes a connection of its own. Requests beyond it wait
    /// in this program, by lane and then in order. The default is 100.
    #[must_use]
    pub fn max_waiting(mut self, n: usize) -> Self {
        self.waits = WaitQueue::new(n);
        self
    }

    /// Returns what the limiter and its clones have answered.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.read(self.waits.waiting())
    }

    /// Begins a command of one key.
    pub(crate) fn command(&self, path: &str, name: &str, key: &str) -> Command {
        Command::new(self.web, path, name, key)
    }

    /// Begins a command that names its keys otherwise, or has none.
    pub(crate) fn bare(&self, path: &str, name: &str) -> Command {
        Command::bare(self.web, path, name)
    }

    /// Sends a command, and waits for its reply no longer than is allowed.
    pub(crate) async fn send(&self, command: &Command) -> Result<Reply, Error> {
        let most = self.timeout.saturating_add(command.wait);
        match tokio::time::timeout(most, self.connection.send(command)).await {
            Ok(answer) => answer,
            Err(_) => {
                if command.wait.is_zero() {
                    self.connection.timed_out();
                }
                Err(Error::unavailable(Cause::Down, format!("no answer within {most:?}")))
            }
        }
    }

    /// Asks for an admission, and reads the reply. What cannot be decided is answered by the fail mode.
    pub(crate) async fn ask<D: Degraded>(
        &self,
        command: Command,
        options: &Options,
        read: impl FnOnce(&Reply) -> Result<D, Error>,
        is_allowed: impl FnOnce(&D) -> bool,
    ) -> Result<D, Error> {
        match self.admission(command, options).await.and_then(|reply| read(&reply)) {
            Ok(decision) => {
                self.counters.decided(is_allowed(&decision));
                Ok(decision)
            }
            Err(Error::Unavailable(why)) => {
                let allowed = self.fail == Fail::Open;
                self.counters.degraded(why.cause, allowed);
                Ok(D::degraded(allowed, why))
            }
            Err(other) => {
                self.counters.refused();
                Err(other)
            }
        }
    }

    /// Sends a request for admission. If it may wait, it first takes its place among the requests of this program that do.
    async fn admission(&self, mut command: Command, options: &Options) -> Result<Reply, Error> {
        command.field("on_error", || "deny".into()); // rl-coordinator must not decide what the fail mode here decides
        if options.wait.is_zero() {
            options.add_wait(&mut command, Duration::ZERO);
            return self.send(&command).await;
        }
        let place = self.waits.enter(options.lane_or_default() as usize, options.wait).await;
        let left = match &place {
            Some((_, took)) => options.wait.saturating_sub(*took).max(Duration::from_millis(1)),
            None => Duration::ZERO, // its time has passed: it gets the denial of now
        };
        options.add_wait(&mut command, left);
        self.send(&command).await
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("fail", &self.fail)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
