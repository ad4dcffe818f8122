//! The JSON bodies of `POST /v1/…`: each becomes a command.
//!
//! | file | contents |
//! |---|---|
//! | `json.rs`, `object_error.rs` | reads a JSON object into a struct, with errors in fixed words |
//! | `fields.rs` | the types of fields, with their schemas |
//! | `limits.rs`, `quota.rs` | the bodies of commands for one limit and for quotas |
//! | `quota_limit.rs` | a limit in the body of a quota |
//! | `many.rs` | the body of a request to several keys |
//! | `outside.rs` | the bodies of holds, and of what is left by somebody else's count |
//! | `policy.rs` | the body of a policy |
//! | `words.rs` | the words of a command |
//!
//! A body is a struct for `serde`. `openapi.rs` makes the document of the interface from the same structs. Here are only
//! rules about JSON: which fields a body may have, and of which type. [`rl_core`] reads the words, and knows what a limit, a
//! duration or a cost may be.

mod fields;
mod json;
mod limits;
mod many;
mod object_error;
mod outside;
mod policy;
mod quota;
mod quota_limit;
mod words;

pub(super) use self::limits::{PeekBody, RefundBody, about, add_schema};
pub(super) use self::many::ManyBody;
pub(super) use self::outside::{FromHeaders, HoldBody, SyncBody, read_headers};
pub(super) use self::policy::{OverrideBody, PolicyBody, read_override, read_policy};
pub(super) use self::quota::{CancelBody, QuotaBody, RenewBody, SettleBody};
use super::problem::Problem;
use crate::command::{Command, Verb};
use crate::on_error::OnError;

/// Reads a body.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read(verb: Verb, body: &[u8]) -> Result<(Command, Option<OnError>), Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::request("the body must be UTF-8"))?;
    let of = "the body";
    let words = match verb {
        Verb::Limit(kind) => limits::read(kind, text, of)?,
        Verb::Quota => json::object::<QuotaBody<'_>>(text, of)?.words()?,
        Verb::ManyQuotas | Verb::First => json::object::<ManyBody<'_>>(text, of)?.words()?,
        Verb::Hold => json::object::<HoldBody<'_>>(text, of)?.words()?,
        Verb::Sync => json::object::<SyncBody<'_>>(text, of)?.words()?,
        Verb::Peek => json::object::<PeekBody<'_>>(text, of)?.words()?,
        Verb::Refund => json::object::<RefundBody<'_>>(text, of)?.words()?,
        Verb::Settle => json::object::<SettleBody<'_>>(text, of)?.words()?,
        Verb::Cancel => json::object::<CancelBody<'_>>(text, of)?.words()?,
        Verb::Renew => json::object::<RenewBody<'_>>(text, of)?.words()?,
    };
    let on_error = words.on_error;
    Ok((words.command(verb)?, on_error))
}
