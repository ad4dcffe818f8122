//! The upper bounds of what a quota, a request or a key may hold.

/// The largest number of open reservations of a key.
pub const RESERVATIONS_MAX: usize = 100_000;

/// The largest number of open leases of a key. Each decision on the key passes all of them.
pub const LEASES_MAX: usize = 1_024;

/// The largest number of retired limits of a key: limits that no longer apply but still count something. Beyond it
/// they are merged.
pub const RETIRED_MAX: usize = 16;

/// The largest number of units that a request names.
pub const UNITS_MAX: usize = 16;

/// The longest id of a reservation, in bytes.
pub const ID_MAX: usize = 128;
