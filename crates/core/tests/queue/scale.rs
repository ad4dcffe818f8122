//! Tests that operations on a line of 100,000 waiters take about as long as with 1,000.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rl_core::engine::forecast::AHEAD_MAX;
use rl_core::queue::{Lane, Lines, Place, Ticket};
use rl_core::quota::policies::Policies;
use rl_core::time::{At, Span};

use crate::common::at;
use crate::history::claims;

const ROUNDS: u64 = 500;

struct Waiters {
    waiting: Lines<()>,
    places: [Place; 4],
    tickets: Vec<Ticket>,
}

/// Makes four lines with `count` waiters each, in all lanes. One joins each millisecond.
fn waiters(count: u64) -> (Waiters, At) {
    let place = |nth: u8| Place { db: 0, key: vec![nth; 20].into() };
    let mut waiters =
        Waiters { waiting: Lines::default(), places: [0, 1, 2, 3].map(place), tickets: Vec::new() };
    waiters.waiting.set_aging(Some(Span::from_ms(count / 2)));
    (0..count).for_each(|nth| waiters.join(nth));
    (waiters, at(count))
}

impl Waiters {
    fn join(&mut self, nth: u64) {
        let (places, lane) = (self.places.iter().cloned().collect(), Lane::ALL[nth as usize % 4]);
        let wait = Span::from_ms(1_000_000 + nth * 7_919 % 1_000);
        let claims = claims(&[0, 1, 2, 3], nth);
        self.tickets.push(self.waiting.join(places, claims, lane, at(nth), wait, ()));
    }
}

/// Returns the time of the fastest of a few runs, because other load only makes runs slower.
fn time(count: u64, mut run: impl FnMut(&mut Waiters, At)) -> Duration {
    let (mut waiters, now) = waiters(count);
    let runs = (0..5).map(|_| {
        let begin = Instant::now();
        run(&mut waiters, now);
        begin.elapsed()
    });
    runs.min().unwrap()
}

/// Checks that the time hardly grows. An operation that visits each waiter would take 100 times as long.
fn grows_little(what: &str, mut run: impl FnMut(&mut Waiters, At)) {
    if cfg!(miri) {
        return; // the time under Miri is not that of the program
    }
    let (few, many) = (time(1_000, &mut run), time(100_000, &mut run));
    assert!(many < few * 25 + Duration::from_millis(1), "{what}: {few:?} with a few, {many:?} with many");
}

#[test]
fn joining_and_leaving_take_as_long_in_a_long_line() {
    grows_little("join and leave", |waiters, now| {
        for nth in 0..ROUNDS {
            waiters.join(now.ms() + nth);
            let at = waiters.tickets.len() / 2 + nth as usize % 100;
            let ticket = waiters.tickets.swap_remove(at);
            assert!(waiters.waiting.leave(ticket).is_some());
        }
    });
}

#[test]
fn asking_takes_as_long_of_a_long_line() {
    grows_little("turn, head, blocks, ahead, next", |waiters, now| {
        let waiting = &waiters.waiting;
        for nth in 0..ROUNDS {
            let (place, now) = (&waiters.places[nth as usize % 4], at(now.ms() + nth));
            black_box((waiting.turn(place, now), waiting.next(now), waiting.overdue(now), waiting.counts()));
            for lane in Lane::ALL {
                black_box(waiting.ahead((place.db, &place.key), lane, now, 1, &Policies::new(), |_| ()));
                let ahead = (place.db, &*place.key);
                black_box(
                    waiting.ahead(ahead, lane, now, AHEAD_MAX, &Policies::new(), |ahead| ahead.count()),
                );
            }
        }
    });
}

#[test]
fn serving_takes_as_long_of_a_long_line() {
    grows_little("marked, turn, leave, sleep", |waiters, now| {
        for nth in 0..ROUNDS {
            let now = at(now.ms() + nth);
            waiters.waiting.mark(0, &waiters.places[nth as usize % 4].key);
            while let Some(place) = waiters.waiting.marked(now) {
                let turn = waiters.waiting.look(&place, now);
                black_box(turn);
                waiters.waiting.sleep(&place, now, Some(at(now.ms() + 10)));
            }
            if nth % 4 == 0
                && let Some(ticket) = waiters.waiting.turn(&waiters.places[0], now)
            {
                waiters.waiting.leave(ticket);
            }
        }
    });
}
