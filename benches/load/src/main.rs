//! Sends commands to a server on a Unix socket, measures, and prints JSON. The scripts in benches/ run it.
//!
//! ```text
//! load closed SOCKET KEYS SECONDS CONNECTIONS PIPELINE COMMAND   as fast as the server answers
//! load open   SOCKET KEYS SECONDS CONNECTIONS RATE COMMAND       at a fixed rate
//! load fill   SOCKET KEYS ROUNDS BEGIN SPAN COMMAND              once for each key in each round
//! ```
//! For `fill`, BEGIN and SPAN are the times in ms that COMMAND is given. With `paced` as BEGIN, the rounds are sent
//! over a time of SPAN.
//!
//! For `closed` and `open`, SOCKET may be `ADDRESS:PORT`. For `closed`, `@PID` may follow it: the process whose processor time
//! is measured, of a server that has no `INFO`.
//!
//! COMMAND has placeholders for a key and a time; see benches/commands.py.

mod closed;
mod command;
mod connections;
mod cpu;
mod fill;
mod open;
mod replies;

use command::Command;
use replies::fail;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mode, path, keys, third, fourth, fifth, line] = &words[..] else {
        fail("load closed|open|fill SOCKET KEYS … COMMAND, see its source");
    };
    let keys = number(keys) as u64;
    let command = Command::new(line);
    match mode.as_str() {
        "closed" => {
            closed::run(path, keys, number(third), number(fourth) as usize, number(fifth) as usize, command)
        }
        "open" => open::run(path, keys, number(third), number(fourth) as usize, number(fifth), command),
        "fill" => fill::run(path, keys, number(third) as u64, fourth, number(fifth) as u64, command),
        _ => fail("closed, open or fill"),
    }
}

fn number(word: &str) -> f64 {
    word.parse().unwrap_or_else(|_| fail("a number is wanted"))
}
