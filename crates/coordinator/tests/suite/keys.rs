//! How many keys there may be: of all clients, and of each token. Keys are deleted to make room.

use serde_json::{Value as Json, json};

use crate::common::{Client, Coordinator, on_each, wait_until};
use crate::ends::waits_now;

const ALL: &str = "a-token-for-all-keys";
const TEAM: &str = "a-token-for-one-team";

fn tokens(more: &str) -> String {
    format!(
        "[[token]]\nname = \"all\"\ntoken = \"{ALL}\"\n\
         [[token]]\nname = \"team\"\ntoken = \"{TEAM}\"\nprefixes = [\"team:\"]\n{more}"
    )
}

fn slide(key: &str) -> Json {
    json!({"key": key, "limit": 5, "window": "1h"})
}

fn delete(client: &mut Client, key: &str) -> Json {
    client.ask("DELETE", &format!("/v1/keys/{key}"), "").status(200).json()
}

#[test]
fn a_token_fills_its_own_share_only() {
    for (config, share) in [
        (format!("[bounds]\nkeys = 10\n{}", tokens("")), 5),
        (format!("[bounds]\nkeys = 10\n{}", tokens("keys = 2\n")), 2),
    ] {
        let coordinator = Coordinator::start(&config, &[]);
        let [mut all, mut team] = [ALL, TEAM].map(|token| coordinator.client().with_token(token));
        for key in 0..share {
            team.v1("slide", &slide(&format!("team:{key}"))).status(200);
        }
        let refused = team.v1("slide", &slide("team:new")).problem(503, "too_many_token_keys");
        assert_eq!((refused.field("retry-after"), refused.field("rl-degraded")), (None, Some("deny")));
        // What needs no new key is decided, and others are not concerned.
        team.v1("slide", &slide("team:0")).status(200);
        team.v1("slide", &json!({"key": "team:new", "limit": 5, "window": "1h", "cost": 6})).status(429);
        team.v1("peek", &json!({"key": "team:new"})).status(404);
        for key in share..10 {
            all.v1("slide", &slide(&format!("other:{key}"))).status(200);
        }
        all.v1("slide", &slide("other:new")).problem(503, "too_many_keys");
        all.get("/readyz").problem(503, "too_many_keys");
        // A key that is deleted makes room, for its token as well.
        assert_eq!(delete(&mut team, "team:0"), json!({"done": true}));
        all.get("/readyz").status(200);
        team.v1("slide", &slide("team:new")).status(200);
        team.v1("slide", &slide("team:newer")).status(503);
    }
}

#[test]
fn keys_that_expire_make_room_for_their_token() {
    let coordinator = Coordinator::start(&format!("[bounds]\nkeys = 4\n{}", tokens("")), &[]);
    let mut team = coordinator.client().with_token(TEAM);
    for round in 0..3 {
        let body = |key: u32| json!({"key": format!("team:{round}-{key}"), "limit": 5, "window": "200ms"});
        for key in 0..2 {
            wait_until("there is room", || team.v1("slide", &body(key)).status == 200);
        }
    }
}

#[test]
fn a_reload_counts_the_keys_of_tokens_anew() {
    let config = |keys: usize, more: &str| format!("[bounds]\nkeys = {keys}\n{}", tokens(more));
    let coordinator = Coordinator::start(&config(100, "keys = 50\n"), &[]);
    let [mut all, mut team] = [ALL, TEAM].map(|token| coordinator.client().with_token(token));
    for key in 0..10 {
        team.v1("slide", &slide(&format!("team:{key}"))).status(200);
    }
    assert!(coordinator.reload(&config(100, "keys = 11\n")), "{}", coordinator.log());
    team.v1("slide", &slide("team:10")).status(200);
    team.v1("slide", &slide("team:11")).problem(503, "too_many_token_keys");
    all.v1("slide", &slide("other")).status(200);
    assert!(coordinator.reload(&config(5, "keys = 50\n")), "{}", coordinator.log());
    all.v1("slide", &slide("others")).problem(503, "too_many_keys");
    all.v1("slide", &slide("other")).status(200);
}

