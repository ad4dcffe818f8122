//! The only unsafe code: a thin layer over the server's module interface.
//!
//! Each file wraps one part of it. Code outside cannot break a rule of the server's, whatever it does. Three rules hold
//! throughout, and most `SAFETY` notes rest on them:
//!
//! 1. *One thread.* The server runs commands and callbacks one at a time, under its global lock. Code that relies on it
//!    asks for a [`main_thread::MainThread`], which only a callback has. Two kinds of callbacks differ. Values are freed
//!    on a background thread, too, where only the value itself may be touched. And values are saved in a forked child,
//!    too, which has a copy of everything (`fork_locks.rs` has the locks).
//! 2. *Borrowed arguments.* A context, its arguments and an I/O handle live until the callback ends that they were passed
//!    to. The types here carry that as a lifetime.
//! 3. *Present or asked.* A call that every supported server has is checked once, when the module loads
//!    ([`api::is_complete`]). A newer one is asked for at each use, and has a fallback.
//!
//! | files | what they wrap |
//! |---|---|
//! | `module`, `product`, `api`, `alloc`, `guard` | the module itself: loading, servers, calls, memory, panics |
//! | `main_thread`, `fork_locks` | threads and forks |
//! | `command`, `command_docs`, `args`, `reply`, `user` | commands |
//! | `context`, `clock`, `server_state`, `server_info`, `random`, `log` | what a callback can ask and say |
//! | `key`, `open_keys`, `other_modules`, `replicate`, `notify`, `write_refusal` | keys, and who hears of their changes |
//! | `data_type`, `type_handle`, `aof_rewrite` | the types of keys, and files |
//! | `blocked`, `timer`, `detached_context`, `owned_string` | what outlives a command |
//! | `config`, `info`, `events` | `CONFIG`, `INFO`, server events |
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub(crate) mod alarm;
#[cfg(not(target_os = "linux"))]
#[path = "no_alarm.rs"]
pub(crate) mod alarm;
mod alloc;
pub(crate) mod aof_rewrite;
mod api;
pub(crate) mod args;
pub(crate) mod blocked;
mod clock;
pub(crate) mod command;
pub(crate) mod command_docs;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod data_type;
pub(crate) mod detached_context;
pub(crate) mod events;
mod fork_locks;
mod guard;
pub(crate) mod info;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod main_thread;
mod module;
mod notify;
mod open_keys;
mod other_modules;
pub(crate) mod owned_string;
mod product;
pub(crate) mod random;
mod replicate;
pub(crate) mod reply;
pub(crate) mod server_info;
mod server_state;
mod strings;
pub(crate) mod timer;
pub(crate) mod type_handle;
pub(crate) mod user;
pub(crate) mod write_refusal;
