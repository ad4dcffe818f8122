//! How providers of language models tell their limits in the headers of their answers.
//!
//! The facts are in `profiles.json`. It and the other files of this folder are copies of crates/profiles in the repository. A test
//! fails if a copy is stale, and writes it anew if `REDIS_RL_COPY` is set. [`Reservation::sync`](crate::Reservation::sync) reads headers
//! by them. There is no I/O here.

mod left;
mod number;
#[expect(clippy::module_inception, reason = "the names of crates/profiles")]
mod profile;
mod read;
mod structured;
mod time;

pub use self::left::Left;
pub use self::profile::{Profile, names, profile};
pub use self::read::{Told, read};
#[cfg(feature = "provider")]
pub(crate) use self::time::Form;
