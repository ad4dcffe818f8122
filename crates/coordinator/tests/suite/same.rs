//! A random history of quotas, reservations and refunds: the program in memory, the program with a server, and the module
//! itself give the same answer to each step. (`oracle.rs` checks the answers of keys of one limit.)
//!
//! Windows are so long and refills so slow that no count changes by itself during the test. The three are asked one after
//! another, so times may differ a little.

use serde_json::{Value as Json, json};

use crate::common::value::Value;
use crate::common::{Client, Conn, Coordinator, Random};

/// The most by which the times in the three answers may differ.
const NEAR_MS: i64 = 5_000;

/// A step: a path with its body, and the same as a command.
struct Step {
    path: &'static str,
    body: Json,
    command: String,
}

impl Step {
    /// Keys are new in each `age`: keys that are used up for good would have nothing left to compare.
    fn random(random: &mut Random, age: usize) -> Self {
        let key = format!("q{age}.{}", random.below(4));
        let id = format!("r{}", random.below(12));
        let tokens = random.between(0, 60);
        let step = |path, body, command| Self { path, body, command };
        match random.below(12) {
            0..=5 => Self::quota(random, &key, &id, tokens),
            6 => step(
                "settle",
                json!({"key": key, "id": id, "cost": {"tokens": tokens}}),
                format!("RL.SETTLE {key} {id} COST tokens {tokens}"),
            ),
            7 => step("settle", json!({"key": key, "id": id}), format!("RL.SETTLE {key} {id}")),
            8 => step("cancel", json!({"key": key, "id": id}), format!("RL.CANCEL {key} {id}")),
            9 => {
                let body = json!({"key": key, "id": id, "ttl": "3h"});
                step("renew", body, format!("RL.RENEW {key} {id} 3h"))
            }
            10 => {
                let body = json!({"key": key, "cost": {"tokens": tokens}});
                step("peek", body, format!("RL.PEEK {key} COST tokens {tokens}"))
            }
            // Sometimes a key of one limit, or a key of the other kind.
            _ => {
                let (limit, cost) = (random.between(1, 30), random.between(0, 9));
                let key = if random.one_in(3) { key } else { format!("one{age}") };
                match random.below(3) {
                    0 => {
                        let body = json!({"key": key, "cost": cost});
                        step("refund", body, format!("RL.REFUND {key} {cost}"))
                    }
                    1 => {
                        let body = json!({"key": key, "cost": cost});
                        step("peek", body, format!("RL.PEEK {key} COST {cost}"))
                    }
                    _ => {
                        let body = json!({"key": key, "limit": limit, "window": "1d", "cost": cost});
                        step("slide", body, format!("RL.SLIDE {key} {limit} 1d COST {cost}"))
                    }
                }
            }
        }
    }

    fn quota(random: &mut Random, key: &str, id: &str, tokens: i64) -> Self {
        let (rpm, tpm, calls) = (random.between(5, 40), random.between(100, 900), random.between(1, 9));
        let mut limits = vec![
            json!({"name": "rpm", "limit": rpm, "window": "1d"}),
            json!({"name": "tpm", "limit": tpm, "window": "365d", "unit": "tokens", "algorithm": "window"}),
            json!({"name": "burst", "limit": 1, "window": "3650d", "unit": "tokens", "algorithm": "bucket", "capacity": 500}),
        ];
        let mut words = vec![
            format!("LIMIT rpm {rpm} 1d"),
            format!("LIMIT tpm {tpm} 365d UNIT tokens WINDOW"),
            "LIMIT burst 1 3650d UNIT tokens BUCKET 500".to_owned(),
        ];
        // Limits come and go, as when a release rolls out.
        if random.one_in(3) {
            limits.remove(1);
            words.remove(1);
        }
        let mut body = json!({"key": key, "cost": {"tokens": tokens}});
        let mut terms = format!("COST tokens {tokens}");
        if random.one_in(2) {
            limits.push(json!({"name": "calls", "inflight": calls}));
            words.push(format!("LIMIT calls {calls} INFLIGHT"));
        }
        if limits.iter().any(|limit| limit["inflight"].is_i64()) || random.one_in(2) {
            (body["reserve"], body["id"]) = (json!("1h"), json!(id));
            terms += &format!(" RESERVE 1h ID {id}");
        }
        body["limits"] = Json::from(limits);
        Self { path: "quota", body, command: format!("RL.QUOTA {key} {} {terms}", words.join(" ")) }
    }

