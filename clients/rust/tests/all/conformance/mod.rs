//! Runs the cases of clients/conformance/cases.json: makes calls by the public methods of a limiter, and writes answers in the neutral
//! form of the cases.
//!
//! | file | contents |
//! |---|---|
//! | `run.rs` | calls |
//! | `args.rs` | their arguments |
//! | `answers.rs` | their answers |

mod answers;
mod args;
mod run;

pub(crate) use self::run::run;

use redis_rl::{Cause, Error, Reply};
use serde_json::Value;

/// Returns a list of cases.
pub(crate) fn cases(list: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/cases.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = all[list].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "there are no {list}");
    cases
}

/// Writes a reply of a case as a connection returns it.
pub(crate) fn reply(of: &Value) -> Reply {
    match of {
        Value::Null => Reply::Nil,
        Value::Number(n) => Reply::Integer(n.as_i64().unwrap()),
        Value::String(text) => Reply::Text(text.clone().into_bytes()),
        Value::Array(items) => Reply::List(items.iter().map(reply).collect()),
        Value::Object(map) => {
            let pairs = map["map"].as_array().unwrap().iter();
            Reply::Map(pairs.map(|pair| (reply(&pair[0]), reply(&pair[1]))).collect())
        }
        Value::Bool(_) => panic!("no reply has {of}"),
    }
}

/// Returns what is wrong with an error.
pub(crate) fn error_differs(got: &Error, expected: &Value) -> Option<String> {
    let (class, cause) = match got {
        Error::Denied(_) => ("Denied", None),
        Error::Busy(_) => ("Busy", None),
        Error::WrongType(_) => ("WrongType", None),
        Error::NoPolicy(_) => ("NoPolicy", None),
        Error::Invalid(_) => ("Invalid", None),
        Error::Unsupported => ("Unsupported", None),
        Error::Unavailable(why) => ("Unavailable", Some(Cause::name(why.cause))),
        _ => ("another", None),
    };
    let is_cause = expected.get("cause").is_none_or(|wanted| wanted.as_str() == cause);
    (expected["class"] != class || !is_cause).then(|| format!("got {got:?}, expected {expected}"))
}

/// Returns what is wrong with an answer. All fields must be as expected, or only those that the case names.
pub(crate) fn differs(got: &Value, expected: &Value, only_named: bool) -> Option<String> {
    (!is_equal(got, expected, only_named)).then(|| format!("got {got}, expected {expected}"))
}

fn is_equal(got: &Value, expected: &Value, only_named: bool) -> bool {
    match (got, expected) {
        (got, Value::Object(wanted)) if wanted.contains_key("between") => {
            let (low, high) =
                (wanted["between"][0].as_i64().unwrap(), wanted["between"][1].as_i64().unwrap());
            got.as_i64().is_some_and(|n| (low..=high).contains(&n))
        }
        (Value::Object(got), Value::Object(wanted)) => {
            (only_named || got.len() == wanted.len())
                && wanted
                    .iter()
                    .all(|(name, value)| got.get(name).is_some_and(|own| is_equal(own, value, only_named)))
        }
        (Value::Array(got), Value::Array(wanted)) => {
            got.len() == wanted.len()
                && got.iter().zip(wanted).all(|(got, wanted)| is_equal(got, wanted, only_named))
        }
        _ => got == expected,
    }
}
