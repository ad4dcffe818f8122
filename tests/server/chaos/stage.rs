//! Two servers of which one is the primary and the other its replica, and a third that writes down all
//! that either of them does.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::waiting::waiting;
use crate::common::{Conn, Server, aof, wait_until};

const CONFIG: [&str; 5] = [
    "appendonly yes",
    "appendfsync everysec",
    "repl-backlog-size 64mb",
    "repl-timeout 600",
    "client-output-buffer-limit replica 0 0 0",
];

pub struct Stage {
    servers: [Server; 2],
    /// A replica of whichever is the primary, whose file is never written anew: the record of it all.
    pub scribe: Server,
    primary: AtomicUsize,
    /// Held by whoever pauses clients, and shared by those who end the wait of some: servers up to 8.0
    /// take one that is paused for one that waits, and answer it twice or end themselves.
    pause: RwLock<()>,
    /// Whether everyone is to stop.
    pub over: AtomicBool,
    began: usize,
}

/// Makes everyone stop when it goes out of scope.
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

    /// Lets things happen until then, or until someone has found a fault.
    pub fn run_until(&self, end: Instant) {
        while Instant::now() < end && !self.is_over() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs what pauses clients and lets them go on, if nobody else does so now.
    pub fn pausing(&self, pause: impl FnOnce()) {
        if let Ok(_alone) = self.pause.try_write() {
            pause();
        }
    }

    /// Runs what must not be while clients are paused, if they are not.
    pub fn unpaused<T>(&self, run: impl FnOnce() -> T) -> Option<T> {
        let _shared = self.pause.try_read().ok()?;
        Some(run())
    }

    /// The replica becomes the primary, and the primary its replica. Nothing is written meanwhile, so that
    /// all three have the same history.
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
        assert_eq!(waiting(&mut primary).0, 0, "all who waited were sent away");
        primary.done("CLIENT UNPAUSE");
        for follower in [&mut primary, &mut scribe] {
            wait_until("they follow the new one", || is_up(follower));
        }
    }

    /// Nobody is left who waits or is held.
    #[track_caller]
    pub fn assert_nobody_waits(&self) {
        for server in self.all() {
            let mut conn = server.connect();
            wait_until("clients that broke off are gone", || waiting(&mut conn) == (0, 0));
        }
    }

    /// All three hold the same, and so does a server that reads their files.
    #[track_caller]
    pub fn assert_digests_equal(&self) {
        let mut digest = String::new();
        let [mut primary, mut replica, mut scribe] =
            [self.primary(), &self.servers[1 - self.primary.load(Relaxed)], &self.scribe]
                .map(Server::connect);
        let mut seen = 0;
        // Keys expire while one looks: what they have when nothing has happened for a moment.
        wait_until("all three are equal", || {
            let offset = primary.offset();
            digest = primary.digest();
            let same = [&mut replica, &mut scribe].iter_mut().all(|follower| {
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

    /// Whether the scribe had to begin its record again.
    pub fn has_copied_anew(&self) -> bool {
        aof::base(self.scribe.dir()) != self.began
    }

    /// What the servers hold when they hold no key, no policy and no other client, in bytes; not counted is
    /// what they keep for the connections, replicas and files themselves.
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

    /// Each server ends when it is told to, and a sanitizer that it was built with has found nothing.
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
    conn.ask("MEMORY PURGE"); // an error where the allocator is another
    let mut least = i64::MAX;
    for _ in 0..30 {
        least = least.min(conn.info_number("used_memory_dataset"));
        thread::sleep(Duration::from_millis(50));
    }
    least
}
