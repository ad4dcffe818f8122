//! Connections: how many, how long they may take to say what they want, and how they end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config::Bounds;
use crate::metrics::Metrics;
use crate::patience::Patience;

/// The head of a request has so many bytes at most.
const HEAD_MAX: usize = 16_384;
/// A connection in HTTP/2 has so many requests at a time.
const STREAMS_MAX: u32 = 256;
/// A connection in HTTP/2 sends so many bytes before they are read.
const WINDOW: u32 = 65_535;
/// How long the system may take to have files or memory for a connection again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection is served by.
#[derive(Clone)]
pub(crate) struct Server {
    /// The ways in.
    pub(crate) router: Router,
    /// How much of everything there may be.
    pub(crate) bounds: Bounds,
    /// Where it serves with TLS.
    pub(crate) tls: Option<TlsAcceptor>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

impl Server {
    /// Takes connections until the program ends; then lets those end that are under way.
    pub(crate) async fn run(self, listener: TcpListener, mut ending: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(self.bounds.connections));
        let graceful = GracefulShutdown::new();
        loop {
            // Without room nobody is taken: they stand in the system's own queue.
            let taken = async {
                let room = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((room, listener.accept().await?))
            };
            let taken = tokio::select! {
                biased;
                _ = ending.wait_for(|ends| *ends) => break,
                taken = taken => taken,
            };
            match taken {
                Ok((room, (stream, _))) => {
                    let (server, watcher) = (self.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        let _room = (room, server.metrics.connection());
                        // What a client does wrong is its own affair.
                        let _ = server.connection(stream, watcher).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        if timeout(self.bounds.shutdown_timeout.0, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were cut that did not end in time");
        }
    }

    async fn connection(&self, stream: TcpStream, watcher: Watcher) -> io::Result<()> {
        let Some(acceptor) = &self.tls else {
            let is_http2 = timeout(self.bounds.header_timeout.0, begins_http2(&stream)).await??;
            return self.http(stream, is_http2, watcher).await;
        };
        let stream = timeout(self.bounds.header_timeout.0, acceptor.accept(stream)).await??;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.http(stream, is_http2, watcher).await
    }

    async fn http<S>(&self, stream: S, is_http2: bool, watcher: Watcher) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.router.clone());
        let stream = TokioIo::new(Patience::new(stream, self.bounds.write_timeout.0));
        let idle = self.bounds.header_timeout.0;
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
            builder.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEAD_MAX);
            watcher.watch(builder.serve_connection(stream, service)).await
        };
        served.map_err(io::Error::other)
    }
}

/// Whether a client begins as one of HTTP/2 does, `PRI`, which is no method of HTTP/1.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    const BEGIN: &[u8] = b"PRI";
    let mut begin = [0; BEGIN.len()];
    let mut pause = Duration::from_millis(10);
    loop {
        let read = stream.peek(&mut begin).await?;
        if read == 0 || read == begin.len() || !BEGIN.starts_with(begin.get(..read).unwrap_or_default()) {
            return Ok(begin == *BEGIN);
        }
        tokio::time::sleep(pause).await; // there is something to read, but not all of it
        pause = pause.saturating_mul(2); // nobody does so but to keep this busy
    }
}
