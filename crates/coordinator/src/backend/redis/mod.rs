//! The limits in a Redis or Valkey server with the module. Each request is sent as the command that it mirrors.
//!
//! Requests that do not wait share one connection. A request that waits blocks its connection, so it has one of its own;
//! their number is bounded. If the client leaves, that connection is closed, and the module forgets the request.
//!
//! A request that may wait is first sent without its wait, so that an admission at once needs no connection. Requests in
//! the lane `low` are not: a request that does not wait is in `normal`, so it would pass the waiters in `low`.
//!
//! While the server is down, one request tries to connect every 250 ms. The others fail at once.

mod keys;
mod lease_books;
mod lending;
mod policies;
mod ready;
mod reply;
mod slot;
mod source;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::cluster_routing::RoutingInfo;
use redis::{Cmd, RedisError, RedisResult, Value};
use rl_core::fault::Fault;
use rl_core::queue::{Lane, Wait};
use tokio::sync::{Semaphore, watch};

use self::lease_books::Lending;
use self::source::{Link, Source, Use};
use crate::clock;
use crate::command::{Command, Verb};
use crate::config::{LeaseSettings, RedisSettings};
use crate::metrics::LeaseMetrics;
use crate::reply::{Failure, Result};
use crate::waiter_limits::WaiterLimits;

/// The time between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);

/// A Redis or Valkey server.
pub(crate) struct Redis {
    source: Source,
    timeout: Duration,
    shared: Mutex<Shared>,
    /// Held while a request connects.
    connects: tokio::sync::Mutex<()>,
    /// Connections on which requests have waited.
    idle: Mutex<Vec<Link>>,
    places: Semaphore,
    waiter_limits: Arc<WaiterLimits>,
    is_up: AtomicBool,
    /// Set if keys are leased.
    lending: Option<Lending>,
    ending: watch::Sender<bool>,
}

#[derive(Default)]
struct Shared {
    link: Option<Link>,
    /// The number of connections so far. It tells this one from its successor.
    number: u64,
    /// When the last attempt to connect failed, and why.
    failed: Option<(Instant, Failure)>,
}

