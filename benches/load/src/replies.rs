//! Finds the ends of replies. Nothing else is checked, except whether a reply is an error.

use std::io::{ErrorKind, Read};

/// Bytes that have arrived and are not parsed yet.
pub struct Replies {
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Replies {
    pub fn new() -> Self {
        Self { bytes: vec![0; 1 << 16], begin: 0, end: 0 }
    }

    /// Reads the available bytes and returns the number of complete replies. Ends the program at an error.
    pub fn read(&mut self, from: &mut impl Read) -> usize {
        self.bytes.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        if self.end == self.bytes.len() {
            self.bytes.resize(2 * self.end, 0);
        }
        match from.read(&mut self.bytes[self.end..]) {
            Ok(0) => fail("the server closed the connection"),
            Ok(count) => self.end += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return 0,
            Err(error) => fail(&error.to_string()),
        }
        let mut count = 0;
        while let Some(length) = reply(&self.bytes[self.begin..self.end]) {
            self.begin += length;
            count += 1;
        }
        count
    }
}

/// Returns the length of the first reply in `bytes`, or `None` if it is not complete.
fn reply(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let mut length = line + 2;
    let number =
        || str::from_utf8(&bytes[1..line]).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    match bytes[0] {
        b'-' => fail(&format!("the server answered {}", String::from_utf8_lossy(&bytes[..line]))),
        b'$' if number() >= 0 => length += number() as usize + 2,
        b'*' => {
            for _ in 0..number() {
                length += reply(bytes.get(length..)?)?;
            }
        }
        _ => {}
    }
    (length <= bytes.len()).then_some(length)
}

pub fn fail(why: &str) -> ! {
    eprintln!("load: {why}");
    std::process::exit(1)
}
