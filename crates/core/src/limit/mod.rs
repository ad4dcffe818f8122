//! One limit: its rule, what a key holds for it, and what a request is told.

pub mod bucket;
pub mod codec;
mod compact;
pub mod counter;
pub mod decimal_text;
pub mod decision;
pub mod effect;
mod interned;
pub mod meter;
pub mod rule;
pub mod slide;
pub mod state;
pub mod window;

pub use self::interned::parameter_sets;
