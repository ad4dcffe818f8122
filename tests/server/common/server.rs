//! A real server with the module, in a folder of its own. It never outlives the test.
//!
//! `REDIS_RL_SERVER` names a server other than `redis-server`. `REDIS_RL_MODULE` names a module file other
//! than the one beside the tests.

use std::env;
use std::fs;
use std::io::Result;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::clock::wait_until;
use super::conn::Conn;

/// A shell script that kills the server when its standard input closes, which happens however the test ends.
/// The script ends when the server ends.
const KEEPER: &str = r#"
exec 3<&0
"$0" server.conf >server.out 2>&1 & server=$!
{ read -r _ <&3; kill -9 $server; } &
wait $server
"#;

const COMMON: [&str; 8] = [
    "unixsocket server.sock",
    "logfile server.log",
    "save \"\"",
    "enable-debug-command yes",
    "enable-module-command yes",
    "auto-aof-rewrite-percentage 0",
    "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 3600",
];

/// A running server, or a stopped server that can be started again.
pub struct Server {
    dir: PathBuf,
    config: Vec<String>,
    tcp: bool,
    port: u16,
    keeper: Option<Child>,
    /// A library that is loaded before all others.
    preload: Option<PathBuf>,
}

impl Server {
    /// Starts a server on a Unix socket. `config` has lines of redis.conf, in addition to the common ones.
    #[track_caller]
    pub fn start(config: &[&str]) -> Self {
        Self::started(Self::new(config, Some(""), false).run())
    }

    /// Starts a server that also listens on a TCP port.
    #[track_caller]
    pub fn start_tcp(config: &[&str]) -> Self {
        Self::started(Self::new(config, Some(""), true).run())
    }

    /// Starts a server without the module. A test can load it from the path that `module()` returns.
    #[track_caller]
    pub fn start_without_module() -> Self {
        Self::started(Self::new(&[], None, false).run())
    }

    /// Starts a server that loads the module with arguments. Returns its log if it does not start.
    pub fn start_with_arguments(arguments: &str) -> std::result::Result<Self, String> {
        Self::new(&[], Some(arguments), false).run()
    }

    /// Starts a server that also listens on a TCP port, with these lines of redis.conf and a file in its
    /// folder. The folder is the server's working directory.
    pub fn start_with_file(
        config: &[&str],
        arguments: &str,
        file: (&str, &[u8]),
    ) -> std::result::Result<Self, String> {
        let server = Self::new(config, Some(arguments), true);
        fs::write(server.dir.join(file.0), file.1).unwrap();
        server.run()
    }

    /// Starts a server on a copy of another server's append-only file.
    #[track_caller]
    pub fn start_on_file_of(other: &Self) -> Self {
        let server = Self::new(&["appendonly yes"], Some(""), false);
        copy_folder(&other.dir.join("appendonlydir"), &server.dir.join("appendonlydir"));
        Self::started(server.run())
    }

    /// Starts a server on a copy of a folder that contains an RDB file or an append-only file.
    #[track_caller]
    pub fn start_on_files(config: &[&str], files: &Path) -> Self {
        let server = Self::new(config, Some(""), false);
        copy_folder(files, &server.dir);
        Self::started(server.run())
    }

    /// Starts a server that loads a library before all others. In its folder is an empty file `clock` of eight bytes.
    #[track_caller]
    pub fn start_preloaded(config: &[&str], library: &Path) -> Self {
        let mut server = Self::new(config, Some(""), false);
        fs::write(server.dir.join("clock"), [0; 8]).unwrap();
        server.preload = Some(library.to_owned());
        Self::started(server.run())
    }

    #[track_caller]
    fn started(server: std::result::Result<Self, String>) -> Self {
        server.unwrap_or_else(|log| panic!("no server: {log}"))
    }

