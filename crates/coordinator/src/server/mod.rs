//! Connections: accepts them, bounds their number and times, and ends them.
//!
//! | file | contents |
//! |---|---|
//! | `tls.rs` | TLS for clients |
//! | `file_limit.rs` | the system's limit on open files |
//! | `underway.rs` | the requests that are being answered |
//! | `workers.rs` | the threads that serve connections |
//! | `idle_timer.rs`, `end.rs` | hyper's timer and shutdown, without a lock at each request |

mod end;
pub(crate) mod file_limit;
mod idle_timer;
pub(crate) mod tls;
pub(crate) mod underway;
pub(crate) mod workers;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use self::end::until_end;
use self::idle_timer::IdleTimer;
use self::underway::Underway;
use self::workers::Handles;
use crate::config::Bounds;
use crate::live::Live;
use crate::metrics::Metrics;

/// The largest head of a request, in bytes.
const HEAD_MAX: usize = 16_384;
/// The most requests that an HTTP/2 connection has at a time.
const STREAMS_MAX: u32 = 256;
/// The most bytes that an HTTP/2 client sends before they are read.
const WINDOW: u32 = 65_535;
/// The pause after the system had no file or memory for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers the requests of one port.
pub(crate) trait Interface: Clone + Send + Sync + 'static {
    /// The body of an answer.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers a request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Serves the connections of one port.
#[derive(Clone)]
pub(crate) struct Server<I> {
    /// What answers its requests.
    pub(crate) interface: I,
    /// The settings in force. A connection keeps those of its beginning.
    pub(crate) live: Arc<Live>,
    /// Counts open connections.
    pub(crate) metrics: Arc<Metrics>,
    /// Counts requests.
    pub(crate) underway: Arc<Underway>,
    /// The threads that serve them.
    pub(crate) threads: Arc<Handles>,
}

impl<I: Interface> Server<I> {
    /// Accepts connections until the program ends, then waits for them to end.
    pub(crate) async fn run(self, listener: TcpListener, mut ending: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.live.get().bounds.connections));
        let (open, mut all_closed) = mpsc::channel::<Infallible>(1); // each connection has a sender
        loop {
            // Without a free place, connections stay in the system's own queue.
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((place, listener.accept().await?))
            };
            let accepted = tokio::select! {
                biased;
                _ = ending.wait_for(|ends| *ends) => break,
                accepted = accept => accepted,
            };
            let begun = accepted.and_then(|(place, (stream, _))| {
                let (server, ending, open) = (self.clone(), ending.clone(), open.clone());
                self.threads.serve(stream, async move |stream| {
                    let _guards = (place, open, server.metrics.connection());
                    // Errors of a connection are its client's; they are not logged.
                    let _ = server.connection(stream, ending).await;
                })
            });
            if let Err(error) = begun {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
        drop((listener, open));
        all_closed.recv().await;
    }

    async fn connection(&self, stream: TcpStream, ending: watch::Receiver<bool>) -> io::Result<()> {
        let settings = self.live.get();
        let bounds = &settings.bounds;
        let Some(acceptor) = &settings.tls else {
            let is_http2 = timeout(bounds.header_timeout.0, begins_http2(&stream)).await??;
            return self.http(stream, is_http2, bounds, ending).await;
        };
        let stream = timeout(bounds.header_timeout.0, acceptor.accept(stream)).await??;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.http(stream, is_http2, bounds, ending).await
    }

    async fn http<S>(
        &self,
        stream: S,
        is_http2: bool,
        bounds: &Bounds,
        ending: watch::Receiver<bool>,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A write that makes no progress for this long fails: a client that stops reading must not hold its connection.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(bounds.write_timeout.0));
        let stream = TokioIo::new(Box::pin(stream));
        let idle = bounds.header_timeout.0;
        let served = if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
                .keep_alive_interval(idle)
                .keep_alive_timeout(idle);
            // A request is a task of its own.
            let (interface, underway) = (self.interface.clone(), Arc::clone(&self.underway));
            let service = service_fn(move |request| {
                let (interface, counted) =
                    (interface.clone(), underway::Request::enter(Arc::clone(&underway)));
                async move {
                    let _counted = counted;
                    Ok::<_, Infallible>(interface.answer(request).await)
                }
            });
            until_end(builder.serve_connection(stream, service), ending).await
        } else {
            let (interface, underway) = (&self.interface, &*self.underway);
            let service = service_fn(move |request| {
                let counted = underway::Request::enter(underway);
                let answer = interface.answer(request);
                async move {
                    let _counted = counted;
                    Ok::<_, Infallible>(answer.await)
                }
            });
            let mut builder = http1::Builder::new();
            // A head and its short body are sent as one buffer, which costs the system less than two.
            let timer = IdleTimer::new(idle);
            builder.timer(timer).header_read_timeout(idle).max_buf_size(HEAD_MAX).writev(false);
            until_end(builder.serve_connection(stream, service), ending).await
        };
        served.map_err(io::Error::other)
    }
}

/// Whether the first bytes are `PRI`, with which HTTP/2 begins. It is not a method of HTTP/1.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    const BEGIN: &[u8] = b"PRI";
    let mut begin = [0; BEGIN.len()];
    let mut pause = Duration::from_millis(10);
    loop {
        let read = stream.peek(&mut begin).await?;
        if read == 0 || read == begin.len() || !BEGIN.starts_with(begin.get(..read).unwrap_or_default()) {
            return Ok(begin == *BEGIN);
        }
        tokio::time::sleep(pause).await; // some bytes are there, but not enough
        pause = pause.saturating_mul(2); // a client that stops here must not keep this busy
    }
}
