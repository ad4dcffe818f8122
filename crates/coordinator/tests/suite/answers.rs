//! Both back ends give the same answers.

use serde_json::json;

use crate::common::{Coordinator, on_each};

const POLICIES: &str = "[policy.chat]\nrpm = { limit = 3, window = \"60s\" }\ntpm = { limit = 1000, window = \"1m\", unit = \"tokens\" }\n";

#[test]
fn one_limit_is_answered_with_five_numbers() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let slide = json!({"key": "k", "limit": 5, "window": "1h", "cost": 3});
        let answer = client.v1("slide", &slide).status(200);
        let expected = json!({"allowed": true, "limit": 5, "remaining": 2, "retry_after_ms": 0, "reset_after_ms": 3_600_000});
        assert_eq!(answer.json(), expected);
        assert_eq!(answer.field("ratelimit"), Some("\"default\";r=2;t=3600"));
        assert_eq!(answer.field("ratelimit-policy"), Some("\"default\";q=5;w=3600"));
        assert_eq!(answer.field("retry-after"), None);

        let denied = client.v1("slide", &slide).status(429);
        let body = denied.json();
        assert_eq!((&body["allowed"], &body["remaining"]), (&json!(false), &json!(2)));
        let retry = body["retry_after_ms"].as_u64().unwrap();
        assert!((3_590_000..=3_600_000).contains(&retry), "{body}");
        assert_eq!(denied.field("retry-after").unwrap(), retry.div_ceil(1_000).to_string());

        let never =
            client.v1("slide", &json!({"key": "k", "limit": 5, "window": "1h", "cost": 6})).status(429);
        assert_eq!((never.json()["retry_after_ms"].as_i64(), never.field("retry-after")), (Some(-1), None));
        assert_eq!(
            client.v1("refund", &json!({"key": "k", "cost": 2})).status(200).json(),
            json!({"remaining": 4})
        );
        assert_eq!(client.v1("peek", &json!({"key": "k"})).status(200).json()["remaining"], 4);

        let bucket =
            client.v1("bucket", &json!({"key": "b", "capacity": 50, "refill": 8.33, "cost": 50})).status(200);
        assert_eq!(bucket.json()["reset_after_ms"], 6_003); // 50 / 8.33 s, rounded up
        assert_eq!(bucket.field("ratelimit-policy"), Some("\"default\";q=50;w=7"));
        let month = client
            .v1("window", &json!({"key": "m", "limit": 9, "window": "1mo", "offset": "-8h"}))
            .status(200);
        assert_eq!(month.field("ratelimit-policy"), Some("\"default\";q=9"));
    });
}

#[test]
fn a_quota_is_all_or_nothing_and_can_be_settled() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let limits = json!([
            {"name": "rpm", "limit": 10, "window": 60},
            {"name": "tpm", "limit": 1000, "window": "1m", "unit": "tokens", "algorithm": "bucket", "capacity": 800},
            {"name": "day", "limit": 5000, "window": "1d", "unit": "tokens", "algorithm": "window", "offset": "-8h"},
            {"name": "calls", "inflight": 1},
        ]);
        let body =
            json!({"key": "q", "limits": limits, "cost": {"tokens": 500}, "reserve": "2m", "id": "first"});
        let answer = client.v1("quota", &body).status(200);
        let told = answer.json();
        assert_eq!(
            (&told["allowed"], &told["blocking"], &told["reservation"]),
            (&json!(true), &json!([]), &json!("first"))
        );
        let rows = told["limits"].as_array().unwrap();
        let remaining: Vec<_> = rows
            .iter()
            .map(|row| (row["name"].as_str().unwrap(), row["remaining"].as_u64().unwrap()))
            .collect();
        assert_eq!(remaining, [("rpm", 9), ("tpm", 300), ("day", 4500), ("calls", 0)]);
        assert!(answer.field("ratelimit").unwrap().starts_with("\"rpm\";r=9;t=60, \"tpm\";r=300;t=30, "));
        let policy = "\"rpm\";q=10;w=60, \"tpm\";q=800;qu=\"tokens\";w=48, \"day\";q=5000;qu=\"tokens\";w=86400, \"calls\";q=1;qu=\"concurrent-requests\"";
        assert_eq!(answer.field("ratelimit-policy"), Some(policy));

        // A request with the same id is the same request.
        assert_eq!(client.v1("quota", &body).status(200).json()["limits"][3]["remaining"], 0);
        let other = json!({"key": "q", "limits": limits, "cost": {"tokens": 500}, "reserve": "2m"});
        let denied = client.v1("quota", &other).status(429).json();
        assert_eq!((&denied["blocking"], &denied["reservation"]), (&json!(["tpm", "calls"]), &json!(null)));
        assert_eq!(denied["limits"][0]["allowed"], true);

        assert_eq!(
            client.v1("renew", &json!({"key": "q", "id": "first", "ttl": "5m"})).status(200).json(),
            json!({"done": true})
        );
        let settle = json!({"key": "q", "id": "first", "cost": {"tokens": 100}});
        assert_eq!(client.v1("settle", &settle).status(200).json(), json!({"done": true}));
        assert_eq!(client.v1("settle", &settle).status(200).json(), json!({"done": false}));
        let made = client.v1("quota", &other).status(200).json();
        let id = made["reservation"].as_str().unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(
            client.v1("cancel", &json!({"key": "q", "id": id})).status(200).json(),
            json!({"done": true})
        );
        let peek = client.v1("peek", &json!({"key": "q", "cost": {"tokens": 4950}})).status(200).json();
        assert_eq!((&peek["allowed"], &peek["blocking"]), (&json!(false), &json!(["tpm", "day"])));
    });
}

