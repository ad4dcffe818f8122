//! What a key is told from outside: holds, and what is left by somebody else's count.

use serde_json::{Value as Json, json};

use crate::common::{Client, Coordinator, on_each, wait_until};
use crate::ends::waits_now;

fn quota(key: &str) -> Json {
    json!({"key": key, "cost": {"tokens": 10}, "limits": [
        {"name": "rpm", "limit": 100, "window": "1h"},
        {"name": "tpm", "limit": 1000, "window": "1h", "unit": "tokens"}]})
}

fn slide(key: &str) -> Json {
    json!({"key": key, "limit": 10, "window": "1h"})
}

/// The ms of a hold, which must be within 5 s of this time.
#[track_caller]
fn is_near(told: &Json, seconds: u64) {
    let ms = told.as_u64().unwrap_or_else(|| panic!("no time: {told}"));
    assert!(ms <= seconds * 1000 && ms + 5_000 > seconds * 1000, "{ms}");
}

fn hold(client: &mut Client, body: &Json) -> Json {
    client.v1("hold", body).status(200).json()["hold_ms"].clone()
}

#[test]
fn a_held_key_admits_nobody() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        // Also a key that had no request yet.
        is_near(&hold(&mut client, &json!({"key": "k", "duration": "60s"})), 60);
        let denied = client.v1("slide", &slide("k")).status(429);
        is_near(&denied.json()["retry_after_ms"], 60);
        assert_eq!(denied.json()["remaining"], 0);
        // A hold that ends earlier changes nothing.
        is_near(&hold(&mut client, &json!({"key": "k", "duration": "1s"})), 60);
        assert_eq!(hold(&mut client, &json!({"key": "k", "duration": 0})), 0);
        assert_eq!(client.v1("slide", &slide("k")).status(200).json()["remaining"], 9);

        // Some limits of a quota.
        client.v1("quota", &quota("q")).status(200);
        is_near(&hold(&mut client, &json!({"key": "q", "duration": 90, "limits": ["tpm"]})), 90);
        let denied = client.v1("quota", &quota("q")).status(429).json();
        assert_eq!(denied["blocking"], json!(["tpm"]));
        hold(&mut client, &json!({"key": "q", "duration": "0"}));
        client.v1("quota", &quota("q")).status(200);
        let metrics = client.get("/metrics").text();
        assert!(
            metrics.contains("rl_requests_total{command=\"hold\",outcome=\"answered\"} 5\n"),
            "{metrics}"
        );
    });
}

#[test]
fn who_waits_is_admitted_when_the_hold_ends_or_is_lifted() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        hold(&mut client, &json!({"key": "k", "duration": "1h"}));
        let mut ask = slide("k");
        ask["wait"] = json!("1h");
        let mut waits = coordinator.client();
        waits.send("POST", "/v1/slide", &ask.to_string());
        wait_until("it waits", || waits_now(&mut client) == 1);
        hold(&mut client, &json!({"key": "k", "duration": 0}));
        waits.receive().status(200);
        hold(&mut client, &json!({"key": "k", "duration": "150ms"}));
        client.v1("slide", &ask).status(200);
    });
}

#[test]
fn what_is_used_elsewhere_counts() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("slide", &slide("k")).status(200);
        let sync = |client: &mut Client, body: &Json| client.v1("sync", body).status(200).json();
        let told = sync(&mut client, &json!({"key": "k", "remaining": 4, "reset": "1h"}));
        assert_eq!(told, json!({"used_elsewhere": 5}));
        assert_eq!(client.v1("slide", &slide("k")).status(200).json()["remaining"], 3);
        assert_eq!(sync(&mut client, &json!({"key": "k", "remaining": 50})), json!({"used_elsewhere": 0}));
        assert_eq!(client.v1("slide", &slide("k")).status(200).json()["remaining"], 7);

        // A debt, and a lower limit there, of which nothing is left unused.
        let owed = json!({"key": "k", "remaining": -1, "reset": "1h"});
        assert_eq!(sync(&mut client, &owed), json!({"used_elsewhere": 8}));
        assert_eq!(client.v1("slide", &slide("k")).status(429).json()["remaining"], 0);
        let lower = json!({"key": "k", "remaining": 9, "of": 4});
        assert_eq!(sync(&mut client, &lower), json!({"used_elsewhere": 6}));
        assert_eq!(client.v1("slide", &slide("k")).status(200).json()["remaining"], 0);

        // What a request was told that was sent before is ignored.
        let new = json!({"key": "k", "remaining": -2, "age": "10m"});
        assert_eq!(sync(&mut client, &new), json!({"used_elsewhere": 8}));
        let old = json!({"key": "k", "remaining": 6, "of": 10, "age": "1h"});
        assert_eq!(sync(&mut client, &old), json!({"used_elsewhere": 8}));

        client.v1("quota", &quota("q")).status(200);
        let left = json!({"rpm": {"remaining": 0, "reset": "30s"}, "tpm": {"remaining": 900}});
        let told = sync(&mut client, &json!({"key": "q", "limits": left}));
        assert_eq!(told, json!({"used_elsewhere": {"rpm": 99, "tpm": 90}}));
        let denied = client.v1("quota", &quota("q")).status(429).json();
        assert_eq!(denied["blocking"], json!(["rpm"]));
        is_near(&denied["retry_after_ms"], 30);
        assert_eq!(denied["limits"][1]["remaining"], 900);
        // A key that does not exist has nothing to compare.
        let told = sync(&mut client, &json!({"key": "new", "remaining": 0}));
        assert_eq!(told, json!({"used_elsewhere": 0}));
        client.v1("peek", &json!({"key": "new"})).status(404);
    });
}

