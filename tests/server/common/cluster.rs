//! A cluster of real nodes, and a client that follows its redirections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::clock::wait_until;
use super::conn::Conn;
use super::server::{Server, free_port};
use super::value::Value;

pub const SLOTS: u16 = 16_384;

/// A cluster: primaries that share the slots.
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    pub fn start(count: u16) -> Self {
        let nodes: Vec<Server> = (0..count).map(|_| start_node()).collect();
        let share = SLOTS / count;
        for (index, node) in (0..).zip(&nodes) {
            let begin = index * share;
            let end = if index + 1 == count { SLOTS - 1 } else { begin + share - 1 };
            let mut conn = node.connect();
            conn.done(&format!("CLUSTER ADDSLOTSRANGE {begin} {end}"));
            conn.done(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
        }
        let mut first = nodes[0].connect();
        for node in &nodes[1..] {
            let bus = node.connect().info_config("cluster-port");
            first.done(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port()));
        }
        for node in &nodes {
            let mut conn = node.connect();
            // A node refuses a migrated key until it knows the owner of its slot.
            wait_until("the cluster is whole", || {
                let info = conn.ask("CLUSTER INFO").text();
                [
                    "cluster_state:ok".into(),
                    format!("cluster_known_nodes:{count}"),
                    format!("cluster_slots_assigned:{SLOTS}"),
                ]
                .iter()
                .all(|line: &String| info.contains(line.as_str()))
            });
        }
        Self { nodes }
    }

    /// Returns the index of the node that owns a slot.
    pub fn owner(&self, slot: u16) -> usize {
        let claims = |node: &Server| port_of(&mut node.connect(), slot) == Some(node.port());
        self.nodes.iter().position(claims).expect("a slot has an owner")
    }

    /// Returns whether every node knows that `port` owns the slot, and also knows the latest change of any
    /// owner. A change that is made before then may get the same epoch as the last one, and may be undone.
    pub fn agrees_on(&self, slot: u16, port: u16) -> bool {
        let epoch = |conn: &mut Conn| {
            let info = conn.ask("CLUSTER INFO").text();
            info.lines().find(|line| line.starts_with("cluster_current_epoch:")).map(str::to_owned)
        };
        let expected = epoch(&mut self.nodes[0].connect());
        self.nodes.iter().all(|node| {
            let mut conn = node.connect();
            port_of(&mut conn, slot) == Some(port) && epoch(&mut conn) == expected
        })
    }

    /// Moves one slot from its owner to `target`, key by key, as redis-cli does.
    pub fn migrate(&self, slot: u16, target: &Server) {
        let source = &self.nodes[self.owner(slot)];
        if source.port() == target.port() {
            return;
        }
        let (mut from, mut to) = (source.connect(), target.connect());
        let (from_id, to_id) = (from.ask("CLUSTER MYID").text(), to.ask("CLUSTER MYID").text());
        to.done(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}"));
        from.done(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}"));
        loop {
            let keys = from.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 3")).words();
            if keys.is_empty() {
                break;
            }
            let port = target.port().to_string();
            let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            command.extend(keys.iter().map(String::as_str));
            let reply = from.call(&command);
            assert!(!reply.is_error(), "{reply:?}");
        }
        // The target comes first, so that some node always serves the slot.
        to.done(&format!("CLUSTER SETSLOT {slot} NODE {to_id}"));
        from.done(&format!("CLUSTER SETSLOT {slot} NODE {to_id}"));
        for node in &self.nodes {
            node.connect().done(&format!("CLUSTER SETSLOT {slot} NODE {to_id}"));
        }
        wait_until("every node knows of it", || self.agrees_on(slot, target.port()));
    }

    pub fn client(&self) -> ClusterClient {
        ClusterClient {
            ports: self.nodes.iter().map(Server::port).collect(),
            conns: HashMap::new(),
            routes: HashMap::new(),
        }
    }
}

/// Ends the load when it is dropped, also if the test that moves the slots fails.
pub struct Load<'a>(pub &'a AtomicBool);

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the port of the node that owns a slot, as seen by this node. `None` while the owner changes.
fn port_of(conn: &mut Conn, slot: u16) -> Option<u16> {
    let slots = conn.ask("CLUSTER SLOTS");
    let has = |range: &&Value| (range.list()[0].int()..=range.list()[1].int()).contains(&i64::from(slot));
    let range = slots.list().iter().find(has)?;
    u16::try_from(range.list()[2].list()[1].int()).ok()
}

fn start_node() -> Server {
    let bus = format!("cluster-port {}", free_port());
    Server::start_tcp(&[
        "cluster-enabled yes",
        "cluster-node-timeout 30000",
        "cluster-require-full-coverage no",
        &bus,
    ])
}

/// A client that sends each command to the node that the cluster names.
pub struct ClusterClient {
    ports: Vec<u16>,
    conns: HashMap<u16, Conn>,
    routes: HashMap<u16, u16>,
}

impl ClusterClient {
    /// Sends a command whose second word is the key. Follows MOVED and ASK, and tries again after TRYAGAIN.
    pub fn ask(&mut self, line: &str) -> Value {
        self.ask_about(line.split(' ').nth(1).unwrap(), line)
    }

    /// Sends a command whose key is `key`, whichever word that is.
    pub fn ask_about(&mut self, key: &str, line: &str) -> Value {
        let slot = slot(key.as_bytes());
        let mut port = *self.routes.get(&slot).unwrap_or(&self.ports[0]);
        let mut asking = false;
        let mut last = String::new();
        for _ in 0..10_000 {
            let conn = self.conns.entry(port).or_insert_with(|| Conn::tcp(port).unwrap());
            if asking {
                conn.done("ASKING");
            }
            let reply = conn.ask(line);
            let Value::Error(error) = &reply else { return reply };
            last.clone_from(error);
            let words: Vec<&str> = error.split(' ').collect();
            let target = || words[2].rsplit(':').next().unwrap().parse().unwrap();
            asking = words[0] == "ASK";
            match words[0] {
                "MOVED" => {
                    port = target();
                    self.routes.insert(slot, port);
                }
                "ASK" => port = target(),
                "TRYAGAIN" | "CLUSTERDOWN" => {}
                _ => return reply,
            }
        }
        panic!("{line} goes round in circles: {last}");
    }
}

/// Returns the slot of a key: CRC16 (XMODEM) of the key, or of its part in braces.
pub fn slot(key: &[u8]) -> u16 {
    let tag = || {
        let open = key.iter().position(|byte| *byte == b'{')?;
        let length = key[open + 1..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[open + 1..open + 1 + length])
    };
    let crc = tag().unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

impl Conn {
    /// Returns the value of a configuration parameter.
    #[track_caller]
    pub fn info_config(&mut self, name: &str) -> String {
        self.ask(&format!("CONFIG GET {name}")).get(name).text()
    }
}

#[test]
fn a_slot_is_the_one_redis_documents() {
    assert_eq!(slot(b"123456789"), 0x31c3);
    assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
}
