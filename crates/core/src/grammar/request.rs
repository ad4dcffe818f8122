//! The parsed request of every command that a host runs on a key.

use super::ask::Ask;
use super::limit;
use super::outside::{self, Hold, Sync};
use super::quota::{self, ManyRequest};
use super::words::Words;
use crate::fault::Result;
use crate::limit::Kind;
use crate::queue::wait::Wait;
use crate::quota::costs::Costs;
use crate::time::Span;

/// The name of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// The command for one limit of an algorithm, such as `RL.SLIDE`
    Limit(Kind),
    /// `RL.QUOTA`
    Quota,
    /// `RL.MQUOTA`
    ManyQuotas,
    /// `RL.FIRST`
    First,
    /// `RL.PEEK`
    Peek,
    /// `RL.REFUND`
    Refund,
    /// `RL.SETTLE`
    Settle,
    /// `RL.CANCEL`
    Cancel,
    /// `RL.RENEW`
    Renew,
    /// `RL.HOLD`
    Hold,
    /// `RL.SYNC`
    Sync,
}

/// A parsed command.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "the larger ones are the common ones")]
pub enum Request<'w> {
    /// The command for one limit.
    Limit(limit::Request),
    /// `RL.QUOTA`.
    Quota(Ask<'w>),
    /// `RL.MQUOTA`.
    ManyQuotas(ManyRequest<'w>),
    /// `RL.FIRST`.
    First(ManyRequest<'w>),
    /// `RL.PEEK`, with the costs that it asks about.
    Peek(Costs<'w>),
    /// `RL.REFUND`, with the cost that it gives back.
    Refund(u64),
    /// `RL.SETTLE`.
    Settle {
        /// The reservation.
        id: &'w [u8],
        /// What was used, by unit.
        used: Costs<'w>,
    },
    /// `RL.CANCEL`.
    Cancel {
        /// The reservation.
        id: &'w [u8],
    },
    /// `RL.RENEW`.
    Renew {
        /// The reservation.
        id: &'w [u8],
        /// The time to live from now.
        ttl: Span,
    },
    /// `RL.HOLD`.
    Hold(Hold<'w>),
    /// `RL.SYNC`.
    Sync(Sync<'w>),
}

impl<'w> Request<'w> {
    /// Parses the words of a command. The first word is its name.
    ///
    /// # Errors
    /// The fault of the first invalid word.
    pub fn read<W: Words + ?Sized>(command: Command, words: &'w W) -> Result<Self> {
        Ok(match command {
            Command::Limit(kind) => Self::Limit(limit::read_kind(kind, words)?),
            Command::Quota => Self::Quota(Ask::read(words)?),
            Command::ManyQuotas => Self::ManyQuotas(quota::many(words)?),
            Command::First => Self::First(quota::first(words)?),
            Command::Peek => Self::Peek(quota::peek(words)?),
            Command::Refund => Self::Refund(limit::refund(words)?),
            Command::Settle => {
                let (id, used) = quota::settle(words)?;
                Self::Settle { id, used }
            }
            Command::Cancel => Self::Cancel { id: quota::reservation(words)? },
            Command::Renew => {
                let (id, ttl) = quota::renew(words)?;
                Self::Renew { id, ttl }
            }
            Command::Hold => Self::Hold(outside::hold(words)?),
            Command::Sync => Self::Sync(outside::sync(words)?),
        })
    }

    /// Returns whether the request takes as much of its cost as there is.
    #[must_use]
    pub fn is_up_to(&self) -> bool {
        match self {
            Self::Limit(request) => request.is_up_to,
            Self::Quota(ask) => ask.reserve.is_some_and(|reserve| reserve.is_up_to()),
            Self::ManyQuotas(_)
            | Self::First(_)
            | Self::Peek(_)
            | Self::Refund(_)
            | Self::Settle { .. }
            | Self::Cancel { .. }
            | Self::Renew { .. }
            | Self::Hold(_)
            | Self::Sync(_) => false,
        }
    }

    /// Returns how to wait if the request is not admitted at once. `None` if it must not wait.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        match self {
            Self::Limit(request) => request.wait,
            Self::Quota(ask) => ask.wait,
            Self::ManyQuotas(request) | Self::First(request) => request.terms.wait,
            Self::Peek(_)
            | Self::Refund(_)
            | Self::Settle { .. }
            | Self::Cancel { .. }
            | Self::Renew { .. }
            | Self::Hold(_)
            | Self::Sync(_) => None,
        }
    }
}
