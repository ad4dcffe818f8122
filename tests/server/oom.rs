//! At maxmemory, a request that would charge is refused as any write is. Giving back and reading still work.

use crate::common::Server;

#[test]
fn at_maxmemory_limits_are_refused_and_peeks_and_refunds_work() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE s 5 1d COST 3");
    conn.done("RL.WINDOW w 5 3650d COST 3");
    conn.done("RL.BUCKET b 5 1 1d COST 3");
    conn.done("CONFIG SET maxmemory 1");
    let before = conn.digest();
    for line in ["RL.SLIDE s 5 1d", "RL.WINDOW w 5 3650d", "RL.BUCKET b 5 1 1d", "RL.SLIDE new 5 1d"] {
        assert!(conn.ask(line).error().starts_with("OOM"), "{line}");
    }
    assert_eq!(conn.digest(), before);
    for key in ["s", "w", "b"] {
        assert_eq!(conn.ask(&format!("RL.PEEK {key}")).five()[..3], [1, 5, 2], "{key}");
        assert_eq!(conn.ask(&format!("RL.INFO {key}")).get("used").int(), 3, "{key}");
        assert_eq!(conn.ask(&format!("RL.REFUND {key} 1")).int(), 3, "{key}");
    }
    conn.done("CONFIG SET maxmemory 0");
    assert_eq!(conn.ask("RL.SLIDE s 5 1d").five()[..3], [1, 5, 2]);
}

#[test]
fn at_maxmemory_quotas_are_refused_and_reservations_can_be_ended() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    let mut conn = server.connect();
    let request = "RL.QUOTA k LIMIT a 9 1d UNIT tokens LIMIT open 3 INFLIGHT COST tokens 2 RESERVE 1d";
    for id in ["settled", "cancelled", "renewed"] {
        conn.done(&format!("{request} ID {id}"));
    }
    conn.done("CONFIG SET maxmemory 1");
    let before = conn.digest();
    for line in [request, "RL.QUOTA new LIMIT a 5 1d", "RL.MQUOTA 1 k POLICY p"] {
        assert!(conn.ask(line).error().starts_with("OOM"), "{line}");
    }
    assert_eq!(conn.digest(), before);
    assert_eq!(conn.quota("RL.PEEK k").remaining(), [3, 0]);
    assert_eq!(conn.ask("RL.SETTLE k settled COST tokens 1").int(), 1);
    assert_eq!(conn.ask("RL.CANCEL k cancelled").int(), 1);
    assert_eq!(conn.ask("RL.RENEW k renewed 2d").int(), 1);
    assert_eq!((conn.used("k"), conn.open("k")), (vec![3, 1], 1));
    conn.done("CONFIG SET maxmemory 0");
    assert_eq!(conn.quota(request).remaining(), [4, 1]);
}
