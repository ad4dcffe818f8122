//! Limiters by a client, by a connection, and by the nodes of a cluster.

use ::redis::aio::ConnectionLike;
use ::redis::{Client, IntoConnectionInfo};

use super::cluster::Cluster;
use super::node::Node;
use crate::error::Error;
use crate::limiter::Limiter;

impl Limiter {
    /// Returns a limiter that asks by a client of redis-rs. It connects at the first request, and again after the connection is lost.
    ///
    /// ```no_run
    /// let client = redis::Client::open("redis://localhost").unwrap();
    /// let limiter = redis_rl::Limiter::new(client);
    /// ```
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::with(Node::shared(client))
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
        Self::with(Node::own(connection, client))
    }

    /// Returns a limiter that asks the nodes of a cluster. It learns of the others from those that are given. `open` takes one server only.
    ///
    /// A command goes to the primary that has its key, and commands about policies go to all primaries. A node that redirects has done
    /// nothing, so that the command is sent again to the node that it names; no other command is sent twice.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), redis_rl::Error> {
    /// let limiter = redis_rl::Limiter::cluster(["redis://10.0.0.1", "redis://10.0.0.2"])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there are no nodes, or if an address is none.
    pub fn cluster<I: IntoConnectionInfo>(nodes: impl IntoIterator<Item = I>) -> Result<Self, Error> {
        let nodes: Result<Vec<_>, _> =
            nodes.into_iter().map(IntoConnectionInfo::into_connection_info).collect();
        let nodes = nodes.map_err(|error| Error::Invalid(error.to_string()))?;
        Cluster::new(&nodes)
            .map(Self::with)
            .ok_or_else(|| Error::Invalid("a cluster needs a node".to_owned()))
    }
}
