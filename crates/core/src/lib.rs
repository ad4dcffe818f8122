//! The limits themselves: no server, no clock, no I/O. Time comes in as a value.
//!
//! A request walks one way: [`request`] reads its words, [`state`] decides on it without changing
//! anything, the [`effect`] of an admission is applied, here and then alike on every replica and
//! when a log of effects is replayed.
//!
//! - [`slide`], [`window`], [`bucket`]: the three algorithms, one file each
//! - [`log`]: the admissions of a sliding window, compact; [`counter`]: the one amount of the others
//! - [`quota`]: many limits under one key
//! - [`throttle`]: a bucket in redis-cell's words
//! - [`lanes`]: who waits, and whose turn it is; [`behind`]: what others are told meanwhile
//! - [`codec`]: a state as bytes, for snapshots
//! - [`number`], [`fault`]: what clients may write, and what they are told when it is wrong

#![forbid(unsafe_code)]

mod bounded;
pub mod effect;
pub mod engine;
pub mod fault;
pub mod grammar;
pub mod limit;
pub mod memory;
pub mod number;
pub mod queue;
pub mod quota;
pub mod time;
pub mod top;
pub mod value;
mod varint;
pub mod words;

pub use limit::{ParameterSetsLock, lock_parameter_sets, parameter_sets};
