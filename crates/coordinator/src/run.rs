//! The life of the program: it starts, serves, reads its settings again on SIGHUP, and ends on another signal.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::App;
use crate::backend::{self, Backend, Embedded, KeyBounds, Redis};
use crate::body_budget::BodyBudget;
use crate::config::{Args, Config, LogFormat, SnapshotSettings};
use crate::envoy::Envoy;
use crate::http::Http;
use crate::live::{Live, Settings};
use crate::metrics::Metrics;
use crate::reload::{self, Fixed};
use crate::server::underway::Underway;
use crate::server::workers::{self, Handles, Workers};
use crate::server::{Server, file_limit};
use crate::snapshot;
use crate::top_keys::TopKeys;
use crate::undecided::CauseLog;
use crate::waiter_limits::WaiterLimits;

/// The most connections in the system's queue that are not accepted yet.
const BACKLOG: u32 = 4_096;

/// The time for clients to take answers after the last request has ended. After it, connections are closed.
const LINGER: Duration = Duration::from_secs(1);

/// Runs the program until a signal ends it.
///
/// # Errors
/// Why it cannot serve, for the operator.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    let mut config = Config::read(args)?;
    let settings = Settings::new(&config)?;
    if args.check {
        let redis = config.redis.as_ref();
        redis.map(|redis| Redis::new(redis, WaiterLimits::new(0, 0))).transpose()?;
        println!("the configuration is right");
        return Ok(());
    }
    log(config.log);
    let fixed = Arc::new(Fixed::of(&config));
    file_limit::raise(&mut config);
    let settings = Settings { bounds: config.bounds.clone(), ..settings };
    let threads = config.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let runtime = workers::runtime().map_err(|error| error.to_string())?;
    let workers = Workers::start(&runtime, threads.unwrap_or(1)).map_err(|error| error.to_string())?;
    let reload = async |app: &Arc<App>| reload::reload(app, args, &fixed).await;
    runtime.block_on(serve(config, settings, workers.handles(), reload))
}

fn log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(false).with_writer(std::io::stderr).init(),
        LogFormat::Json => log.json().flatten_event(true).with_writer(std::io::stderr).init(),
    }
}