#[test]
fn a_key_is_deleted_by_its_own_token() {
    on_each(&tokens(""), |coordinator| {
        let [mut all, mut team] = [ALL, TEAM].map(|token| coordinator.client().with_token(token));
        for key in ["team:a/b", "other"] {
            all.v1("slide", &slide(key)).status(200);
        }
        coordinator.client().ask("DELETE", "/v1/keys/other", "").problem(401, "unauthorized");
        team.ask("DELETE", "/v1/keys/other", "").problem(403, "key_forbidden");
        team.ask("DELETE", "/v1/keys/", "").problem(400, "invalid_request");
        team.ask("DELETE", "/v1/keys/%zz", "").problem(400, "invalid_request");
        team.ask("POST", "/v1/keys/team:a", "").status(405);
        assert_eq!(delete(&mut team, "team%3Aa%2fb"), json!({"done": true}));
        assert_eq!(delete(&mut team, "team:a/b"), json!({"done": false}));
        all.v1("peek", &json!({"key": "team:a/b"})).status(404);
        assert_eq!(all.v1("peek", &json!({"key": "other"})).status(200).json()["remaining"], 4);
        if let Some(redis) = &coordinator.redis {
            redis.connect().done("SET team:text value");
            team.ask("DELETE", "/v1/keys/team:text", "").problem(409, "wrong_algorithm");
            assert_eq!(redis.connect().ask("EXISTS team:text").int(), 1);
        }
        assert!(all.get("/metrics").text().contains("rl_deleted_keys_total 1\n"));
    });
}

#[test]
fn who_waits_for_a_key_that_is_deleted_is_admitted() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let body = |wait: &str| json!({"key": "k", "limit": 1, "window": "1h", "wait": wait});
        client.v1("slide", &body("1ms")).status(200);
        let mut waits = coordinator.client();
        waits.send("POST", "/v1/slide", &body("1h").to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        assert_eq!(delete(&mut client, "k"), json!({"done": true}));
        waits.receive().status(200);
    });
}

#[test]
fn deletions_leave_the_other_keys() {
    let coordinator = Coordinator::start("", &[]);
    let mut client = coordinator.client();
    for key in 0..200 {
        client.v1("slide", &slide(&format!("kept-{key}"))).status(200);
    }
    for round in 0..2_000 {
        client.v1("slide", &slide("gone")).status(200);
        assert_eq!(delete(&mut client, "gone"), json!({"done": true}), "{round}");
    }
    for key in 0..200 {
        let left = client.v1("peek", &json!({"key": format!("kept-{key}")})).status(200).json();
        assert_eq!(left["remaining"], 4);
    }
    assert!(client.get("/metrics").text().contains("rl_keys 200\n"));
}

#[test]
fn a_lower_bound_reads_its_own_snapshot() {
    let config =
        |keys: usize| format!("[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n[bounds]\nkeys = {keys}\n");
    let mut coordinator = Coordinator::start(&config(10), &[]);
    let mut client = coordinator.client();
    for key in 0..10 {
        client.v1("slide", &slide(&format!("key-{key}"))).status(200);
    }
    assert!(coordinator.end().success());
    std::fs::write(coordinator.dir().join("config.toml"), config(3)).unwrap();
    coordinator.restart();
    let mut client = coordinator.client();
    for key in 0..10 {
        let answer = client.v1("slide", &slide(&format!("key-{key}"))).status(200);
        assert_eq!(answer.json()["remaining"], 3);
    }
    let refused = client.v1("slide", &slide("new")).problem(503, "too_many_keys");
    // It says when a key expires: a sliding window of an hour, and up to an eighth of it.
    let retry: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((3_500..=4_060).contains(&retry), "{retry}");
}
