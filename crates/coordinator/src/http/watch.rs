//! `GET /v1/watch`: server-sent events, one `state` at once and one each second, of the keys that the token covers.
//!
//! ```text
//! {"at":ms, "uptime_s":n, "backend":{"kind":"embedded|redis","up":true},
//!  "totals":{"admitted":n,"denied":n,"errors":n,"waiting":n},
//!  "top":[{"key":"..","admitted":n,"denied":n}],
//!  "fill":[{"key":"..","kind":"slide|window|bucket|quota","limits":[{"name":"rpm","limit":n,"remaining":n,"reset_after_ms":n}]}],
//!  "lanes":[{"key":"..","critical":n,"high":n,"normal":n,"low":n}],
//!  "flows":[{"key":"..","lane":"normal","flow":"..","waiting":n,"served":n,"share_percent":n,"longest_wait_ms":n}]}
//! ```
//! Each list has at most 20 entries. The flows are those of the keys in `lanes`, with the most waiters first. Bytes of a key that are not UTF-8 are shown as U+FFFD.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::unfold;
use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Serialize;

use super::problem::Problem;
use super::response::{Response, no_store, stream};
use crate::app::App;
use crate::auth::Access;
use crate::clock;
use crate::flow_state::FlowState;
use crate::live::Settings;
use crate::reply::{Reply, Row};

/// The most keys in a list.
const KEYS: usize = 20;
/// The time between two events.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Event {
    at: u64,
    uptime_s: u64,
    backend: BackendState,
    totals: Totals,
    top: Vec<KeyTotals>,
    fill: Vec<KeyLevel>,
    lanes: Vec<KeyWaiters>,
    flows: Vec<KeyFlow>,
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
struct KeyTotals {
    key: String,
    admitted: u64,
    denied: u64,
}

#[derive(Serialize)]
struct KeyLevel {
    key: String,
    kind: &'static str,
    limits: Vec<LimitLevel>,
}

#[derive(Serialize)]
struct LimitLevel {
    name: String,
    limit: u64,
    remaining: u64,
    reset_after_ms: u64,
}

#[derive(Serialize)]
struct KeyWaiters {
    key: String,
    critical: usize,
    high: usize,
    normal: usize,
    low: usize,
}

#[derive(Serialize)]
struct KeyFlow {
    key: String,
    #[serde(flatten)]
    flow: FlowState,
}

/// Answers with the stream.
pub(super) fn watch(app: &Arc<App>, settings: &Settings, access: Access) -> Response {
    let Some(counted) = app.metrics.watch(settings.bounds.watchers) else {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "too_many_watchers");
        return Problem::new(status, code, "as many watch as this server allows").into_response();
    };
    let ending = app.ending.clone();
    let mut ticks = tokio::time::interval(INTERVAL);
    // Ticks that a slow back end has delayed are not made up for.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let events = unfold(
        (Arc::clone(app), counted, access, ticks, ending),
        |(app, counted, access, mut ticks, mut ending)| async {
            tokio::select! {
                biased;
                _ = ending.wait_for(|ends| *ends) => return None,
                _ = ticks.tick() => {}
            }
            let event = event(&app, &access).await;
            let text = serde_json::to_string(&event).unwrap_or_default(); // a String never fails
            let bytes = Bytes::from(format!("event: state\ndata: {text}\n\n"));
            Some((bytes, (app, counted, access, ticks, ending)))
        },
    );
    let mut response = stream("text/event-stream", events);
    no_store(&mut response);
    response
}

async fn event(app: &App, access: &Access) -> Event {
    let [admitted, denied, errors] = app.metrics.totals();
    let busiest = app.top_keys.busiest(KEYS, |key| access.sees(key));
    let mut fill = Vec::new();
    let up = app.backend.is_ready().await.is_ok();
    if up {
        for (key, _) in &busiest {
            if let Some((kind, reply)) = app.backend.fill(key).await {
                fill.push(KeyLevel { key: text(key), kind, limits: limits(reply) });
            }
        }
    }
    let lanes = app.waiter_limits.longest_lines(KEYS, |key| access.sees(key));
    let mut flows = Vec::new();
    if up {
        for (key, _) in &lanes {
            let of_key = app.backend.flows(key, KEYS).await.into_iter();
            flows.extend(of_key.map(|flow| KeyFlow { key: text(key), flow }));
        }
    }
    flows.sort_by_key(|of_key| Reverse(of_key.flow.waiting));
    flows.truncate(KEYS);
    Event {
        at: clock::unix_ms(),
        uptime_s: clock::uptime_s(),
        backend: BackendState { kind: app.backend.kind(), up },
        totals: Totals { admitted, denied, errors, waiting: app.waiter_limits.len() },
        top: busiest
            .into_iter()
            .map(|(key, requests)| KeyTotals {
                key: text(&key),
                admitted: requests.admitted,
                denied: requests.denied,
            })
            .collect(),
        fill,
        lanes: lanes
            .into_iter()
            .map(|(key, [critical, high, normal, low])| KeyWaiters {
                key: text(&key),
                critical,
                high,
                normal,
                low,
            })
            .collect(),
        flows,
    }
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn limits(reply: Reply) -> Vec<LimitLevel> {
    let limit = |name: String, row: &Row| {
        let Row { limit, remaining, reset_after_ms, .. } = *row;
        LimitLevel { name, limit, remaining, reset_after_ms }
    };
    match reply {
        Reply::Limit(row) => vec![limit("default".to_owned(), &row)],
        Reply::Quota(quota) => quota.limits.into_iter().map(|(name, row)| limit(name, &row)).collect(),
        Reply::Done(_) | Reply::Remaining(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::None => {
            Vec::new()
        }
    }
}
