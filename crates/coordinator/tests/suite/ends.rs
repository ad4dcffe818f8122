//! The end of the program: a signal loses nothing, and kill -9 loses no more than the interval.

use std::fs;

use serde_json::json;

use crate::common::conn::Conn;
use crate::common::coordinator::{folder, timed};
use crate::common::{Client, Coordinator, on_each, wait_until};

fn remaining(client: &mut Client, key: &str) -> u64 {
    client.v1("peek", &json!({"key": key})).status(200).json()["remaining"].as_u64().unwrap()
}

fn use_some(client: &mut Client) {
    client.v1("slide", &json!({"key": "slide", "limit": 100, "window": "1h", "cost": 7})).status(200);
    client.v1("window", &json!({"key": "window", "limit": 100, "window": "1mo", "cost": 8})).status(200);
    client
        .v1("bucket", &json!({"key": "bucket", "capacity": 100, "refill": 1, "period": "1h", "cost": 9}))
        .status(200);
    let limits = json!([{"name": "a", "limit": 50, "window": "1h"}, {"name": "b", "inflight": 5}]);
    client.v1("quota", &json!({"key": "quota", "limits": limits, "reserve": "1h", "id": "kept"})).status(200);
}

fn is_all_there(client: &mut Client) {
    assert_eq!(["slide", "window", "bucket"].map(|key| remaining(client, key)), [93, 92, 91]);
    let rows = client.v1("peek", &json!({"key": "quota"})).status(200).json();
    assert_eq!((&rows["limits"][0]["remaining"], &rows["limits"][1]["remaining"]), (&json!(49), &json!(4)));
    assert_eq!(
        client.v1("cancel", &json!({"key": "quota", "id": "kept"})).status(200).json(),
        json!({"done": true})
    );
}

#[test]
fn a_requested_end_loses_nothing() {
    let mut coordinator = Coordinator::start("[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n", &[]);
    use_some(&mut coordinator.client());
    assert!(coordinator.end().success());
    coordinator.restart();
    is_all_there(&mut coordinator.client());
    // Another signal that ends it loses nothing either.
    coordinator.client().v1("slide", &json!({"key": "slide", "limit": 100, "window": "1h"})).status(200);
    coordinator.signal("-INT");
    assert!(coordinator.ended().success());
    coordinator.restart();
    assert_eq!(remaining(&mut coordinator.client(), "slide"), 92);
}

