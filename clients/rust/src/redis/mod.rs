//! Limits of a server, asked by redis-rs.
//!
//! | file | contents |
//! |---|---|
//! | `client.rs` | limiters by a client, by a connection, and by the nodes of a cluster |
//! | `node.rs` | the connections to one server |
//! | `cluster.rs` | the nodes of a cluster, and where a command goes |
//! | `slots.rs` | which node has a key |
//! | `reply.rs` | replies and errors |

mod client;
mod cluster;
mod node;
mod reply;
mod slots;
