//! Reads the module's replies and errors.

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use rl_core::fault::Fault;
use rl_core::limit::Kind;

use crate::command::Verb;
use crate::flow_state::FlowState;
use crate::reply::{Failure, Quota, Reply, Row};

/// The reply to a command; `None` if the module never gives such a reply. `is_up_to` is whether the command takes as much as
/// there is.
pub(super) fn read(verb: Verb, is_up_to: bool, value: &Value) -> Option<Reply> {
    match verb {
        Verb::Limit(_) if is_up_to => granted_row(list(value)?).map(Reply::Limit),
        Verb::Quota if is_up_to => granted(list(value)?).map(Reply::Quota),
        Verb::Limit(_) => row(list(value)?).map(Reply::Limit),
        Verb::Quota | Verb::ManyQuotas => quota(list(value)?).map(Reply::Quota),
        Verb::First => first(list(value)?).map(Reply::Quota),
        Verb::Peek => match value {
            Value::Nil => Some(Reply::None),
            Value::Array(all) if matches!(all.get(2), Some(Value::Int(_))) => row(all).map(Reply::Limit),
            Value::Array(all) => quota(all).map(Reply::Quota),
            _ => None,
        },
        Verb::Refund => count(value).map(Reply::Remaining),
        Verb::Settle | Verb::Cancel | Verb::Renew => flag(value).map(Reply::Done),
        Verb::Hold => count(value).map(Reply::Held),
        Verb::Sync => elsewhere(value).map(Reply::Elsewhere),
    }
}

/// How much is used elsewhere: of the one limit of a key, or of each by its name.
fn elsewhere(value: &Value) -> Option<Vec<(String, u64)>> {
    match value {
        Value::Int(_) => Some(vec![(String::new(), count(value)?)]),
        Value::Map(all) => all.iter().map(|(name, used)| Some((text(name)?, count(used)?))).collect(),
        // A map in RESP2
        Value::Array(all) => {
            let pairs = all.chunks(2).map(|pair| match pair {
                [name, used] => Some((text(name)?, count(used)?)),
                _ => None,
            });
            pairs.collect()
        }
        _ => None,
    }
}

/// The algorithm in a reply to `RL.INFO`.
pub(super) fn algorithm(value: &Value) -> Option<&'static str> {
    let [field, algorithm, ..] = list(value)? else { return None };
    let algorithm = text(algorithm).filter(|_| text(field).as_deref() == Some("algorithm"))?;
    Kind::ALL.map(Kind::name).into_iter().chain(["quota", "none"]).find(|known| *known == algorithm)
}

/// The flows in a reply to `RL.INFO`.
pub(super) fn flows(value: &Value) -> Option<Vec<FlowState>> {
    let flow = |value: &Value| {
        let number = |name| count(field(value, name)?);
        Some(FlowState {
            lane: text(field(value, "lane")?)?,
            flow: text(field(value, "flow")?)?,
            waiting: number("waiting")?,
            served: number("served")?,
            share_percent: number("share_percent")?,
            longest_wait_ms: number("longest_wait_ms")?,
        })
    };
    list(field(value, "flows")?)?.iter().map(flow).collect()
}

/// A field of a map, as RESP2 writes it.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let pairs = list(value)?.chunks(2);
    let named = |pair: &'v [Value]| match pair {
        [known, value] if text(known).as_deref() == Some(name) => Some(value),
        _ => None,
    };
    pairs.filter_map(named).next()
}

fn list(value: &Value) -> Option<&[Value]> {
    if let Value::Array(all) = value { Some(all) } else { None }
}

fn signed(value: &Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}

