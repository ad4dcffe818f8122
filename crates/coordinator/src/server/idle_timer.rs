//! The timer of a connection for the head of a request.
//!
//! hyper makes a sleep for each head and drops it when the head has come, which is nearly always at once. A sleep of tokio
//! enters the timer wheel of the runtime and leaves it, each time under its lock. Here a connection has one alarm of tokio.
//! The alarm stays set when a head has come, and is put off only when it rings too early.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// The timer of one connection, which one task polls.
#[derive(Clone, Debug)]
pub(super) struct IdleTimer(Arc<Mutex<Alarm>>);

#[derive(Debug)]
struct Alarm {
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// Whether the alarm wakes the task. The task of a connection never changes, so it is set once.
    is_set: bool,
}

impl IdleTimer {
    /// A timer for deadlines that are at least this far away.
    pub(super) fn new(idle: Duration) -> Self {
        Self(Arc::new(Mutex::new(Alarm { sleep: Box::pin(tokio::time::sleep(idle)), is_set: false })))
    }
}

impl Timer for IdleTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now().checked_add(duration).unwrap_or_else(Instant::now))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline { at: deadline.into(), alarm: Arc::clone(&self.0) })
    }
}

/// Ends at an instant.
struct Deadline {
    at: tokio::time::Instant,
    alarm: Arc<Mutex<Alarm>>,
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let Alarm { sleep, is_set } = &mut *alarm;
        if sleep.deadline() > self.at {
            sleep.as_mut().reset(self.at);
            *is_set = false;
        }
        loop {
            if *is_set && !sleep.is_elapsed() {
                return Poll::Pending;
            }
            if sleep.as_mut().poll(context).is_pending() {
                *is_set = true;
                return Poll::Pending;
            }
            if sleep.deadline() >= self.at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(self.at);
            *is_set = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_deadline_ends_when_it_is_over() {
        let ms = Duration::from_millis;
        let begin = Instant::now();
        let timer = IdleTimer::new(ms(30));
        let until = |after: u64| timer.sleep_until(begin + ms(after));
        drop(until(30)); // never polled
        tokio::select! {
            biased;
            () = until(60) => unreachable!(),
            () = std::future::ready(()) => {}
        }
        until(80).await; // the alarm rings at 30
        assert!(begin.elapsed() >= ms(80));
        tokio::select! {
            biased;
            () = until(60_000) => unreachable!(),
            () = until(100) => {} // earlier than the alarm
        }
        assert!((ms(100)..ms(60_000)).contains(&begin.elapsed()));
    }
}
