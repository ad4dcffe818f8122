//! Envoy's rate limit service, v3, over gRPC: `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`.
//!
//! | file | contents |
//! |---|---|
//! | `configure.rs` | the section `[envoy]` as rules |
//! | `rules.rs` | the rule of a descriptor |
//! | `rule_limit.rs` | the limit of a rule, as a command |
//! | `key.rs` | the key of a descriptor |
//! | `service.rs`, `decision.rs` | a call, and the decision about each descriptor |
//! | `fields.rs` | header fields for Envoy's clients |
//! | `access.rs`, `metered_body.rs` | who may call, and how much at a time |
//! | `health.rs` | gRPC's health check |
//! | `proto.rs` | the code that is generated from `proto/` |
//!
//! Envoy makes *descriptors* of each HTTP request; each is a list of keys and values. Each descriptor is counted apart, by
//! the most specific rule that matches it. The request is over limit if one of them is. A denied descriptor is not
//! counted, but the others of its request are. Envoy's own service also counts the denied one.

mod access;
pub(crate) mod configure;
mod decision;
mod fields;
mod health;
mod key;
mod metered_body;
mod proto;
mod rule_limit;
mod rules;
mod service;

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service as _;

use self::access::{check_token, not_a_call};
use self::health::Health;
use self::metered_body::MeteredBody;
use self::proto::envoy::service::ratelimit::v3::rate_limit_service_server::{self, RateLimitServiceServer};
use self::proto::grpc::health::v1::health_server::{self, HealthServer};
use self::service::Service;
use crate::app::App;
use crate::live::Settings;
use crate::server::Interface;

/// The largest message to the health check, in bytes.
const HEALTH_MAX: usize = 1_024;

/// The gRPC interface of the program.
#[derive(Clone)]
pub(crate) struct Envoy {
    app: Arc<App>,
    rate_limits: RateLimitServiceServer<Service>,
    health: HealthServer<Health>,
}

impl Envoy {
    /// The interface with these rules.
    pub(crate) fn new(app: &Arc<App>) -> Self {
        let service = Service::new(Arc::clone(app));
        let health = Health::new(Arc::clone(app));
        Self {
            app: Arc::clone(app),
            rate_limits: RateLimitServiceServer::new(service),
            health: HealthServer::new(health).max_decoding_message_size(HEALTH_MAX),
        }
    }

    /// Calls the service that the path names.
    async fn call(mut self, settings: Arc<Settings>, head: Parts, body: Incoming) -> Response<Body> {
        let body = MeteredBody::new(body, self.app.bodies.share(), self.app.ending.clone());
        let called = match head.uri.path().strip_prefix('/').and_then(|path| path.split_once('/')) {
            Some((rate_limit_service_server::SERVICE_NAME, _)) => {
                self.should_rate_limit(settings, head, body).await
            }
            Some((health_server::SERVICE_NAME, _)) => self.health.call(Request::from_parts(head, body)).await,
            _ => return Status::unimplemented("there is no such service").into_http(),
        };
        called.unwrap_or_else(|never| match never {})
    }

    async fn should_rate_limit(
        self,
        settings: Arc<Settings>,
        mut head: Parts,
        body: MeteredBody,
    ) -> Result<Response<Body>, Infallible> {
        let access = match check_token(&self.app, &settings, &head) {
            Ok(access) => access,
            Err(status) => return Ok(status.into_http()),
        };
        head.extensions.insert(access);
        let mut service = self.rate_limits.max_decoding_message_size(settings.bounds.body_bytes);
        head.extensions.insert(settings);
        let response = service.call(Request::from_parts(head, body)).await?;
        // Only an error has its status in the header fields. The message may have been unreadable.
        if response.headers().contains_key("grpc-status") {
            self.app.metrics.call("error");
        }
        Ok(response)
    }
}

impl Interface for Envoy {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if let Some(refusal) = not_a_call(&self.app, &head) {
            return refusal;
        }
        let app = Arc::clone(&self.app);
        let settings = app.settings();
        let most = settings.bounds.read_timeout.0;
        // Calls never wait in a line: this is the time for the message and the back end.
        match tokio::time::timeout(most, self.clone().call(settings, head, body)).await {
            Ok(response) => response,
            Err(_) => {
                app.metrics.refuse("grpc_too_slow");
                Status::deadline_exceeded("the message did not come in time").into_http()
            }
        }
    }
}
