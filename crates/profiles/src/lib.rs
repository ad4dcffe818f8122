//! What providers say about their limits in the headers of their answers.
//!
//! A limit is wrong as soon as somebody else uses the same quota. A provider says what is left in the headers of each
//! answer, each in another way. `profiles.json` describes these ways, with their sources; [`read`] reads headers by it.
//! There is no I/O here and no clock: the caller says what time it is.
//!
//! ```
//! use rl_profiles::{profile, read};
//!
//! let headers = [("x-ratelimit-remaining-requests", "59"), ("x-ratelimit-reset-requests", "6m0s"), ("retry-after", "2")];
//! let told = read(profile("openai").unwrap(), &headers, 1_764_410_400_000);
//! assert_eq!(told.limits[0].names, ["requests", "rpm"]);
//! assert_eq!((told.limits[0].remaining, told.limits[0].reset_ms), (59, Some(360_000)));
//! assert_eq!(told.hold_ms, Some(2_000));
//! ```
//!
//! | file | contents |
//! |---|---|
//! | `profile.rs` | the data |
//! | `read.rs` | headers by a profile |
//! | `left.rs`, `number.rs`, `time.rs` | what is read: limits, numbers, the forms of times |
//! | `structured.rs` | the header field `RateLimit` |

mod left;
mod number;
mod profile;
mod read;
mod structured;
mod time;

pub use self::left::Left;
pub use self::profile::{Profile, names, profile};
pub use self::read::{Told, read};
