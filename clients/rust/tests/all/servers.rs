//! Starts what the tests ask: servers with the module, rl-coordinator, and a web server of fixed answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_rl::{Http, Limiter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A timeout for tests of answers. Machines that build something else at the same time stall for longer than the default.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A server that a test started. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run .ci/client-rust.sh"))
}

/// Returns a port on which nothing listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Returns a new folder.
pub(crate) fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("redis-rl-rust-{}-{n}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is().await {
        assert!(Instant::now() < end, "it did not come: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

impl Server {
    /// Starts a server with the module.
    pub(crate) fn start() -> Self {
        Self::with(&["--loadmodule", &environment("REDIS_RL_MODULE")], free_port())
    }

    /// Starts a server on a port, without the module unless it is among the arguments.
    pub(crate) fn with(arguments: &[&str], port: u16) -> Self {
        let binary = std::env::var("REDIS_RL_SERVER").unwrap_or_else(|_| "redis-server".into());
        let mut command = Command::new(binary);
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--enable-module-command",
            "yes",
        ]);
        command.arg("--dir").arg(folder()).args(arguments);
        Self::spawn(command, port, "PING\r\n", &["+PONG", "-NOAUTH", "-LOADING"])
    }

    /// Starts rl-coordinator. Its token is `secret`.
    pub(crate) fn coordinator() -> Self {
        const OF_SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let (port, file) = (free_port(), folder().join("rl-coordinator.toml"));
        std::fs::write(
            &file,
            format!("[[token]]\nname = \"tests\"\npolicies = true\nsha256 = \"{OF_SECRET}\"\n"),
        )
        .unwrap();
        let mut command = Command::new(environment("RL_COORDINATOR"));
        command.arg("--config").arg(file).args(["--listen", &format!("127.0.0.1:{port}")]);
        Self::spawn(command, port, "GET /healthz HTTP/1.0\r\n\r\n", &["HTTP/1.0 200", "HTTP/1.1 200"])
    }

    /// Starts the provider of benches/lab with a configuration, see benches/lab/provider.py.
    pub(crate) fn lab(configuration: &serde_json::Value) -> Self {
        let port = free_port();
        let mut command = Command::new(environment("LAB_PYTHON"));
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/lab/provider.py"));
        command.args(["--port", &port.to_string(), "--config", &configuration.to_string()]);
        Self::spawn(command, port, "GET /lab/log HTTP/1.0\r\n\r\n", &["HTTP/1.0 ", "HTTP/1.1 "])
    }

    fn spawn(mut command: Command, port: u16, ask: &str, answers: &[&str]) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child, port };
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = server.raw(ask).unwrap_or_default();
            if answers.iter().any(|begin| answer.starts_with(begin)) {
                return server;
            }
            assert!(Instant::now() < end, "{command:?} does not answer: {answer:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn raw(&self, ask: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(ask.as_bytes())?;
        let mut buffer = [0; 64];
        let n = stream.read(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..n]).into_owned())
    }

    /// The address for a client. `protocol` is `resp2` or `resp3`.
    pub(crate) fn url(&self, protocol: &str) -> String {
        format!("redis://127.0.0.1:{}/?protocol={protocol}", self.port)
    }

    pub(crate) fn client(&self, protocol: &str) -> redis::Client {
        redis::Client::open(self.url(protocol)).unwrap()
    }

    /// Sends a command of an operator.
    pub(crate) fn admin(&self, words: &[&str]) -> redis::Value {
        let mut connection = self.client("resp2").get_connection().unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection).unwrap()
    }

    /// Closes the connections of all clients.
    pub(crate) fn drop_clients(&self) {
        self.admin(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }

    /// Returns how many requests wait, by `INFO rl`.
    pub(crate) fn waiters(&self) -> u32 {
        let redis::Value::BulkString(info) = self.admin(&["INFO", "rl"]) else {
            panic!("INFO rl is no text")
        };
        let info = String::from_utf8(info).unwrap();
        let lanes = ["critical", "high", "normal", "low"].map(|lane| format!("rl_waiting_{lane}:"));
        let counts: Vec<u32> = info
            .lines()
            .filter_map(|line| lanes.iter().find_map(|lane| line.strip_prefix(lane)))
            .map(|n| n.parse().unwrap())
            .collect();
        assert_eq!(counts.len(), lanes.len(), "{info}");
        counts.iter().sum()
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends the server.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill(); // it may have ended
        _ = self.child.wait();
    }
}

/// All ways to ask, each with a name that ends with its protocol.
pub(crate) async fn limiters(server: &Server, coordinator: Option<&Server>) -> Vec<(&'static str, Limiter)> {
    let (resp2, resp3) = (server.client("resp2"), server.client("resp3"));
    // The connections of a user have timeouts of their own, which are shorter than the patience of these tests.
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let multiplexed = resp3.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let config = redis::aio::ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE));
    let managed = resp2.get_connection_manager_with_config(config).await.unwrap();
    let mut all = vec![
        ("client-resp2", Limiter::new(resp2.clone())),
        ("client-resp3", Limiter::new(resp3.clone())),
        ("multiplexed-resp3", Limiter::over(multiplexed, resp3)),
        ("manager-resp2", Limiter::over(managed, resp2)),
    ];
    all.extend(coordinator.map(|server| ("http", http(server))));
    all.into_iter().map(|(name, limiter)| (name, limiter.timeout(PATIENCE))).collect()
}

/// Returns a limiter that asks rl-coordinator.
pub(crate) fn http(coordinator: &Server) -> Limiter {
    Limiter::http(Http::at(&format!("http://127.0.0.1:{}", coordinator.port)).token("secret")).unwrap()
}

/// A request that a web server got.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// Starts a web server that answers always the same, and returns what it got and its address.
pub(crate) async fn web(status: u16, answer: &str) -> (Arc<Mutex<Vec<Asked>>>, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut data = Vec::new();
            let request = loop {
                match stream.read_buf(&mut data).await {
                    Ok(0) | Err(_) => break None, // the client has gone
                    Ok(_) => {}
                }
                if let Some(request) = request(&String::from_utf8_lossy(&data)) {
                    break Some(request);
                }
            };
            let Some(request) = request else { continue };
            kept.lock().unwrap().push(request);
            _ = stream.write_all(answer.as_bytes()).await; // who has gone gets none
        }
    });
    (asked, url)
}

/// Reads a request; `None` if there is more to come.
fn request(text: &str) -> Option<Asked> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    (body.len() >= length).then(|| Asked { method, path, body: body.to_owned() })
}
