//! `GET /v1/watch`: server-sent events, one `state` at once and then each second, of the keys that the token is for.
//!
//! ```text
//! {"at":ms, "uptime_s":n, "backend":{"kind":"embedded|redis","up":true},
//!  "totals":{"admitted":n,"denied":n,"errors":n,"waiting":n},
//!  "top":[{"key":"..","admitted":n,"denied":n}],
//!  "fill":[{"key":"..","kind":"slide|window|bucket|quota","limits":[{"name":"rpm","limit":n,"remaining":n,"reset_after_ms":n}]}],
//!  "lanes":[{"key":"..","critical":n,"high":n,"normal":n,"low":n}]}
//! ```
//! At most 20 keys in each list. What is no UTF-8 in a key is shown as U+FFFD.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;

use crate::api::Problem;
use crate::app::App;
use crate::auth::Access;
use crate::clock;
use crate::reply::{Reply, Row};

/// So many keys are told of.
const KEYS: usize = 20;
/// So often.
const EACH: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Event {
    at: u64,
    uptime_s: u64,
    backend: BackendState,
    totals: Totals,
    top: Vec<Top>,
    fill: Vec<Fill>,
    lanes: Vec<Lanes>,
}

#[derive(Serialize)]
struct BackendState {
    kind: &'static str,
    up: bool,
}

#[derive(Serialize)]
struct Totals {
    admitted: u64,
    denied: u64,
    errors: u64,
    waiting: usize,
}

#[derive(Serialize)]
struct Top {
    key: String,
    admitted: u64,
    denied: u64,
}

#[derive(Serialize)]
struct Fill {
    key: String,
    kind: &'static str,
    limits: Vec<Limit>,
}

#[derive(Serialize)]
struct Limit {
    name: String,
    limit: u64,
    remaining: u64,
    reset_after_ms: u64,
}

#[derive(Serialize)]
struct Lanes {
    key: String,
    critical: usize,
    high: usize,
    normal: usize,
    low: usize,
}

/// Answers it.
pub(crate) async fn watch(State(app): State<Arc<App>>, Extension(access): Extension<Access>) -> Response {
    let Some(counted) = app.metrics.watch(app.bounds.watchers) else {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "too_many_watchers");
        return Problem::new(status, code, "as many watch as this server allows").into_response();
    };
    let ending = app.ending.clone();
    let mut ticks = tokio::time::interval(EACH);
    // What a back end that was slow has held up is not made up for.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let events = stream::unfold(
        (app, counted, access, ticks, ending),
        |(app, counted, access, mut ticks, mut ending)| async {
            tokio::select! {
                biased;
                _ = ending.wait_for(|ends| *ends) => return None,
                _ = ticks.tick() => {}
            }
            let event = event(&app, &access).await;
            let text = serde_json::to_string(&event).unwrap_or_default(); // to memory
            let bytes = Bytes::from(format!("event: state\ndata: {text}\n\n"));
            Some((Ok::<_, std::convert::Infallible>(bytes), (app, counted, access, ticks, ending)))
        },
    );
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(events)).into_response()
}

async fn event(app: &App, access: &Access) -> Event {
    let [admitted, denied, errors] = app.metrics.totals();
    let heaviest = app.top.heaviest(KEYS, |key| access.sees(key));
    let mut fill = Vec::new();
    let up = app.backend.is_up().await;
    if up {
        for (key, _) in &heaviest {
            if let Some((kind, reply)) = app.backend.fill(key).await {
                fill.push(Fill { key: text(key), kind, limits: limits(reply) });
            }
        }
    }
    let lanes = app.crowd.lines(KEYS, |key| access.sees(key)).into_iter();
    Event {
        at: clock::unix_ms(),
        uptime_s: clock::uptime_s(),
        backend: BackendState { kind: app.backend.kind(), up },
        totals: Totals { admitted, denied, errors, waiting: app.crowd.len() },
        top: heaviest
            .into_iter()
            .map(|(key, heavy)| Top { key: text(&key), admitted: heavy.admitted, denied: heavy.denied })
            .collect(),
        fill,
        lanes: lanes
            .map(|(key, [critical, high, normal, low])| Lanes {
                key: text(&key),
                critical,
                high,
                normal,
                low,
            })
            .collect(),
    }
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn limits(reply: Reply) -> Vec<Limit> {
    let limit = |name: String, row: &Row| {
        let Row { limit, remaining, reset_after_ms, .. } = *row;
        Limit { name, limit, remaining, reset_after_ms }
    };
    match reply {
        Reply::Limit(row) => vec![limit("default".to_owned(), &row)],
        Reply::Quota(quota) => quota.limits.into_iter().map(|(name, row)| limit(name, &row)).collect(),
        Reply::Done(_) | Reply::Remaining(_) | Reply::None => Vec::new(),
    }
}
