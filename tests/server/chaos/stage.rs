//! The servers: a primary, its replica, and a third server that records everything the two do.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::waiting::waiting;
use crate::common::{Conn, Server, aof, wait_until};

/// How many ms from now on no key may expire while servers are compared with their files.
const SOON: i64 = 3_000;

const CONFIG: [&str; 5] = [
    "appendonly yes",
    "appendfsync everysec",
    "repl-backlog-size 64mb",
    "repl-timeout 600",
    "client-output-buffer-limit replica 0 0 0",
];

pub struct Stage {
    servers: [Server; 2],
    /// A replica of the current primary. Its file is never rewritten, so it is the complete record.
    pub scribe: Server,
    primary: AtomicUsize,
    /// Locked exclusively to pause clients, and shared to end the wait of a client. Servers up to 8.0 treat a
    /// paused client as a waiting one, and answer it twice or crash.
    pause: RwLock<()>,
    /// Whether all threads must stop.
    pub over: AtomicBool,
    began: usize,
}

/// Makes all threads stop when it is dropped.
pub struct Over<'a>(pub &'a Stage);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Relaxed);
    }
}

impl Stage {
    pub fn start() -> Self {
        let servers = [Server::start_tcp(&CONFIG), Server::start_tcp(&CONFIG)];
        let scribe = Server::start_tcp(&CONFIG);
        let mut stage = Self {
            servers,
            scribe,
            primary: AtomicUsize::new(0),
            pause: RwLock::new(()),
            over: AtomicBool::new(false),
            began: 0,
        };
        for server in [&stage.servers[1], &stage.scribe] {
            follow(&mut server.connect(), &stage.servers[0]);
        }
        stage.wait_for_files();
        stage.began = aof::base(stage.scribe.dir());
        stage
    }

    fn all(&self) -> [&Server; 3] {
        [&self.servers[0], &self.servers[1], &self.scribe]
    }

