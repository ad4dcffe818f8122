//! The grammar of every command. It parses the words of a command once, into a request.
//!
//! Nothing here decides a request: see [`crate::engine`].

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
