//! What all tests share: a real server with the module, a client that can send any bytes, and oracles that
//! are too simple to be wrong.

pub mod aof;
pub mod clock;
pub mod cluster;
pub mod conn;
pub mod ledger;
pub mod load;
pub mod not_tested;
pub mod oracle;
pub mod payload;
pub mod process;
pub mod quota;
pub mod quota_load;
pub mod random;
pub mod replica;
pub mod server;
pub mod turns;
pub mod value;
pub mod waiting;

pub use clock::{wait_for_clock, wait_until};
pub use conn::Conn;
pub use not_tested::not_tested;
pub use random::Random;
pub use server::Server;
pub use value::Value;
pub use waiting::Waiter;