fn count(value: &Value) -> Option<u64> {
    signed(value).and_then(|number| u64::try_from(number).ok())
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// 0, a number of ms, or -1.
fn retry(value: &Value) -> Option<i64> {
    signed(value).filter(|ms| *ms >= -1)
}

/// The five integers of one limit.
fn row(all: &[Value]) -> Option<Row> {
    let [allowed, rest @ ..] = all else { return None };
    row_of(flag(allowed)?, rest)
}

/// The four integers that follow the admission, or a name.
fn row_of(allowed: bool, rest: &[Value]) -> Option<Row> {
    let [limit, remaining, retry_after, reset] = rest else { return None };
    Some(Row {
        allowed,
        limit: count(limit)?,
        remaining: count(remaining)?,
        retry_after_ms: retry(retry_after)?,
        reset_after_ms: count(reset)?,
        granted: None,
    })
}

/// What a quota answers, and the index of its key.
fn first(all: &[Value]) -> Option<Quota> {
    let (index, all) = all.split_last()?;
    Some(Quota { index: Some(signed(index)?), ..quota(all)? })
}

/// The five integers of one limit, of which the first is how much is granted.
fn granted_row(all: &[Value]) -> Option<Row> {
    let [granted, rest @ ..] = all else { return None };
    let granted = count(granted)?;
    Some(Row { granted: Some(granted), ..row_of(granted > 0, rest)? })
}

/// What a quota answers, and what is granted of each unit.
fn granted(all: &[Value]) -> Option<Quota> {
    let (granted, all) = all.split_last()?;
    let pair = |pair: &[Value]| match pair {
        [unit, n] => Some((text(unit)?, count(n)?)),
        _ => None,
    };
    let granted = list(granted)?.chunks(2).map(pair).collect::<Option<_>>()?;
    Some(Quota { granted: Some(granted), ..quota(all)? })
}

/// A quota: allowed, retry_after_ms, the limits that block, a row for each limit, and maybe the reservation.
fn quota(all: &[Value]) -> Option<Quota> {
    let [allowed, retry_after, blocking, rows, rest @ ..] = all else { return None };
    let blocking: Vec<String> = list(blocking)?.iter().map(text).collect::<Option<_>>()?;
    let named = |row: &Value| {
        let [name, rest @ ..] = list(row)? else { return None };
        let name = text(name)?;
        let row = row_of(!blocking.contains(&name), rest)?;
        Some((name, row))
    };
    let limits = list(rows)?.iter().map(named).collect::<Option<_>>()?;
    let reservation = match rest {
        [] => None,
        [Value::Nil] => Some(None),
        [id] => Some(Some(text(id)?)),
        _ => return None,
    };
    let retry_after_ms = retry(retry_after)?;
    Some(Quota {
        allowed: flag(allowed)?,
        retry_after_ms,
        blocking,
        limits,
        reservation,
        index: None,
        granted: None,
        is_leased: false,
    })
}

/// The failure that an error means. A server's text never reaches a client: only errors of known text are repeated.
pub(super) fn failure(error: &RedisError) -> Failure {
    let code = error.code().unwrap_or_default();
    let said = |fault: &&Fault| {
        let text = fault.text().to_str().unwrap_or_default();
        text.split_once(' ') == Some((code, error.detail().unwrap_or_default()))
    };
    if let Some(fault) = Fault::ALL.iter().find(said) {
        return Failure::Fault(*fault);
    }
    match (error.kind(), code) {
        (ErrorKind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => Failure::NotAuthenticated,
        (_, "READONLY") => Failure::ReadOnly,
        (_, "CROSSSLOT") => Failure::OtherSlots,
        (_, "ERR") if error.detail().is_some_and(|detail| detail.starts_with("unknown command")) => {
            Failure::NoModule
        }
        (_, "NOPERM") => Failure::Fault(Fault::NoPermission),
        (_, "OOM") => Failure::Fault(Fault::OutOfMemory),
        (_, "RLBUSY") => Failure::Fault(Fault::Busy),
        (_, "WRONGTYPE") => Failure::Fault(Fault::WrongType),
        // The server answers, but cannot decide now.
        (_, "UNBLOCKED" | "MISCONF" | "NOREPLICAS" | "BUSY") => Failure::Down,
        (ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::Extension, _) => Failure::Strange,
        (ErrorKind::UnexpectedReturnType | ErrorKind::Parse, _) => Failure::Strange,
        _ => Failure::Down,
    }
}

/// Whether the user may run the command, but not on this key.
pub(super) fn is_about_key(error: &RedisError) -> bool {
    // "No permissions to access a key", or "… to access one of the keys used as arguments"
    error.code() == Some("NOPERM") && error.detail().is_some_and(|detail| detail.contains("to access"))
}

/// Whether the connection is broken, or leads to the wrong server.
pub(super) fn is_over(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.is_timeout()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
                | ErrorKind::ClusterConnectionNotFound
        )
}
