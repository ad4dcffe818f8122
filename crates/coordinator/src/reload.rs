//! SIGHUP: reads the configuration, the policies and the certificates again. All of it is put in force, or nothing.

use std::sync::Arc;

use crate::app::App;
use crate::backend::{Backend, KeyBounds};
use crate::config::{Args, Bounds, Config, Wrong};
use crate::live::Settings;

/// The settings that are read only when the program starts, as text for comparison.
#[derive(Debug)]
pub(crate) struct Fixed([(&'static str, String); 13]);

impl Fixed {
    /// These settings of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let Config { listen, threads, log, aging, snapshot, redis, lease, bounds, envoy, .. } = config;
        let snapshot = snapshot.as_ref();
        Self([
            ("listen", format!("{listen:?}")),
            ("threads", format!("{threads:?}")),
            ("log", format!("{log:?}")),
            ("lane_aging", format!("{aging:?}")),
            ("snapshot.path", format!("{:?}", snapshot.map(|snapshot| &snapshot.path))),
            ("snapshot.interval", format!("{:?}", snapshot.map(|snapshot| snapshot.interval))),
            ("redis", format!("{redis:?}")),
            ("lease", format!("{lease:?}")),
            ("bounds.bodies_bytes", bounds.bodies_bytes.to_string()),
            ("bounds.connections", bounds.connections.to_string()),
            ("bounds.waiters", bounds.waiters.to_string()),
            ("bounds.waiters_per_key", bounds.waiters_per_key.to_string()),
            ("envoy.listen", format!("{:?}", envoy.as_ref().map(|envoy| envoy.listen))),
        ])
    }

    /// The first setting that differs; `None` if none does.
    fn changed(&self, other: &Self) -> Option<&'static str> {
        let differs =
            |((name, old), (_, new)): (&(&'static str, String), &(_, String))| (old != new).then_some(*name);
        self.0.iter().zip(&other.0).find_map(differs)
    }
}

/// Reads everything again, and puts it in force. The threads that answer requests do none of this.
///
/// # Errors
/// What is wrong, for the operator. The settings in force have not changed then.
pub(crate) async fn reload(app: &Arc<App>, args: &Args, fixed: &Arc<Fixed>) -> Result<(), String> {
    let (app, args, fixed) = (Arc::clone(app), args.clone(), Arc::clone(fixed));
    let done =
        tokio::task::spawn_blocking(move || read(&args, &fixed).map(|settings| put_in_force(&app, settings)));
    done.await.map_err(|error| error.to_string())?
}

fn put_in_force(app: &App, settings: Settings) {
    let old = app.settings();
    // The system may have allowed fewer connections than are configured.
    let bounds = Bounds { connections: old.bounds.connections, ..settings.bounds.clone() };
    let settings = Settings { bounds, ..settings };
    match &app.backend {
        Backend::Embedded(embedded) => {
            embedded.set_key_bounds(KeyBounds::new(settings.bounds.keys, &settings.tokens));
            let file = Arc::clone(&settings.policies);
            embedded.replace_file_policies(&file, || app.live.replace(settings));
        }
        Backend::Redis(_) => app.live.replace(settings), // the server keeps the policies
    }
}

fn read(args: &Args, fixed: &Fixed) -> Result<Settings, String> {
    let config = Config::read(args)?;
    if let Some(name) = fixed.changed(&Fixed::of(&config)) {
        let why = "it is read only when the program starts; restart the program to change it";
        return Err(config.locate(Wrong::at(name, why)));
    }
    Settings::new(&config)
}