    /// The program's answer, as the module would write it.
    fn over_http(&self, client: &mut Client) -> Vec<String> {
        let answer = client.v1(self.path, &self.body);
        let told = answer.json();
        if answer.status == 404 {
            return vec!["nil".to_owned()];
        }
        if answer.status == 409 {
            return vec![format!("error {}", told["code"].as_str().unwrap())];
        }
        assert!([200, 429].contains(&answer.status), "{told}");
        let number = |value: &Json| value.as_i64().unwrap().to_string();
        let row = |row: &Json| {
            ["limit", "remaining", "retry_after_ms", "reset_after_ms"].map(|name| number(&row[name]))
        };
        let flag = |value: &Json| u8::from(value.as_bool().unwrap()).to_string();
        if let Some(done) = told.get("done") {
            return vec![flag(done)];
        }
        let Some(allowed) = told.get("allowed") else { return vec![number(&told["remaining"])] };
        let mut all = vec![flag(allowed)];
        let Some(limits) = told.get("limits") else {
            all.extend(row(&told));
            return all;
        };
        all.push(number(&told["retry_after_ms"]));
        all.extend(told["blocking"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()));
        for limit in limits.as_array().unwrap() {
            all.push(limit["name"].as_str().unwrap().to_owned());
            all.extend(row(limit));
            let blocks = told["blocking"].as_array().unwrap().contains(&limit["name"]);
            assert_eq!(limit["allowed"], !blocks, "{told}");
        }
        if let Some(id) = told.get("reservation") {
            all.push(id.as_str().unwrap_or("nil").to_owned());
        }
        all
    }

    fn over_redis(&self, conn: &mut Conn) -> Vec<String> {
        let mut all = Vec::new();
        flatten(&conn.ask(&self.command), &mut all);
        all
    }
}

fn flatten(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Int(number) => all.push(number.to_string()),
        Value::Nil => all.push("nil".to_owned()),
        Value::Array(values) => values.iter().for_each(|value| flatten(value, all)),
        Value::Error(text) if text.starts_with("WRONGTYPE") => all.push("error wrong_algorithm".to_owned()),
        Value::Error(text) if text.contains("expected RL.PEEK") => {
            all.push("error wrong_algorithm".to_owned())
        }
        other => all.push(other.text()),
    }
}

/// Whether two answers are the same, apart from small differences in times.
fn are_same(one: &[String], other: &[String]) -> bool {
    let near = |(one, other): (&String, &String)| match (one.parse::<i64>(), other.parse::<i64>()) {
        (Ok(one), Ok(other)) if one > NEAR_MS && other > NEAR_MS => (one - other).abs() < NEAR_MS,
        _ => one == other,
    };
    one.len() == other.len() && one.iter().zip(other).all(near)
}

#[test]
fn a_random_history_has_the_same_answers_everywhere() {
    let (embedded, redis) = (Coordinator::start("", &[]), Coordinator::on_redis(""));
    let module = crate::common::Server::start(&[]);
    let (mut one, mut two, mut three) = (embedded.client(), redis.client(), module.connect());
    let seed = u64::from(std::process::id());
    let mut random = Random::new(seed);
    let mut kinds = std::collections::BTreeMap::<String, u32>::new();
    for number in 0..4_000 {
        let step = Step::random(&mut random, number / 300);
        let told = [step.over_http(&mut one), step.over_http(&mut two), step.over_redis(&mut three)];
        let same = are_same(&told[0], &told[2]) && are_same(&told[1], &told[2]);
        assert!(same, "seed {seed}, step {number}, {}: {told:#?}", step.command);
        let first = &told[2][0];
        let first = if first.parse::<u32>().is_ok_and(|number| number > 1) { "number" } else { first };
        *kinds.entry(format!("{} {first}", step.path)).or_default() += 1;
    }
    for kind in [
        "quota 1", "quota 0", "settle 1", "settle 0", "cancel 1", "renew 1", "peek 1", "peek 0", "peek nil",
        "slide 0",
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 5), "{kind}: {kinds:?}");
    }
}
