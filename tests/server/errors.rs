//! Every bound from both sides, with its exact error text. An error changes nothing.

use crate::common::conn::fill;
use crate::common::{Conn, Server};

const MOST: &str = "9007199254740991";
const TOO_MANY: &str = "9007199254740992";

/// Words that no number of any kind may look like.
const NO_NUMBERS: [&str; 14] = [
    "",
    "-1",
    "+1",
    "x",
    "1x",
    "0x10",
    "1e3",
    "1.",
    ".5",
    "1..2",
    "nan",
    "inf",
    "99999999999999999999999",
    "\u{0661}",
];

#[track_caller]
fn refused(conn: &mut Conn, template: &str, values: &[&str], error: &str) {
    for value in values {
        let reply = conn.call(&fill(template, value));
        assert!(reply.error().starts_with(error), "{template} with {value:?}: {reply:?}");
    }
    assert_eq!(conn.ask("DBSIZE").int(), 0, "{template}");
}

#[track_caller]
fn taken(conn: &mut Conn, template: &str, values: &[&str]) {
    for value in values {
        let reply = conn.call(&fill(template, value));
        assert!(!reply.is_error(), "{template} with {value:?}: {reply:?}");
    }
    conn.done("FLUSHALL");
}

#[test]
fn a_limit_is_an_integer_from_0_to_the_largest_exact_one() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for command in ["RL.SLIDE k ? 60", "RL.WINDOW k ? 60"] {
        taken(&mut conn, command, &["0", "1", "10", MOST]);
        let error = "ERR limit must be an integer from 0 to 9007199254740991";
        refused(&mut conn, command, &["-1", TOO_MANY, "1.5", "18446744073709551617"], error);
        refused(&mut conn, command, &NO_NUMBERS, error);
    }
}

#[test]
fn a_capacity_is_an_integer_from_0_to_the_largest_exact_one() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    taken(&mut conn, "RL.BUCKET k ? 1", &["0", "1", MOST]);
    let error = "ERR capacity must be an integer from 0 to 9007199254740991";
    refused(&mut conn, "RL.BUCKET k ? 1", &["-1", TOO_MANY, "1.5"], error);
    refused(&mut conn, "RL.BUCKET k ? 1", &NO_NUMBERS, error);
}

#[test]
fn a_cost_is_an_integer_from_0() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for command in [
        "RL.SLIDE k 5 60 COST ?",
        "RL.WINDOW k 5 60 COST ?",
        "RL.BUCKET k 5 1 COST ?",
        "RL.BUCKET k 5 1 60 COST ?",
    ] {
        taken(&mut conn, command, &["0", "1", MOST]);
        let error = "ERR cost must be an integer from 0 to 9007199254740991";
        refused(&mut conn, command, &[TOO_MANY, "1.5"], error);
        refused(&mut conn, command, &NO_NUMBERS, error);
    }
    refused(
        &mut conn,
        "RL.PEEK k COST ?",
        &[TOO_MANY, "1.5", "-1", ""],
        "ERR cost must be an integer from 0 to 9007199254740991",
    );
    refused(
        &mut conn,
        "RL.REFUND k ?",
        &[TOO_MANY, "1.5", "-1", ""],
        "ERR refund must be an integer from 0 to 9007199254740991",
    );
}

#[test]
fn a_window_is_a_duration_from_1ms_to_3650d() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for command in ["RL.SLIDE k 5 ?", "RL.WINDOW k 5 ?"] {
        let durations = [
            "60",
            "0.25",
            "0.001",
            "1ms",
            "250ms",
            "60s",
            "5m",
            "1h",
            "1d",
            "1w",
            "3650d",
            "315360000",
            "87600h",
        ];
        taken(&mut conn, command, &durations);
        let durations = ["0.10000000000000001", "59.99999999999999", "0.0005", "1.5ms", "315360000.0004"];
        taken(&mut conn, command, &durations);
        let error = "ERR window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
        let outside = ["0", "0ms", "0.0", "0.0004", "0.4ms", "3651d", "315360001", "315360000.001", "87601h"];
        refused(&mut conn, command, &outside, error);
        refused(&mut conn, command, &["522w", "1y", "ms", "1 s", "5m5s", "-1d"], error);
        refused(&mut conn, command, &NO_NUMBERS, error);
    }
}

#[test]
fn only_a_fixed_window_may_be_a_month() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    taken(&mut conn, "RL.WINDOW k 5 ?", &["1mo"]);
    refused(&mut conn, "RL.WINDOW k 5 ?", &["2mo", "0mo", "mo", "1mon", "-1mo"], "ERR window must be");
    refused(&mut conn, "RL.SLIDE k 5 ?", &["1mo"], "ERR window must be");
    refused(&mut conn, "RL.BUCKET k 5 1 ?", &["1mo"], "ERR period must be");
}

