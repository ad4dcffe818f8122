//! Finds the server that a URL names, and connects to it.
//!
//! ```text
//! redis://[user:password@]host[:port][/db]                        one server; rediss:// with TLS
//! redis+unix:///path/of/the/socket                                a server on this machine
//! redis-sentinel://[user:password@]host[:port],host[:port]/name   the current primary of this name
//! redis-cluster://[user:password@]host[:port],host[:port]         a cluster, found through any of these nodes
//! rediss-sentinel://, rediss-cluster://                           the same with TLS
//! ```
//! User and password are for the servers. Sentinels are asked without them.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::RoutingInfo;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo as _, RedisResult,
    TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;

use super::slot;

/// The default port of a sentinel.
const SENTINEL_PORT: u16 = 26_379;
/// How often a command is sent again to a cluster after a key has moved or a node is lost.
const RETRIES: u32 = 3;

/// The server or servers that a URL names.
pub(super) enum Source {
    /// One server.
    Single(Box<Client>),
    /// The primary that sentinels name.
    Sentinel(Box<Sentinels>),
    /// A cluster: a client for requests that do not wait, and one for those that do.
    Cluster(Box<[ClusterClient; 2]>),
}

/// Sentinels, and the primary that they named last.
pub(super) struct Sentinels {
    client: Mutex<SentinelClient>,
    primary: std::sync::Mutex<Option<Client>>,
}

/// A connection.
#[derive(Clone)]
pub(super) enum Link {
    /// To one server.
    Single(MultiplexedConnection),
    /// To all nodes of a cluster.
    Cluster(ClusterConnection),
}

/// The use of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// For requests that do not wait. They share it.
    Shared,
    /// For one request that waits. Its user sets the time limit.
    Waiting,
}

impl Link {
    /// Sends a command.
    pub(super) async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(link) => command.query_async(link).await,
            Self::Cluster(link) => match slot::of_several(command) {
                Some(routing) => routed(link, command, routing).await,
                None => command.query_async(link).await,
            },
        }
    }

    /// Sends a command to these nodes of a cluster, or to the one server.
    pub(super) async fn route(&mut self, command: &Cmd, routing: RoutingInfo) -> RedisResult<Value> {
        match self {
            Self::Single(link) => command.query_async(link).await,
            Self::Cluster(link) => routed(link, command, routing).await,
        }
    }
}

/// Sends a command to these nodes. The client leaves a server's error inside of the value then.
async fn routed(link: &mut ClusterConnection, command: &Cmd, routing: RoutingInfo) -> RedisResult<Value> {
    link.route_command(command.clone(), routing).await?.extract_error()
}

impl Source {
    /// Reads a URL. `ca` holds the certificates of `redis.ca`, if it is set.
    ///
    /// # Errors
    /// What is wrong, for the operator. The text never repeats the URL, which may hold a password.
    pub(super) fn new(url: &str, ca: Option<Vec<u8>>, timeout: Duration) -> Result<Self, String> {
        let wrong =
            |error: redis::RedisError| format!("the URL of Redis is none that is understood: {error}");
        let certificates =
            ca.map(|root_cert| TlsCertificates { client_tls: None, root_cert: Some(root_cert) });
        let (scheme, rest) =
            url.split_once("://").ok_or("the URL of Redis must begin with redis://, or another of --help")?;
        let is_tls = scheme.starts_with("rediss");
        match scheme {
            "redis" | "rediss" | "redis+unix" => {
                let client = match certificates.filter(|_| is_tls) {
                    Some(certificates) => Client::build_with_tls(url, certificates),
                    None => Client::open(url),
                };
                Ok(Self::Single(Box::new(client.map_err(wrong)?)))
            }
            "redis-cluster" | "rediss-cluster" => {
                let Parts { login, hosts, rest } = Parts::of(rest);
                if !rest.is_empty() {
                    return Err("the URL of a cluster ends with its hosts".into());
                }
                let scheme = if is_tls { "rediss" } else { "redis" };
                let nodes: Vec<String> = hosts.map(|host| format!("{scheme}://{login}{host}")).collect();
                let build = |response: Duration| {
                    let builder =
                        ClusterClientBuilder::new(nodes.iter().map(String::as_str)).retries(RETRIES);
                    let builder = builder.connection_timeout(timeout).response_timeout(response);
                    let builder = if is_tls { builder.tls(TlsMode::Secure) } else { builder };
                    match certificates.clone().filter(|_| is_tls) {
                        Some(certificates) => builder.certs(certificates).build(),
                        None => builder.build(),
                    }
                };
                Ok(Self::Cluster(Box::new([build(timeout).map_err(wrong)?, build(FOREVER).map_err(wrong)?])))
            }
            "redis-sentinel" | "rediss-sentinel" => {
                let Parts { login, hosts, rest: name } = Parts::of(rest);
                let login =
                    format!("redis://{login}localhost").as_str().into_connection_info().map_err(wrong)?;
                let name = Some(name).filter(|name| !name.is_empty() && !name.contains('/'));
                let name = name.ok_or("the URL of sentinels must end with /name, that of the primary")?;
                let hosts = hosts.map(|host| address(host, is_tls)).collect::<Option<Vec<_>>>();
                let hosts = hosts.ok_or("a port in the URL of Redis is none")?;
                let mut builder =
                    SentinelClientBuilder::new(hosts, name, SentinelServerType::Master).map_err(wrong)?;
                if let Some(user) = login.redis_settings().username() {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = login.redis_settings().password() {
                    builder = builder.set_client_to_redis_password(password);
                }
                if is_tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                    if let Some(certificates) = certificates {
                        builder = builder
                            .set_client_to_redis_certificates(certificates.clone())
                            .set_client_to_sentinel_certificates(certificates);
                    }
                }
                let client = Mutex::new(builder.build().map_err(wrong)?);
                Ok(Self::Sentinel(Box::new(Sentinels { client, primary: std::sync::Mutex::default() })))
            }
            _ => Err("the URL of Redis must begin with redis://, or another of --help".into()),
        }
    }

