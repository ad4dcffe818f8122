//! What rl-coordinator's errors mean.

use serde_json::Value;

use crate::error::Error;
use crate::unavailable::Cause;

/// How rl-coordinator says that its back end wants another user or password. Otherwise its user may not run the command.
const NO_AUTH: &str = "the back end wants another user or password";

pub(super) fn read(status: u16, answer: &Value) -> Error {
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
    let (code, degraded) = (text("code"), answer.get("degraded") == Some(&Value::Bool(true)));
    let detail = match text("detail") {
        "" => format!("rl-coordinator answers with the status {status}"),
        detail => detail.to_owned(),
    };
    let cause = match (code, status) {
        ("too_many_waiters", _) => return Error::Busy(detail),
        ("wrong_algorithm", _) => return Error::WrongType(detail),
        ("no_such_policy", _) => return Error::NoPolicy(detail),
        ("back_end_down", _) => Cause::Down,
        ("back_end_without_module", _) => Cause::NoModule,
        ("back_end_read_only", _) => Cause::ReadOnly,
        ("back_end_strange", _) => Cause::Strange,
        ("back_end_refuses", _) if detail.starts_with(NO_AUTH) => Cause::NoAuth,
        ("back_end_refuses", _) => Cause::NoPerm,
        ("out_of_memory", _) => Cause::Oom,
        ("slot_moves", _) => Cause::SlotMoves,
        ("too_many_keys", _) => Cause::TooManyKeys,
        ("too_many_token_keys", _) => Cause::TooManyTokenKeys,
        (_, 401) => Cause::NoAuth,
        (_, 403) => Cause::NoPerm,
        (_, 200) if degraded => Cause::Down,
        (_, 500..) => Cause::Down,
        ("", _) => Cause::Strange,
        _ => return Error::Invalid(detail),
    };
    Error::unavailable(cause, detail)
}
