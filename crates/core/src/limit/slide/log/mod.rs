//! The admissions of a sliding window: a queue of (instant, cost), oldest first, in about two bytes each.
//!
//! Every entry but the oldest is stored as its distance from the one before it, so a limit of 500 a
//! minute takes a kilobyte where a sorted set takes 67. The oldest entry, the *head*, is kept
//! unpacked, since every question starts there. Requests of the same millisecond share an entry.
//!
//! ```text
//!   head: at, cost        bytes: | dropped ... | distance*2 + flag [cost] | distance*2 + flag [cost] | ...
//!                                ^0            ^start                     flag: a cost other than 1 follows
//! ```
//!
//! Entries are appended at the end and leave at the front, each once, so both are amortized O(1). Only
//! a write drops entries. A read that passes many entries remembers where they are, so that the next
//! read does not pass them again. What reads remember is no part of the state.
//!
//! - `entry`: one entry and how it is packed
//! - `entries`: the log; appending and dropping
//! - `view`: reading what counts for one window, `reading`: what reads of a long log remember
//! - `rewrite`: changes in the midst of a log, and merging if it has too many entries
//! - `packed`: a whole log from and to bytes

mod entries;
mod entry;
mod packed;
mod place;
mod reading;
mod rewrite;
mod view;

pub use self::entries::{ENTRIES_EXACT, ENTRIES_MAX, Log};
pub use self::entry::Entry;
pub use self::packed::BYTES_MAX;
pub use self::view::View;
