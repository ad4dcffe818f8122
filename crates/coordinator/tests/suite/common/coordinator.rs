//! Starts the program in a folder of its own, on a free port. It never outlives the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::wait_until;
use super::http::Client;
use super::server::Server;

/// A running program.
pub struct Coordinator {
    child: Child,
    pub port: u16,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<thread::JoinHandle<()>>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    dir: PathBuf,
    /// The Redis server that it asks.
    pub redis: Option<Server>,
}

/// Runs a test on each back end: in memory, then with a server that has the module.
pub fn on_each(config: &str, test: impl Fn(&mut Coordinator)) {
    test(&mut Coordinator::start(config, &[]));
    test(&mut Coordinator::on_redis(config));
}

impl Coordinator {
    /// Limits in memory, with this configuration and these arguments.
    #[track_caller]
    pub fn start(config: &str, arguments: &[&str]) -> Self {
        let dir = folder();
        Self::start_in(&dir, config, arguments)
    }

    /// The same in an existing folder.
    #[track_caller]
    pub fn start_in(dir: &Path, config: &str, arguments: &[&str]) -> Self {
        Self::try_start(dir, config, arguments).unwrap_or_else(|log| panic!("it does not start: {log}"))
    }

    /// Limits in a Redis server of its own.
    #[track_caller]
    pub fn on_redis(config: &str) -> Self {
        let redis = Server::start_tcp(&[]);
        let url = format!("redis://127.0.0.1:{}", redis.port());
        let mut coordinator = Self::start(config, &["--redis", &url]);
        coordinator.redis = Some(redis);
        coordinator
    }

    /// Starts it, or returns its log if it does not start.
    pub fn try_start(dir: &Path, config: &str, arguments: &[&str]) -> Result<Self, String> {
        Self::try_start_with(dir, config, arguments, &[])
    }

    /// The same with these environment variables.
    pub fn try_start_with(
        dir: &Path,
        config: &str,
        arguments: &[&str],
        variables: &[(String, String)],
    ) -> Result<Self, String> {
        fs::write(dir.join("config.toml"), config).unwrap();
        let mut all = vec!["--config".to_owned(), "config.toml".to_owned()];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen".to_owned(), "127.0.0.1:0".to_owned()]);
        }
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let (child, log, reader) = spawn(dir, &all, variables);
        let mut this = Self {
            child,
            port: 0,
            log,
            reader: Some(reader),
            arguments: all,
            variables: variables.to_vec(),
            dir: dir.to_owned(),
            redis: None,
        };
        this.listens()?;
        Ok(this)
    }

    fn listens(&mut self) -> Result<(), String> {
        let mut ended = false;
        wait_until("it listens", || {
            ended = self.child.try_wait().unwrap().is_some();
            let log = self.log();
            let at = log.split("listening on ").nth(1).and_then(|rest| rest.split(['"', ' ', '\n']).next());
            self.port = at.and_then(|at| at.rsplit(':').next()).map_or(0, |port| port.parse().unwrap());
            ended || self.port != 0
        });
        if self.port == 0 {
            let _ = self.reader.take().map(thread::JoinHandle::join); // the log is complete
            return Err(self.log());
        }
        Ok(())
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn client(&self) -> Client {
        Client::to(self.port)
    }

    /// The resident memory in bytes.
    pub fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
    }

    /// The processor time that it has used.
    pub fn busy(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Ends it with `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Writes this configuration, sends SIGHUP, and waits until it is in force (`true`) or refused.
    pub fn reload(&self, config: &str) -> bool {
        let count = |log: &str| {
            ["the configuration was read again", "the old configuration stays in force"]
                .map(|line| log.matches(line).count())
        };
        fs::write(self.dir.join("config.toml"), config).unwrap();
        let before = count(&self.log());
        self.signal("-HUP");
        let mut after = before;
        wait_until("it has read its configuration again", || {
            after = count(&self.log());
            after != before
        });
        after[0] > before[0]
    }

    /// Sends SIGTERM, and waits until it has ended.
    pub fn end(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.ended()
    }

    /// Waits until it has ended.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Starts it again in its folder.
    #[track_caller]
    pub fn restart(&mut self) {
        let (child, log, reader) = spawn(&self.dir, &self.arguments, &self.variables);
        (self.child, self.log, self.reader) = (child, log, Some(reader));
        self.port = 0;
        self.listens().unwrap_or_else(|log| panic!("it does not start again: {log}"));
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        if thread::panicking() {
            eprintln!("the coordinator's log:\n{log}");
        } else {
            assert!(!log.contains("panicked"), "{log}");
            if self.port != 0 {
                let _ = fs::remove_dir_all(&self.dir);
            }
        }
    }
}

/// A new folder.
pub fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("rlc-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The process, its log, and the thread that reads the log.
fn spawn(
    dir: &Path,
    arguments: &[String],
    variables: &[(String, String)],
) -> (Child, Arc<Mutex<Vec<String>>>, thread::JoinHandle<()>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rl-coordinator"))
        .args(arguments)
        .envs(variables.iter().cloned())
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&log));
    let reader = thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
    (child, log, reader)
}

/// Runs something, and measures how long it takes.
pub fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = run();
    (result, began.elapsed())
}
