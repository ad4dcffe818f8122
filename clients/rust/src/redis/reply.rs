//! Replies and errors of redis-rs, as those of this package.

use ::redis::{ErrorKind, RedisError, Value};

use crate::error::Error;
use crate::reply::Reply;
use crate::unavailable::Cause;

pub(super) fn reply(value: Value) -> Result<Reply, Error> {
    let list = |items: Vec<Value>| items.into_iter().map(reply).collect::<Result<_, _>>().map(Reply::List);
    match value {
        Value::Nil => Ok(Reply::Nil),
        Value::Int(n) => Ok(Reply::Integer(n)),
        Value::BulkString(bytes) => Ok(Reply::Text(bytes)),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(Reply::Text(text.into_bytes())),
        Value::Okay => Ok(Reply::Text(b"OK".to_vec())),
        Value::Array(items) | Value::Set(items) => list(items),
        Value::Map(pairs) => {
            let pair = |(name, value)| Ok((reply(name)?, reply(value)?));
            pairs.into_iter().map(pair).collect::<Result<_, Error>>().map(Reply::Map)
        }
        Value::Attribute { data, .. } => reply(*data),
        Value::Boolean(is) => Ok(Reply::Integer(is.into())),
        Value::Double(n) => Ok(Reply::Text(n.to_string().into_bytes())),
        Value::ServerError(error) => Err(Error::from_server(&text(error.code(), error.details()))),
        _ => Err(Error::strange("one of RL.* commands")),
    }
}

fn text(code: &str, detail: Option<&str>) -> String {
    format!("{code} {}", detail.unwrap_or_default())
}

pub(super) fn classify(error: &RedisError) -> Error {
    if let Some(code) = error.code() {
        return Error::from_server(&text(code, error.detail()));
    }
    let cause = match error.kind() {
        ErrorKind::AuthenticationFailed => Cause::NoAuth,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Cause::Strange,
        _ => Cause::Down,
    };
    Error::unavailable(cause, error.to_string())
}
