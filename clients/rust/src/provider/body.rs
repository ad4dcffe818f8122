//! The body of an answer, which settles the reservation when it has been read or dropped.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::{Response, ResponseBuilderExt, Url};

use super::meter::Meter;
use super::usage::Used;

/// What an answer used, as far as it was read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) used: Used,
    /// The output of a stream by an estimate.
    pub(super) passed: Option<u64>,
    /// Whether it was read to its end.
    pub(super) is_whole: bool,
}

type Settle = Box<dyn FnOnce(Seen) + Send + Sync>;

/// Passes a body on, untouched and unbuffered.
pub(super) struct Metered {
    body: reqwest::Body,
    /// Taken by the end.
    open: Option<(Meter, Settle)>,
}

impl Metered {
    pub(super) fn new(body: reqwest::Body, meter: Meter, settle: Settle) -> Self {
        Self { body, open: Some((meter, settle)) }
    }

    /// Settles once. A stream that ends before it says its output is settled at what had passed.
    fn finish(&mut self, is_whole: bool) {
        if let Some((meter, settle)) = self.open.take() {
            let (used, passed) = meter.end();
            settle(Seen { used, passed, is_whole });
        }
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some((meter, _))) = (frame.data_ref(), &mut self.open) {
                    meter.add(data);
                }
                // A reader need not ask again after the last byte.
                if self.body.is_end_stream() {
                    self.finish(true);
                }
            }
            Some(Err(_)) => self.finish(false),
            None => self.finish(true),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.finish(false);
    }
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").finish_non_exhaustive()
    }
}

/// Replaces the body of an answer.
pub(super) fn with_body(
    response: Response,
    replace: impl FnOnce(reqwest::Body) -> reqwest::Body,
) -> Response {
    let url: Url = response.url().clone();
    let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    // The address of an answer is among its extensions, by a type that only this builder makes.
    if let Ok(of_url) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(of_url.into_parts().0.extensions);
    }
    Response::from(http::Response::from_parts(parts, replace(body)))
}
