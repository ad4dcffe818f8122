//! The connections to one server.
//!
//! Commands that are answered at once go through one connection that all requests share. A command that waits takes a connection
//! of its own: the server answers nothing else on it until then.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, Value};

use super::reply::{classify, reply};
use crate::command::{Command, Connection, Pending};
use crate::error::Error;
use crate::reply::Reply;

/// Sends commands that are answered at once by `now`.
pub(super) struct Node<N> {
    now: N,
    waiters: Waiters,
}

pub(super) trait Now: Send + Sync + 'static {
    fn ask<'a>(&'a self, command: &'a Cmd) -> impl Future<Output = RedisResult<Value>> + Send + 'a;
    fn replace(&self) {}
}

impl Node<Shared> {
    /// Returns the connections to a server, by its client.
    pub(super) fn shared(client: Client) -> Self {
        let waiters = Waiters { client: client.clone(), idle: Mutex::default() };
        let connecting = tokio::sync::Mutex::default();
        Self { now: Shared { client, current: Mutex::default(), connecting }, waiters }
    }

    /// Sends a command to a node that is getting its slot, and has answered nothing about it yet.
    pub(super) async fn ask_asking(&self, command: &Command) -> Result<Reply, Error> {
        self.waiters.ask(&pack(command), true).await.map_or_else(|error| Err(classify(&error)), reply)
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Node<Own<C>> {
    /// Returns a connection of the user, and those of requests that wait.
    pub(super) fn own(connection: C, client: Client) -> Self {
        Self { now: Own(connection), waiters: Waiters { client, idle: Mutex::default() } }
    }
}

impl<N: Now> Node<N> {
    pub(super) async fn ask(&self, command: &Command) -> Result<Reply, Error> {
        let packed = pack(command);
        let answer = if command.wait.is_zero() {
            self.now.ask(&packed).await
        } else {
            self.waiters.ask(&packed, false).await
        };
        answer.map_or_else(|error| Err(classify(&error)), reply)
    }

    /// Sends a command that is none of this package's.
    pub(super) async fn ask_plain(&self, command: &Cmd) -> Result<Reply, Error> {
        self.now.ask(command).await.map_or_else(|error| Err(classify(&error)), reply)
    }

    /// The next request opens another connection.
    pub(super) fn replace(&self) {
        self.now.replace();
    }
}

impl<N: Now> Connection for Node<N> {
    fn send<'a>(&'a self, command: &'a Command) -> Pending<'a, Reply> {
        Box::pin(self.ask(command))
    }

    fn timed_out(&self) {
        self.replace();
    }
}

fn pack(command: &Command) -> Cmd {
    let size = command.words.iter().map(String::len).sum();
    let mut packed = Cmd::with_capacity(command.words.len(), size);
    for word in &command.words {
        packed.arg(word.as_bytes());
    }
    packed
}

/// A connection of the user.
pub(super) struct Own<C>(C);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Now for Own<C> {
    async fn ask<'a>(&'a self, command: &'a Cmd) -> RedisResult<Value> {
        self.0.clone().req_packed_command(command).await
    }
}

/// A connection that all requests share. It is opened when it is needed.
pub(super) struct Shared {
    client: Client,
    current: Mutex<Option<Numbered>>,
    /// Locked while a request connects, so that the others wait for the same connection.
    connecting: tokio::sync::Mutex<u64>,
}

/// A connection and its number.
#[derive(Clone)]
struct Numbered {
    connection: MultiplexedConnection,
    n: u64,
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Numbered>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(&self) -> RedisResult<Numbered> {
        if let Some(known) = self.current().clone() {
            return Ok(known);
        }
        let mut made = self.connecting.lock().await;
        if let Some(known) = self.current().clone() {
            return Ok(known); // another request has opened it meanwhile
        }
        *made += 1;
        let new = Numbered { connection: connect(&self.client).await?, n: *made };
        *self.current() = Some(new.clone());
        Ok(new)
    }
}

impl Now for Shared {
    async fn ask<'a>(&'a self, command: &'a Cmd) -> RedisResult<Value> {
        let Numbered { mut connection, n } = self.connection().await?;
        let answer = connection.req_packed_command(command).await;
        if answer.as_ref().is_err_and(RedisError::is_unrecoverable_error) {
            self.current().take_if(|current| current.n == n);
        }
        answer
    }

    /// The next request opens another connection. Requests that use this one keep it.
    fn replace(&self) {
        self.current().take();
    }
}

/// How many connections for waiting are kept for the next request that waits.
const IDLE_MAX: usize = 64;

/// The connections of requests that wait.
struct Waiters {
    client: Client,
    idle: Mutex<Vec<MultiplexedConnection>>,
}

impl Waiters {
    fn idle(&self) -> MutexGuard<'_, Vec<MultiplexedConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that is given up drops its connection, and this closes it.
    async fn ask(&self, command: &Cmd, asking: bool) -> RedisResult<Value> {
        let known = self.idle().pop();
        let mut connection = match known {
            Some(connection) => connection,
            None => connect(&self.client).await?,
        };
        if asking {
            connection.req_packed_command(&::redis::cmd("ASKING")).await?;
        }
        let answer = connection.req_packed_command(command).await;
        let mut idle = self.idle();
        if answer.as_ref().is_err_and(RedisError::is_unrecoverable_error) {
            idle.clear(); // the server has most likely closed these, too
        } else if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        answer
    }
}

/// Opens a connection without timeouts of its own: the limiter bounds each request.
async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
