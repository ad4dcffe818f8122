//! Many connections, read as their replies come.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token};

use crate::replies::{Replies, fail};

pub trait Stream: Read + Write + Source {}
impl<T: Read + Write + Source> Stream for T {}

/// Connects to a Unix socket, or to `ADDRESS:PORT` over TCP.
fn connect(to: &str) -> std::io::Result<Box<dyn Stream>> {
    let Ok(address) = to.parse::<SocketAddr>() else {
        return Ok(Box::new(UnixStream::connect(to)?));
    };
    let stream = std::net::TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(Box::new(TcpStream::from_std(stream)))
}

/// One connection. `asked` holds a mark of the caller for each request without a reply.
pub struct Client {
    stream: Box<dyn Stream>,
    replies: Replies,
    answered: usize,
    pub asked: VecDeque<u64>,
}

pub struct Connections {
    poll: Poll,
    events: Events,
    pub clients: Vec<Client>,
    /// The number of replies to one request.
    replies: usize,
}

impl Connections {
    pub fn new(path: &str, count: usize, replies: usize) -> Self {
        let poll = Poll::new().unwrap_or_else(|error| fail(&error.to_string()));
        let client = |number| {
            let mut stream = connect(path).unwrap_or_else(|error| fail(&error.to_string()));
            poll.registry()
                .register(&mut stream, Token(number), Interest::READABLE)
                .unwrap_or_else(|error| fail(&error.to_string()));
            Client { stream, replies: Replies::new(), answered: 0, asked: VecDeque::new() }
        };
        let clients = (0..count).map(client).collect();
        Self { poll, events: Events::with_capacity(256), clients, replies }
    }

    /// Waits for replies, for at most `wait`. Calls `heard` with each client that was answered and the number of its
    /// requests that are now complete.
    pub fn hear(&mut self, wait: Option<Duration>, mut heard: impl FnMut(&mut Client, usize)) {
        if self.poll.poll(&mut self.events, wait).is_err() {
            return; // a signal; the caller calls again
        }
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            // Reads until nothing is left: the poll does not report the rest again.
            loop {
                let whole = client.replies.read(&mut client.stream);
                if whole == 0 {
                    break;
                }
                client.answered += whole;
                let requests = client.answered / self.replies;
                client.answered %= self.replies;
                heard(client, requests);
            }
        }
    }
}

impl Client {
    /// Sends requests. They are small, and earlier replies were read, so the socket has room for them.
    pub fn send(&mut self, bytes: &[u8]) {
        match self.stream.write(bytes) {
            Ok(count) if count == bytes.len() => {}
            Ok(_) => fail("the server does not read"),
            Err(error) => fail(&format!("the server does not read: {error}")),
        }
    }
}
