//! Connections: accepts them, bounds their number and times, and ends them.
//!
//! | file | contents |
//! |---|---|
//! | `tls.rs` | TLS for clients |
//! | `file_limit.rs` | the system's limit on open files |
//! | `underway.rs` | the requests that are being answered |

pub(crate) mod file_limit;
pub(crate) mod tls;
pub(crate) mod underway;

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
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use self::underway::Underway;
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
    fn answer(self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
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
}

impl<I: Interface> Server<I> {
    /// Accepts connections until the program ends, then waits for them to end.
    pub(crate) async fn run(self, listener: TcpListener, mut ending: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.live.get().bounds.connections));
        let graceful = GracefulShutdown::new();
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
            match accepted {
                Ok((place, (stream, _))) => {
                    let (server, watcher) = (self.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        let _guards = (place, server.metrics.connection());
                        // Errors of a connection are its client's; they are not logged.
                        let _ = server.connection(stream, watcher).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        graceful.shutdown().await;
    }

    async fn connection(&self, stream: TcpStream, watcher: Watcher) -> io::Result<()> {
        let settings = self.live.get();
        let bounds = &settings.bounds;
        let Some(acceptor) = &settings.tls else {
            let is_http2 = timeout(bounds.header_timeout.0, begins_http2(&stream)).await??;
            return self.http(stream, is_http2, bounds, watcher).await;
        };
        let stream = timeout(bounds.header_timeout.0, acceptor.accept(stream)).await??;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.http(stream, is_http2, bounds, watcher).await
    }

    async fn http<S>(&self, stream: S, is_http2: bool, bounds: &Bounds, watcher: Watcher) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (interface, underway) = (self.interface.clone(), Arc::clone(&self.underway));
        let service = service_fn(move |request| {
            let (interface, counted) = (interface.clone(), underway.enter());
            async move {
                let _counted = counted;
                Ok::<_, Infallible>(interface.answer(request).await)
            }
        });
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
            watcher.watch(builder.serve_connection(stream, service)).await
        } else {
            let mut builder = http1::Builder::new();
            // A head and its short body are sent as one buffer, which costs the system less than two.
            builder.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEAD_MAX).writev(false);
            watcher.watch(builder.serve_connection(stream, service)).await
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
