//! `FLOW`: in a lane, flows share what comes free by weight and by cost.

use super::TAKE;
use crate::common::waiting::{assert_no_waiters, still};
use crate::common::{Conn, Server, Value, Waiter, wait_until};

/// Starts waiters for one unit each, in a flow.
fn join(server: &Server, count: usize, flow: &str) -> Vec<Waiter> {
    (0..count).map(|_| Waiter::start(server, &format!("RL.SLIDE k 5 1d WAIT 1h{flow}"))).collect()
}

/// Gives back one unit at a time. Returns of which group each waiter is that is admitted.
fn order(conn: &mut Conn, groups: &[Vec<Waiter>], count: usize) -> Vec<usize> {
    let left = |conn: &mut Conn| groups.iter().map(|group| still(group, conn).len()).collect::<Vec<_>>();
    let mut before = left(conn);
    let next = |conn: &mut Conn| {
        conn.done("RL.REFUND k 1");
        let after = left(conn);
        let gone = before.iter().zip(&after).position(|(before, after)| before > after).unwrap();
        before = after;
        gone
    };
    std::iter::repeat_with({
        let mut next = next;
        move || next(conn)
    })
    .take(count)
    .collect()
}

#[test]
fn a_flow_does_not_stand_behind_a_flood() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let groups = [
        join(&server, 8, " FLOW flood"),
        join(&server, 2, " PRIORITY NORMAL FLOW quiet"),
        join(&server, 2, ""),
    ];
    assert_eq!(order(&mut conn, &groups, 12), [0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 0, 0]);
    assert_no_waiters(&mut conn);
    assert_eq!(conn.info_number("rl_flows"), 0);
}

#[test]
fn weights_are_kept() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let groups = [join(&server, 12, " FLOW free"), join(&server, 12, " FLOW paid WEIGHT 3")];
    let order = order(&mut conn, &groups, 12);
    assert_eq!(order.iter().filter(|group| **group == 1).count(), 9, "{order:?}");
}

#[test]
fn a_quota_counts_what_is_scarcest() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT r 100 1d LIMIT t 1000 1d UNIT tokens");
    for id in 0..10 {
        conn.done(&format!("RL.QUOTA k POLICY p COST requests 10 COST tokens 100 RESERVE 1d ID {id}"));
    }
    // A request of `many` takes a hundredth of the limit, one of `large` a tenth.
    let start = |flow: &str, tokens: u64| {
        let line = format!("RL.QUOTA k POLICY p COST tokens {tokens} WAIT 1h FLOW {flow}");
        Waiter::start(&server, &line)
    };
    let large: Vec<Waiter> = (0..2).map(|_| start("large", 100)).collect();
    let many: Vec<Waiter> = (0..20).map(|_| start("many", 10)).collect();
    for id in 0..2 {
        conn.done(&format!("RL.CANCEL k {id}"));
    }
    // The first large one, ten of the many, and then the second large one does not fit any more.
    assert_eq!((still(&large, &mut conn).len(), still(&many, &mut conn).len()), (1, 10));
}

/// Starts waiters for a quota of a policy, in a flow.
fn join_quota(server: &Server, count: usize, flow: &str) -> Vec<Waiter> {
    (0..count).map(|_| Waiter::start(server, &format!("RL.QUOTA k POLICY p WAIT 1h{flow}"))).collect()
}

/// Gives back one reservation at a time. Returns how many of each group are admitted.
fn cancelled(conn: &mut Conn, groups: &[Vec<Waiter>], ids: std::ops::Range<usize>) -> Vec<usize> {
    let left = |conn: &mut Conn| groups.iter().map(|group| still(group, conn).len()).collect::<Vec<_>>();
    let before = left(conn);
    for id in ids {
        let waiting: usize = left(conn).iter().sum();
        conn.done(&format!("RL.CANCEL k {id}"));
        wait_until("one of them goes", || left(conn).iter().sum::<usize>() == waiting - 1);
    }
    left(conn).iter().zip(before).map(|(after, before)| before - after).collect()
}

#[test]
fn a_policy_gives_weights_to_flows() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let set = |conn: &mut Conn, flows: &str| conn.done(&format!("RL.POLICY SET p LIMIT r 40 1d{flows}"));
    set(&mut conn, " FLOW paid WEIGHT 3");
    (0..40).for_each(|id| drop(conn.done(&format!("RL.QUOTA k POLICY p RESERVE 1d ID {id}"))));
    let groups = [
        join_quota(&server, 25, " FLOW free"), // which the policy does not name
        join_quota(&server, 25, " FLOW paid"),
    ];
    assert_eq!(cancelled(&mut conn, &groups, 0..12), [3, 9]);
    // Those that wait take the new weights for what they are charged from now on.
    set(&mut conn, " FLOW free WEIGHT 2 FLOW paid WEIGHT 2");
    assert_eq!(cancelled(&mut conn, &groups, 12..22), [5, 5]);
    set(&mut conn, "");
    assert_eq!(cancelled(&mut conn, &groups, 22..30), [4, 4]);
}

