//! Commands that are refused because of the key's type, or because only the module itself may send them. No
//! error reveals more than it must.

use crate::common::Server;
use crate::common::conn::fill;

#[test]
fn another_type_or_another_algorithm_is_a_wrong_type() {
    let server = Server::start(&["rl.cl-throttle yes"]);
    let mut conn = server.connect();
    conn.done("SET string x");
    conn.done("RPUSH list x");
    conn.done("HSET hash x y");
    conn.done("XADD stream * x y");
    conn.done("RL.SLIDE slide 5 1h");
    conn.done("RL.WINDOW window 5 3650d");
    conn.done("RL.BUCKET bucket 5 1 1h");
    let before = conn.digest();
    for foreign in ["string", "list", "hash", "stream"] {
        for command in [
            "RL.SLIDE ? 5 60",
            "RL.WINDOW ? 5 60",
            "RL.BUCKET ? 5 1",
            "RL.PEEK ?",
            "RL.REFUND ? 1",
            "RL.INFO ?",
        ] {
            let reply = conn.call(&fill(command, foreign));
            let text = "WRONGTYPE Operation against a key holding the wrong kind of value";
            assert_eq!(reply.error(), text, "{command} with {foreign}");
        }
        for effect in ["slide 1 1 5 60", "window 1 1 5 60 0", "bucket 1 1 5 1 60", "refund 1 1"] {
            let reply = conn.call(&["RL.APPLY", foreign, effect]);
            assert!(reply.error().starts_with("WRONGTYPE "), "{effect} on {foreign}: {reply:?}");
        }
    }
    conn.done("RL.QUOTA quota LIMIT a 5 1h");
    let before_others = conn.digest();
    for (command, effect, own) in [
        ("RL.SLIDE ? 5 1h", "slide 1 1 5 60", "slide"),
        ("RL.WINDOW ? 5 3650d", "window 1 1 5 60 0", "window"),
        ("RL.BUCKET ? 5 1 1h", "bucket 1 1 5 1 60", "bucket"),
        ("RL.QUOTA ? LIMIT a 5 1h", "", "quota"),
        ("RL.SETTLE ? r", "", "quota"),
        ("RL.CANCEL ? r", "", "quota"),
        ("RL.RENEW ? r 60", "", "quota"),
        ("CL.THROTTLE ? 4 1 60 0", "", "bucket"),
    ] {
        for (other, held) in [
            ("slide", "a sliding window"),
            ("window", "a fixed window"),
            ("bucket", "a token bucket"),
            ("quota", "a quota"),
        ] {
            if other == own {
                continue;
            }
            let text = format!("WRONGTYPE Operation against a key holding {held}");
            let reply = conn.call(&fill(command, other));
            assert_eq!(reply.error(), text, "{command} with {other}");
            if !effect.is_empty() {
                assert_eq!(conn.call(&["RL.APPLY", other, effect]).error(), text, "{effect} on {other}");
            }
        }
    }
    assert_eq!(conn.ask("RL.REFUND quota 1").error(), "WRONGTYPE Operation against a key holding a quota");
    assert_eq!(conn.digest(), before_others);
    conn.done("DEL quota");
    for command in ["GET", "LLEN", "HLEN", "INCR"] {
        assert!(conn.ask(&format!("{command} slide")).error().starts_with("WRONGTYPE "));
    }
    assert_eq!(conn.digest(), before);
}

#[test]
fn an_effect_that_none_has_written_is_refused() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for effect in [
        "",
        " ",
        "slide",
        "slide 1",
        "slide 1 1",
        "slide 1 1 5",
        "slide 1 1 5 60 7",
        "slide  1 1 5 60",
        "slide x 1 5 60",
        "slide -1 1 5 60",
        "slide 1 -1 5 60",
        "slide 1 1 0 60",
        "slide 1 1 5 0",
        "slide 1 1 5 315360000001",
        "slide 1 9007199254740992 5 60",
        "slide 99999999999999999999 1 5 60",
        "window 1 1 5 60",
        "window 1 1 5 1mo",
        "window 1 1 5 2mo 0",
        "window 1 1 5 60 x",
        "window 1 1 5 60 99999999999999999999",
        "bucket 1 1 5 0 60",
        "bucket 1 1 5 x 60",
        "bucket 1 1 5 1",
        "bucket 1 1 5 1 0",
        "refund",
        "refund 1",
        "refund x 1",
        "refund 1 -1",
        "state",
        "quota 1 1",
        "slide 1 1 5 60\0",
        "\u{100} 1 1 5 60",
        "slide 1 1 5 60\r\n",
    ] {
        let reply = conn.call(&["RL.APPLY", "k", effect]);
        assert!(reply.is_error(), "{effect:?}: {reply:?}");
    }
    for state in ["", "\0", "x", "state"] {
        assert!(conn.call(&["RL.APPLY", "k", "state", state]).is_error(), "{state:?}");
    }
    assert!(conn.call(&["RL.APPLY", "k", "slide 1 1 5 60", "more"]).is_error());
    assert!(conn.call(&["RL.APPLY", "k", "state", "x", "more"]).is_error());
    assert_eq!(conn.ask("DBSIZE").int(), 0);
}

#[test]
fn no_error_repeats_what_a_client_sent() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("SET taken x");
    for command in [
        "RL.SLIDE k ? 60",
        "RL.SLIDE k 5 ?",
        "RL.SLIDE k 5 60 ?",
        "RL.SLIDE k 5 60 COST ?",
        "RL.WINDOW k ? 60",
        "RL.WINDOW k 5 ?",
        "RL.WINDOW k 5 60 ?",
        "RL.WINDOW k 5 60 OFFSET ?",
        "RL.BUCKET k ? 1",
        "RL.BUCKET k 5 ?",
        "RL.BUCKET k 5 1 ?",
        "RL.BUCKET k 5 1 60 ?",
        "RL.PEEK k ?",
        "RL.PEEK k COST ?",
        "RL.PEEK k COST unit ?",
        "RL.REFUND k ?",
        "RL.APPLY k ?",
        "RL.APPLY k state ?",
        "RL.APPLY k ? ?",
        "RL.SLIDE taken 5 60 COST ?",
    ] {
        for sent in ["Zz", "Zz\0", "Zz\r\n+OK", "Zz\u{100}", "Zz%s%n"] {
            let reply = conn.call(&fill(command, sent));
            assert!(!reply.error().contains("Zz"), "{command} with {sent:?}: {reply:?}");
        }
    }
    assert!(!server.log().contains("Zz"));
}
