//! Why a request could not be decided.

use std::fmt;

/// Why a request could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// The kind of the failure.
    pub cause: Cause,
    /// The text of the server, or of the client if no answer came.
    pub text: String,
}

/// Kinds of [`Unavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// No connection, no answer in time, or a server that is loading or fails over.
    Down,
    /// The server wants another user or password.
    NoAuth,
    /// The user may not run the command, or not on this key.
    NoPerm,
    /// The server lacks the module, or has an older one.
    NoModule,
    /// The server is a replica.
    ReadOnly,
    /// The server is out of memory.
    Oom,
    /// The key moves to another node of a cluster.
    SlotMoves,
    /// The answer is not understood.
    Strange,
    /// rl-coordinator holds as many keys as it may.
    TooManyKeys,
    /// rl-coordinator holds as many keys as it may for this token.
    TooManyTokenKeys,
}

impl Cause {
    /// Returns the name that all packages and rl-coordinator use, such as `slot_moves`.
    ///
    /// ```
    /// assert_eq!(redis_rl::Cause::NoModule.name(), "no_module");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::NoAuth => "noauth",
            Self::NoPerm => "noperm",
            Self::NoModule => "no_module",
            Self::ReadOnly => "readonly",
            Self::Oom => "oom",
            Self::SlotMoves => "slot_moves",
            Self::Strange => "strange",
            Self::TooManyKeys => "too_many_keys",
            Self::TooManyTokenKeys => "too_many_token_keys",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rate limit could not be decided ({}): {}", self.cause, self.text)
    }
}

impl std::error::Error for Unavailable {}
