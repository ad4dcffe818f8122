//! How much of everything a quota, a request or a key may have.

/// A key keeps at most this many open reservations.
pub const RESERVATIONS_MAX: usize = 100_000;

/// A key keeps at most this many limits that no longer apply but still count something.
pub const RETIRED_MAX: usize = 16;

/// A request names at most this many units.
pub const UNITS_MAX: usize = 16;

/// A reservation's id has at most this many bytes.
pub const ID_MAX: usize = 128;
