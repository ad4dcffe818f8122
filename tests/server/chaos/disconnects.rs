//! Clients that disconnect before anything is free for them. Nothing may be admitted for them afterwards.

use std::io::Result;
use std::time::{Duration, Instant};

use super::stage::{Over, Stage};
use crate::common::conn::words;
use crate::common::quota::Answer;
use crate::common::{Conn, Random, Value};

/// Repeats one scenario: clients wait, disconnect, and then their key is freed. Returns the ids of their
/// requests.
pub fn run(stage: &Stage, mut random: Random) -> Vec<String> {
    let _over = Over(stage); // also stops the others if this panics
    let mut gone = Vec::new();
    let mut number = 0;
    let name = random.next();
    while !stage.is_over() {
        number += 1;
        // If the primary changes during the scenario, its outcome is unknown.
        if let Ok(Some(ids)) = once(stage, &mut random, &format!("leaver:{name:x}.{number}")) {
            gone.extend(ids);
        }
    }
    gone
}

struct Leaver {
    conn: Conn,
    client: String,
    id: String,
}

fn once(stage: &Stage, random: &mut Random, key: &str) -> Result<Option<Vec<String>>> {
    let mut conn = connect(stage)?;
    let request = format!("RL.QUOTA {key} LIMIT a 1 1d RESERVE 1d ID");
    if !is_admitted(&ask(&mut conn, &format!("{request} holder"))?) {
        return Ok(None);
    }
    let mut leavers = Vec::new();
    for index in 0..random.between(1, 4) {
        let mut leaver =
            Leaver { conn: connect(stage)?, client: String::new(), id: format!("{key}.{index}") };
        leaver.client = ask(&mut leaver.conn, "CLIENT ID")?.int().to_string();
        // An unread reply turns the close into a reset.
        leaver.conn.send(&["PING"]);
        leaver.conn.send(&words(&format!("{request} {} WAIT 1m PRIORITY {}", leaver.id, random.below(4))));
        leaver.conn.flush()?;
        leavers.push(leaver);
    }
    let mut survivor = connect(stage)?;
    let survives = random.one_in(2);
    let client = ask(&mut survivor, "CLIENT ID")?.int().to_string();
    if survives {
        survivor.send(&words(&format!("{request} {key}.survivor WAIT 1m PRIORITY LOW")));
        survivor.flush()?;
    }
    let ids: Vec<String> = leavers.iter().map(|leaver| leaver.id.clone()).collect();
    let clients: Vec<String> = leavers.iter().map(|leaver| leaver.client.clone()).collect();
    let waiting = clients.len() + usize::from(survives);
    let all = [clients.join(" "), client.clone()].join(" ");
    if !becomes_count(&mut conn, &all, waiting)? {
        return Ok(None); // no room for so many, or everything was flushed
    }
    for mut leaver in leavers {
        let end = |conn: &mut Conn, line: &str| stage.unpaused(|| ask(conn, line)).transpose();
        match random.below(5) {
            0 => _ = end(&mut conn, &format!("CLIENT KILL ID {}", leaver.client))?,
            1 => _ = end(&mut conn, &format!("CLIENT UNBLOCK {} ERROR", leaver.client))?,
            2 => _ = end(&mut conn, &format!("CLIENT UNBLOCK {} TIMEOUT", leaver.client))?,
            3 => _ = leaver.conn.try_receive()?, // it closes without a reset
            _ => {}
        }
    }
    if !becomes_count(&mut conn, &clients.join(" "), 0)? {
        return Ok(None);
    }
    for line in ["MULTI", &format!("RL.INFO {key}"), &format!("RL.CANCEL {key} holder"), "EXEC"] {
        conn.send(&words(line));
    }
    let replies: Vec<Value> = (0..4).map(|_| conn.try_receive()).collect::<Result<_>>()?;
    let Value::Array(replies) = &replies[3] else { return Ok(None) };
    // Only if the holder had the only slot until then is it certain that no disconnected client had it.
    let [info, cancelled] = replies.as_slice() else { return Ok(None) };
    let alone = *info != Value::Nil && info.find("reservations") == Some(Value::Int(1));
    let held = alone && *cancelled == Value::Int(1);
    if held && survives {
        let reply = survivor.try_receive()?;
        let is_decided = !reply.is_error(); // else it was paused until there was no room, or redirected
        assert!(
            !is_decided || is_admitted(&reply),
            "{key}: the waiters ahead are gone, and it got {reply:?}"
        );
    }
    ask(&mut conn, &format!("DEL {key}"))?;
    Ok(held.then_some(ids))
}

/// Waits a short time until `count` of the clients are held.
fn becomes_count(conn: &mut Conn, clients: &str, count: usize) -> Result<bool> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        let list = ask(conn, &format!("CLIENT LIST ID {clients}"))?;
        let Value::Bulk(list) = list else { return Ok(false) };
        let list = String::from_utf8_lossy(&list).into_owned();
        let flags = list.split(' ').filter_map(|field| field.strip_prefix("flags="));
        if flags.filter(|flags| flags.contains('b')).count() == count {
            return Ok(true);
        }
    }
    Ok(false)
}

fn connect(stage: &Stage) -> Result<Conn> {
    let mut conn = Conn::tcp(stage.primary().port())?;
    ask(&mut conn, "SELECT 9")?;
    Ok(conn)
}

fn ask(conn: &mut Conn, line: &str) -> Result<Value> {
    conn.send(&words(line));
    conn.try_receive()
}

fn is_admitted(reply: &Value) -> bool {
    !reply.is_error() && Answer::of(reply).allowed
}
