//! Runs the crates `redis-cell-rs` and `tower-redis-cell`, unmodified, against a real server with
//! `CL.THROTTLE` from this module. Checks that each client gets the reply that redis-cell would send, and
//! that many concurrent requests are admitted exactly as often as the limit allows.
//!
//! Takes the server from `REDIS_RL_SERVER` and the module from `REDIS_RL_MODULE`. Panics on any failure.

mod server;
mod service;
mod verdicts;

#[tokio::main]
async fn main() {
    let server = server::Server::start();
    for protocol in ["resp2", "resp3"] {
        let client = server.client(protocol);
        verdicts::the_example_of_redis_cell(&client, protocol);
        verdicts::one_is_blocked_and_told_until_when(&client, protocol);
        verdicts::keys_of_every_kind(&client, protocol);
        verdicts::many_at_once_take_what_there_is(&client, protocol);
        service::requests_are_let_through_or_answered(&client, protocol).await;
        service::many_at_once_are_let_through_as_often_as_the_limit_says(&client, protocol).await;
        service::an_error_of_the_server_reaches_the_handler(&client, protocol).await;
        println!("{protocol}: redis-cell-rs and tower-redis-cell are served");
    }
}
