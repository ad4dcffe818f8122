//! The command line. What is said here holds in place of what the file says.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::app::OnError;

const EXAMPLES: &str = "\
Examples:
  rl-coordinator
      listens on 127.0.0.1:8765 and keeps the limits in memory; then, from a shell:
      curl -X POST localhost:8765/allow
      curl localhost:8765/v1/slide -H 'Content-Type: application/json' \\
           -d '{\"key\": \"api\", \"limit\": 500, \"window\": \"60s\"}'

  rl-coordinator --snapshot /var/lib/rl-coordinator/limits --policies policies.toml
      keeps them on disk as well, and knows limits by name

  rl-coordinator --redis redis://127.0.0.1:6379
      asks a Redis or Valkey server with the module; also rediss:// (TLS),
      redis-cluster://node1,node2 and redis-sentinel://sentinel1,sentinel2/master-name

  printf %s \"$TOKEN\" | sha256sum    # for the file: [[token]] name = \"ci\", sha256 = \"...\"
  rl-coordinator --config rl-coordinator.toml --listen 0.0.0.0:8765
      serves other machines, which must have a token or a certificate

  rl-coordinator --config rl-coordinator.toml --check
      says whether the configuration is right

  SIGTERM ends it: those who wait are answered, and the snapshot is written.";

/// Rate limits over HTTP: kept by this program, or by a Redis server with the module redis-rl.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "rl-coordinator", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// A file of settings, in TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8765].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Asks this server instead of keeping the limits here.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// A file of policies, as the module reads it.
    #[arg(long, value_name = "FILE")]
    pub(crate) policies: Option<PathBuf>,
    /// Where the limits are saved, and read from at the start; else they are gone when the program ends.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,
    /// How often they are saved [default: 10s].
    #[arg(long, value_name = "DURATION")]
    pub(crate) snapshot_interval: Option<String>,
    /// What becomes of requests while the back end is down, where they do not say [default: deny].
    #[arg(long, value_enum)]
    pub(crate) on_error: Option<OnErrorArg>,
    /// Serves other machines although nobody needs a token or a certificate: whoever reaches the port may use up
    /// every limit.
    #[arg(long)]
    pub(crate) insecure_bind_anyway: bool,
    /// How lines of the log are written [default: text].
    #[arg(long, value_enum)]
    pub(crate) log: Option<LogFormat>,
    /// Says whether the configuration is right, and ends.
    #[arg(long)]
    pub(crate) check: bool,
}

/// As [`OnError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnErrorArg {
    /// Fail-open.
    Allow,
    /// Fail-closed.
    Deny,
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl From<OnErrorArg> for OnError {
    fn from(arg: OnErrorArg) -> Self {
        match arg {
            OnErrorArg::Allow => Self::Allow,
            OnErrorArg::Deny => Self::Deny,
        }
    }
}
