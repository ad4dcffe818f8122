//! The configuration: the command line, then the file, then the defaults. All of it is checked here.
//!
//! | file | contents |
//! |---|---|
//! | `args.rs` | the command line |
//! | `file.rs` | the TOML file and its smaller sections |
//! | `bounds.rs`, `envoy.rs`, `token.rs` | the sections `[bounds]`, `[envoy]` and `[[token]]` |
//! | `lease.rs`, `lease_keys.rs` | which keys are leased, and how |
//! | `check.rs` | settings that would be useless or unsafe |
//! | `duration.rs` | durations, spelled as in commands |
//! | `wrong.rs` | a mistake, with its line and field |

mod args;
mod bounds;
mod check;
mod duration;
mod envoy;
mod file;
mod lease;
mod lease_keys;
mod token;
mod wrong;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rl_core::fault::Fault;
use rl_core::grammar::policy_file;
use rl_core::limit::Kind;
use rl_core::limit::rule::Rule;
use rl_core::quota::policies::Policies;
use rl_core::time::Span;

pub(crate) use self::args::{Args, LogFormat};
pub(crate) use self::bounds::Bounds;
use self::duration::ConfigDuration;
pub(crate) use self::envoy::{EnvoySettings, RuleSettings};
use self::file::{AllowSection, File};
pub(crate) use self::file::{RedisSettings, TlsSettings};
pub(crate) use self::lease::LeaseSettings;
use self::token::TokenSection;
pub(crate) use self::wrong::Wrong;
use crate::auth::Token;
use crate::command::{Command, Verb};
use crate::on_error::OnError;

/// Errors are for the operator.
type Result<T> = std::result::Result<T, Wrong>;

/// Everything the program is set to.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) threads: Option<usize>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) on_error: OnError,
    pub(crate) max_window: Span,
    pub(crate) aging: Option<Span>,
    /// What `POST /allow` asks each time.
    pub(crate) allow: Arc<Command>,
    pub(crate) snapshot: Option<SnapshotSettings>,
    pub(crate) redis: Option<RedisSettings>,
    pub(crate) lease: Option<LeaseSettings>,
    pub(crate) bounds: Bounds,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) envoy: Option<EnvoySettings>,
    pub(crate) log: LogFormat,
    pub(crate) insecure_bind_anyway: bool,
    /// The file, for the lines of later mistakes.
    source: Option<Source>,
}

/// A configuration file and its text.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// Where and how often the limits are saved.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotSettings {
    pub(crate) path: PathBuf,
    pub(crate) interval: Duration,
}

impl Config {
    /// Reads the command line, and the file that it names.
    ///
    /// # Errors
    /// What is wrong, and in which file, line and field.
    pub(crate) fn read(args: &Args) -> std::result::Result<Self, String> {
        let Some(path) = &args.config else {
            return Self::new(args, File::default()).map_err(|wrong| wrong.located("").text(""));
        };
        let (name, text) = (path.display().to_string(), text(path)?);
        let file = toml::from_str::<File>(&text);
        let file = file.map_err(|error| Wrong::of_toml(&error, &text).text(&name))?;
        let config = Self::new(args, file).map_err(|wrong| wrong.located(&text).text(&name))?;
        Ok(Self { source: Some(Source { path: path.clone(), text }), ..config })
    }

    /// A mistake that was found later, with its line.
    pub(crate) fn locate(&self, wrong: Wrong) -> String {
        match &self.source {
            Some(Source { path, text }) => wrong.located(text).text(&path.display().to_string()),
            None => wrong.located("").text(""),
        }
    }

    fn new(args: &Args, file: File) -> Result<Self> {
        let lease = LeaseSettings::read(args, &file)?;
        let redis = match (args.redis.clone(), file.redis) {
            (Some(url), Some(file)) => Some(RedisSettings { url, ..file }),
            (Some(url), None) => Some(RedisSettings::at(url)),
            (None, file) => file,
        };
        let path = args.snapshot.clone().or(file.snapshot.path);
        let interval = match &args.snapshot_interval {
            Some(text) => {
                let interval = ConfigDuration::parse(text);
                Some(interval.ok_or("--snapshot-interval must be a duration such as 10s")?)
            }
            None => file.snapshot.interval,
        };
        let interval = interval.map_or(Duration::from_secs(10), |interval| interval.0);
        let max_window = file.max_window.map_or(Span::MAX, ConfigDuration::span);
        let policies = match args.policies.as_ref().or(file.policies.as_ref()) {
            Some(path) => policies(path, max_window)?,
            None => Policies::new(),
        };
        if redis.is_some() && !policies.is_empty() {
            let why = "with Redis the policies are that server's own: RL.POLICY SET, or its load argument";
            return Err(Wrong::at("policies", why));
        }
        if redis.is_some() && path.is_some() {
            let why = "with Redis there is nothing to save here: the limits are in that server";
            return Err(Wrong::at("snapshot", why));
        }
        if redis.is_some() && file.lane_aging.is_some() {
            let why = "with Redis the waiters are in that server: set rl.lane-aging there";
            return Err(Wrong::at("lane_aging", why));
        }
        let token = |(at, token): (usize, TokenSection)| {
            token.read().map_err(|why| Wrong::at(format!("token.{at}"), why))
        };
        let tokens: Vec<Token> = file.token.into_iter().enumerate().map(token).collect::<Result<_>>()?;
        let are_same =
            |(at, one): &(usize, &Token)| tokens.iter().take(*at).any(|other| other.hash == one.hash);
        if let Some((at, _)) = tokens.iter().enumerate().find(are_same) {
            let why = "[[token]]: a token is there twice; it can have one list of prefixes only";
            return Err(Wrong::at(format!("token.{at}"), why));
        }
        let allow = allow(&file.allow)?;
        if allow.longest() > max_window {
            return Err(Wrong::at("allow.window", "[allow]: the window is longer than max_window"));
        }
        let config = Self {
            listen: args.listen.or(file.listen).unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8765).into()),
            threads: file.threads.filter(|threads| *threads > 0),
            policies: Arc::new(policies),
            on_error: args.on_error.or(file.on_error).unwrap_or(OnError::Deny),
            max_window,
            aging: file.lane_aging.map(ConfigDuration::span),
            allow,
            snapshot: path.map(|path| SnapshotSettings { path, interval }),
            redis,
            lease,
            bounds: file.bounds,
            tls: file.tls,
            tokens,
            envoy: file.envoy,
            log: args.log.or(file.log).unwrap_or_default(),
            insecure_bind_anyway: args.insecure_bind_anyway || file.insecure_bind_anyway,
            source: None,
        };
        config.is_in_bounds()?;
        config.is_safe()?;
        Ok(config)
    }
}

