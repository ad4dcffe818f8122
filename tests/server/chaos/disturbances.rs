//! The operator of the servers, who does everything that is allowed.

use std::thread;
use std::time::Duration;

use super::stage::{Over, Stage};
use crate::common::conn::words;
use crate::common::{Conn, Random, Value};

/// Disturbs the servers until the stage is over.
pub fn run(stage: &Stage, mut random: Random) {
    let _over = Over(stage); // also stops the others if this panics
    while !stage.is_over() {
        let Ok(mut conn) = Conn::unix(&stage.primary().socket()) else { continue };
        while !stage.is_over() {
            let reply = step(stage, &mut conn, &mut random);
            if matches!(&reply, Value::Error(text) if text.starts_with("READONLY ")) {
                break; // the primary has changed
            }
            thread::sleep(Duration::from_millis(random.next() % 12));
        }
    }
}

fn step(stage: &Stage, conn: &mut Conn, random: &mut Random) -> Value {
    match random.below(20) {
        0..=5 => stage.unpaused(|| to_a_client(conn, random)).unwrap_or(Value::Nil),
        6 => restore(conn, random),
        7 => transaction(conn, random),
        8 => {
            let mode = random.pick(&["WRITE", "ALL"]);
            let ms = random.next() % 60;
            stage.pausing(|| {
                conn.done(&format!("CLIENT PAUSE {ms} {mode}"));
                thread::sleep(Duration::from_millis(ms));
                conn.done("CLIENT UNPAUSE");
            });
            Value::Nil
        }
        9 => {
            let script = "return redis.call('RL.SLIDE', KEYS[1], 3, '100ms', 'WAIT', '1')";
            conn.call(&["EVAL", script, "1", &key(random)])
        }
        _ => conn.ask(&line(random)),
    }
}

fn key(random: &mut Random) -> String {
    let kind = random.pick(&["s", "s", "w", "b", "q", "q", "r"]);
    format!("{kind}{}", random.below(6))
}

/// Returns a disturbance that is a single command.
fn line(random: &mut Random) -> String {
    let (key, other, db, ms) = (key(random), key(random), random.below(3), random.between(1, 300));
    match random.below(40) {
        0..=5 => format!("DEL {key}"),
        6..=7 => format!("UNLINK {key} {other}"),
        8 => format!("PEXPIRE {key} {ms}"),
        9 => format!("EXPIRE {key} 0"),
        10..=11 => format!("RENAME {key} {other}"),
        12 => format!("COPY {key} {other} DB {db} REPLACE"),
        13 => format!("MOVE {key} {db}"),
        14 => format!("SET {key} x PX {ms}"),
        15 => format!("FLUSHDB {}", random.pick(&["SYNC", "ASYNC"])),
        16 if random.one_in(8) => format!("FLUSHALL {}", random.pick(&["SYNC", "ASYNC"])),
        16 => format!("PERSIST {key}"),
        17 => format!("SWAPDB {db} {}", random.below(3)),
        18..=19 => format!("SELECT {db}"),
        20 => format!("CONFIG SET rl.lane-aging {}", random.pick(&["off", "5ms", "50ms", "1s"])),
        21 => {
            format!("CONFIG SET rl.max-waiters {}", if random.one_in(15) { random.below(20) } else { 10_000 })
        }
        22 => {
            format!(
                "CONFIG SET rl.max-waiters-per-key {}",
                if random.one_in(15) { random.below(4) } else { 1_000 }
            )
        }
        23..=25 => {
            let (number, limit) = (random.below(3), random.between(1, 6));
            let window = random.pick(&["40ms", "150ms", "1s", "1d"]);
            format!("RL.POLICY SET p{number} LIMIT a {limit} {window} LIMIT t 20 100ms UNIT tokens BUCKET 20")
        }
        26 => format!("RL.POLICY DEL p{}", random.below(3)),
        27..=31 => format!("RL.REFUND {key} {}", random.between(1, 4)),
        32 => format!("RL.PEEK {key}"),
        33..=34 => format!("RL.INFO {key}"),
        35 => (*random.pick(&["BGREWRITEAOF", "BGSAVE", "PING", "PING"])).to_owned(),
        36 => "CLIENT NO-EVICT ON".to_owned(),
        37 => format!("RL.SLIDE {key} 3 50ms COST 9 WAIT 1s"),
        38 => "DEBUG JMAP".to_owned(), // an error
        _ => format!("OBJECT FREQ {key}"),
    }
}

/// Kills a client or ends its wait. It picks a waiter if there is one.
fn to_a_client(conn: &mut Conn, random: &mut Random) -> Value {
    let Some(id) = caller(conn, random) else { return Value::Nil };
    match random.below(6) {
        0 => conn.ask(&format!("CLIENT KILL ID {id}")),
        1 => conn.ask(&format!("CLIENT UNBLOCK {id}")),
        2 => conn.ask(&format!("CLIENT UNBLOCK {id} TIMEOUT")),
        3 => conn.ask(&format!("CLIENT UNBLOCK {id} ERROR")),
        _ => {
            // The client's turn comes at the same moment as its wait ends.
            let way = *random.pick(&["CLIENT KILL ID ?", "CLIENT UNBLOCK ? ERROR", "CLIENT UNBLOCK ?"]);
            let lines = [format!("DEL {}", key(random)), way.replace('?', &id)];
            if random.one_in(2) {
                return batch(conn, &lines);
            }
            batch(conn, &["MULTI".to_owned(), lines[1].clone(), lines[0].clone(), "EXEC".to_owned()])
        }
    }
}

fn caller(conn: &mut Conn, random: &mut Random) -> Option<String> {
    let list = conn.ask("CLIENT LIST TYPE normal").text();
    let field = |line: &str, name: &str| {
        line.split(' ').find_map(|field| Some(field.strip_prefix(name)?.to_owned())).unwrap_or_default()
    };
    let callers: Vec<&str> = list.lines().filter(|line| field(line, "name=") == "caller").collect();
    let waiting: Vec<&str> =
        callers.iter().copied().filter(|line| field(line, "flags=").contains('b')).collect();
    let among = if waiting.is_empty() { callers } else { waiting };
    (!among.is_empty()).then(|| field(random.pick::<&str>(&among), "id="))
}

/// Sends all commands in one piece, and returns the last reply.
fn batch(conn: &mut Conn, lines: &[String]) -> Value {
    for line in lines {
        conn.send(&words(line));
    }
    lines.iter().map(|_| conn.receive()).last().unwrap()
}

fn transaction(conn: &mut Conn, random: &mut Random) -> Value {
    let mut lines = vec!["MULTI".to_owned()];
    for _ in 0..random.below(4) {
        let line = line(random);
        if !line.starts_with("BG") && !line.starts_with("DEBUG") {
            lines.push(line);
        }
    }
    lines.push(format!("RL.SLIDE {} 3 80ms WAIT 1s PRIORITY LOW", key(random)));
    lines.push("EXEC".to_owned());
    batch(conn, &lines)
}

/// Overwrites one key with the contents of another.
fn restore(conn: &mut Conn, random: &mut Random) -> Value {
    match conn.call(&["DUMP", &key(random)]) {
        Value::Bulk(dump) => {
            let (key, ttl) = (key(random), random.between(0, 400).to_string());
            let words: [&[u8]; 5] = [b"RESTORE", key.as_bytes(), ttl.as_bytes(), &dump, b"REPLACE"];
            conn.call(&words)
        }
        other => other,
    }
}
