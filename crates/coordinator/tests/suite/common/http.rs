//! A client that writes and reads HTTP as bytes, on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value as Json;

/// A client with one connection.
pub struct Client {
    reader: BufReader<TcpStream>,
    /// Header fields that are sent with each request.
    pub fields: Vec<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub fn to(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(90))).unwrap();
        Self { reader: BufReader::new(stream), fields: Vec::new() }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.fields.push(format!("Authorization: Bearer {token}"));
        self
    }

    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).unwrap();
    }

    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub fn close(&self) {
        self.reader.get_ref().shutdown(Shutdown::Both).unwrap();
    }

    /// Sends a request without reading the answer.
    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, body: &str) {
        let fields: String = self.fields.iter().map(|field| format!("{field}\r\n")).collect();
        let kind = if fields.to_lowercase().contains("content-type") {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{kind}{fields}Content-Length: {length}\r\n\r\n"
        );
        self.send_bytes(format!("{head}{body}").as_bytes());
    }

    /// Reads an answer.
    #[track_caller]
    pub fn receive(&mut self) -> Answer {
        self.try_receive().expect("an answer")
    }

    pub fn try_receive(&mut self) -> std::io::Result<Answer> {
        let mut answer = self.head()?;
        let length = answer.field("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = vec![0; length];
        self.reader.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    /// Reads the head of an answer.
    pub fn head(&mut self) -> std::io::Result<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status: {first:?}")))?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Answer { status, fields, body: Vec::new() });
            }
            let (name, value) = line.split_once(": ").unwrap();
            fields.push((name.to_lowercase(), value.to_owned()));
        }
    }

    /// A line without its end.
    pub fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, body);
        self.receive()
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// `POST /v1/…`
    #[track_caller]
    pub fn v1(&mut self, command: &str, body: &Json) -> Answer {
        self.ask("POST", &format!("/v1/{command}"), &body.to_string())
    }
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub fn status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text(), self.fields);
        self
    }

    /// Fails unless it is a problem of this kind.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let this = self.status(status);
        assert_eq!(this.field("content-type"), Some("application/problem+json"));
        let body = this.json();
        assert_eq!(
            (body["code"].as_str(), body["status"].as_u64()),
            (Some(code), Some(status.into())),
            "{body}"
        );
        this
    }
}