#[test]
fn the_headers_of_a_provider_are_passed_as_they_are() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client
            .v1(
                "quota",
                &json!({"key": "q", "reserve": "1h", "cost": {"input": 10}, "limits": [
            {"name": "rpm", "limit": 100, "window": "1m"},
            {"name": "input", "limit": 1000, "window": "1m", "unit": "input"},
            {"name": "day", "limit": 1000, "window": "1d"},
            {"name": "output", "inflight": 9}]}),
            )
            .status(200);
        // `output` counts reservations, so it is told nothing. `tokens` is no limit of the key.
        let headers = json!({
            "Anthropic-RateLimit-Requests-Remaining": "40",
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-reset": "2999-01-01T00:00:00Z",
            "anthropic-ratelimit-input-tokens-remaining": "900",
            "anthropic-ratelimit-output-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-remaining": "0",
            "retry-after": "garbage",
            "content-type": "application/json"
        });
        let body = |headers: &Json| json!({"key": "q", "profile": "anthropic", "headers": headers});
        let told = client.v1("sync", &body(&headers)).status(200).json();
        assert_eq!(told, json!({"used_elsewhere": {"input": 90, "rpm": 59}, "hold_ms": 0}));
        let peeked = client.v1("peek", &json!({"key": "q"})).status(200).json();
        let left: Vec<&Json> =
            peeked["limits"].as_array().unwrap().iter().map(|limit| &limit["remaining"]).collect();
        assert_eq!(left, [40, 900, 999, 8]);

        let told = client.v1("sync", &body(&json!({"Retry-After": "30"}))).status(200).json();
        assert_eq!(told["used_elsewhere"], json!({}));
        is_near(&told["hold_ms"], 30);
        let denied = client
            .v1(
                "quota",
                &json!({"key": "q", "reserve": "1h", "limits": [
            {"name": "rpm", "limit": 100, "window": "1m"}]}),
            )
            .status(429);
        is_near(&denied.json()["retry_after_ms"], 30);
        // An answer that asks for no hold lifts none.
        for after in ["0", "-1", ""] {
            let told = client.v1("sync", &body(&json!({"Retry-After": after}))).status(200).json();
            assert_eq!(told["hold_ms"], 0);
        }
        client
            .v1(
                "quota",
                &json!({"key": "q", "reserve": "1h", "limits": [
            {"name": "rpm", "limit": 100, "window": "1m"}]}),
            )
            .status(429);

        // A key of one limit is told what is left of the requests, and a new key is only held.
        client.v1("slide", &slide("k")).status(200);
        let github = json!({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "99999999999"});
        let told =
            client.v1("sync", &json!({"key": "k", "profile": "x-ratelimit", "headers": github})).status(200);
        assert_eq!(told.json(), json!({"used_elsewhere": 6, "hold_ms": 0}));
        let openai = json!({"x-ratelimit-remaining-tokens": "0", "retry-after-ms": "60000"});
        let told =
            client.v1("sync", &json!({"key": "new", "profile": "openai", "headers": openai})).status(200);
        is_near(&told.json()["hold_ms"], 60);
        client.v1("slide", &slide("new")).status(429);

        for wrong in [
            json!({"key": "q", "headers": {}}),
            json!({"key": "q", "profile": "openai"}),
            json!({"key": "q", "headers": {}, "profile": "nobody"}),
            json!({"key": "q", "headers": {"retry-after": 5}, "profile": "openai"}),
            json!({"key": "q", "headers": [], "profile": "openai"}),
            json!({"key": "", "headers": {}, "profile": "openai"}),
            json!({"key": "q", "headers": {}, "profile": "openai", "remaining": 5}),
        ] {
            client.v1("sync", &wrong).problem(400, "invalid_request");
        }
        if let Some(redis) = &coordinator.redis {
            redis.connect().done("SET text value");
            let told = json!({"key": "text", "profile": "openai", "headers": {"x-ratelimit-remaining-requests": "1"}});
            client.v1("sync", &told).problem(409, "wrong_algorithm");
        }
    });
}

