//! A limiter, a transport and a server of scripted answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_rl::provider::Transport;
use redis_rl::{Limit, Limiter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::servers::{PATIENCE, Server, eventually};

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

pub(super) const START: &str = "event: message_start\ndata: {\"message\": {\"usage\": {\"input_tokens\": 30, \"output_tokens\": 1}}}\n\n";
pub(super) const FORTY: &str = "event: content_block_delta\ndata: {\"delta\": {\"type\": \"text_delta\", \"text\": \"0123456789012345678901234567890123456789\"}}\n\n";
pub(super) const END: &str = "event: message_delta\ndata: {\"usage\": {\"output_tokens\": 77}}\n\n";
pub(super) const WHOLE: &str = r#"{"usage": {"input_tokens": 30, "output_tokens": 77}}"#;

/// An answer of the server.
#[derive(Clone)]
pub(super) struct Answer {
    head: String,
    parts: Vec<String>,
    /// Each part but the first waits for this.
    next: Option<Arc<Notify>>,
    /// Whether the connection stays open after the parts.
    stays: bool,
}

impl Answer {
    fn new(status: u16, fields: &str, parts: &[&str]) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{fields}\r\n");
        Self { head, parts: parts.iter().map(|part| (*part).to_owned()).collect(), next: None, stays: false }
    }

    pub(super) fn json(status: u16, text: &str, headers: &[(&str, &str)]) -> Self {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let fields = format!("content-type: application/json\r\ncontent-length: {}\r\n{headers}", text.len());
        Self::new(status, &fields, &[text])
    }

    pub(super) fn stream(parts: &[&str]) -> Self {
        Self::new(200, "content-type: text/event-stream; charset=utf-8\r\n", parts)
    }

    /// Breaks off before its end.
    pub(super) fn broken(mut self) -> Self {
        self.head = self.head.replace("\r\n\r\n", "\r\ncontent-length: 100000\r\n\r\n");
        self
    }

    pub(super) fn stays(mut self) -> Self {
        self.stays = true;
        self
    }

    pub(super) fn stepwise(mut self, next: &Arc<Notify>) -> Self {
        self.next = Some(Arc::clone(next));
        self
    }

    pub(super) fn none() -> Self {
        Self { head: String::new(), parts: Vec::new(), next: None, stays: false }
    }

    /// Returns whether the client has gone, if the connection stays.
    async fn send(self, mut stream: TcpStream) -> bool {
        _ = stream.write_all(self.head.as_bytes()).await; // a client may go at any time
        for (n, part) in self.parts.iter().enumerate() {
            if let (Some(next), 1..) = (&self.next, n) {
                next.notified().await;
            }
            _ = stream.write_all(part.as_bytes()).await;
        }
        self.stays && stream.read(&mut [0]).await.is_ok_and(|n| n == 0)
    }
}

pub(super) struct Rig {
    pub(super) limiter: Limiter,
    pub(super) transport: Transport,
    pub(super) url: String,
    /// When requests came, with their bodies.
    pub(super) asked: Arc<Mutex<Vec<(Instant, String)>>>,
    /// Is told of clients that went.
    pub(super) gone: Arc<Notify>,
    _server: Server,
}

/// Starts a rig with the policy llm. The last of the answers is repeated.
pub(super) async fn rig(answers: Vec<Answer>) -> Rig {
    let server = Server::start();
    let limiter = Limiter::new(server.client("resp3")).timeout(PATIENCE);
    let limits = [
        Limit::slide("rpm", 10, HOUR),
        Limit::slide("input", 100_000, HOUR).unit("input"),
        Limit::slide("output", 100_000, HOUR).unit("output"),
        Limit::in_flight("calls", 5),
    ];
    limiter.policies().set("llm", &limits).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/messages", listener.local_addr().unwrap());
    let (asked, gone): (Arc<Mutex<Vec<_>>>, Arc<Notify>) = Default::default();
    let (keep, tell) = (Arc::clone(&asked), Arc::clone(&gone));
    tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let body = read(&mut stream).await;
            keep.lock().unwrap().push((Instant::now(), body));
            let (answer, tell) = (answers[n.min(answers.len() - 1)].clone(), Arc::clone(&tell));
            tokio::spawn(async move {
                if answer.send(stream).await {
                    tell.notify_one();
                }
            });
        }
    });
    Rig { transport: Transport::new(&limiter, "llm"), limiter, url, asked, gone, _server: server }
}

/// Reads a request, and returns its body.
async fn read(stream: &mut TcpStream) -> String {
    let mut data = Vec::new();
    loop {
        let n = stream.read_buf(&mut data).await.unwrap();
        let text = String::from_utf8_lossy(&data);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if n == 0 || body.len() >= length.unwrap_or(0) {
                return body.to_owned();
            }
        }
    }
}

/// Has 100 bytes, so its input is estimated as 25 tokens.
pub(super) fn body() -> String {
    format!("{:<100}", r#"{"model": "m", "max_tokens": 500, "messages": []}"#)
}

impl Rig {
    pub(super) fn request(&self) -> reqwest::RequestBuilder {
        reqwest::Client::new().post(&self.url).header("content-type", "application/json").body(body())
    }

    /// Makes a call, and reads its answer, as far as it comes.
    pub(super) async fn post(&self) -> Option<(u16, String)> {
        let answer = self.transport.send(self.request()).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.unwrap_or_default()))
    }

    /// Waits until nothing is open, and returns what is used.
    pub(super) async fn used(&self) -> BTreeMap<String, u64> {
        let info = async || self.limiter.info("llm").await.unwrap().unwrap();
        eventually("it is settled", async || info().await.reservations == 0).await;
        info().await.limits.into_iter().map(|(name, limit)| (name, limit.used)).collect()
    }

    /// Returns how much of rpm is used elsewhere, and checks what is used.
    pub(super) async fn elsewhere(&self) -> u64 {
        self.limiter.info("llm").await.unwrap().unwrap().limit("rpm").unwrap().used_elsewhere
    }
}
