//! Limits of a server, asked by redis-rs.
//!
//! Commands that are answered at once go through one connection that all requests share. A command that waits takes a connection
//! of its own: the server answers nothing else on it until then.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, Value};

use crate::command::{Command, Connection, Pending};
use crate::error::Error;
use crate::limiter::Limiter;
use crate::reply::Reply;
use crate::unavailable::Cause;

impl Limiter {
    /// Returns a limiter that asks by a client of redis-rs. It connects at the first request, and again after the connection is lost.
    ///
    /// ```no_run
    /// let client = redis::Client::open("redis://localhost").unwrap();
    /// let limiter = redis_rl::Limiter::new(client);
    /// ```
    #[must_use]
    pub fn new(client: Client) -> Self {
        let shared = Shared {
            client: client.clone(),
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        };
        Self::with(ByRedis { now: shared, waiters: Waiters { client, idle: Mutex::default() } })
    }

    /// Returns a limiter that asks by a connection of yours, such as a `MultiplexedConnection` or a `ConnectionManager`. `client` opens
    /// the connections of requests that wait.
    ///
    /// The connection's own timeouts and retries stay: see its documentation.
    ///
    /// ```no_run
    /// # async fn example() -> redis::RedisResult<()> {
    /// let client = redis::Client::open("redis://localhost")?;
    /// let connection = client.get_multiplexed_async_connection().await?;
    /// let limiter = redis_rl::Limiter::over(connection, client);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn over<C>(connection: C, client: Client) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(ByRedis { now: Own(connection), waiters: Waiters { client, idle: Mutex::default() } })
    }
}

/// Sends commands that are answered at once by `now`.
struct ByRedis<N> {
    now: N,
    waiters: Waiters,
}

trait Now: Send + Sync + 'static {
    fn ask<'a>(&'a self, command: &'a Cmd) -> impl Future<Output = RedisResult<Value>> + Send + 'a;
    fn replace(&self) {}
}

impl<N: Now> Connection for ByRedis<N> {
    fn send<'a>(&'a self, command: &'a Command) -> Pending<'a, Reply> {
        Box::pin(async move {
            let packed = pack(command);
            let answer = if command.wait.is_zero() {
                self.now.ask(&packed).await
            } else {
                self.waiters.ask(&packed).await
            };
            match answer {
                Ok(value) => reply(value),
                Err(error) => Err(classify(&error)),
            }
        })
    }

    fn timed_out(&self) {
        self.now.replace();
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
struct Own<C>(C);

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Now for Own<C> {
    async fn ask<'a>(&'a self, command: &'a Cmd) -> RedisResult<Value> {
        self.0.clone().req_packed_command(command).await
    }
}

/// A connection that all requests share. It is opened when it is needed.
struct Shared {
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
    async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        let known = self.idle().pop();
        let mut connection = match known {
            Some(connection) => connection,
            None => connect(&self.client).await?,
        };
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

fn reply(value: Value) -> Result<Reply, Error> {
    let list = |items: Vec<Value>| items.into_iter().map(reply).collect::<Result<_, _>>().map(Reply::List);
    match value {
        Value::Nil => Ok(Reply::Nil),
        Value::Int(n) => Ok(Reply::Integer(n)),
        Value::BulkString(bytes) => Ok(Reply::Text(bytes)),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(Reply::Text(text.into_bytes())),
        Value::Okay => Ok(Reply::Text(b"OK".to_vec())),
        Value::Array(items) | Value::Set(items) => list(items),
        Value::Map(pairs) => {
            let pair = |(name, value)| Ok((reply(name)?, reply(value)?));
            pairs.into_iter().map(pair).collect::<Result<_, Error>>().map(Reply::Map)
        }
        Value::Attribute { data, .. } => reply(*data),
        Value::Boolean(is) => Ok(Reply::Integer(is.into())),
        Value::Double(n) => Ok(Reply::Text(n.to_string().into_bytes())),
        Value::ServerError(error) => Err(Error::from_server(&text(error.code(), error.details()))),
        _ => Err(Error::strange("one of RL.* commands")),
    }
}

fn text(code: &str, detail: Option<&str>) -> String {
    format!("{code} {}", detail.unwrap_or_default())
}

fn classify(error: &RedisError) -> Error {
    if let Some(code) = error.code() {
        return Error::from_server(&text(code, error.detail()));
    }
    let cause = match error.kind() {
        ErrorKind::AuthenticationFailed => Cause::NoAuth,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Cause::Strange,
        _ => Cause::Down,
    };
    Error::unavailable(cause, error.to_string())
}