#[test]
fn what_is_wrong_changes_nothing() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        client.v1("quota", &quota("q")).status(200);
        client.v1("slide", &slide("k")).status(200);
        let many: Vec<String> = (0..17).map(|at| format!("l{at}")).collect();
        for wrong in [
            json!({"key": "q"}),
            json!({"duration": 5}),
            json!({"key": "q", "duration": -1}),
            json!({"key": "q", "duration": "LIMIT"}),
            json!({"key": "q", "duration": "3651d"}),
            json!({"key": "q", "duration": 5, "limits": []}),
            json!({"key": "q", "duration": 5, "limits": "rpm"}),
            json!({"key": "q", "duration": 5, "limits": [1]}),
            json!({"key": "q", "duration": 5, "limits": ["rpm", "rpm"]}),
            json!({"key": "q", "duration": 5, "limits": ["r p m"]}),
            json!({"key": "q", "duration": 5, "limits": many}),
        ] {
            client.v1("hold", &wrong).problem(400, "invalid_request");
        }
        for wrong in [
            json!({"key": "k"}),
            json!({"key": "k", "reset": 5}),
            json!({"key": "k", "remaining": -9_007_199_254_740_992_i64}),
            json!({"key": "k", "remaining": 1, "of": -1}),
            json!({"key": "k", "of": 1}),
            json!({"key": "k", "remaining": 1, "age": "-1s"}),
            json!({"key": "q", "headers": {}, "profile": "openai", "age": []}),
            json!({"key": "q", "limits": {"rpm": {"remaining": 5}}, "of": 5}),
            json!({"key": "k", "remaining": "1"}),
            json!({"key": "k", "remaining": 1.5}),
            json!({"key": "k", "remaining": 1, "reset": "soon"}),
            json!({"key": "k", "remaining": 1, "limits": {}}),
            json!({"key": "q", "limits": {}}),
            json!({"key": "q", "limits": {"rpm": 5}}),
            json!({"key": "q", "limits": {"rpm": {}}}),
            json!({"key": "q", "limits": {"r p m": {"remaining": 5}}}),
            json!({"key": "q", "limits": {"rpm": {"remaining": 5}}, "reset": 5}),
        ] {
            client.v1("sync", &wrong).problem(400, "invalid_request");
        }
        client
            .v1("hold", &json!({"key": "q", "duration": 5, "limits": ["none"]}))
            .problem(409, "no_such_limit");
        client
            .v1("sync", &json!({"key": "q", "limits": {"none": {"remaining": 5}}}))
            .problem(409, "no_such_limit");
        client
            .v1("hold", &json!({"key": "k", "duration": 5, "limits": ["rpm"]}))
            .problem(409, "wrong_algorithm");
        client.v1("sync", &json!({"key": "q", "remaining": 5})).problem(409, "wrong_algorithm");
        client
            .v1("sync", &json!({"key": "k", "limits": {"rpm": {"remaining": 5}}}))
            .problem(409, "wrong_algorithm");
        assert_eq!(client.v1("slide", &slide("k")).status(200).json()["remaining"], 8);
        assert_eq!(client.v1("quota", &quota("q")).status(200).json()["limits"][0]["remaining"], 98);
    });
}

#[test]
fn a_token_tells_its_own_keys_only() {
    let config = "[[token]]\nname = \"team\"\ntoken = \"a-token-for-one-team\"\nprefixes = [\"team:\"]\n";
    on_each(config, |coordinator| {
        let mut team = coordinator.client().with_token("a-token-for-one-team");
        let told = |key: &str| {
            let headers = json!({"key": key, "profile": "openai", "headers": {"retry-after": "60"}});
            let left = json!({"key": key, "remaining": 5});
            [("hold", json!({"key": key, "duration": 5})), ("sync", left), ("sync", headers)]
        };
        for (path, body) in told("other") {
            coordinator.client().v1(path, &body).problem(401, "unauthorized");
            team.v1(path, &body).problem(403, "key_forbidden");
        }
        for (path, body) in told("team:a") {
            team.v1(path, &body).status(200);
        }
    });
}

#[test]
fn a_snapshot_keeps_what_was_told() {
    let mut coordinator = Coordinator::start("[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n", &[]);
    let mut client = coordinator.client();
    hold(&mut client, &json!({"key": "new", "duration": "1h"}));
    client.v1("slide", &slide("k")).status(200);
    client.v1("sync", &json!({"key": "k", "remaining": 1})).status(200);
    assert!(coordinator.end().success());
    coordinator.restart();
    let mut client = coordinator.client();
    client.v1("slide", &slide("new")).status(429);
    assert_eq!(client.v1("slide", &slide("k")).status(200).json()["remaining"], 0);
}
