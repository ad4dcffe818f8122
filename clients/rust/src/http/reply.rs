//! Turns an answer of rl-coordinator into the reply that the module gives to the same command.

use serde_json::{Map, Value};

use super::error;
use crate::error::Error;
use crate::reply::Reply;
use crate::window::read_ms;

/// The codes of a 404 that say that there is nothing to answer about.
const ABSENT: [&str; 3] = ["no_such_key", "no_such_policy", "no_such_override"];

pub(super) fn read(status: u16, data: &[u8]) -> Result<Reply, Error> {
    let answer: Value = serde_json::from_slice(data).unwrap_or_default();
    let code = answer.get("code").and_then(Value::as_str).unwrap_or_default();
    if status == 404 && ABSENT.contains(&code) {
        return Ok(Reply::Nil);
    }
    let fields = match (&answer, status) {
        (Value::Object(fields), 200 | 429) if fields.get("degraded") != Some(&Value::Bool(true)) => fields,
        _ => return Err(error::read(status, &answer)),
    };
    known(fields).ok_or_else(|| Error::strange("one of rl-coordinator"))
}

/// Reads an answer by the fields that it has.
fn known(fields: &Map<String, Value>) -> Option<Reply> {
    let has = |name: &str| fields.contains_key(name);
    let plain = |name: &str| fields.get(name).and_then(plain);
    if has("done") {
        return plain("done");
    }
    if has("used_elsewhere") {
        return plain("used_elsewhere");
    }
    if has("hold_ms") {
        return plain("hold_ms");
    }
    if has("policies") {
        return plain("policies");
    }
    if has("overrides") {
        return plain("overrides");
    }
    if has("name") {
        let limits = fields.get("limits")?.as_array()?;
        return limits.iter().map(limit).collect::<Option<_>>().map(Reply::List);
    }
    if has("allowed") && has("limits") {
        return quota(fields);
    }
    if has("allowed") {
        let numbers = ["allowed", "limit", "remaining", "retry_after_ms", "reset_after_ms"];
        return numbers.into_iter().map(plain).collect::<Option<_>>().map(Reply::List);
    }
    plain("remaining")
}

/// Turns a value into the reply of the same form.
fn plain(value: &Value) -> Option<Reply> {
    match value {
        Value::Null => Some(Reply::Nil),
        Value::Bool(is) => Some(Reply::Integer((*is).into())),
        Value::Number(n) => n.as_i64().map(Reply::Integer),
        Value::String(text) => Some(Reply::Text(text.clone().into_bytes())),
        Value::Array(items) => items.iter().map(plain).collect::<Option<_>>().map(Reply::List),
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| Some((word(name), plain(value)?));
            fields.iter().map(pair).collect::<Option<_>>().map(Reply::Map)
        }
    }
}

fn word(word: &str) -> Reply {
    Reply::Text(word.as_bytes().to_vec())
}

fn quota(fields: &Map<String, Value>) -> Option<Reply> {
    let row = |row: &Value| {
        let cells = ["name", "limit", "remaining", "retry_after_ms", "reset_after_ms"];
        cells.into_iter().map(|cell| plain(row.get(cell)?)).collect::<Option<_>>().map(Reply::List)
    };
    let rows = fields.get("limits")?.as_array()?.iter().map(row).collect::<Option<_>>()?;
    let [allowed, retry, blocking] =
        ["allowed", "retry_after_ms", "blocking"].map(|name| fields.get(name).and_then(plain));
    let mut reply = vec![allowed?, retry?, blocking?, Reply::List(rows)];
    reply.extend(fields.get("reservation").and_then(plain));
    reply.extend(fields.get("index").and_then(plain));
    Some(Reply::List(reply))
}

/// Turns a limit into the fields that RL.POLICY GET has for it.
fn limit(body: &Value) -> Option<Reply> {
    let own = |name: &str| body.get(name).and_then(plain);
    let time = |name: &str| match body.get(name)?.as_str()? {
        calendar @ ("1w" | "1mo") => Some(word(calendar)),
        text => read_ms(text).map(Reply::Integer),
    };
    let algorithm = match (own("inflight"), own("algorithm")) {
        (Some(_), _) => word("inflight"),
        (None, Some(algorithm)) => algorithm,
        (None, None) => word("slide"),
    };
    let is_bucket = algorithm == word("bucket");
    let (limit, window) = if is_bucket { ("refill", "period_ms") } else { ("limit", "window_ms") };
    let fields = [
        ("name", own("name")),
        ("unit", own("unit")),
        ("algorithm", Some(algorithm)),
        (limit, own("inflight").or_else(|| own("limit"))),
        (window, time("window")),
        ("offset_ms", time("offset")),
        ("capacity", own("capacity")),
        ("shadow", own("shadow")),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((word(name), value?)));
    Some(Reply::Map(given.collect()))
}
