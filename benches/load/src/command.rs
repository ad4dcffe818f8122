//! A request as bytes, made once. The parts that differ between requests have a fixed width and are overwritten.

use std::time::{SystemTime, UNIX_EPOCH};

/// The content of a part that is overwritten.
#[derive(Clone, Copy)]
enum Slot {
    /// The number of a key, nine digits.
    Key,
    /// Seconds with six decimals, seventeen characters.
    Now,
    /// Milliseconds, thirteen digits.
    At,
    /// A number that is unique to a request, twelve digits.
    Id,
}

const SLOTS: [(&str, Slot, usize); 4] =
    [("{key}", Slot::Key, 9), ("{now}", Slot::Now, 17), ("{at}", Slot::At, 13), ("{id}", Slot::Id, 12)];

pub struct Command {
    bytes: Vec<u8>,
    slots: Vec<(usize, Slot)>,
    replies: usize,
    sent: u64,
}

impl Command {
    /// Parses a line. Spaces separate words, words in double quotes may contain spaces, and `; ` separates commands.
    pub fn new(line: &str) -> Self {
        let mut command = Self { bytes: Vec::new(), slots: Vec::new(), replies: 0, sent: 0 };
        for part in line.split("; ") {
            command.add(&words(part));
        }
        command
    }

    /// Returns the number of replies to one request.
    pub fn replies(&self) -> usize {
        self.replies
    }

    fn add(&mut self, words: &[String]) {
        self.replies += 1;
        self.bytes.extend(format!("*{}\r\n", words.len()).bytes());
        for word in words {
            let (mut text, mut found) = (word.clone(), Vec::new());
            for (name, slot, width) in SLOTS {
                while let Some(at) = text.find(name) {
                    text.replace_range(at..at + name.len(), &"0".repeat(width));
                    for (before, _) in &mut found {
                        if *before > at {
                            *before = *before + width - name.len();
                        }
                    }
                    found.push((at, slot));
                }
            }
            self.bytes.extend(format!("${}\r\n", text.len()).bytes());
            let begin = self.bytes.len();
            self.slots.extend(found.iter().map(|(at, slot)| (begin + at, *slot)));
            self.bytes.extend(text.bytes());
            self.bytes.extend(b"\r\n");
        }
    }

    /// Appends one request for `key` to `buffer`. The caller's clock shows `micros`.
    pub fn write(&mut self, buffer: &mut Vec<u8>, key: u64, micros: u64) {
        self.sent += 1;
        for (at, slot) in &self.slots {
            let at = *at;
            match slot {
                Slot::Key => digits(&mut self.bytes[at..at + 9], key),
                Slot::At => digits(&mut self.bytes[at..at + 13], micros / 1_000),
                Slot::Id => digits(&mut self.bytes[at..at + 12], self.sent),
                Slot::Now => {
                    digits(&mut self.bytes[at..at + 10], micros / 1_000_000);
                    self.bytes[at + 10] = b'.';
                    digits(&mut self.bytes[at + 11..at + 17], micros % 1_000_000);
                }
            }
        }
        buffer.extend_from_slice(&self.bytes);
    }
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("one at least").push(letter),
        }
    }
    words
}

fn digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Returns the caller's clock in microseconds.
pub fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// A generator of pseudo-random numbers, the same in each run (xorshift, Marsaglia 2003).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns the random time to the next event. The average time is `mean`.
    pub fn gap(&mut self, mean: f64) -> f64 {
        let unit = ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        -unit.ln() * mean
    }
}
