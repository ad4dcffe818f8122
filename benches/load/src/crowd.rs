//! Many connections, and who of them has been answered.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};

use crate::replies::{Replies, fail};

/// One connection, and what it has asked and was not answered yet: for each request a mark of the caller's.
pub struct Client {
    stream: UnixStream,
    replies: Replies,
    answered: usize,
    pub asked: VecDeque<u64>,
}

pub struct Crowd {
    poll: Poll,
    events: Events,
    pub clients: Vec<Client>,
    /// How many replies one request gets.
    replies: usize,
}

impl Crowd {
    pub fn new(path: &str, count: usize, replies: usize) -> Self {
        let poll = Poll::new().unwrap_or_else(|error| fail(&error.to_string()));
        let client = |number| {
            let mut stream = UnixStream::connect(path).unwrap_or_else(|error| fail(&error.to_string()));
            poll.registry()
                .register(&mut stream, Token(number), Interest::READABLE)
                .unwrap_or_else(|error| fail(&error.to_string()));
            Client { stream, replies: Replies::new(), answered: 0, asked: VecDeque::new() }
        };
        let clients = (0..count).map(client).collect();
        Self { poll, events: Events::with_capacity(256), clients, replies }
    }

    /// Waits so long at most, then hands over who was answered, with the marks of those requests.
    pub fn hear(&mut self, wait: Option<Duration>, mut heard: impl FnMut(&mut Client, usize)) {
        if self.poll.poll(&mut self.events, wait).is_err() {
            return; // a signal; the caller comes again
        }
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            // Until there is nothing more: what is left is not told a second time.
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
    /// Sends requests. What they ask is small and the answer awaited, so that there is room for them.
    pub fn send(&mut self, bytes: &[u8]) {
        match self.stream.write(bytes) {
            Ok(count) if count == bytes.len() => {}
            Ok(_) => fail("the server does not read"),
            Err(error) => fail(&format!("the server does not read: {error}")),
        }
    }
}
