//! The program's life: it is set up, serves, and ends when it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::api;
use crate::app::App;
use crate::args::{Args, LogFormat};
use crate::auth::Auth;
use crate::backend::{Backend, Embedded, Redis, Settings};
use crate::config::{Config, Snapshot, Wrong};
use crate::crowd::Crowd;
use crate::metrics::Metrics;
use crate::serve::Server;
use crate::{files, rls, snapshot, tls};

/// So many connections stand in the system's queue that were not taken yet, if it allows.
const BACKLOG: u32 = 4_096;

/// Runs it until it is told to end.
///
/// # Errors
/// Why it cannot serve.
pub(crate) fn run(args: &Args) -> Result<(), Wrong> {
    let mut config = Config::read(args)?;
    if args.check {
        check(&config)?;
        println!("the configuration is right");
        return Ok(());
    }
    log(config.log);
    files::suffice(&mut config);
    let threads = config.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let mut builder = match threads {
        // No thread has to wake another.
        Some(1) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(serve(config))
}

/// What is only looked at when it is used: addresses and certificates.
fn check(config: &Config) -> Result<(), Wrong> {
    let redis = config.redis.as_ref();
    redis.map(|redis| Redis::new(redis, Crowd::new(0, 0))).transpose()?;
    config.tls.as_ref().map(tls::acceptor).transpose()?;
    Ok(())
}

fn log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(false).with_writer(std::io::stderr).init(),
        LogFormat::Json => log.json().flatten_event(true).with_writer(std::io::stderr).init(),
    }
}

async fn serve(config: Config) -> Result<(), Wrong> {
    let Config { listen, policies, on_error, max_window, aging, allow, bounds, tokens, .. } = config;
    let told = told_to_end()?;
    let crowd = Crowd::new(bounds.waiters, bounds.waiters_per_key);
    let metrics = Arc::new(Metrics::new());
    let (end, ending) = watch::channel(false);
    let (backend, limits) = match &config.redis {
        Some(redis) => (Backend::Redis(Box::new(Redis::new(redis, Arc::clone(&crowd))?)), None),
        None => {
            let settings = Settings { max_keys: bounds.keys, aging, policies };
            let limits = Arc::new(Embedded::new(settings, Arc::clone(&crowd)));
            (Backend::Embedded(Arc::clone(&limits)), Some(limits))
        }
    };
    let saved = limits.zip(config.snapshot.clone());
    let held = saved.as_ref().map(|(_, Snapshot { path, .. })| snapshot::hold(path)).transpose()?;
    match (&saved, backend.kind()) {
        (Some((limits, Snapshot { path, .. })), _) => {
            let keys = snapshot::restore(path, limits)?;
            tracing::info!(keys, "limits were read from the snapshot");
        }
        (None, "embedded") => tracing::info!("limits are in memory only: see --snapshot"),
        (None, _) => {}
    }
    let acceptor = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = bind(listen)?;
    let envoy = match config.envoy {
        Some(envoy) => Some((bind(envoy.listen)?, Arc::new(envoy))),
        None => None,
    };
    backend.start();
    let app = Arc::new(App {
        backend,
        is_local: listen.ip().is_loopback() && tokens.is_empty(),
        auth: Auth::new(tokens),
        crowd,
        metrics: Arc::clone(&metrics),
        top: crate::top::Top::new(),
        allow,
        bodies: Semaphore::new(bounds.bodies_bytes.min(Semaphore::MAX_PERMITS)),
        bounds: bounds.clone(),
        on_error,
        max_window,
        ending: ending.clone(),
    });
    let saver = saved
        .clone()
        .map(|(limits, snapshot)| tokio::spawn(save(snapshot, limits, Arc::clone(&metrics), ending.clone())));
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    tracing::info!(backend = app.backend.kind(), "listening on {scheme}://{address}");
    let server = Server {
        router: api::router(Arc::clone(&app)),
        bounds,
        tls: acceptor,
        metrics: Arc::clone(&metrics),
    };
    let mut serving = JoinSet::new();
    if let Some((listener, envoy)) = envoy {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        tracing::info!("Envoy is answered on {scheme}://{address}");
        let server = Server { router: rls::router(&app, envoy), ..server.clone() };
        serving.spawn(server.run(listener, ending.clone()));
    }
    serving.spawn(server.run(listener, ending));
    let failed = tokio::select! {
        () = told => false,
        _ = serving.join_next() => true, // a panic of it was logged
    };
    tracing::info!("ending: those who wait are answered");
    end.send_replace(true);
    app.backend.close();
    while serving.join_next().await.is_some() {}
    if let (Some(saver), Some((limits, Snapshot { path, .. }))) = (saver, saved) {
        let _ = saver.await; // what it writes now is whole before the last one is begun
        limits.seal(); // connections that did not end in time may still ask
        let keys = snapshot::write(&path, &limits).map_err(|error| format!("{}: {error}", path.display()))?;
        tracing::info!(keys, "limits were saved");
    }
    drop(held);
    if failed { Err("it could not serve any more".into()) } else { Ok(()) }
}

/// Listens, as [`TcpListener::bind`] does. Connections take over that nothing is held back until there is more to send.
fn bind(listen: SocketAddr) -> Result<TcpListener, Wrong> {
    let bound = || {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_nodelay(true)?;
        socket.bind(listen)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error: std::io::Error| format!("{listen}: {error}"))
}

/// SIGTERM, SIGINT, or the end of the terminal that it was started from: caught from now on, and waited for.
fn told_to_end() -> Result<impl Future<Output = ()>, Wrong> {
    let of = |kind| signal(kind).map_err(|error| error.to_string());
    let (mut terminate, mut interrupt) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    let mut hangup = of(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Saves the limits again and again, until the program ends.
async fn save(
    snapshot: Snapshot,
    limits: Arc<Embedded>,
    metrics: Arc<Metrics>,
    mut ending: watch::Receiver<bool>,
) {
    let Snapshot { path, interval } = snapshot;
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = ending.wait_for(|ends| *ends) => return,
            _ = ticks.tick() => {}
        }
        let (path, limits) = (path.clone(), Arc::clone(&limits));
        let done = tokio::task::spawn_blocking(move || snapshot::write(&path, &limits)).await;
        let done = done.map_err(std::io::Error::other).and_then(|done| done);
        metrics.saved(done.is_ok());
        if let Err(error) = done {
            tracing::error!(%error, "the snapshot could not be written");
        }
    }
}
