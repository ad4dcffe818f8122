//! What a decision changes: the only thing that replicas and the AOF get.
//!
//! An effect carries absolute instants and everything that it needs, so that it reads no clock and
//! decides nothing. Applying it is the same code on the primary, on a replica and when an AOF is
//! loaded: all three hold equal values.

mod image;
mod kinds;
mod legacy;
mod quota_image;

pub use self::kinds::Effect;