async fn serve(
    config: Config,
    settings: Settings,
    threads: Arc<Handles>,
    reload: impl AsyncFn(&Arc<App>) -> Result<(), String>,
) -> Result<(), String> {
    let Config { listen, policies, aging, bounds, .. } = config;
    let mut ends = pin!(end_signal()?);
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    let waiter_limits = WaiterLimits::new(bounds.waiters, bounds.waiters_per_key);
    let metrics = Arc::new(Metrics::new());
    let (end, ending) = watch::channel(false);
    let (backend, limits) = match &config.redis {
        Some(redis) => {
            let redis = Redis::new(redis, Arc::clone(&waiter_limits))?;
            let redis = match &config.lease {
                Some(lease) => redis.lease(lease, metrics.leases.clone()),
                None => redis,
            };
            (Backend::Redis(Arc::new(redis)), None)
        }
        None => {
            let key_bounds = KeyBounds::new(bounds.keys, &config.tokens);
            let settings = backend::Settings { max_keys: bounds.keys, key_bounds, aging, policies };
            let limits = Arc::new(Embedded::new(settings, Arc::clone(&waiter_limits)));
            (Backend::Embedded(Arc::clone(&limits)), Some(limits))
        }
    };
    let snapshot = config.snapshot.map(|snapshot| {
        let path = snapshot::resolve(&snapshot.path)?;
        Ok::<_, String>(SnapshotSettings { path, ..snapshot })
    });
    let saved = limits.zip(snapshot.transpose()?);
    let lock = saved.as_ref().map(|(_, SnapshotSettings { path, .. })| snapshot::lock(path)).transpose()?;
    match (&saved, backend.kind()) {
        (Some((limits, SnapshotSettings { path, .. })), _) => {
            let keys = snapshot::restore(path, limits)?;
            tracing::info!(keys, "limits were read from the snapshot");
        }
        (None, "embedded") => tracing::info!("limits are in memory only: see --snapshot"),
        (None, _) => {}
    }
    let listener = bind(listen)?;
    let envoy = config.envoy.map(|envoy| bind(envoy.listen)).transpose()?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    backend.start();
    let live = Live::new(settings);
    let app = Arc::new(App {
        backend,
        live: Arc::clone(&live),
        waiter_limits,
        metrics: Arc::clone(&metrics),
        top_keys: TopKeys::new(),
        bodies: BodyBudget::new(bounds.bodies_bytes),
        causes: CauseLog::default(),
        ending: ending.clone(),
    });
    let saver = saved
        .clone()
        .map(|(limits, settings)| tokio::spawn(save(settings, limits, Arc::clone(&metrics), ending.clone())));
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    tracing::info!(backend = app.backend.kind(), "listening on {scheme}://{address}");
    let (mut serving, underway) = (JoinSet::new(), Arc::new(Underway::default()));
    if let Some(listener) = envoy {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        tracing::info!("Envoy is answered on {scheme}://{address}");
        let (live, metrics, underway) = (Arc::clone(&live), Arc::clone(&metrics), Arc::clone(&underway));
        let threads = Arc::clone(&threads);
        let server = Server { interface: Envoy::new(&app), live, metrics, underway, threads };
        serving.spawn(server.run(listener, ending.clone()));
    }
    let (interface, open) = (Http(Arc::clone(&app)), Arc::clone(&underway));
    let server = Server { interface, live: Arc::clone(&live), metrics, underway: open, threads };
    serving.spawn(server.run(listener, ending));
    let failed = loop {
        tokio::select! {
            () = &mut ends => break false,
            _ = serving.join_next() => break true, // it has panicked, and that was logged
            _ = hangup.recv() => {
                let done = reload(&app).await;
                app.metrics.reloaded(done.is_ok());
                match done {
                    Ok(()) => tracing::info!("the configuration was read again, and is in force"),
                    Err(wrong) => tracing::error!("the old configuration stays in force: {wrong}"),
                }
            }
        }
    };
    tracing::info!("ending: waiting requests are answered");
    end.send_replace(true);
    app.backend.close();
    let most = live.get().bounds.shutdown_timeout.0;
    if timeout(most, underway.none()).await.is_err() {
        tracing::warn!("cut the requests that did not end in time");
    }
    app.backend.end_leases(most.min(LINGER)).await;
    if let (Some(saver), Some((limits, SnapshotSettings { path, .. }))) = (saver, saved) {
        let _ = saver.await; // it finishes what it writes before the last snapshot starts
        limits.seal(); // requests that were cut, or have just come, may still ask
        let written = tokio::task::spawn_blocking(move || {
            snapshot::write(&path, &limits).map_err(|error| format!("{}: {error}", path.display()))
        });
        let keys = written.await.map_err(|error| error.to_string())??;
        tracing::info!(keys, "limits were saved");
    }
    drop(lock); // the next process may start, whatever the connections still do
    let all_end = async { while serving.join_next().await.is_some() {} };
    if timeout(most.min(LINGER), all_end).await.is_err() {
        tracing::info!("closed the connections of clients that said nothing, or did not read");
    }
    if failed { Err("it could not serve any more".into()) } else { Ok(()) }
}

/// Listens as [`TcpListener::bind`] does. Connections inherit `TCP_NODELAY`.
fn bind(listen: SocketAddr) -> Result<TcpListener, String> {
    let bound = || {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_nodelay(true)?;
        socket.bind(listen)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error: std::io::Error| format!("{listen}: {error}"))
}

/// Catches SIGTERM and SIGINT from now on; the future waits for one of them.
fn end_signal() -> Result<impl Future<Output = ()>, String> {
    let of = |kind| signal(kind).map_err(|error| error.to_string());
    let (mut terminate, mut interrupt) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Saves the limits every interval, until the program ends.
async fn save(
    settings: SnapshotSettings,
    limits: Arc<Embedded>,
    metrics: Arc<Metrics>,
    mut ending: watch::Receiver<bool>,
) {
    let SnapshotSettings { path, interval } = settings;
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