#[test]
fn the_weight_of_a_request_wins_over_that_of_the_policy() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.POLICY SET p LIMIT r 40 1d FLOW paid WEIGHT 1000 FLOW free WEIGHT 1");
    (0..40).for_each(|id| drop(conn.done(&format!("RL.QUOTA k POLICY p RESERVE 1d ID {id}"))));
    let groups =
        [join_quota(&server, 12, " FLOW free WEIGHT 3"), join_quota(&server, 12, " FLOW paid WEIGHT 1")];
    assert_eq!(cancelled(&mut conn, &groups, 0..12), [9, 3]);
}

#[test]
fn each_line_has_the_weights_of_its_own_policy() {
    for command in ["RL.MQUOTA 1 k POLICY q", "RL.FIRST 1 k POLICY q"] {
        let server = Server::start(&[]);
        let mut conn = server.connect();
        // What was asked by one policy is asked by another one, with other weights.
        conn.done("RL.POLICY SET p LIMIT r 40 1d FLOW a WEIGHT 9");
        conn.done("RL.POLICY SET q LIMIT r 40 1d FLOW b WEIGHT 3");
        (0..40).for_each(|id| drop(conn.done(&format!("RL.QUOTA k POLICY p RESERVE 1d ID {id}"))));
        let start = |flow: &str| {
            let line = format!("{command} WAIT 1h FLOW {flow}");
            (0..12).map(|_| Waiter::start(&server, &line)).collect::<Vec<_>>()
        };
        let groups = [start("a"), start("b")];
        assert_eq!(cancelled(&mut conn, &groups, 0..12), [3, 9], "{command}");
    }
}

#[test]
fn what_is_told_of_flows() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let _first = join(&server, 3, " FLOW a");
    let _second = join(&server, 1, " PRIORITY LOW FLOW a WEIGHT 10");
    conn.done("RL.REFUND k 1");
    let told = conn.ask("RL.INFO k");
    let flows = told.get("flows");
    let flows = flows.list();
    assert_eq!(flows.len(), 2);
    let fields = |flow: &Value| (flow.get("lane").text(), flow.get("flow").text(), flow.get("waiting").int());
    assert_eq!(fields(&flows[0]), ("normal".into(), "a".into(), 2));
    assert_eq!(fields(&flows[1]), ("low".into(), "a".into(), 1));
    assert_eq!((flows[0].get("served").int(), flows[0].get("share_percent").int()), (1, 100));
    assert_eq!(conn.info_number("rl_flows"), 2);
    let wait = told.get("newcomer_wait_ms");
    assert!(wait.get("critical").int() > 86_000_000, "{wait:?}");
    wait_until("it has waited", || {
        conn.ask("RL.INFO k").get("flows").list()[0].get("longest_wait_ms").int() > 0
    });
}

#[test]
fn wrong_words_have_their_errors() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let id = "ERR flow must be 1 to 128 bytes";
    let weight = "ERR weight must be an integer from 1 to 1000";
    let long = "x".repeat(129);
    for (words, error) in [
        (format!("FLOW {long}"), id),
        ("FLOW a WEIGHT 0".to_owned(), weight),
        ("FLOW a WEIGHT 1001".to_owned(), weight),
        ("FLOW a WEIGHT x".to_owned(), weight),
    ] {
        assert_eq!(conn.ask(&format!("RL.SLIDE k 5 1d WAIT 1 {words}")).error(), error);
    }
    for words in
        ["WAIT 1 FLOW", "WAIT 1 FLOW a WEIGHT", "FLOW a", "WAIT 1 WEIGHT 2", "WAIT 1 FLOW a PRIORITY LOW"]
    {
        let answer = conn.ask(&format!("RL.SLIDE k 5 1d {words}"));
        assert!(answer.error().starts_with("ERR syntax error"), "{words}: {answer:?}");
    }
    assert_eq!(conn.ask("EXISTS k").int(), 0);
}

#[test]
fn flows_are_bounded() {
    let server = Server::start(&["rl.max-flows 2"]);
    let mut conn = server.connect();
    conn.done(TAKE);
    let _two = [join(&server, 2, " FLOW a"), join(&server, 1, " FLOW b")];
    assert_eq!(conn.ask("RL.SLIDE k 5 1d WAIT 1h FLOW c").error(), "RLBUSY too many flows");
    let _again = [join(&server, 1, " FLOW b"), join(&server, 1, "")];
    conn.done("CONFIG SET rl.max-flows 3");
    let _third = join(&server, 1, " FLOW c");
    assert_eq!(conn.info_number("rl_flows"), 3);
}
