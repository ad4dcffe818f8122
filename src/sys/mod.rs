//! The only unsafe code: a thin layer over the server's module interface.
//!
//! Each file wraps one part of it so that what is outside cannot break a rule of the server's.
//! Three rules hold throughout and are what most `SAFETY` notes rest on:
//!
//! 1. *One thread.* Commands and callbacks run on the server's main thread, one at a time. The
//!    exceptions are the freeing of values, which may run on a background thread and touches nothing
//!    but the value it is given, and saving, which may run in a forked child and has that to itself.
//! 2. *Borrowed arguments.* A context, its arguments and an I/O handle live until the callback they
//!    were passed to returns. The types here carry that as a lifetime and cannot be stored.
//! 3. *Present or asked.* A call that every supported server has is checked once, when the module
//!    loads ([`api::is_complete`]); a newer one is asked for at each use and has a fallback.
#![allow(unsafe_code)]

pub(crate) mod alloc;
pub(crate) mod aof_rider;
pub(crate) mod api;
pub(crate) mod blocked;
pub(crate) mod command;
pub(crate) mod command_docs;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod data_type;
pub(crate) mod events;
pub(crate) mod guard;
pub(crate) mod info;
pub(crate) mod kept;
pub(crate) mod key;
pub(crate) mod main_thread;
pub(crate) mod module;
pub(crate) mod random;
pub(crate) mod reply;
pub(crate) mod timer;
pub(crate) mod user;