fn text(path: &Path) -> std::result::Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn policies(path: &Path, max_window: Span) -> Result<Policies> {
    let text = text(path)?;
    let allow = |rule: &Rule| {
        if rule.longest() > max_window { Err(Fault::MaxWindow) } else { Ok(()) }
    };
    let entries =
        policy_file::parse(text.as_bytes(), allow).map_err(|wrong| format!("{}: {wrong}", path.display()))?;
    let mut policies = Policies::new();
    policies.set_all(&entries).map_err(|fault| fault.text().to_string_lossy().into_owned())?;
    Ok(policies)
}

fn allow(section: &AllowSection) -> Result<Arc<Command>> {
    let AllowSection { key, limit, window } = section;
    let limit = limit.to_string();
    let command = Command::new(Verb::Limit(Kind::Slide), [key, &limit, window], []);
    let command = command
        .map_err(|fault| Wrong::at("allow", format!("[allow]: {}", fault.text().to_string_lossy())))?;
    Ok(Arc::new(command))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn config(text: &str, arguments: &[&str]) -> Result<Config> {
        let args = Args::parse_from([&["rl-coordinator"], arguments].concat());
        Config::new(&args, toml::from_str(text).map_err(|error| error.to_string())?)
    }

    #[test]
    fn the_example_has_the_defaults() {
        let example = include_str!("../../../../examples/rl-coordinator.toml");
        let mut told = config(example, &[]).unwrap();
        let snapshot = told.snapshot.take().unwrap();
        assert_eq!(snapshot.interval, Duration::from_secs(10));
        assert_eq!(format!("{told:?}"), format!("{:?}", config("", &[]).unwrap()));
        // What is commented out there is right as well.
        let uncomment = |line: &str| line.strip_prefix("# ").unwrap_or(line).to_owned();
        let is_setting = |line: &&str| line.contains(" = ") || line.trim_start_matches("# ").starts_with('[');
        let all: Vec<String> = example.lines().filter(is_setting).map(uncomment).collect();
        let all = all.join("\n").replace('…', &"0".repeat(64));
        let file = toml::from_str::<File>(&all).unwrap();
        assert_eq!(file.token.len(), 2);
        let redis = file.redis.unwrap();
        let defaults = RedisSettings::at(redis.url.clone());
        assert_eq!((redis.timeout, redis.wait_connections), (defaults.timeout, defaults.wait_connections));
    }

    #[test]
    fn the_command_line_prevails() {
        let file = "listen = \"127.0.0.1:1\"\n[redis]\nurl = \"redis://a\"\ntimeout = \"7s\"\n";
        let told = config(file, &["--listen", "127.0.0.1:2", "--redis", "redis://b", "--on-error", "allow"])
            .unwrap();
        let redis = told.redis.unwrap();
        assert_eq!((told.listen.port(), &*redis.url, redis.timeout.0.as_secs()), (2, "redis://b", 7));
        assert_eq!(told.on_error, OnError::Allow);
    }

    #[test]
    fn nonsensical_settings_are_refused() {
        let token = "[[token]]\nname = \"a\"\ntoken = \"0123456789abcdef\"\n";
        let redis = "[redis]\nurl = \"redis://a\"\n";
        let wrong = |text: &str| config(text, &[]).unwrap_err().why().to_owned();
        assert!(wrong(&format!("{token}{token}prefixes = [\"x:\"]\n")).contains("twice"));
        assert!(wrong("max_window = \"10s\"\n").starts_with("[allow]"));
        assert!(wrong(&format!("lane_aging = \"1s\"\n{redis}")).contains("rl.lane-aging"));
        assert!(wrong("threads = 1000000\n").starts_with("threads must be 1 to 1024"));
        assert!(wrong("[bounds]\nconnections = 0\n").starts_with("bounds.connections must be 1 to"));
        assert!(wrong("[bounds]\nconnections = 9000000000000000000\n").starts_with("bounds.connections"));
        assert!(wrong("[bounds]\nkeys = 0\n").starts_with("bounds.keys must be 1 or more"));
        let many = format!("{redis}wait_connections = 9000000000000000000\n");
        assert!(wrong(&many).starts_with("redis.wait_connections must be 0 to"));
    }
}