impl Redis {
    /// The server of a configuration. It does not connect yet.
    ///
    /// # Errors
    /// What is wrong with the configuration, for the operator.
    pub(crate) fn new(
        config: &RedisSettings,
        waiter_limits: Arc<WaiterLimits>,
    ) -> std::result::Result<Self, String> {
        let read = |path: &std::path::PathBuf| {
            std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let ca = config.ca.as_ref().map(read).transpose()?;
        Ok(Self {
            source: Source::new(&config.url, ca, config.timeout.0)?,
            timeout: config.timeout.0,
            shared: Mutex::default(),
            connects: tokio::sync::Mutex::default(),
            idle: Mutex::default(),
            places: Semaphore::new(config.wait_connections),
            waiter_limits,
            is_up: AtomicBool::new(true),
            lending: None,
            ending: watch::Sender::new(false),
        })
    }

    /// Leases keys ahead of requests.
    pub(crate) fn lease(self, settings: &LeaseSettings, metrics: LeaseMetrics) -> Self {
        Self { lending: Some(Lending::new(settings, metrics)), ..self }
    }

    /// Runs a command, out of a lease if there is one.
    pub(crate) async fn run(&self, command: &Command) -> Result {
        let Some(lending) = &self.lending else { return self.run_here(command).await };
        if let Some(reply) = self.lend(lending, command).await {
            return Ok(reply);
        }
        if matches!(command.verb(), Verb::Hold | Verb::Sync) {
            self.release(command.key()).await; // what is lent would not be held
        }
        let result = self.run_here(command).await;
        Self::note_reply(lending, command, &result);
        result
    }

    /// Runs a command at the server.
    async fn run_here(&self, command: &Command) -> Result {
        let now = words(command.words_at_once());
        let Some(wait) = command.wait() else { return self.at_once(command, &now).await };
        if wait.lane != Lane::Low {
            let reply = self.at_once(command, &now).await?;
            if reply.allowed() != Some(false) || reply.retry_after_ms() < 0 {
                return Ok(reply);
            }
        }
        let _counted = self.waiter_limits.enter(command.keys(), wait.lane)?;
        let _place = self.places.try_acquire().map_err(|_| Fault::Busy)?;
        let mut ending = self.ending.subscribe();
        let waited = tokio::select! {
            biased;
            result = self.waits(command, wait) => Some(result),
            _ = ending.wait_for(|ends| *ends) => None,
        };
        match waited {
            Some(result) => result,
            // Its connection is closed by now, so it takes nothing. It gets the answer of this moment.
            None => self.at_once(command, &now).await,
        }
    }

    async fn at_once(&self, command: &Command, words: &Cmd) -> Result {
        let value = self.ask(words).await?;
        reply::read(command.verb(), command.is_up_to(), &value).ok_or(Failure::Strange)
    }

    /// Asks on the shared connection.
    async fn ask(&self, words: &Cmd) -> std::result::Result<Value, Failure> {
        self.try_ask(words).await?.map_err(|error| reply::failure(&error))
    }

    /// The same, with the server's error. Fails if the server cannot be reached.
    async fn try_ask(&self, words: &Cmd) -> std::result::Result<RedisResult<Value>, Failure> {
        self.try_route(words, None).await
    }

    /// The same for these nodes of a cluster, instead of the one of the key.
    async fn try_route(
        &self,
        words: &Cmd,
        routing: Option<RoutingInfo>,
    ) -> std::result::Result<RedisResult<Value>, Failure> {
        let (mut link, number) = self.link().await?;
        let result = match routing {
            Some(routing) => link.route(words, routing).await,
            None => link.ask(words).await,
        };
        if let Err(error) = &result
            && reply::is_over(error)
        {
            self.drop_link(number, error);
        }
        Ok(result)
    }

    /// The shared connection. Connects if there is none.
    async fn link(&self) -> std::result::Result<(Link, u64), Failure> {
        if let Some(known) = self.known()? {
            return Ok(known);
        }
        let _connecting = self.connects.lock().await;
        if let Some(known) = self.known()? {
            return Ok(known); // another request has connected meanwhile, or has failed to
        }
        let made = tokio::time::timeout(self.timeout, self.source.connect(Use::Shared, self.timeout)).await;
        let made = made.map_err(|_| None).and_then(|made| made.map_err(Some));
        let mut shared = self.shared();
        match made {
            Ok(link) => {
                shared.number = shared.number.saturating_add(1);
                shared.link = Some(link.clone());
                shared.failed = None;
                self.note(true, None);
                Ok((link, shared.number))
            }
            Err(error) => {
                let is_refused = error.as_ref().map(reply::failure) == Some(Failure::NotAuthenticated);
                let failure = if is_refused { Failure::NotAuthenticated } else { Failure::Down };
                shared.failed = Some((Instant::now(), failure));
                self.note(false, error.as_ref());
                Err(failure)
            }
        }
    }

    /// The shared connection; `None` if it must be made.
    fn known(&self) -> std::result::Result<Option<(Link, u64)>, Failure> {
        let shared = self.shared();
        match (&shared.link, shared.failed) {
            (Some(link), _) => Ok(Some((link.clone(), shared.number))),
            (None, Some((at, failure))) if at.elapsed() < PAUSE => Err(failure),
            (None, _) => Ok(None),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner) // each change is one assignment
    }

    /// Drops the shared connection of this number, unless it has been replaced.
    fn drop_link(&self, number: u64, error: &RedisError) {
        let mut shared = self.shared();
        if shared.number == number && shared.link.take().is_some() {
            self.source.forget();
            self.idle().clear(); // they are to the same server
            tracing::warn!(kind = ?error.kind(), "the connection to Redis is dropped");
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs when the server has gone down or is up again.
    fn note(&self, up: bool, error: Option<&RedisError>) {
        if self.is_up.swap(up, Relaxed) != up {
            if up {
                tracing::info!("Redis answers again");
            } else {
                tracing::error!(kind = ?error.map(RedisError::kind), "Redis does not answer");
            }
        }
    }

    /// Waits on a connection of the request's own.
    async fn waits(&self, command: &Command, wait: Wait) -> Result {
        let words = words(command.words());
        let most = clock::duration(wait.time).saturating_add(self.timeout);
        let began = Instant::now();
        let known = self.idle().pop();
        if let Some(mut link) = known {
            match tokio::time::timeout(most, link.ask(&words)).await {
                // The connection may have broken long ago, or lead to a former primary.
                Ok(Err(error)) if reply::is_over(&error) => {}
                Ok(result) => return self.done(command, link, result),
                Err(_) => return Err(Failure::Down),
            }
            if began.elapsed() >= self.timeout {
                return Err(Failure::Down); // it was lost during the wait, and a wait does not start again
            }
        }
        let made = tokio::time::timeout(self.timeout, self.source.connect(Use::Waiting, self.timeout)).await;
        let made = made.ok().and_then(std::result::Result::ok);
        let Some(mut link) = made else {
            self.source.forget();
            return Err(Failure::Down);
        };
        let result = tokio::time::timeout(most, link.ask(&words)).await.map_err(|_| Failure::Down)?;
        self.done(command, link, result)
    }

    /// Keeps the connection for the next request that waits.
    fn done(&self, command: &Command, link: Link, result: RedisResult<Value>) -> Result {
        match result {
            Ok(value) => {
                self.idle().push(link); // bounded by the number of requests that wait at a time
                reply::read(command.verb(), command.is_up_to(), &value).ok_or(Failure::Strange)
            }
            Err(error) => {
                if reply::is_over(&error) {
                    self.source.forget();
                } else {
                    self.idle().push(link);
                }
                Err(reply::failure(&error))
            }
        }
    }

    /// Answers all waiters. From now on no request waits.
    pub(crate) fn close(&self) {
        self.ending.send_replace(true);
    }
}

fn words<'a>(words: impl Iterator<Item = &'a [u8]>) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
}
