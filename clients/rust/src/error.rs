//! What may go wrong with a request, one kind each, with the server's own text.

use std::fmt;

use crate::decision::QuotaDecision;
use crate::unavailable::{Cause, Unavailable};

/// An error of a request. A denial is an answer, not an error, except where a scope is asked for: see [`Error::Denied`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The limit denies the request. Only reservations return it. The decision says which limits block.
    Denied(Box<QuotaDecision>),
    /// Too many requests wait already.
    Busy(String),
    /// The key holds another algorithm, or another type.
    WrongType(String),
    /// The server has no policy of this name.
    NoPolicy(String),
    /// Something else is wrong with the request. The text says what the server expects.
    Invalid(String),
    /// rl-coordinator does not offer the call.
    Unsupported,
    /// The request could not be decided.
    Unavailable(Unavailable),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(decision) => match (&decision.degraded, decision.retry_after) {
                (Some(degraded), _) => write!(f, "denied: {degraded}"),
                (None, Some(after)) => {
                    write!(f, "denied by {}, retry after {after:?}", decision.blocking.join(", "))
                }
                (None, None) => {
                    write!(f, "denied by {}: the cost is above the limit", decision.blocking.join(", "))
                }
            },
            Self::Busy(text) | Self::WrongType(text) | Self::NoPolicy(text) | Self::Invalid(text) => {
                f.write_str(text)
            }
            Self::Unsupported => f.write_str("rl-coordinator does not offer this call"),
            Self::Unavailable(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Denied(decision) => decision.degraded.as_ref().map(|why| why as _),
            Self::Unavailable(why) => Some(why),
            Self::Busy(_) | Self::WrongType(_) | Self::NoPolicy(_) | Self::Invalid(_) | Self::Unsupported => {
                None
            }
        }
    }
}

impl Error {
    /// Returns the error for a text that a server answered, such as `WRONGTYPE Operation against …`. A [`Connection`] of your own
    /// uses it.
    ///
    /// ```
    /// use redis_rl::Error;
    /// assert!(matches!(Error::from_server("RLBUSY too many waiters"), Error::Busy(_)));
    /// ```
    ///
    /// [`Connection`]: crate::Connection
    #[must_use]
    pub fn from_server(text: &str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let cause = match word {
            "RLBUSY" => return Self::Busy(text.to_owned()),
            "WRONGTYPE" => return Self::WrongType(text.to_owned()),
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY" | "UNBLOCKED" | "MISCONF" | "NOREPLICAS" => {
                Cause::Down
            }
            "NOAUTH" | "WRONGPASS" => Cause::NoAuth,
            "NOPERM" => Cause::NoPerm,
            "READONLY" => Cause::ReadOnly,
            "OOM" => Cause::Oom,
            "TRYAGAIN" | "MOVED" | "ASK" => Cause::SlotMoves,
            _ if rest.starts_with("unknown command") || rest.starts_with("unknown subcommand") => {
                Cause::NoModule
            }
            _ if rest.starts_with("max number of clients") => Cause::Down,
            _ if rest.starts_with("no such policy") => return Self::NoPolicy(text.to_owned()),
            _ => return Self::Invalid(text.to_owned()),
        };
        Self::unavailable(cause, text)
    }

    /// Returns the error for a request that could not be decided. A [`Connection`](crate::Connection) of your own uses it.
    #[must_use]
    pub fn unavailable(cause: Cause, text: impl Into<String>) -> Self {
        Self::Unavailable(Unavailable { cause, text: text.into() })
    }

    /// Returns the error for a reply that has not the expected form.
    pub(crate) fn strange(expected: &str) -> Self {
        Self::unavailable(Cause::Strange, format!("the server's reply is not {expected}"))
    }
}
