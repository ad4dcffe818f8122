//! `POST /allow`: one limit for all, asked and answered as the coordinator of the quickest recipe does: with status
//! 200 whatever the answer, the numbers `count` and `max`, and seconds as a decimal.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, body::Body};
use std::sync::Arc;

use super::access::forbidden;
use super::answer;
use super::receive::receive;
use crate::app::{Answer, App};
use crate::auth::Access;
use crate::reply::Reply;

/// Answers it. What the body says is of no interest, but it is read, so that the connection goes on.
pub(super) async fn allow(
    State(app): State<Arc<App>>,
    Extension(access): Extension<Access>,
    body: Body,
) -> Response {
    let sees = access.sees(app.allow.key());
    let read = receive(&app, body).await.and_then(|_| if sees { Ok(()) } else { Err(forbidden()) });
    if let Err(problem) = read {
        app.metrics.refuse(problem.code);
        return problem.into_response();
    }
    match app.ask(&app.allow, None).await {
        Answer::Reply(Reply::Limit(row)) => {
            let count = row.limit.saturating_sub(row.remaining);
            let retry_after = decimal(u64::try_from(row.retry_after_ms).unwrap_or(0));
            let (allowed, max) = (row.allowed, row.limit);
            let text = format!(
                "{{\"allowed\": {allowed}, \"count\": {count}, \"max\": {max}, \"retry_after\": {retry_after}}}"
            );
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        other => answer::respond(&app, &app.allow, other),
    }
}

/// Seconds, to the millisecond.
fn decimal(ms: u64) -> String {
    let (whole, rest) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
    format!("{whole}.{rest:03}")
}
