//! The state of the program, for operators: `GET /metrics` and `GET /readyz`.

use hyper::StatusCode;

use super::access::forbidden;
use super::page;
use super::problem::Problem;
use super::response::{Response, text};
use crate::app::App;
use crate::auth::Access;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`
pub(super) async fn metrics(app: &App, access: &Access) -> Response {
    if !access.sees_all() {
        return forbidden().into_response();
    }
    let is_up = app.backend.is_ready().await.is_ok();
    text(StatusCode::OK, OPEN_METRICS, app.metrics.text(app.waiter_limits.len(), app.backend.keys(), is_up))
}

/// `GET /readyz`: whether requests are decided now.
pub(super) async fn ready(app: &App) -> Response {
    if *app.ending.borrow() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "the server ends").into_response();
    }
    match app.backend.is_ready().await {
        Ok(()) => text(StatusCode::OK, page::TEXT, "ok\n"),
        Err(failure) => {
            let mut problem = Problem::from(failure);
            problem.status = StatusCode::SERVICE_UNAVAILABLE; // also where a request gets 502
            problem.into_response()
        }
    }
}
