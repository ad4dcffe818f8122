//! Checks a call before its message is read: it must be gRPC, and come with a token if one is needed.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode, Version, header};
use tonic::Status;
use tonic::body::Body;

use crate::app::App;
use crate::auth::Access;
use crate::live::Settings;

/// The refusal of a request that is not gRPC.
///
/// A page of another site cannot make a browser send this content type without permission, which is never given.
pub(super) fn not_a_call(app: &App, head: &Parts) -> Option<Response<Body>> {
    let (reason, status, text) = if head.version != Version::HTTP_2 {
        ("grpc_not_http2", StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC needs HTTP/2\n")
    } else if !is_grpc(&head.headers) {
        ("not_grpc", StatusCode::UNSUPPORTED_MEDIA_TYPE, "this port speaks gRPC\n")
    } else {
        return None;
    };
    app.metrics.refuse(reason);
    let mut response = Response::new(Body::new(text.to_owned()));
    *response.status_mut() = status;
    Some(response)
}

/// What the call's token gives access to.
///
/// # Errors
/// The call has no token, and needs one.
pub(super) fn check_token(app: &App, settings: &Settings, head: &Parts) -> Result<Access, Status> {
    let given = head.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    settings.auth.check(given).ok_or_else(|| {
        app.metrics.refuse("unauthorized");
        Status::unauthenticated("a bearer token is needed in the metadata authorization")
    })
}

fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let kind = headers.get(header::CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    kind.strip_prefix(GRPC).is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}