#[test]
fn an_offset_is_a_duration_that_may_be_negative() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    taken(
        &mut conn,
        "RL.WINDOW k 5 1d OFFSET ?",
        &["0", "1", "-1", "8h", "-30m", "0.25", "-250ms", "3650d", "-3650d"],
    );
    let no_offsets =
        ["", "-", "--1", "+1", "x", "0.0001.", "3651d", "-3651d", "1mo", "1e3", "-99999999999999999999"];
    refused(&mut conn, "RL.WINDOW k 5 1d OFFSET ?", &no_offsets, "ERR offset must be a duration");
}

#[test]
fn a_refill_is_a_decimal_number_above_0() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for command in ["RL.BUCKET k 5 ?", "RL.BUCKET k 5 ? 60"] {
        taken(&mut conn, command, &["1", "8.33", "0.1", "0.001", "1000000", MOST]);
        refused(&mut conn, command, &["0", "0.0", "0.000", TOO_MANY], "ERR refill");
        refused(&mut conn, command, &NO_NUMBERS, "ERR refill");
        refused(
            &mut conn,
            command,
            &["0.0000000000000000000000000000000001", "1.23456789012345678901"],
            "ERR refill",
        );
    }
}

#[test]
fn a_period_is_a_duration_from_1ms_to_3650d() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    taken(&mut conn, "RL.BUCKET k 5 1 ?", &["1ms", "0.25", "60", "5m", "1h", "3650d"]);
    let error = "ERR period must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
    refused(&mut conn, "RL.BUCKET k 5 1 ?", &["0", "0ms", "3651d", "0.0001", "-1", "522w"], error);
}

#[test]
fn an_unknown_option_is_a_syntax_error() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in [
        "RL.SLIDE k 5 60 x",
        "RL.SLIDE k 5 60 COST",
        "RL.SLIDE k 5 60 COST 1 x",
        "RL.SLIDE k 5 60 OFFSET 1",
        "RL.SLIDE k 5 60 WAIT",
        "RL.SLIDE k 5 60 COST 1 WAIT 1 PRIORITY",
        "RL.SLIDE k 5 60 PRIORITY HIGH",
        "RL.WINDOW k 5 60 x",
        "RL.WINDOW k 5 60 COST",
        "RL.WINDOW k 5 60 OFFSET",
        "RL.WINDOW k 5 60 WAIT 1 WAIT 1",
        "RL.WINDOW k 5 60 OFFSET 1 COST",
        "RL.BUCKET k 5 1 60 x",
        "RL.BUCKET k 5 1 COST",
        "RL.BUCKET k 5 1 60 COST",
        "RL.BUCKET k 5 1 60 60",
        "RL.BUCKET k 5 1 60 WAIT 1 HIGH",
        "RL.BUCKET k 5 1 60 OFFSET 1",
        "RL.PEEK k x",
        "RL.PEEK k COST",
        "RL.PEEK k COST 1 2 x",
        "RL.PEEK k COST unit 1 COST",
        "RL.PEEK k RESERVE 1",
    ] {
        let reply = conn.ask(line);
        assert!(reply.error().starts_with("ERR syntax error"), "{line}: {reply:?}");
    }
    let text = "ERR syntax error, expected RL.PEEK key [COST n] [COST unit n ...]";
    assert_eq!(conn.ask("RL.PEEK k x").error(), text);
    assert_eq!(conn.ask("DBSIZE").int(), 0);
}

#[test]
fn too_few_arguments_are_the_usual_arity_error() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for line in [
        "RL.SLIDE",
        "RL.SLIDE k",
        "RL.SLIDE k 5",
        "RL.WINDOW",
        "RL.WINDOW k",
        "RL.WINDOW k 5",
        "RL.BUCKET",
        "RL.BUCKET k",
        "RL.BUCKET k 5",
        "RL.PEEK",
        "RL.REFUND",
        "RL.REFUND k",
        "RL.REFUND k 1 2",
        "RL.INFO",
        "RL.INFO k k",
        "RL.APPLY",
        "RL.APPLY k",
    ] {
        let reply = conn.ask(line);
        assert!(reply.error().starts_with("ERR wrong number of arguments"), "{line}: {reply:?}");
    }
}

#[test]
fn a_key_of_one_limit_knows_one_unit() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for (key, request) in
        [("s", "RL.SLIDE s 5 1h"), ("w", "RL.WINDOW w 5 3650d"), ("b", "RL.BUCKET b 5 1 1d")]
    {
        conn.done(request);
        let five = conn.ask(&format!("RL.PEEK {key} COST 5")).five();
        assert_eq!(five[..3], [0, 5, 4]);
        assert_eq!(conn.ask(&format!("RL.PEEK {key} COST requests 5")).five()[..3], five[..3]);
        for costs in ["COST tokens 5", "COST 1 COST tokens 0", "COST requests 1 COST requests 1"] {
            assert!(conn.ask(&format!("RL.PEEK {key} {costs}")).is_error(), "{key} {costs}");
        }
    }
}