#[test]
fn what_is_answered_while_it_ends_is_saved() {
    let config = "[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n[bounds]\nshutdown_timeout = \"10ms\"\n";
    let mut coordinator = Coordinator::start(config, &[]);
    let body = |key: String| json!({"key": key, "limit": 5, "window": "1h"}).to_string();
    let mut client = coordinator.client();
    for key in 0..5_000 {
        client.ask("POST", "/v1/slide", &body(format!("fills-the-snapshot-{key}"))).status(200);
    }
    // Requests that are incomplete at the signal, and complete while the limits are saved.
    let late = |at: usize| {
        let (mut client, body) = (coordinator.client(), body(format!("late-{at}")));
        let kind = "Host: localhost\r\nContent-Type: application/json";
        let head = format!("POST /v1/slide HTTP/1.1\r\n{kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        client.send_bytes(format!("{head}{}", body.strip_suffix('}').unwrap()).as_bytes());
        client
    };
    let mut clients: Vec<Client> = (0..200).map(late).collect();
    coordinator.signal("-TERM");
    wait_until("it waits no longer", || coordinator.log().contains("cut"));
    let mut admitted = Vec::new();
    for (at, client) in clients.iter_mut().enumerate() {
        if client.try_send_bytes(b"}").is_ok()
            && client.try_receive().is_ok_and(|answer| answer.status == 200)
        {
            admitted.push(at);
        }
    }
    assert!(coordinator.ended().success());
    coordinator.restart();
    let mut client = coordinator.client();
    for at in admitted {
        assert_eq!(remaining(&mut client, &format!("late-{at}")), 4);
    }
}

#[test]
fn two_do_not_share_a_snapshot() {
    let config = "[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n";
    let mut first = Coordinator::start(config, &[]);
    use_some(&mut first.client());
    let second = Coordinator::try_start(first.dir(), config, &[]);
    let said = second.err().expect("the second one does not start");
    assert!(said.contains("another rl-coordinator uses this snapshot"), "{said}");
    is_all_there(&mut first.client());
    // After kill -9 the next process starts as well.
    first.kill();
    first.restart();
}

#[test]
fn a_link_to_a_snapshot_has_no_lock_of_its_own_and_stays_a_link() {
    let config = "[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n";
    let mut first = Coordinator::start(config, &[]);
    use_some(&mut first.client());
    let other = folder();
    let link = other.join("limits");
    std::os::unix::fs::symlink(first.dir().join("limits"), &link).unwrap();
    let said = Coordinator::try_start(&other, config, &[]).err().expect("it does not start");
    assert!(said.contains("another rl-coordinator uses this snapshot"), "{said}");
    assert!(first.end().success());
    let mut second = Coordinator::start_in(&other, config, &[]);
    is_all_there(&mut second.client());
    assert!(second.end().success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    first.restart();
    assert_eq!(remaining(&mut first.client(), "slide"), 93);
}

#[test]
fn a_full_disk_is_left_as_it_was() {
    let coordinator = Coordinator::start("[snapshot]\npath = \"limits\"\ninterval = \"50ms\"\n", &[]);
    use_some(&mut coordinator.client());
    is_saved(&coordinator);
    // Writes to this device fail as those to a full disk.
    let unfinished = coordinator.dir().join("limits.new");
    wait_until("it is not being written", || std::os::unix::fs::symlink("/dev/full", &unfinished).is_ok());
    let mut client = coordinator.client();
    let failed = |text: &str| !text.contains("rl_snapshot_errors_total 0\n");
    wait_until("a snapshot fails", || failed(&client.get("/metrics").text()));
    wait_until("it is logged", || coordinator.log().contains("the snapshot could not be written"));
    is_saved(&coordinator); // what was unfinished is gone, so the next one is written
}

#[test]
fn a_client_that_says_nothing_does_not_delay_the_end() {
    let config = "[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n[envoy]\nlisten = \"127.0.0.1:0\"\n";
    let mut coordinator = Coordinator::start(config, &[]);
    use_some(&mut coordinator.client());
    let head = "POST /v1/slide HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let ports = [coordinator.port, crate::envoy::port(&coordinator)];
    let say = |port: u16, said: &str| {
        let mut client = Client::to(port);
        client.send_bytes(said.as_bytes());
        client
    };
    let body = format!("{head}Content-Length: 50\r\n\r\n{{");
    let said = ["", "PR", head, &body, preface];
    let silent: Vec<Client> = ports.iter().flat_map(|port| said.map(|said| say(*port, said))).collect();
    coordinator.client().ask("POST", "/allow", "").status(200); // they have been accepted
    let (status, took) = timed(|| coordinator.end());
    assert!(status.success() && took.as_secs() < 4, "{took:?}");
    drop(silent);
    coordinator.restart();
    is_all_there(&mut coordinator.client());
}

/// Waits for two snapshots: the second one started after everything that was answered until now.
fn is_saved(coordinator: &Coordinator) {
    let written = || fs::metadata(coordinator.dir().join("limits")).and_then(|file| file.modified()).ok();
    for _ in 0..2 {
        let before = written();
        wait_until("a snapshot is written", || written() > before);
    }
}

#[test]
fn killed_it_loses_no_more_than_the_interval() {
    let mut coordinator = Coordinator::start("[snapshot]\npath = \"limits\"\ninterval = \"100ms\"\n", &[]);
    use_some(&mut coordinator.client());
    is_saved(&coordinator);
    coordinator.kill();
    coordinator.restart();
    is_all_there(&mut coordinator.client());
}

#[test]
fn killed_at_any_moment_it_starts_again() {
    let mut coordinator = Coordinator::start("[snapshot]\npath = \"limits\"\ninterval = \"10ms\"\n", &[]);
    let body = |key: usize| json!({"key": format!("key-{key}"), "limit": 1000, "window": "1h"});
    for round in 1..=10 {
        let mut client = coordinator.client();
        client.v1("slide", &body(0)).status(200);
        is_saved(&coordinator);
        // Snapshots follow each other; the moment of the kill differs each time.
        for key in 0..round * 37 {
            client.v1("slide", &body(key % 100 + 1)).status(200);
        }
        coordinator.kill();
        coordinator.restart();
        assert_eq!(remaining(&mut coordinator.client(), "key-0"), 1000 - u64::try_from(round).unwrap());
    }
}

#[test]
fn a_damaged_snapshot_is_refused_and_left_alone() {
    let mut coordinator = Coordinator::start("[snapshot]\npath = \"limits\"\n", &[]);
    use_some(&mut coordinator.client());
    coordinator.end();
    let file = coordinator.dir().join("limits");
    let sound = fs::read(&file).unwrap();
    let dir = folder();
    let config = "[snapshot]\npath = \"limits\"\n";
    for at in (0..sound.len()).step_by(7) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        if at > 150 && at % 21 != 0 {
            continue; // each one starts a process
        }
        fs::write(dir.join("limits"), &damaged).unwrap();
        let log = Coordinator::try_start(&dir, config, &[]).err().expect("it is refused");
        assert!(log.contains("limits: this is no snapshot, or one that is damaged"), "{at}: {log}");
        assert_eq!(fs::read(dir.join("limits")).unwrap(), damaged);
    }
    for length in [0, 1, 31, 32, sound.len() - 1] {
        fs::write(dir.join("limits"), &sound[..length]).unwrap();
        assert!(Coordinator::try_start(&dir, config, &[]).is_err(), "{length}");
    }
    // An unfinished new snapshot is ignored.
    fs::write(dir.join("limits"), &sound).unwrap();
    fs::write(dir.join("limits.new"), b"half").unwrap();
    is_all_there(&mut Coordinator::start_in(&dir, config, &[]).client());
}

#[test]
fn waiters_are_answered_when_it_ends() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let body = json!({"key": "k", "limit": 1, "window": "1h"});
        client.v1("slide", &body).status(200);
        let mut waits = body.clone();
        waits["wait"] = json!("1h");
        let mut waiting: Vec<Client> = (0..20).map(|_| coordinator.client()).collect();
        for client in &mut waiting {
            client.send("POST", "/v1/slide", &waits.to_string());
        }
        wait_until("all wait", || waits_now(&mut client) == 20);
        coordinator.signal("-TERM");
        for client in &mut waiting {
            let answer = client.receive().status(429);
            assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 3_000_000);
        }
        let (status, took) = timed(|| coordinator.ended());
        assert!(status.success() && took.as_secs() < 5, "{took:?}");
    });
}

/// Waits until so many stand in line: in the server's, if it has them. The metrics count a request before it is there.
#[track_caller]
pub fn until_they_wait(coordinator: &Coordinator, client: &mut Client, count: u64) {
    wait_until("they wait", || waits_now(client) == count);
    let Some(redis) = &coordinator.redis else { return };
    let mut conn = redis.connect();
    let lanes = ["critical", "high", "normal", "low"].map(|lane| format!("rl_waiting_{lane}"));
    let in_line = |conn: &mut Conn| lanes.iter().map(|lane| conn.info_number(lane)).sum::<i64>();
    wait_until("they are in line", || u64::try_from(in_line(&mut conn)) == Ok(count));
}

/// The number of waiters in the metrics.
pub fn waits_now(client: &mut Client) -> u64 {
    let text = client.get("/metrics").status(200).text();
    text.lines().find_map(|line| line.strip_prefix("rl_waiting ")).unwrap().parse().unwrap()
}
