//! The settings in force. SIGHUP replaces all of them at once; a request uses those of the moment it came.
//!
//! Settings that are read only when the program starts are not here: `reload.rs` lists them.

use std::sync::{Arc, PoisonError, RwLock};

use rl_core::quota::policies::Policies;
use rl_core::time::Span;
use tokio_rustls::TlsAcceptor;

use crate::auth::{Auth, Token};
use crate::command::Command;
use crate::config::{Bounds, Config};
use crate::envoy::configure::Answering;
use crate::on_error::OnError;
use crate::server::tls;

/// Settings that can be replaced while the program runs.
pub(crate) struct Settings {
    /// The tokens.
    pub(crate) auth: Auth,
    /// Whether there are no tokens and only this machine is served.
    pub(crate) is_local: bool,
    /// The address that is served, as most requests name it.
    pub(crate) own_name: Box<str>,
    /// What `POST /allow` asks each time.
    pub(crate) allow: Arc<Command>,
    /// Limits on memory, connections and time.
    pub(crate) bounds: Bounds,
    /// What a request without `on_error` is answered if it cannot be decided.
    pub(crate) on_error: OnError,
    /// The longest window that clients may ask for.
    pub(crate) max_window: Span,
    /// The policies of the file; none with Redis.
    pub(crate) policies: Arc<Policies>,
    /// The rules for Envoy, if Envoy is answered.
    pub(crate) envoy: Option<Answering>,
    /// The tokens with their bounds of keys.
    pub(crate) tokens: Vec<Token>,
    /// Set if clients use TLS.
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Settings {
    /// The settings of a configuration. Reads the certificates.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        // With Redis, the policies are that server's, and names of policies are not checked.
        let policies = config.redis.is_none().then_some(&*config.policies);
        let answering = |settings| Answering::new(settings, config.max_window, policies);
        let envoy = config.envoy.as_ref().map(answering).transpose();
        Ok(Self {
            auth: Auth::new(config.tokens.clone()),
            is_local: config.listen.ip().is_loopback() && config.tokens.is_empty(),
            own_name: config.listen.to_string().into(),
            allow: Arc::clone(&config.allow),
            bounds: config.bounds.clone(),
            on_error: config.on_error,
            max_window: config.max_window,
            policies: Arc::clone(&config.policies),
            envoy: envoy.map_err(|wrong| config.locate(wrong))?,
            tokens: config.tokens.clone(),
            tls: config.tls.as_ref().map(tls::acceptor).transpose()?,
        })
    }
}

/// The settings in force.
pub(crate) struct Live(RwLock<Arc<Settings>>);

impl Live {
    /// Puts these settings in force.
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(settings))))
    }

    /// The settings in force now.
    pub(crate) fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)) // each change is one assignment
    }

    /// Puts other settings in force.
    pub(crate) fn replace(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}
