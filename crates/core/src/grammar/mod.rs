//! The grammar of every command: its words are read once, into a request.

pub mod ask;
pub mod cache;
pub mod cl_throttle;
pub mod limit;
mod limit_clause;
pub mod policy_file;
pub mod quota;
pub mod request;
mod template;
pub mod terms;
pub mod top;
mod wait;
pub mod words;

pub use self::words::Words;
