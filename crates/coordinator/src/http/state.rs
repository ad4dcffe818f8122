//! The state of the program, for operators: `GET /metrics` and `GET /readyz`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::access::forbidden;
use super::problem::Problem;
use crate::app::App;
use crate::auth::Access;
use crate::reply::Failure;

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>, Extension(access): Extension<Access>) -> Response {
    if !access.sees_all() {
        return forbidden().into_response();
    }
    let text = app.metrics.text(app.waiter_limits.len(), app.backend.keys(), app.backend.is_up().await);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

/// `GET /readyz`: whether requests are decided now.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    if *app.ending.borrow() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "the server ends").into_response();
    }
    if app.backend.is_up().await {
        return "ok\n".into_response();
    }
    let mut problem = Problem::from(Failure::Down);
    problem.detail = "the back end does not answer, or has not the module".into();
    problem.into_response()
}
