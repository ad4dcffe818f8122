//! Reads a body within the bounds on its size and time, and on the memory of all bodies.

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;

use super::problem::Problem;
use crate::app::App;

/// Reads a whole body.
///
/// # Errors
/// The bound that it exceeds, or that it was cut off.
pub(super) async fn receive(app: &App, body: Body) -> Result<Vec<u8>, Problem> {
    match tokio::time::timeout(app.bounds.read_timeout.0, collect(app, body)).await {
        Ok(result) => result,
        Err(_) => {
            let detail = "the body did not come in time";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail))
        }
    }
}

async fn collect(app: &App, mut body: Body) -> Result<Vec<u8>, Problem> {
    let max = app.bounds.body_bytes;
    let too_large = || {
        let detail = format!("the body may have {max} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let (mut bytes, mut share) = (Vec::new(), app.bodies.share());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::request("the body did not come to its end"))?;
        let Ok(data) = frame.into_data() else { continue }; // trailers are ignored
        if bytes.len().saturating_add(data.len()) > max {
            return Err(too_large());
        }
        if !share.grow(data.len()) {
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "too_many_bodies");
            return Err(Problem::new(status, code, "too many bodies are being read").retry_after(1));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
