//! `POST /allow`: one limit for all callers, answered as the usual recipe for a coordinator does: with status 200 whether
//! or not it admits, the numbers `count` and `max`, and seconds as a decimal.

use hyper::StatusCode;
use hyper::body::Incoming;
use schemars::JsonSchema;

use super::access::forbidden;
use super::answer::{self, JSON, MAX};
use super::problem::Problem;
use super::receive::receive;
use super::response::{Response, text};
use super::text::Text;
use crate::app::{Answer, App};
use crate::auth::Access;
use crate::live::Settings;
use crate::reply::{Reply, Row};

/// Answers a request. The body is read, so that the connection can be used again, but its contents do not matter.
///
/// # Errors
/// Why it is refused before the limit is asked.
pub(super) async fn allow(
    app: &App,
    settings: &Settings,
    access: &Access,
    body: Incoming,
) -> Result<Response, Problem> {
    receive(app, settings, body).await?;
    if !access.sees(settings.allow.key()) {
        return Err(forbidden());
    }
    Ok(match app.ask(settings, &settings.allow, None).await {
        Answer::Reply(Reply::Limit(row)) => text(StatusCode::OK, JSON, AllowAnswer::from(row).text().body()),
        other => answer::respond(&app.backend, &settings.allow, other),
    })
}

/// The answer to `POST /allow`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AllowAnswer {
    allowed: bool,
    /// How many requests count now, including this one if it is admitted.
    #[schemars(range(max = MAX))]
    count: u64,
    /// The limit.
    #[schemars(range(max = MAX))]
    max: u64,
    /// The seconds until one more is admitted; 0 if this one was.
    #[schemars(rename = "retry_after", with = "f64", range(min = 0))]
    retry_after_ms: u64,
}

impl From<Row> for AllowAnswer {
    fn from(row: Row) -> Self {
        let Row { allowed, limit: max, remaining, retry_after_ms, .. } = row;
        let retry_after_ms = u64::try_from(retry_after_ms).unwrap_or(0);
        Self { allowed, count: max.saturating_sub(remaining), max, retry_after_ms }
    }
}

impl AllowAnswer {
    /// `{"allowed": true, "count": 1, "max": 500, "retry_after": 0.000}`
    fn text(&self) -> Text {
        let Self { allowed, count, max, retry_after_ms } = *self;
        let (seconds, ms) = (retry_after_ms.div_euclid(1_000), retry_after_ms.rem_euclid(1_000));
        let zeros = match ms {
            0..10 => "00",
            10..100 => "0",
            _ => "",
        };
        let mut text = Text::new();
        text.push("{\"allowed\": ").boolean(allowed);
        text.push(", \"count\": ").number(count).push(", \"max\": ").number(max);
        text.push(", \"retry_after\": ").number(seconds).push(".").push(zeros).number(ms).push("}");
        text
    }
}
