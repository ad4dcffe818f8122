//! CL.THROTTLE: the requests and replies of redis-cell's clients, on a bucket of this module.

mod effects;
mod setting;

use crate::common::waiting::assert_no_waiters;
use crate::common::{Server, Waiter};

const ON: &str = "rl.cl-throttle yes";

#[test]
fn it_answers_as_redis_cell_says_that_it_does() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("CL.THROTTLE user123 15 30 60").five(), [0, 16, 15, -1, 2]);
    assert_eq!(conn.ask("cl.throttle user123 15 30 60 1").five(), [0, 16, 14, -1, 4]);
    conn.done("HELLO 3");
    assert_eq!(conn.ask("CL.THROTTLE new 15 30 60").five(), [0, 16, 15, -1, 2]);
}

#[test]
fn five_at_once_then_limited() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    let day = 86_400;
    assert_eq!(conn.ask("CL.THROTTLE k 4 1 86400 6").five(), [1, 5, 5, -1, 0], "six never fit");
    for left in (0..5).rev() {
        assert_eq!(conn.ask("CL.THROTTLE k 4 1 86400").five(), [0, 5, left, -1, (5 - left) * day]);
    }
    let [limited, limit, remaining, retry, reset] = conn.ask("CL.THROTTLE k 4 1 86400").five();
    assert_eq!([limited, limit, remaining, reset - retry], [1, 5, 0, 4 * day]);
    assert!((day - 60..=day).contains(&retry), "{retry}");
    assert_eq!(conn.ask("CL.THROTTLE k 4 1 86400 6").five()[..4], [1, 5, 0, -1]);
    assert_eq!(conn.ask("CL.THROTTLE k 4 1 86400 0").five()[..4], [0, 5, 0, -1], "a probe takes nothing");
}

#[test]
fn seconds_are_rounded_up() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    assert_eq!(conn.ask("CL.THROTTLE a 15 7 60").five(), [0, 16, 15, -1, 9]); // 8.57
    assert_eq!(conn.ask("CL.THROTTLE b 4 3 1 3").five(), [0, 5, 2, -1, 1]);
    assert_eq!(conn.ask("CL.THROTTLE c 6 7 60 7").five(), [0, 7, 0, -1, 60]);
    assert_eq!(conn.ask("CL.THROTTLE c 6 7 60").five(), [1, 7, 0, 9, 60]);
    assert_eq!(conn.ask("CL.THROTTLE d 15 1000000 1").five(), [0, 16, 15, -1, 1]);
    assert_eq!(conn.ask("CL.THROTTLE e 0 1 315360000").five(), [0, 1, 0, -1, 315_360_000]);
}

#[test]
fn a_smaller_burst_applies_at_once_to_probes_too() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    conn.done("CL.THROTTLE k 9 1 3600 10");
    assert_eq!(conn.ask("CL.THROTTLE k 4 1 3600 0").five(), [1, 5, 0, 5 * 3_600, 10 * 3_600]);
    assert_eq!(conn.ask("CL.THROTTLE k 4 1 3600").five(), [1, 5, 0, 6 * 3_600, 10 * 3_600]);
    assert_eq!(conn.ask("CL.THROTTLE k 14 1 3600").five(), [0, 15, 4, -1, 11 * 3_600]);
}

#[test]
fn its_key_is_a_bucket_like_any_other() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    conn.done("CL.THROTTLE k 15 1 86400 10");
    assert_eq!(conn.ask("TYPE k").text(), "ratelimit");
    assert_eq!(conn.ask("RL.PEEK k COST 7").five()[..3], [0, 16, 6]);
    let info = conn.ask("RL.INFO k");
    assert_eq!((info.get("algorithm").text(), info.get("used").int()), ("bucket".to_owned(), 10));
    let parameters = info.get("parameters");
    assert_eq!((parameters.get("capacity").int(), parameters.get("period_ms").int()), (16, 86_400_000));
    assert_eq!(parameters.get("refill").text(), "1");
    assert_eq!(conn.ask("RL.REFUND k 4").int(), 10);
    assert_eq!(conn.ask("RL.BUCKET k 16 1 86400 COST 3").five()[..3], [1, 16, 7]);
    assert_eq!(conn.ask("CL.THROTTLE k 15 1 86400 2").five()[..3], [0, 16, 5]);
    assert_eq!(conn.ask("RL.BUCKET k 16 1 1d COST 6").five()[..3], [0, 16, 5]);
    assert!((10 * 86_400..=11 * 86_400 + 60).contains(&conn.ask("TTL k").int()), "gone once it is full");
}

