//! The HTTP interface: `docs/coordinator.md` describes it.
//!
//! | file | contents |
//! |---|---|
//! | `routes.rs` | which function answers which path |
//! | `access.rs` | who may ask: tokens, and pages of other sites |
//! | `ask.rs`, `receive.rs` | `POST /v1/…`: the request and its body |
//! | `body/` | a JSON body as a command |
//! | `answer.rs`, `fields.rs` | answers to commands, and their header fields |
//! | `response.rs`, `problem.rs`, `text.rs` | responses, errors, and texts with numbers |
//! | `allow.rs`, `delete.rs` | `POST /allow`, `DELETE /v1/keys/…` |
//! | `sync.rs` | `POST /v1/sync` with the headers of a provider |
//! | `policies.rs`, `overrides.rs`, `policy_answer.rs` | `/v1/policies` |
//! | `watch.rs`, `page.rs` | `GET /v1/watch`, and the page that shows it |
//! | `state.rs`, `openapi/` | `GET /metrics`, `/readyz`, `/openapi.json` |
//!
//! A request passes no router of a framework and no layers: one `match` finds its function. Layers box a future each
//! and took half of the instructions of `POST /allow`.

mod access;
mod allow;
mod answer;
mod ask;
mod body;
mod delete;
mod fields;
mod openapi;
mod overrides;
mod page;
mod policies;
mod policy_answer;
mod problem;
mod receive;
mod response;
mod routes;
mod state;
mod sync;
mod text;
mod watch;

use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;

use self::response::{Body, Response};
use crate::app::App;
use crate::server::Interface;

/// The HTTP interface of the program.
#[derive(Clone)]
pub(crate) struct Http(pub(crate) Arc<App>);

impl Interface for Http {
    type Body = Body;

    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response> + Send {
        routes::answer(&self.0, request)
    }
}
