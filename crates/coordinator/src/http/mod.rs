//! The HTTP interface: `docs/coordinator.md` describes it.
//!
//! | file | contents |
//! |---|---|
//! | `access.rs` | who may ask: tokens, and pages of other sites |
//! | `ask.rs`, `receive.rs` | `POST /v1/…`: the request and its body |
//! | `commands.rs`, `body.rs` | a JSON body as a command |
//! | `answer.rs`, `problem.rs` | answers and errors |
//! | `allow.rs` | `POST /allow` |
//! | `watch.rs`, `page.rs` | `GET /v1/watch`, and the page that shows it |
//! | `state.rs`, `openapi.rs` | `GET /metrics`, `/healthz`, `/readyz`, `/openapi.json` |

mod access;
mod allow;
mod answer;
mod ask;
mod body;
mod commands;
mod openapi;
mod page;
mod problem;
mod receive;
mod state;
mod watch;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Router, extract::State, middleware};

use self::problem::Problem;
use crate::app::App;
use crate::command::Verb;

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut asks = Router::new().route("/allow", post(allow::allow));
    for verb in Verb::ALL {
        let path = format!("/v1/{}", verb.name());
        let handler =
            move |State(app), Extension(access), headers, body| ask::ask(verb, app, access, headers, body);
        asks = asks.route(&path, post(handler));
    }
    let asks = asks
        .route("/v1/watch", get(watch::watch))
        .route("/metrics", get(state::metrics))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), access::check_token));
    let open = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(state::ready))
        .merge(page::router())
        .merge(openapi::router());
    asks.merge(open)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such path") })
        .method_not_allowed_fallback(|| async {
            let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
            Problem::new(status, code, "this path has another method, see the header field Allow")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), access::check_origin))
        .with_state(app)
}
