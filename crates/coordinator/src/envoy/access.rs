//! Checks a call before its message is read: it must be gRPC, and come with a token if one is needed.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode, Version, header};
use tonic::Status;
use tonic::body::Body;

use crate::app::App;
use crate::auth::Access;

/// Refuses requests that are not gRPC.
///
/// A page of another site cannot make a browser send this content type without permission, which is never given.
pub(super) fn check_call(app: &App, head: &Parts) -> Result<(), Response<Body>> {
    let refuse = |reason, status, text: &'static str| {
        app.metrics.refuse(reason);
        let mut response = Response::new(Body::new(text.to_owned()));
        *response.status_mut() = status;
        Err(response)
    };
    if head.version != Version::HTTP_2 {
        let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
        return refuse("grpc_not_http2", status, "gRPC needs HTTP/2\n");
    }
    if !is_grpc(&head.headers) {
        return refuse("not_grpc", StatusCode::UNSUPPORTED_MEDIA_TYPE, "this port speaks gRPC\n");
    }
    Ok(())
}

/// What the call's token gives access to.
pub(super) fn check_token(app: &App, head: &Parts) -> Result<Access, Response<Body>> {
    let given = head.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    app.auth.check(given).ok_or_else(|| {
        app.metrics.refuse("unauthorized");
        Status::unauthenticated("a bearer token is needed in the metadata authorization").into_http()
    })
}

fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let kind = headers.get(header::CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    kind.strip_prefix(GRPC).is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}
