//! At maxmemory a request that would take is refused as any write is; giving back and reading work.

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
