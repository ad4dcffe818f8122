//! Tells a connection when the program ends.
//!
//! `GracefulShutdown` of hyper-util does the same, but polls its channel at each request, which takes a lock.

use std::future::poll_fn;
use std::pin::pin;

use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;

/// Serves a connection. When the program ends, the connection ends after the request that is being answered.
pub(super) async fn until_end<C: GracefulConnection>(
    connection: C,
    ending: watch::Receiver<bool>,
) -> C::Output {
    let mut news = ending.clone();
    let (mut connection, mut ends) = (pin!(connection), pin!(news.wait_for(|ends| *ends)));
    let (mut is_heard, mut is_told) = (false, false);
    poll_fn(move |context| {
        // One task serves the connection, so what wakes it need be said once.
        if !is_told && (!is_heard || ending.has_changed().unwrap_or(true)) {
            is_heard = true;
            if ends.as_mut().poll(context).is_ready() {
                is_told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
        connection.as_mut().poll(context)
    })
    .await
}
