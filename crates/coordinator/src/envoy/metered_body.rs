//! A message of a call takes its bytes from the budget of all bodies, as a body over HTTP does.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming};
use tokio::sync::watch;
use tonic::Status;

use crate::body_budget::BodyShare;
use crate::server::underway::no_more;

/// A body that fails when the budget is used up, or when it does not come to its end while the program ends. Its share
/// lasts until it is dropped.
pub(super) struct MeteredBody {
    body: Incoming,
    share: BodyShare,
    ending: watch::Receiver<bool>,
    /// Made when the body is first waited for.
    no_more: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl MeteredBody {
    /// A body that takes its bytes from this share.
    pub(super) const fn new(body: Incoming, share: BodyShare, ending: watch::Receiver<bool>) -> Self {
        Self { body, share, ending, no_more: None }
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let Self { ending, no_more: known, .. } = &mut *self;
            ready!(known.get_or_insert_with(|| Box::pin(no_more(ending.clone()))).as_mut().poll(cx));
            return Poll::Ready(Some(Err(Status::unavailable("the server ends").into())));
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        let is_within_budget = self.share.grow(frame.data_ref().map_or(0, Bytes::len));
        let too_many = || Status::resource_exhausted("too many messages are being read").into();
        Poll::Ready(Some(if is_within_budget { Ok(frame) } else { Err(too_many()) }))
    }
}
