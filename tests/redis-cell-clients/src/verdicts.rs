//! `redis-cell-rs`: policies and keys become a command, and a reply becomes a verdict.

use std::thread;
use std::time::Duration;

use redis::{Client, ConnectionLike};
use redis_cell_rs::{Cmd, Key, Policy, Verdict};

const DAY: u64 = 86_400;

fn ask(connection: &mut impl ConnectionLike, key: &Key<'_>, policy: &Policy) -> Verdict {
    let command: redis::Cmd = Cmd::new(key, policy).into();
    command.query(connection).expect("a verdict")
}

/// Returns total, remaining and reset_after of an allowed request.
fn allowed(verdict: &Verdict) -> [u64; 3] {
    match verdict {
        Verdict::Allowed(told) => [told.total as u64, told.remaining as u64, told.reset_after],
        Verdict::Blocked(told) => panic!("blocked: {told:?}"),
    }
}

pub fn the_example_of_redis_cell(client: &Client, protocol: &str) {
    let mut connection = client.get_connection().unwrap();
    let policy = Policy::new(15, 30, Duration::from_secs(60), 1);
    let key = Key::pair("user123", protocol);
    assert_eq!(allowed(&ask(&mut connection, &key, &policy)), [16, 15, 2]);
    let probe = policy.apply_tokens(0);
    assert_eq!(allowed(&ask(&mut connection, &key, &probe)), [16, 15, 2]);
}

pub fn one_is_blocked_and_told_until_when(client: &Client, protocol: &str) {
    let mut connection = client.get_connection().unwrap();
    let policy = Policy::from_tokens_per_day(1).max_burst(4);
    let key = Key::triple(protocol, "blocked", "until when");
    for taken in 1..=5 {
        assert_eq!(allowed(&ask(&mut connection, &key, &policy)), [5, 5 - taken, taken * DAY]);
    }
    match ask(&mut connection, &key, &policy) {
        Verdict::Blocked(told) => {
            assert_eq!((told.total, told.remaining), (5, 0));
            assert_eq!(told.reset_after - told.retry_after, 4 * DAY);
            assert!((DAY - 60..=DAY).contains(&told.retry_after), "{told:?}");
        }
        Verdict::Allowed(told) => panic!("allowed: {told:?}"),
    }
}

pub fn keys_of_every_kind(client: &Client, protocol: &str) {
    let mut connection = client.get_connection().unwrap();
    let policy = Policy::from_tokens_per_hour(1_000).max_burst(9).apply_tokens(3);
    let number = if protocol == "resp2" { 2_usize } else { 3 };
    let text = format!("{protocol} ключ\r\n\0");
    for key in [text.as_str().into(), text.clone().into(), number.into(), (-number.cast_signed()).into()] {
        assert_eq!(allowed(&ask(&mut connection, &key, &policy))[0], 10);
    }
}

pub fn many_at_once_take_what_there_is(client: &Client, protocol: &str) {
    let policy = Policy::from_tokens_per_day(1).max_burst(99);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let mut connection = client.get_connection().unwrap();
            let key = format!("{protocol} many at once");
            let key = move || Key::from(key.clone());
            let admitted = move || {
                (0..100)
                    .filter(|_| matches!(ask(&mut connection, &key(), &policy), Verdict::Allowed(_)))
                    .count()
            };
            thread::spawn(admitted)
        })
        .collect();
    let admitted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(admitted, 100, "of 800 calls from eight threads");
}
