//! `POST /allow`: one limit for all callers, answered as the usual recipe for a coordinator does: with status 200 whether
//! or not it admits, the numbers `count` and `max`, and seconds as a decimal.

use hyper::StatusCode;
use hyper::body::Incoming;

use super::access::forbidden;
use super::answer::{self, JSON};
use super::problem::Problem;
use super::receive::receive;
use super::response::{Response, text};
use super::text::Text;
use crate::app::{Answer, App};
use crate::auth::Access;
use crate::reply::{Reply, Row};

/// Answers a request. The body is read, so that the connection can be used again, but its contents do not matter.
///
/// # Errors
/// Why it is refused before the limit is asked.
pub(super) async fn allow(app: &App, access: &Access, body: Incoming) -> Result<Response, Problem> {
    receive(app, body).await?;
    if !access.sees(app.allow.key()) {
        return Err(forbidden());
    }
    Ok(match app.ask(&app.allow, None).await {
        Answer::Reply(Reply::Limit(row)) => text(StatusCode::OK, JSON, body_of(&row)),
        other => answer::respond(app, &app.allow, other),
    })
}

/// `{"allowed": true, "count": 1, "max": 500, "retry_after": 0.000}`
fn body_of(row: &Row) -> Text {
    let retry_ms = u64::try_from(row.retry_after_ms).unwrap_or(0);
    let mut body = Text::with_capacity(128);
    body.push("{\"allowed\": ").push(if row.allowed { "true" } else { "false" });
    body.push(", \"count\": ").number(row.limit.saturating_sub(row.remaining));
    body.push(", \"max\": ").number(row.limit);
    body.push(", \"retry_after\": ").number(retry_ms.div_euclid(1_000)).push(".");
    // To the millisecond.
    let thousandths = retry_ms.rem_euclid(1_000);
    body.push(if thousandths < 10 {
        "00"
    } else if thousandths < 100 {
        "0"
    } else {
        ""
    })
    .number(thousandths);
    body.push("}");
    body
}
