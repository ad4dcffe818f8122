//! The command line. It takes precedence over the configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::on_error::OnError;

const EXAMPLES: &str = "\
Examples:
  rl-coordinator
      listens on 127.0.0.1:8765 and keeps the limits in memory; then, from a shell:
      curl -X POST localhost:8765/allow
      curl localhost:8765/v1/slide -H 'Content-Type: application/json' \\
           -d '{\"key\": \"api\", \"limit\": 500, \"window\": \"60s\"}'

  rl-coordinator --snapshot /var/lib/rl-coordinator/limits --policies policies.toml
      saves them to disk as well, and knows policies by name

  rl-coordinator --redis redis://127.0.0.1:6379
      asks a Redis or Valkey server with the module; also rediss:// (TLS),
      redis-cluster://node1,node2 and redis-sentinel://sentinel1,sentinel2/master-name

  rl-coordinator --redis redis://10.0.0.5:6379 --lease on
      a sidecar, which decides most requests by itself: see docs/coordinator.md

  printf %s \"$TOKEN\" | sha256sum    # for the file: [[token]] name = \"ci\", sha256 = \"...\"
  rl-coordinator --config rl-coordinator.toml --listen 0.0.0.0:8765
      serves other machines, which need a token or a certificate

  rl-coordinator --config rl-coordinator.toml --check
      checks the configuration

  SIGHUP reads the configuration, the policies and the certificates again.
  SIGTERM ends it: waiting requests are answered, and the snapshot is written.";

/// Rate limits over HTTP, kept in memory or by a Redis server with the module redis-rl.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "rl-coordinator", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// A TOML file of settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8765].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Asks this Redis server instead of keeping the limits in memory.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Leases permits from the Redis server and decides by itself: on, off, or prefixes of keys [default: off].
    #[arg(long, value_name = "on|off|PREFIX,…")]
    pub(crate) lease: Option<String>,
    /// A file of policies, in the module's format.
    #[arg(long, value_name = "FILE")]
    pub(crate) policies: Option<PathBuf>,
    /// Saves the limits to this file and reads them at the start. Without it, they are lost when the program ends.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,
    /// How often the limits are saved [default: 10s].
    #[arg(long, value_name = "DURATION")]
    pub(crate) snapshot_interval: Option<String>,
    /// The answer to requests without on_error that cannot be decided [default: deny].
    #[arg(long, value_enum)]
    pub(crate) on_error: Option<OnError>,
    /// Serves other machines without a token or a certificate: any client that reaches the port can use up every
    /// limit.
    #[arg(long)]
    pub(crate) insecure_bind_anyway: bool,
    /// The format of log lines [default: text].
    #[arg(long, value_enum)]
    pub(crate) log: Option<LogFormat>,
    /// Checks the configuration, then exits.
    #[arg(long)]
    pub(crate) check: bool,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}
