//! Shared by all tests: the program, a client that can send anything, and the Redis servers of the module's tests.

#![allow(dead_code, reason = "the module's tests use more of what they share")]

#[path = "../../../../../tests/server/common/clock.rs"]
pub mod clock;
#[path = "../../../../../tests/server/common/cluster.rs"]
pub mod cluster;
#[path = "../../../../../tests/server/common/conn.rs"]
pub mod conn;
pub mod coordinator;
pub mod http;
#[path = "../../../../../tests/server/common/oracle.rs"]
pub mod log;
#[path = "../../../../../tests/server/common/random.rs"]
pub mod random;
#[path = "../../../../../tests/server/common/server.rs"]
pub mod server;
#[path = "../../../../../tests/server/common/value.rs"]
pub mod value;

pub use clock::wait_until;
pub use conn::Conn;
pub use coordinator::{Coordinator, on_each};
pub use http::Client;
pub use random::Random;
pub use server::Server;