    pub fn primary(&self) -> &Server {
        &self.servers[self.primary.load(Relaxed)]
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Waits until `end`, or until a thread has found a failure.
    pub fn run_until(&self, end: Instant) {
        while Instant::now() < end && !self.is_over() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs code that pauses and resumes clients, unless another thread holds the lock.
    pub fn pausing(&self, pause: impl FnOnce()) {
        if let Ok(_alone) = self.pause.try_write() {
            pause();
        }
    }

    /// Runs code that must not run while clients are paused. Skips it if they are paused.
    pub fn unpaused<T>(&self, run: impl FnOnce() -> T) -> Option<T> {
        let _shared = self.pause.try_read().ok()?;
        Some(run())
    }

    /// Makes the replica the primary, and the primary its replica. Nothing is written meanwhile, so all three
    /// servers have the same history.
    pub fn fail_over(&self) {
        let _alone = self.pause.write().unwrap();
        let old = self.primary.load(Relaxed);
        let (old, new, index) = (&self.servers[old], &self.servers[1 - old], 1 - old);
        let [mut primary, mut replica, mut scribe] = [old, new, &self.scribe].map(Server::connect);
        primary.done("CLIENT PAUSE 600000 WRITE");
        let offset = primary.offset();
        for follower in [&mut replica, &mut scribe] {
            wait_until("they have caught up", || follower.info_number("slave_repl_offset") == offset);
        }
        replica.done("REPLICAOF NO ONE");
        self.primary.store(index, Relaxed);
        scribe.done(&format!("REPLICAOF 127.0.0.1 {}", new.port()));
        primary.done(&format!("REPLICAOF 127.0.0.1 {}", new.port()));
        assert_eq!(waiting(&mut primary).0, 0, "all waiters were redirected");
        primary.done("CLIENT UNPAUSE");
        for follower in [&mut primary, &mut scribe] {
            wait_until("they follow the new one", || is_up(follower));
        }
    }

    /// Checks that no client waits or is held.
    #[track_caller]
    pub fn assert_no_waiters(&self) {
        for server in self.all() {
            let mut conn = server.connect();
            wait_until("clients that broke off are gone", || waiting(&mut conn) == (0, 0));
        }
    }

    /// Checks that all three servers hold the same data, and that a server started on their files does too.
    #[track_caller]
    pub fn assert_digests_equal(&self) {
        let mut digest = String::new();
        let [mut primary, mut replica, mut scribe] =
            [self.primary(), &self.servers[1 - self.primary.load(Relaxed)], &self.scribe]
                .map(Server::connect);
        let mut seen = 0;
        // Keys may expire during the comparison, so the digests count only if nothing has happened in between and no key
        // expires before the files are compared.
        wait_until("all three are equal", || {
            let offset = primary.offset();
            digest = primary.digest();
            let is_steady = !expires_soon(&mut primary);
            let same = is_steady
                && [&mut replica, &mut scribe].iter_mut().all(|follower| {
                    follower.info_number("slave_repl_offset") == offset && follower.digest() == digest
                });
            seen = if same && primary.offset() == offset { seen + 1 } else { 0 };
            thread::sleep(Duration::from_millis(50));
            seen >= 20
        });
        self.wait_for_files();
        for server in self.all() {
            let copy = Server::start_on_file_of(server);
            assert_eq!(copy.connect().digest(), digest, "from its file");
        }
    }

    fn wait_for_files(&self) {
        wait_until("no file is being written anew", || {
            let fields = ["aof_rewrite_in_progress", "aof_rewrite_scheduled"];
            self.all()
                .map(Server::connect)
                .iter_mut()
                .all(|conn| fields.iter().all(|field| conn.info_number(field) == 0))
        });
    }

    /// Returns whether the scribe had to start its record again.
    pub fn has_copied_anew(&self) -> bool {
        aof::base(self.scribe.dir()) != self.began
    }

    /// Returns the memory of the servers in bytes when they hold no key, no policy and no other client. It
    /// does not include the memory for the connections, replicas and files themselves.
    #[track_caller]
    pub fn memory(&self) -> Vec<i64> {
        let mut primary = self.primary().connect();
        primary.done("FLUSHALL");
        for name in primary.done("RL.POLICY LIST").words() {
            primary.done(&format!("RL.POLICY DEL {name}"));
        }
        self.servers.iter().map(held).collect()
    }

    pub fn figures(&self) -> String {
        let mut told = String::new();
        for server in &self.servers {
            let mut conn = server.connect();
            let names = ["granted", "timed_out", "busy", "unblocked", "gone"];
            let numbers = names.map(|name| (name, conn.info_number(&format!("rl_waiters_{name}"))));
            told += &format!("port {}: {numbers:?}\n", server.port());
        }
        told
    }

    /// Checks that each server shuts down on request, and that the sanitizer it may have been built with has
    /// reported nothing.
    pub fn assert_ends_in_order(mut self) {
        for server in self.servers.iter_mut().chain([&mut self.scribe]) {
            let log = server.shut_down();
            for sign in ["Sanitizer", "runtime error", "ERROR SUMMARY: "] {
                let found =
                    log.lines().find(|line| line.contains(sign) && !line.contains("SUMMARY: 0 errors"));
                assert_eq!(found, None, "{log}");
            }
        }
    }
}

fn follow(conn: &mut Conn, primary: &Server) {
    conn.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || is_up(conn));
}

fn is_up(conn: &mut Conn) -> bool {
    conn.info("master_link_status").as_deref() == Some("up")
}

fn held(server: &Server) -> i64 {
    let mut conn = server.connect();
    for line in ["SCRIPT FLUSH", "SLOWLOG RESET", "CONFIG RESETSTAT", "CONFIG SET rl.max-waiters 10000"] {
        conn.done(line);
    }
    wait_until("all is freed", || {
        conn.info_number("lazyfree_pending_objects") == 0 && conn.ask("DBSIZE").int() == 0
    });
    conn.ask("MEMORY PURGE"); // an error if the server has another allocator
    let mut least = i64::MAX;
    for _ in 0..30 {
        least = least.min(conn.info_number("used_memory_dataset"));
        thread::sleep(Duration::from_millis(50));
    }
    least
}

/// Whether any key of this server expires within some seconds.
fn expires_soon(conn: &mut Conn) -> bool {
    let is_soon = (0..3).any(|db| {
        conn.done(&format!("SELECT {db}"));
        let keys = conn.ask("KEYS *").words();
        keys.iter().any(|key| (0..SOON).contains(&conn.call(&["PTTL", key]).int()))
    });
    conn.done("SELECT 0");
    is_soon
}