    fn new(config: &[&str], arguments: Option<&str>, tcp: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("rl-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut lines: Vec<String> = COMMON.iter().chain(config).map(|&line| line.to_owned()).collect();
        let load = |arguments| format!("loadmodule {} {arguments}", module().display());
        lines.extend(arguments.map(load));
        Self { dir, config: lines, tcp, port: 0, keeper: None, preload: None }
    }

    fn run(mut self) -> std::result::Result<Self, String> {
        self.restart().map(|()| self)
    }

    /// Starts the server. If another program has taken its port meanwhile, it tries another one. Returns the
    /// server's log if the server ends.
    pub fn restart(&mut self) -> std::result::Result<(), String> {
        for _ in 0..5 {
            self.launch();
            if self.answers() {
                return Ok(());
            }
            self.kill();
            if !self.log().contains("Address already in use") {
                break;
            }
        }
        Err(self.log())
    }

    fn launch(&mut self) {
        self.port = if self.tcp { free_port() } else { 0 };
        let port = format!("port {}\n{}", self.port, self.config.join("\n"));
        fs::write(self.dir.join("server.conf"), port).unwrap();
        let _ = fs::remove_file(self.dir.join("server.log"));
        let _ = fs::remove_file(self.socket());
        let keeper = Command::new("sh")
            .envs(self.preload.iter().map(|library| ("LD_PRELOAD", library)))
            .args(["-c", KEEPER])
            .arg(env::var_os("REDIS_RL_SERVER").unwrap_or_else(|| "redis-server".into()))
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        self.keeper = Some(keeper);
    }

    /// Waits until the server has loaded its data. Returns false if it has ended.
    fn answers(&mut self) -> bool {
        let mut ended = false;
        wait_until("the server answers", || {
            ended = self.keeper.as_mut().is_none_or(|keeper| !matches!(keeper.try_wait(), Ok(None)));
            let answer = || Conn::unix(&self.socket())?.answered_ping();
            ended || answer().unwrap_or(false)
        });
        !ended
    }

    #[track_caller]
    pub fn connect(&self) -> Conn {
        Conn::unix(&self.socket()).expect("the server lives")
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("server.sock")
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> String {
        let read = |name| fs::read(self.dir.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("server.out"), read("server.log")].concat()).into_owned()
    }

    /// Kills the server with kill -9.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }

    /// Shuts the server down as an operator would, without saving. Returns its log, with any report of a
    /// sanitizer.
    pub fn shut_down(&mut self) -> String {
        if let Ok(mut conn) = Conn::unix(&self.socket()) {
            conn.send(&["SHUTDOWN", "NOSAVE"]);
            let _ = conn.try_receive();
        }
        wait_until("the server has ended", || {
            self.keeper.as_mut().is_none_or(|keeper| !matches!(keeper.try_wait(), Ok(None)))
        });
        self.kill();
        self.log()
    }

    /// Kills the server with kill -9, and starts it again on the files that it left.
    #[track_caller]
    pub fn crash_and_restart(&mut self) {
        self.kill();
        self.restart().unwrap_or_else(|log| panic!("no server: {log}"));
    }

    /// Kills and restarts the server, with one more line of redis.conf.
    #[track_caller]
    pub fn crash_and_restart_with(&mut self, line: &str) {
        self.config.push(line.to_owned());
        self.crash_and_restart();
    }

    /// Checks that the server accepts a new connection and answers on it.
    #[track_caller]
    pub fn assert_alive(&self) {
        let alive = Conn::unix(&self.socket()).and_then(|mut conn| conn.answered_ping());
        assert!(alive.is_ok(), "the server has ended: {}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let is_crash =
                |line: &&str| ["BUG REPORT START", "ERROR: "].iter().any(|sign| line.contains(sign));
            let crash = lines.iter().position(is_crash).map(|from| (from, (from + 90).min(lines.len())));
            let (from, to) = crash.unwrap_or((lines.len().saturating_sub(40), lines.len()));
            eprintln!("its server's log:\n{}", lines[from..to].join("\n"));
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Conn {
    fn answered_ping(&mut self) -> Result<bool> {
        self.send(&["PING"]);
        Ok(!self.try_receive()?.is_error()) // an error while it loads
    }

    /// Returns a field of INFO.
    #[track_caller]
    pub fn info(&mut self, field: &str) -> Option<String> {
        let info = self.ask("INFO everything").text();
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.map(str::to_owned)
    }

    /// Returns a field of INFO that is a number.
    #[track_caller]
    pub fn info_number(&mut self, field: &str) -> i64 {
        self.info(field).unwrap_or_else(|| panic!("INFO has no {field}")).parse().unwrap()
    }

    /// Returns a digest over all keys and values.
    #[track_caller]
    pub fn digest(&mut self) -> String {
        self.done("DEBUG DIGEST").text()
    }

    /// Returns how many bytes have been sent to replicas.
    #[track_caller]
    pub fn offset(&mut self) -> i64 {
        self.info_number("master_repl_offset")
    }

    /// Returns whether the server implements this version of Redis or a later one. The server states the
    /// version itself.
    #[track_caller]
    pub fn is_at_least(&mut self, major: u32, minor: u32) -> bool {
        let version = self.info("valkey_version").or_else(|| self.info("redis_version")).unwrap();
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap(), parts.next().unwrap()) >= (major, minor)
    }
}

/// Returns the path of the module. It is the one beside the tests (`target/<profile>/libredis_rl.so`, next to
/// `target/<profile>/deps/<this>`), or else the one of the release profile.
pub fn module() -> PathBuf {
    let beside = || {
        let this = env::current_exe().unwrap();
        let of = |profile: &Path| profile.join(library());
        let own = of(this.ancestors().nth(2).unwrap());
        if own.exists() { own } else { of(&this.ancestors().nth(3).unwrap().join("release")) }
    };
    let path = env::var_os("REDIS_RL_MODULE").map_or_else(beside, PathBuf::from);
    let path = path.canonicalize().unwrap_or(path);
    assert!(path.exists(), "{} is missing: `cargo build` with the tests' profile makes it", path.display());
    path
}

/// Builds another module from a C file, in the folder of a server, and returns its path.
#[track_caller]
pub fn compile(folder: &Server, source: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let module = folder.dir().join(source.with_extension("so").file_name().unwrap());
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&module).arg(source).status().unwrap();
    assert!(compiled.success(), "a C compiler is needed, which `.ci/setup.sh languages` installs");
    module
}

fn library() -> String {
    format!("{}redis_rl{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