#[test]
fn errors_are_problems_in_the_same_words() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let slide = |body: serde_json::Value| ("slide", body);
        for ((command, body), detail) in [
            (
                slide(json!({"key": "k", "limit": -1, "window": 60})),
                "limit must be an integer from 0 to 9007199254740991",
            ),
            (
                slide(json!({"key": "k", "limit": 1.5, "window": 60})),
                "limit must be an integer from 0 to 9007199254740991",
            ),
            (
                slide(json!({"key": "k", "limit": "1", "window": 60})),
                "limit must be an integer from 0 to 9007199254740991",
            ),
            (
                slide(json!({"key": "k", "limit": 1, "window": "COST"})),
                "window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
            ),
            (
                slide(json!({"key": "k", "limit": 1, "window": 60, "wait": "3651d"})),
                "wait must be a duration from 1ms to 3650d, such as 30, 250ms, 5m, 1h or 1d",
            ),
            (
                slide(json!({"key": "k", "limit": 1, "window": 60, "wait": 1, "priority": "urgent"})),
                "priority must be CRITICAL, HIGH, NORMAL or LOW, or 0 to 3",
            ),
            (
                slide(json!({"key": "k", "limit": 1, "window": 60, "priority": "low"})),
                "priority may stand with wait only",
            ),
            (
                slide(json!({"key": "", "limit": 1, "window": 60})),
                "key must be a string of 1 to 1024 characters",
            ),
            (slide(json!({"key": "k", "limit": 1})), "the body must have the field window"),
            (
                slide(json!({"key": "k", "limit": 1, "window": 60, "offset": "1h"})),
                "the body has an unknown field, expected key, limit, window, cost, up_to, wait, priority, flow, weight and on_error",
            ),
            (
                slide(json!(["key"])),
                "the body must be a JSON object with key, limit, window, cost, up_to, wait, priority, flow, weight and on_error",
            ),
            (
                ("window", json!({"key": "k", "limit": 1, "window": "2mo"})),
                "window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d, or 1mo",
            ),
            (
                ("bucket", json!({"key": "k", "capacity": 1, "refill": 0})),
                "refill must be a number above 0 and up to 9007199254740991, such as 500 or 8.33",
            ),
            (("quota", json!({"key": "k"})), "the body must have one of the fields policy and limits"),
            (("quota", json!({"key": "k", "limits": []})), "a quota must have 1 to 16 limits"),
            (
                ("quota", json!({"key": "k", "limits": [{"name": "a b", "limit": 1, "window": 1}]})),
                "limit name must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -",
            ),
            (
                ("quota", json!({"key": "k", "limits": [{"name": "a", "inflight": 1}]})),
                "a quota with an inflight limit needs reserve",
            ),
            (
                (
                    "quota",
                    json!({"key": "k", "limits": [{"name": "a", "inflight": 1, "unit": "u"}], "reserve": 1}),
                ),
                "beside inflight nothing but name and shadow may stand",
            ),
            (
                (
                    "quota",
                    json!({"key": "k", "limits": [{"name": "a", "limit": 1, "window": 1, "capacity": 3}]}),
                ),
                "capacity may stand with algorithm \"bucket\" only",
            ),
            (
                ("cancel", json!({"key": "k", "id": "\u{7}"})),
                "id must be 1 to 128 printable ASCII characters",
            ),
        ] {
            let answer = client.v1(command, &body).problem(400, "invalid_request");
            assert_eq!(answer.json()["detail"], detail, "{body}");
        }
        let twice = client.ask("POST", "/v1/cancel", r#"{"key": "k", "id": "a", "id": "b"}"#).status(400);
        assert_eq!(twice.json()["detail"], "the body has a field twice");

        client.v1("slide", &json!({"key": "s", "limit": 1, "window": 60})).status(200);
        client.v1("bucket", &json!({"key": "s", "capacity": 1, "refill": 1})).problem(409, "wrong_algorithm");
        client.v1("peek", &json!({"key": "s", "cost": {"tokens": 1}})).problem(409, "wrong_algorithm");
        client.v1("quota", &json!({"key": "p", "policy": "nope"})).problem(409, "no_such_policy");
        client.v1("peek", &json!({"key": "nope"})).problem(404, "no_such_key");
        client.get("/nope").problem(404, "not_found");
        assert_eq!(client.get("/v1/slide").problem(405, "method_not_allowed").field("allow"), Some("POST"));
    });
}