    /// Forgets the primary, so that the sentinels are asked again.
    pub(super) fn forget(&self) {
        if let Self::Sentinel(sentinels) = self {
            *sentinels.known() = None;
        }
    }

    /// Connects.
    pub(super) async fn connect(&self, purpose: Use, timeout: Duration) -> RedisResult<Link> {
        let response = if purpose == Use::Shared { Some(timeout) } else { None };
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(response);
        match self {
            Self::Single(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(Link::Single)
            }
            Self::Sentinel(sentinels) => {
                let client = sentinels.primary(purpose).await?;
                client.get_multiplexed_async_connection_with_config(&config).await.map(Link::Single)
            }
            Self::Cluster(clients) => {
                let [shared, waiting] = &**clients;
                let client = if purpose == Use::Shared { shared } else { waiting };
                client.get_async_connection().await.map(Link::Cluster)
            }
        }
    }
}

impl Sentinels {
    fn known(&self) -> MutexGuard<'_, Option<Client>> {
        self.primary.lock().unwrap_or_else(PoisonError::into_inner) // each change is one assignment
    }

    /// The primary. Only one request at a time asks the sentinels, and that is slow. Many requests may wait at once, so they
    /// use the primary that the shared connection has found.
    async fn primary(&self, purpose: Use) -> RedisResult<Client> {
        let known = || self.known().clone().filter(|_| purpose == Use::Waiting);
        if let Some(client) = known() {
            return Ok(client);
        }
        let mut sentinels = self.client.lock().await;
        if let Some(client) = known() {
            return Ok(client); // another request has asked meanwhile
        }
        let client = sentinels.async_get_client().await?;
        *self.known() = Some(client.clone());
        Ok(client)
    }
}

/// Longer than any wait. The user of such a connection sets the time limit.
const FOREVER: Duration = Duration::from_secs(3_651 * 24 * 60 * 60);

/// A URL without its scheme.
struct Parts<'a, H> {
    /// User and password with the `@`, or nothing.
    login: &'a str,
    hosts: H,
    /// The text after the first `/`.
    rest: &'a str,
}

impl<'a> Parts<'a, std::str::Split<'a, char>> {
    fn of(text: &'a str) -> Self {
        let (login, text) = text.rsplit_once('@').map_or(("", text), |(login, rest)| {
            (text.get(..login.len().saturating_add(1)).unwrap_or_default(), rest)
        });
        let (hosts, rest) = text.split_once('/').unwrap_or((text, ""));
        Self { login, hosts: hosts.split(','), rest }
    }
}

/// The address of a sentinel; `None` if its port is not a number.
fn address(host: &str, is_tls: bool) -> Option<ConnectionAddr> {
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (host, SENTINEL_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(if is_tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}
