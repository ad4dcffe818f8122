//! The transport for providers. Small servers do here what the provider of benches/lab never does.
//!
//! | file | contents |
//! |---|---|
//! | `rig.rs` | a limiter, a transport and a server of scripted answers |
//! | `settled.rs` | what is charged after each kind of answer |
//! | `lab.rs` | many calls of the provider of benches/lab |
//! | `told.rs` | what headers say, and refusals |

mod lab;
mod rig;
mod settled;
mod told;
