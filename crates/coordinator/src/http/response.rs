//! Responses and their bodies.

use std::convert::Infallible;

use futures_util::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::StatusCode;
use hyper::body::{Bytes, Frame};
use hyper::header::{self, HeaderValue};
use serde::Serialize;

/// A body: a text, or a stream.
pub(super) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// A response.
pub(super) type Response = hyper::Response<Body>;

/// No body.
pub(super) fn empty() -> Body {
    Either::Left(Full::default())
}

/// A response with a text of this media type.
pub(super) fn text(status: StatusCode, media_type: &'static str, text: impl Into<Bytes>) -> Response {
    with_type(status, media_type, Either::Left(Full::new(text.into())))
}

/// A response with this JSON, which must not be cached.
pub(super) fn json(status: StatusCode, media_type: &'static str, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(256);
    let _ = serde_json::to_writer(&mut bytes, body); // it fails only for maps whose keys are not strings
    let mut response = text(status, media_type, bytes);
    no_store(&mut response);
    response
}

/// A response that goes on until the stream ends.
pub(super) fn stream(
    media_type: &'static str,
    parts: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let frames = parts.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    with_type(StatusCode::OK, media_type, Either::Right(StreamBody::new(frames).boxed_unsync()))
}

/// Says that the response must not be cached.
pub(super) fn no_store(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn with_type(status: StatusCode, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
