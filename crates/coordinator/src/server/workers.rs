//! The threads that serve connections.
//!
//! Each thread has a runtime of its own: its connections share no queue, no timers and no poll of the system with those of
//! other threads. The first thread is that of the program's own runtime. A connection stays on the thread that it was
//! given to, and threads take turns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// All threads that serve connections. Dropping it ends all but the first, with their connections.
pub(crate) struct Workers {
    handles: Arc<Handles>,
    others: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Gives connections to threads.
pub(crate) struct Handles {
    all: Vec<Handle>,
    next: AtomicUsize,
}

/// A runtime for the thread that runs it.
///
/// # Errors
/// The system's, of its poll.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

impl Workers {
    /// Starts `threads - 1` threads beside that of `first`.
    ///
    /// # Errors
    /// The system's, if there cannot be so many.
    pub(crate) fn start(first: &Runtime, threads: usize) -> io::Result<Self> {
        let mut all = vec![first.handle().clone()];
        let mut others = Vec::new();
        for _ in 1..threads {
            let own = runtime()?;
            all.push(own.handle().clone());
            let (end, ends) = oneshot::channel();
            let run = move || {
                let _ = own.block_on(ends); // it ends when the sender is dropped, too
            };
            others.push((end, thread::Builder::new().name("connections".into()).spawn(run)?));
        }
        Ok(Self { handles: Arc::new(Handles { all, next: AtomicUsize::new(0) }), others })
    }

    /// What gives connections to these threads.
    pub(crate) fn handles(&self) -> Arc<Handles> {
        Arc::clone(&self.handles)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for (end, thread) in self.others.drain(..) {
            drop(end);
            let _ = thread.join(); // a panic of its own was logged
        }
    }
}

impl Handles {
    /// Serves a new connection on the next thread. Its errors are dropped.
    ///
    /// # Errors
    /// The system's, if it cannot be given to that thread.
    pub(super) fn serve<F: Future<Output = ()> + Send + 'static>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> io::Result<()> {
        let turn = self.next.fetch_add(1, Relaxed).checked_rem(self.all.len()).unwrap_or(0);
        match self.all.get(turn) {
            Some(other) if turn > 0 => {
                let stream = stream.into_std()?; // the poll of the first thread forgets it
                other.spawn(async move {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        serve(stream).await;
                    }
                });
            }
            _ => drop(tokio::spawn(serve(stream))),
        }
        Ok(())
    }
}
