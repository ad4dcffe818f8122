//! A client that sends arguments of any bytes, pipelines commands and returns every reply unchanged.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::value::Value;

/// The read timeout. A server that sends nothing for this long has hung.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// One connection.
pub struct Conn {
    inbox: BufReader<Box<dyn Read + Send>>,
    wire: Box<dyn Write + Send>,
    outbox: Vec<u8>,
}

impl Conn {
    pub fn unix(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(Self::over(Box::new(stream.try_clone()?), Box::new(stream)))
    }

    pub fn tcp(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self::over(Box::new(stream.try_clone()?), Box::new(stream)))
    }

    fn over(reader: Box<dyn Read + Send>, wire: Box<dyn Write + Send>) -> Self {
        Self { inbox: BufReader::with_capacity(1 << 16, reader), wire, outbox: Vec::new() }
    }

    /// Sends the command in `line`, whose words are separated by blanks, and returns the reply.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Value {
        self.call(&words(line))
    }

    /// Sends a command with arguments of any bytes, and returns the reply.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.send(args);
        self.receive()
    }

    /// Sends a command, and fails if the reply is an error.
    #[track_caller]
    pub fn done(&mut self, line: &str) -> Value {
        let reply = self.ask(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
        reply
    }

    /// Applies an effect as a replica or a loading AOF does: `RL.APPLY key "words"`.
    #[track_caller]
    pub fn apply(&mut self, key: &str, effect: &str) {
        let reply = self.call(&["RL.APPLY", key, effect]);
        assert!(!reply.is_error(), "RL.APPLY {key} {effect:?}: {reply:?}");
    }

    /// Runs `lines` in one MULTI and returns their replies.
    #[track_caller]
    pub fn multi(&mut self, lines: &[&str]) -> Vec<Value> {
        self.send(&["MULTI"]);
        for line in lines {
            self.send(&words(line));
        }
        self.send(&["EXEC"]);
        for _ in 0..=lines.len() {
            let queued = self.receive();
            assert!(!queued.is_error(), "{queued:?}");
        }
        self.receive().list().to_vec()
    }

    /// Queues a command. It is written when the buffer is full, or when a reply is awaited.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        write!(self.outbox, "*{}\r\n", args.len()).unwrap();
        for arg in args {
            let arg = arg.as_ref();
            write!(self.outbox, "${}\r\n", arg.len()).unwrap();
            self.outbox.extend_from_slice(arg);
            self.outbox.extend_from_slice(b"\r\n");
        }
        if self.outbox.len() > 1 << 18 {
            self.flush().unwrap();
        }
    }

    pub fn flush(&mut self) -> Result<()> {
        self.wire.write_all(&self.outbox)?;
        self.outbox.clear();
        self.wire.flush()
    }

    #[track_caller]
    pub fn receive(&mut self) -> Value {
        self.try_receive().expect("the server answers")
    }

    /// Returns the next reply, or an error if the connection is closed: the server may have been killed.
    pub fn try_receive(&mut self) -> Result<Value> {
        if !self.outbox.is_empty() {
            self.flush()?;
        }
        self.value()
    }

    fn value(&mut self) -> Result<Value> {
        let line = self.line()?;
        let (kind, rest) = line.split_at(1);
        let count = || rest.parse::<i64>().map_err(|_| broken(&line));
        Ok(match kind {
            "+" => Value::Simple(rest.to_owned()),
            "-" => Value::Error(rest.to_owned()),
            ":" => Value::Int(count()?),
            "_" => Value::Nil,
            "#" => Value::Bool(rest == "t"),
            "," => Value::Double(rest.to_owned()),
            "(" => Value::Number(rest.to_owned()),
            "!" => Value::Error(String::from_utf8_lossy(&self.blob(count()?)?).into_owned()),
            "=" => Value::Bulk(self.blob(count()?)?.split_off(4)),
            "$" | "*" if rest == "-1" => Value::Nil,
            "$" => Value::Bulk(self.blob(count()?)?),
            "*" | ">" => Value::Array(self.values(count()?)?),
            "~" => Value::Set(self.values(count()?)?),
            "%" => {
                let flat = self.values(count()? * 2)?;
                Value::Map(flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            _ => return Err(broken(&line)),
        })
    }

    fn values(&mut self, count: i64) -> Result<Vec<Value>> {
        (0..count).map(|_| self.value()).collect()
    }

    fn blob(&mut self, length: i64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).map_err(Error::other)? + 2];
        self.inbox.read_exact(&mut bytes)?;
        if bytes.split_off(bytes.len() - 2) != b"\r\n" {
            return Err(broken("a bulk string that does not end in CR LF"));
        }
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.inbox.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(text) if !text.is_empty() => Ok(String::from_utf8_lossy(text).into_owned()),
            _ if line.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
            _ => Err(broken(&String::from_utf8_lossy(&line))),
        }
    }
}

/// Splits a command line into words.
pub fn words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().collect()
}

/// Splits a command line into words, and replaces each `?` with `value`.
pub fn fill(template: &str, value: &str) -> Vec<String> {
    words(template)
        .into_iter()
        .map(|word| if word == "?" { value.to_owned() } else { word.to_owned() })
        .collect()
}

fn broken(what: &str) -> Error {
    Error::other(format!("a reply out of protocol: {what:?}"))
}