#[test]
fn a_key_of_another_type_is_an_error_and_stays_what_it_is() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    for line in [
        "SET k text",
        "SET k 1764000000000000000",
        "RPUSH k a b",
        "HSET k f v",
        "ZADD k 1 m",
        "RL.SLIDE k 5 1d",
        "RL.WINDOW k 5 3650d",
        "RL.QUOTA k LIMIT a 5 1d BUCKET 5",
    ] {
        conn.done("DEL k");
        conn.done(line);
        let before = conn.digest();
        for quantity in ["", " 0", " 3"] {
            let reply = conn.ask(&format!("CL.THROTTLE k 4 1 60{quantity}"));
            assert!(reply.error().starts_with("WRONGTYPE"), "{line}: {reply:?}");
        }
        assert_eq!(conn.digest(), before, "{line}");
    }
    server.assert_alive();
}

#[test]
fn a_key_may_be_any_bytes() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    let long = [0xff; 100_000];
    for key in [&b"\xff\xfe"[..], b"\xc3\x28", b"", b"\0", b"a\r\nb", &long] {
        for left in [4, 3] {
            let reply = conn.call(&[b"CL.THROTTLE", key, b"4", b"1", b"86400"]);
            assert_eq!(reply.five()[..3], [0, 5, left]);
        }
    }
    server.assert_alive();
}

#[test]
fn an_invalid_argument_is_an_error_that_names_it() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    conn.done("CL.THROTTLE k 4 1 60");
    let before = conn.digest();
    let long = "9".repeat(100_000);
    let never =
        ["", "x", "-1", "-9223372036854775808", "1.5", "1e9", " 1", "1 ", "9223372036854775808", &long];
    for (place, name, beyond) in [
        (2, "max_burst", "9007199254740991"),
        (3, "count_per_period", "0"),
        (4, "period", "0"),
        (4, "period", "315360001"),
        (5, "quantity", "9007199254740992"),
    ] {
        for word in never.iter().chain(&[beyond]) {
            let mut words = ["CL.THROTTLE", "k", "4", "1", "60", "1"];
            words[place] = word;
            let reply = conn.call(&words);
            assert!(reply.error().starts_with(&format!("ERR {name} must be an integer ")), "{reply:?}");
        }
    }
    for line in ["CL.THROTTLE", "CL.THROTTLE k", "CL.THROTTLE k 4 1", "CL.THROTTLE k 4 1 60 1 1"] {
        assert!(conn.ask(line).error().starts_with("ERR wrong number of arguments"), "{line}");
    }
    conn.done("CONFIG SET rl.max-window 1h");
    assert!(conn.ask("CL.THROTTLE k 4 1 3601").error().contains("rl.max-window"));
    assert_eq!(conn.digest(), before);
    server.assert_alive();
}

#[test]
fn it_takes_nothing_that_others_are_in_line_for() {
    let server = Server::start(&[ON]);
    let mut conn = server.connect();
    conn.done("CL.THROTTLE k 4 1 3600 2");
    let waiter = Waiter::start(&server, "RL.BUCKET k 5 1 3600 COST 5 WAIT 1d");
    let [limited, limit, remaining, retry, _] = conn.ask("CL.THROTTLE k 4 1 3600").five();
    assert_eq!([limited, limit, remaining], [1, 5, 0], "three are left, and somebody waits for five");
    assert!((3 * 3_600 - 60..=3 * 3_600).contains(&retry), "{retry}");
    conn.done("RL.REFUND k 2");
    assert_eq!(waiter.five()[..3], [1, 5, 0]);
    assert_no_waiters(&mut conn);
}