#[test]
fn no_answer_repeats_what_a_client_sent() {
    on_each("", |coordinator| {
        let mut client = coordinator.client();
        let mark = "X-marks-the-spot";
        for (path, body) in [
            ("/v1/slide", format!("{{\"{mark}\": 1}}")),
            ("/v1/slide", format!("{{\"key\": \"{mark}\", \"limit\": \"{mark}\", \"window\": 1}}")),
            ("/v1/quota", format!("{{\"key\": \"{mark}\", \"policy\": \"{mark}\"}}")),
            (
                "/v1/quota",
                format!(
                    "{{\"key\": \"k\", \"limits\": [{{\"name\": \"{mark} \", \"limit\": 1, \"window\": 1}}]}}"
                ),
            ),
            ("/v1/peek", format!("{{\"key\": \"{mark}\"}}")),
            (&format!("/{mark}"), String::new()),
        ] {
            let answer = client.ask("POST", path, &body);
            assert!(answer.status >= 400, "{answer:?}");
            assert!(!format!("{:?}{}", answer.fields, answer.text()).contains(mark), "{answer:?}");
        }
    });
}

#[test]
fn policies_have_names_here_and_there() {
    let dir = crate::common::coordinator::folder();
    std::fs::write(dir.join("policies.toml"), POLICIES).unwrap();
    let mut embedded = Coordinator::start_in(&dir, "policies = \"policies.toml\"", &[]);
    let mut redis = Coordinator::on_redis("");
    let server = redis.redis.as_ref().unwrap();
    server.connect().done("RL.POLICY SET chat LIMIT rpm 3 60 LIMIT tpm 1000 1m UNIT tokens");
    for coordinator in [&mut embedded, &mut redis] {
        let mut client = coordinator.client();
        let body = json!({"key": "q", "policy": "chat", "cost": {"tokens": 400}});
        assert_eq!(client.v1("quota", &body).status(200).json()["limits"][1]["remaining"], 600);
        client.v1("quota", &body).status(200);
        assert_eq!(client.v1("quota", &body).status(429).json()["blocking"], json!(["tpm"]));
    }
}

#[test]
fn a_wrong_file_is_refused_with_its_line() {
    let dir = crate::common::coordinator::folder();
    std::fs::write(dir.join("policies.toml"), "\n[policy.chat]\nrpm = { limit = -1, window = 60 }\n")
        .unwrap();
    for (config, wanted) in [
        ("policies = \"policies.toml\"", "policies.toml: line 3, policy.chat.rpm.limit: limit must be"),
        ("lisen = \"127.0.0.1:1\"", "unknown field `lisen`"),
        ("[bounds]\nkeys = -1", "config.toml"),
        ("[[token]]\nname = \"a\"\ntoken = \"short\"", "token must have 16 characters or more"),
        ("[redis]\nurl = \"http://x\"", "must begin with redis://"),
        ("[redis]\nurl = \"redis://x\"\n[snapshot]\npath = \"x\"", "nothing to save here"),
    ] {
        let log = Coordinator::try_start(&dir, config, &[]).err().expect("it is refused");
        assert!(log.contains(wanted), "{log}");
    }
}

#[test]
fn a_configuration_can_be_checked() {
    let check = |config: &str| {
        let dir = crate::common::coordinator::folder();
        std::fs::write(dir.join("config.toml"), config).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rl-coordinator"))
            .args(["--config", "config.toml", "--check"])
            .current_dir(&dir)
            .output()
            .unwrap();
        let _ = std::fs::remove_dir_all(dir);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check("[redis]\nurl = \"redis-sentinel://h/name\"\n"), (true, String::new()));
    for (config, wanted) in [
        ("[tls]\ncert = \"nope.pem\"\nkey = \"nope.key\"\n", "nope.pem: "),
        ("[redis]\nurl = \"redis-sentinel://h\"\n", "must end with /name"),
        ("[redis]\nurl = \"redis://u:secret@:x\"\n", "the URL of Redis is none that is understood"),
        ("[redis]\nurl = \"rediss://h\"\nca = \"nope.pem\"\n", "nope.pem: "),
    ] {
        let (is_right, said) = check(config);
        assert!(!is_right && said.contains(wanted) && !said.contains("secret"), "{said}");
    }
}
