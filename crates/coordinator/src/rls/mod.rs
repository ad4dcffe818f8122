//! Envoy's rate limit service, v3, over gRPC: `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`.
//!
//! | file | what it is |
//! |---|---|
//! | `settings.rs` | the part `[envoy]` of the configuration |
//! | `rules.rs` | which limit a descriptor has |
//! | `limit.rs` | that limit as a command |
//! | `key.rs` | the key that a descriptor is counted by |
//! | `service.rs`, `status.rs` | the request, and its answer |
//! | `gate.rs`, `room.rs` | who may ask, and how much at a time |
//! | `health.rs` | whether it is of use |
//! | `proto.rs` | what is generated from `proto/` |
//!
//! Envoy makes of each HTTP request some *descriptors*, each a list of entries of a key and a value. Each descriptor is
//! counted apart, by the most specific rule that is for it, and the request is over limit if one of them is. A denied
//! descriptor is not counted; the others of its request are. That is what Envoy's own service does, but for the denied
//! descriptor itself.

mod gate;
mod health;
mod key;
mod limit;
mod proto;
mod room;
mod rules;
mod service;
mod settings;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::middleware;

use self::health::Health;
use self::proto::envoy::service::ratelimit::v3::rate_limit_service_server as rls;
use self::proto::grpc::health::v1::health_server;
use self::service::Service;
pub(crate) use self::settings::{Envoy, File};
use crate::app::App;

/// A message about health has so many bytes at most.
const HEALTH_MAX: usize = 1_024;

/// What is served to Envoy.
pub(crate) fn router(app: &Arc<App>, envoy: Arc<Envoy>) -> Router {
    let service = rls::RateLimitServiceServer::new(Service::new(Arc::clone(app), envoy))
        .max_decoding_message_size(app.bounds.body_bytes);
    let health =
        health_server::HealthServer::new(Health::new(Arc::clone(app))).max_decoding_message_size(HEALTH_MAX);
    let asks = Router::new()
        .route_service(&format!("/{}/{{method}}", rls::SERVICE_NAME), service)
        .route_layer(middleware::from_fn_with_state(Arc::clone(app), gate::let_in));
    Router::new()
        .route_service(&format!("/{}/{{method}}", health_server::SERVICE_NAME), health)
        .merge(asks)
        .fallback(gate::no_such_service)
        .layer(middleware::from_fn_with_state(Arc::clone(app), gate::is_call))
}
