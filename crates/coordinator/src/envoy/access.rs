//! Checks a call before its message is read: it must be gRPC, arrive in time, and come with a token if one is needed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tonic::Status;

use super::metered_body::MeteredBody;
use crate::app::App;

/// Refuses requests that are not gRPC, and calls that take too long.
///
/// A page of another site cannot make a browser send this content type without permission, which is never given.
pub(super) async fn check_call(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.version() != Version::HTTP_2 {
        app.metrics.refuse("grpc_not_http2");
        return (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC needs HTTP/2\n").into_response();
    }
    if !is_grpc(request.headers()) {
        app.metrics.refuse("not_grpc");
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "this port speaks gRPC\n").into_response();
    }
    let request = request.map(|body| Body::new(MeteredBody::new(body, app.bodies.share())));
    // Calls never wait in a line: this is the time for the message and the back end.
    match tokio::time::timeout(app.bounds.read_timeout.0, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            app.metrics.refuse("grpc_too_slow");
            refuse(Status::deadline_exceeded("the message did not come in time"))
        }
    }
}

/// Refuses a call without a token, where one is needed. Passes the token's access on with the request.
pub(super) async fn check_token(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    match app.auth.check(given) {
        Some(access) => {
            request.extensions_mut().insert(access);
            let response = next.run(request).await;
            // Only an error has its status in the header fields. The message may have been unreadable.
            if response.headers().contains_key("grpc-status") {
                app.metrics.call("error");
            }
            response
        }
        None => {
            app.metrics.refuse("unauthorized");
            refuse(Status::unauthenticated("a bearer token is needed in the metadata authorization"))
        }
    }
}

/// The answer to any other path.
pub(super) async fn no_such_service() -> Response {
    refuse(Status::unimplemented("there is no such service"))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let kind = headers.get(header::CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    kind.strip_prefix(GRPC).is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn refuse(status: Status) -> Response {
    status.into_http::<Body>()
}
