//! Commands, written in both forms: as words for a server, and as the fields of a body for rl-coordinator.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::reply::Reply;
use crate::window::{Window, word};

/// The future of a request.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Sends commands to a server. The features of this crate bring those for redis-rs and for rl-coordinator. A client of another
/// kind needs this one method, and [`Limiter::with`](crate::Limiter::with).
///
/// An error that the server answers is [`Error::from_server`]. If no answer comes, the error is [`Error::unavailable`]. The future
/// is dropped if the answer takes too long. If the command [waits](Command::wait), the connection must then be closed, so that the
/// server takes the request out of its line.
pub trait Connection: Send + Sync + 'static {
    /// Sends a command, and returns its reply.
    fn send<'a>(&'a self, command: &'a Command) -> Pending<'a, Reply>;

    /// Is told that a command without a wait got no answer in time. The connection may be dead, and is best replaced.
    fn timed_out(&self) {}
}

/// A command for a server.
#[derive(Debug)]
pub struct Command {
    /// The words of the command, such as RL.SLIDE, key, 500, 60000ms.
    pub words: Vec<String>,
    /// The keys among the words: a cluster finds the node by them.
    pub keys: Vec<String>,
    /// How long the server may hold the client. 0: it answers at once.
    pub wait: Duration,
    /// Whether each primary of a cluster must get the command, as for policies.
    pub every_primary: bool,
    web: Option<Web>,
}

/// The same command for rl-coordinator.
#[derive(Debug)]
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "the feature http sends it"))]
pub(crate) struct Web {
    pub(crate) method: &'static str,
    /// Empty if rl-coordinator lacks the command.
    pub(crate) path: String,
    pub(crate) body: Map<String, Value>,
}

impl Command {
    /// Begins a command of one key.
    pub(crate) fn new(web: bool, path: &str, name: &str, key: &str) -> Self {
        let mut command = Self::bare(web, path, name);
        command.keys.push(key.to_owned());
        command.word(key).field("key", || key.into());
        command
    }

    /// Begins a command that names its keys otherwise, or has none.
    pub(crate) fn bare(web: bool, path: &str, name: &str) -> Self {
        let mut words = Vec::with_capacity(12);
        words.push(name.to_owned());
        let web = web.then(|| Web { method: "POST", path: path.to_owned(), body: Map::new() });
        Self { words, keys: Vec::new(), wait: Duration::ZERO, every_primary: false, web }
    }

    pub(crate) fn word(&mut self, word: impl Into<String>) -> &mut Self {
        self.words.push(word.into());
        self
    }

    /// Adds a field to the body, if there is one.
    pub(crate) fn field(&mut self, name: &str, value: impl FnOnce() -> Value) -> &mut Self {
        if let Some(web) = &mut self.web {
            web.body.insert(name.to_owned(), value());
        }
        self
    }

    pub(crate) fn number(&mut self, field: &str, n: u64) -> &mut Self {
        self.word(n.to_string()).field(field, || n.into())
    }

    pub(crate) fn duration(&mut self, field: &str, length: Duration) -> &mut Self {
        self.word(word(length)).field(field, || time(length))
    }

    pub(crate) fn window(&mut self, window: Window) -> &mut Self {
        self.word(window.word()).field("window", || window.word().into())
    }

    /// Replaces the method POST.
    pub(crate) fn method(&mut self, method: &'static str) -> &mut Self {
        if let Some(web) = &mut self.web {
            web.method = method;
        }
        self
    }

    #[cfg(feature = "http")]
    pub(crate) fn web(&self) -> Option<&Web> {
        self.web.as_ref().filter(|web| !web.path.is_empty())
    }
}

/// Writes a time for a body, in which 0 is a number.
pub(crate) fn time(length: Duration) -> Value {
    if length.is_zero() { 0.into() } else { word(length).into() }
}
