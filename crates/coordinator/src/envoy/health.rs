//! gRPC's health check, `grpc.health.v1.Health/Check`. Like `/readyz`, it needs no token.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::proto::envoy::service::ratelimit::v3::rate_limit_service_server;
use super::proto::grpc::health::v1::health_check_response::ServingStatus;
use super::proto::grpc::health::v1::health_server;
use super::proto::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use crate::app::App;

/// The names that may be asked about: the whole server, this service, and its name in Envoy's own server.
const NAMES: [&str; 3] = ["", rate_limit_service_server::SERVICE_NAME, "ratelimit"];

/// The health service.
pub(super) struct Health {
    app: Arc<App>,
}

impl Health {
    /// The health of this program.
    pub(super) const fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !NAMES.contains(&request.get_ref().service.as_str()) {
            return Err(Status::not_found("there is no such service"));
        }
        let ends = *self.app.ending.borrow();
        let is_serving = !ends && self.app.backend.is_ready().await.is_ok();
        let status = if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }
}
