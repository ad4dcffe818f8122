//! The nodes of a cluster, and where a command goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::{Client, ConnectionAddr, ConnectionInfo};
use tokio::time::timeout;

use super::node::{Node, Shared};
use super::slots::{Address, Redirect, Slots, slot};
use crate::command::{Command, Connection, Pending};
use crate::error::Error;
use crate::reply::Reply;
use crate::unavailable::{Cause, Unavailable};

/// How often a command may be sent to another node. A node that redirects has done nothing.
const REDIRECTS: u32 = 3;

/// How long one node may take to say where the slots are, before the next one is asked.
const LEARN: Duration = Duration::from_millis(200);

pub(super) struct Cluster {
    /// User, password and TLS of all nodes are those of the first that was given.
    like: ConnectionInfo,
    given: Vec<Address>,
    nodes: Mutex<BTreeMap<Address, Arc<Node<Shared>>>>,
    /// Where the slots are; `None` if that must be learned first.
    slots: Mutex<Option<Arc<Slots>>>,
    /// Locked while a request learns it, so that the others wait for the same answer.
    learning: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// Returns a cluster; `None` if no node is given.
    pub(super) fn new(nodes: &[ConnectionInfo]) -> Option<Self> {
        let address = |node: &ConnectionInfo| match node.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Address { host: host.clone(), port: *port })
            }
            _ => None,
        };
        Some(Self {
            like: nodes.first()?.clone(),
            given: nodes.iter().map(address).collect::<Option<_>>()?,
            nodes: Mutex::default(),
            slots: Mutex::default(),
            learning: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the connections to a node.
    fn node(&self, at: &Address) -> Result<Arc<Node<Shared>>, Error> {
        let mut nodes = lock(&self.nodes);
        if let Some(known) = nodes.get(at) {
            return Ok(Arc::clone(known));
        }
        let address = match self.like.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: at.host.clone(),
                port: at.port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(at.host.clone(), at.port),
        };
        let client = Client::open(self.like.clone().set_addr(address));
        let node = Arc::new(Node::shared(client.map_err(|error| Error::Invalid(error.to_string()))?));
        nodes.insert(at.clone(), Arc::clone(&node));
        Ok(node)
    }

    /// Returns where the slots are. If that is not known, asks one node after another.
    async fn slots(&self) -> Result<Arc<Slots>, Error> {
        let known = || lock(&self.slots).clone();
        if let Some(slots) = known() {
            return Ok(slots);
        }
        let _learning = self.learning.lock().await;
        if let Some(slots) = known() {
            return Ok(slots); // another request has learned it meanwhile
        }
        let mut ask = ::redis::cmd("CLUSTER");
        ask.arg("SLOTS");
        let others: Vec<Address> = lock(&self.nodes).keys().cloned().collect();
        let mut failed = Error::unavailable(Cause::Down, "no node of the cluster answers");
        for at in others.iter().chain(&self.given) {
            let node = self.node(at)?;
            match timeout(LEARN, node.ask_plain(&ask)).await {
                Ok(Ok(reply)) => {
                    if let Some(slots) =
                        Slots::read(&reply, &at.host).filter(|slots| slots.primary(None).is_some())
                    {
                        let slots = Arc::new(slots);
                        *lock(&self.slots) = Some(Arc::clone(&slots));
                        return Ok(slots);
                    }
                }
                Ok(Err(error)) => failed = error,
                Err(_) => node.replace(),
            }
        }
        Err(failed)
    }

    /// Lets the next request learn where the slots are.
    fn forget(&self) {
        lock(&self.slots).take();
    }

    async fn every_primary(&self, command: &Command) -> Result<Reply, Error> {
        let mut last = Ok(Reply::Nil);
        for at in self.slots().await?.primaries() {
            let answer = self.node(&at)?.ask(command).await;
            if last.is_ok() {
                last = answer; // the first error counts, but no primary is left out
            }
        }
        if last.is_err() {
            self.forget();
        }
        last
    }

    async fn ask(&self, command: &Command) -> Result<Reply, Error> {
        if command.every_primary {
            return self.every_primary(command).await;
        }
        let slot = command.keys.first().map(|key| slot(key));
        let mut moved = None;
        for redirect in 0.. {
            let at = match moved.take() {
                Some(at) => at,
                None => self.slots().await?.primary(slot).cloned().ok_or_else(|| {
                    Error::unavailable(Cause::Down, "no node of the cluster has the slot of this key")
                })?,
            };
            let answer = self.node(&at)?.ask(command).await;
            let Err(Error::Unavailable(Unavailable { cause, text })) = &answer else { return answer };
            match cause {
                Cause::SlotMoves => match Redirect::read(text, &at.host) {
                    Some(Redirect::Ask(to)) => return self.node(&to)?.ask_asking(command).await,
                    Some(Redirect::Moved(to)) if redirect < REDIRECTS => {
                        self.forget();
                        moved = Some(to);
                    }
                    Some(Redirect::Moved(_)) | None => return answer,
                },
                // The node may be gone, or a replica now.
                Cause::Down | Cause::ReadOnly => {
                    self.forget();
                    return answer;
                }
                Cause::NoAuth
                | Cause::NoPerm
                | Cause::NoModule
                | Cause::Oom
                | Cause::Strange
                | Cause::TooManyKeys
                | Cause::TooManyTokenKeys => return answer,
            }
        }
        Err(Error::unavailable(Cause::SlotMoves, "too many redirections")) // no redirection is the last of all numbers
    }
}

impl Connection for Cluster {
    fn send<'a>(&'a self, command: &'a Command) -> Pending<'a, Reply> {
        Box::pin(self.ask(command))
    }

    fn timed_out(&self) {
        self.forget();
        for node in lock(&self.nodes).values() {
            node.replace();
        }
    }
}
