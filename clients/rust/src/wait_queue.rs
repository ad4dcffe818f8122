//! Bounds how many requests of this program wait in the server's lines, since each takes a connection of its own. Requests beyond
//! the bound wait here: a higher lane goes first, and within a lane the first to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// The number of lanes.
pub(crate) const LANES: usize = 4;

#[derive(Debug)]
pub(crate) struct WaitQueue {
    size: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    lanes: [VecDeque<oneshot::Sender<Place>>; LANES],
}

/// A place in the server's lines. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<Arc<WaitQueue>>);

impl WaitQueue {
    pub(crate) fn new(size: usize) -> Arc<Self> {
        let size = size.max(1);
        Arc::new(Self { size, state: Mutex::new(State { free: size, lanes: Default::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place for at most `most`, and returns how long that took; `None` if there was none in time.
    pub(crate) async fn enter(self: &Arc<Self>, lane: usize, most: Duration) -> Option<(Place, Duration)> {
        let place = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some((Place(Some(Arc::clone(self))), Duration::ZERO));
            }
            let (give, place) = oneshot::channel();
            state.lanes.get_mut(lane)?.push_back(give);
            place
        };
        let begin = Instant::now();
        // If this future ends before its turn, its receiver is dropped, and the place goes to the next request.
        let place = timeout(most, place).await.ok()?.ok()?;
        Some((place, begin.elapsed()))
    }

    /// Gives a place to the next request that still wants one.
    fn leave(self: Arc<Self>) {
        let mut place = Place(Some(Arc::clone(&self)));
        let mut state = self.state();
        while let Some(next) = state.lanes.iter_mut().find_map(VecDeque::pop_front) {
            match next.send(place) {
                Ok(()) => return,
                Err(back) => place = back,
            }
        }
        place.0 = None; // so that its drop gives nothing back twice
        state.free += 1;
    }

    /// Returns how many requests have a place or wait for one.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.state();
        let beyond = state.lanes.iter().flatten().filter(|waiter| !waiter.is_closed()).count();
        self.size - state.free + beyond
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_higher_lane_goes_first_and_who_gave_up_is_passed_over() {
        let queue = WaitQueue::new(1);
        let first = queue.enter(2, LONG).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (n, lane) in [2, 3, 1, 0, 1].into_iter().enumerate() {
            let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let place = queue.enter(lane, LONG).await;
                order.lock().unwrap().push(n);
                drop(place);
            }));
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.waiting(), 6);
        tasks.remove(2).abort();
        tokio::task::yield_now().await;
        assert_eq!(queue.waiting(), 5);
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [3, 4, 0, 1]);
        assert_eq!(queue.waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_a_place_in_time_gets_none() {
        let queue = WaitQueue::new(1);
        let first = queue.enter(0, LONG).await;
        assert!(queue.enter(0, Duration::from_millis(5)).await.is_none());
        drop(first);
        assert!(queue.enter(0, Duration::from_millis(5)).await.is_some());
        assert_eq!(queue.waiting(), 0);
    }
}
