//! Reads a body within the bounds on its size and time, and on the memory of all bodies.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::task::Poll;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::time::timeout;

use super::problem::Problem;
use crate::app::App;
use crate::live::Settings;
use crate::server::underway::no_more;

/// Reads a whole body.
///
/// # Errors
/// The bound that it exceeds, or that it was cut off.
pub(super) async fn receive(app: &App, settings: &Settings, body: Incoming) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let max = settings.bounds.body_bytes;
    let mut collected = pin!(collect(app, max, body));
    // Most bodies have come with their head. They need no timer.
    match poll_fn(|cx| Poll::Ready(collected.as_mut().poll(cx))).await {
        Poll::Ready(result) => result,
        Poll::Pending => Box::pin(in_time(app, settings, collected)).await,
    }
}

/// Waits for the rest of a body.
async fn in_time(
    app: &App,
    settings: &Settings,
    body: impl Future<Output = Result<Bytes, Problem>>,
) -> Result<Bytes, Problem> {
    let collected = tokio::select! {
        biased;
        collected = timeout(settings.bounds.read_timeout.0, body) => collected,
        () = no_more(app.ending.clone()) => {
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "ending");
            return Err(Problem::new(status, code, "the server ends").retry_after(1));
        }
    };
    match collected {
        Ok(result) => result,
        Err(_) => {
            let detail = "the body did not come in time";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail))
        }
    }
}

async fn collect(app: &App, max: usize, mut body: Incoming) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(too_large(max));
    }
    let (mut first, mut bytes, mut share) = (Bytes::new(), Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::request("the body did not come to its end"))?;
        let Ok(data) = frame.into_data() else { continue }; // trailers are ignored
        if first.len().saturating_add(bytes.len()).saturating_add(data.len()) > max {
            return Err(too_large(max));
        }
        let has_room = match &mut share {
            None if body.is_end_stream() => app.bodies.has(data.len()),
            share => share.get_or_insert_with(|| app.bodies.share()).grow(data.len()),
        };
        if !has_room {
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "too_many_bodies");
            return Err(Problem::new(status, code, "too many bodies are being read").retry_after(1));
        }
        // Most bodies come in one frame, which need not be copied.
        if first.is_empty() && bytes.is_empty() {
            first = data;
        } else {
            bytes.extend_from_slice(&mem::take(&mut first));
            bytes.extend_from_slice(&data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if bytes.is_empty() { first } else { bytes.into() })
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body may have {max} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}
