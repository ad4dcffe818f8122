//! Messages that are being read take room, as bodies do over HTTP: so much for all of them together.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tonic::Status;

use crate::app::App;

/// A body that takes room for what has been read of it, and gives it back when it is dropped.
pub(super) struct Roomed {
    body: Body,
    app: Arc<App>,
    taken: usize,
}

impl Roomed {
    /// Nothing of it has been read.
    pub(super) const fn new(body: Body, app: Arc<App>) -> Self {
        Self { body, app, taken: 0 }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Status> {
        let room = self.app.bodies.try_acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX));
        room.map_err(|_| Status::resource_exhausted("too many messages are being read"))?.forget();
        self.taken = self.taken.saturating_add(bytes);
        Ok(())
    }
}

impl HttpBody for Roomed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        let taken = self.take(frame.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(taken.map(|()| frame).map_err(Into::into)))
    }
}

impl Drop for Roomed {
    fn drop(&mut self) {
        self.app.bodies.add_permits(self.taken);
    }
}
