//! Envoy's rate limit service, v3, over gRPC: `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`.
//!
//! | file | contents |
//! |---|---|
//! | `configure.rs` | the section `[envoy]` as rules |
//! | `rules.rs` | the rule of a descriptor |
//! | `rule_limit.rs` | the limit of a rule, as a command |
//! | `key.rs` | the key of a descriptor |
//! | `service.rs`, `decision.rs` | a call, and the decision about each descriptor |
//! | `access.rs`, `metered_body.rs` | who may call, and how much at a time |
//! | `health.rs` | gRPC's health check |
//! | `proto.rs` | the code that is generated from `proto/` |
//!
//! Envoy makes *descriptors* of each HTTP request; each is a list of keys and values. Each descriptor is counted apart, by
//! the most specific rule that matches it. The request is over limit if one of them is. A denied descriptor is not
//! counted, but the others of its request are. Envoy's own service also counts the denied one.

mod access;
mod configure;
mod decision;
mod health;
mod key;
mod metered_body;
mod proto;
mod rule_limit;
mod rules;
mod service;

use std::sync::Arc;

use axum::Router;
use axum::middleware;

pub(crate) use self::configure::Answering;
use self::health::Health;
use self::proto::envoy::service::ratelimit::v3::rate_limit_service_server::{self, RateLimitServiceServer};
use self::proto::grpc::health::v1::health_server::{self, HealthServer};
use self::service::Service;
use crate::app::App;

/// The largest message to the health check, in bytes.
const HEALTH_MAX: usize = 1_024;

/// All routes of Envoy's port.
pub(crate) fn router(app: &Arc<App>, answering: Answering) -> Router {
    let service = RateLimitServiceServer::new(Service::new(Arc::clone(app), answering))
        .max_decoding_message_size(app.bounds.body_bytes);
    let health = HealthServer::new(Health::new(Arc::clone(app))).max_decoding_message_size(HEALTH_MAX);
    let asks = Router::new()
        .route_service(&format!("/{}/{{method}}", rate_limit_service_server::SERVICE_NAME), service)
        .route_layer(middleware::from_fn_with_state(Arc::clone(app), access::check_token));
    Router::new()
        .route_service(&format!("/{}/{{method}}", health_server::SERVICE_NAME), health)
        .merge(asks)
        .fallback(access::no_such_service)
        .layer(middleware::from_fn_with_state(Arc::clone(app), access::check_call))
}
