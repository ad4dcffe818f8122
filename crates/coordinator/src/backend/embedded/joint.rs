//! The joint shard: the keys that requests of several keys ask.
//!
//! A shard decides alone, so a request of several keys needs all of them in one. The keys of such requests leave their own
//! shards for the joint one, with what they hold and with who waits for them, and all requests for them follow. A key goes
//! back, empty, when nothing is left of it there. Requests of one key pay for this with one look at a set that is mostly
//! empty.
//!
//! Locks are taken in the order of the shards. The joint shard is the last.

use std::sync::{Arc, MutexGuard};

use rl_core::fault::Fault;
use rl_core::queue::Lane;
use smallvec::SmallVec;

use super::{Embedded, Part};
use crate::backend::shard::{Come, Shard};
use crate::clock::Now;
use crate::command::Command;
use crate::reply::Failure;

impl Embedded {
    /// Locks the shard in which a key is now.
    pub(super) fn lock(&self, key: &[u8]) -> Result<(&Arc<Part>, MutexGuard<'_, Shard>), Failure> {
        let home = self.part(self.home(key))?;
        let shard = home.lock();
        if !shard.is_away(key) {
            return Ok((home, shard));
        }
        let joint = self.joint.lock(); // while the other one is locked, so that the key cannot go back meanwhile
        Ok((&self.joint, joint))
    }

    /// Runs a request that has just come, in the shard of its keys. If it is to wait, `enter` says whether it may.
    pub(super) fn come(
        &self,
        command: &Arc<Command>,
        enter: impl FnOnce() -> Result<(), Fault>,
    ) -> Result<(&Arc<Part>, Come), Failure> {
        if command.keys().nth(1).is_some() {
            return Ok((&self.joint, self.come_joint(command, enter)?));
        }
        let (part, mut shard) = self.lock(command.key())?;
        let come = shard.come(command, Now::read(), enter);
        wake(part, &mut shard);
        Ok((part, come))
    }

    /// Runs a request of several keys.
    fn come_joint(
        &self,
        command: &Arc<Command>,
        enter: impl FnOnce() -> Result<(), Fault>,
    ) -> Result<Come, Failure> {
        let mut homes: SmallVec<[usize; 16]> = command.keys().map(|key| self.home(key)).collect();
        homes.sort_unstable();
        homes.dedup();
        let lock = |home: usize| Ok((home, self.part(home)?.lock()));
        let mut homes: SmallVec<[(usize, MutexGuard<'_, Shard>); 16]> =
            homes.into_iter().map(lock).collect::<Result<_, Failure>>()?;
        let mut joint = self.joint.lock();
        let now = Now::read();
        for key in command.keys() {
            let at = self.home(key);
            if let Some((_, home)) = homes.iter_mut().find(|(home, _)| *home == at) {
                home.send_away(key, &mut joint, now);
            }
        }
        let come = joint.come(command, now, enter);
        for key in command.keys() {
            let at = self.home(key);
            if let Some((_, home)) = homes.iter_mut().find(|(home, _)| *home == at) {
                self.bring_back(key, home, &joint);
            }
        }
        wake(&self.joint, &mut joint);
        Ok(come)
    }

    /// Lets a key go back to its own shard, if nothing is left of it in the joint one.
    fn bring_back(&self, key: &[u8], home: &mut Shard, joint: &Shard) {
        if !joint.has(key) && !self.pins.is_waiting(key) {
            home.come_back(key);
        }
    }

    /// Lets the keys go back of which nothing is left.
    pub(super) fn bring_all_back(&self) {
        for key in self.pins.take() {
            let Ok(home) = self.part(self.home(&key)) else { continue };
            let mut home = home.lock();
            self.bring_back(&key, &mut home, &self.joint.lock());
        }
    }

    /// Counts a request that is to wait.
    pub(super) fn enter(&self, command: &Command) -> Result<crate::waiter_limits::CountedWaiter, Fault> {
        let lane = command.wait().map_or(Lane::default(), |wait| wait.lane);
        self.waiter_limits.enter(command.keys(), lane)
    }
}

/// Wakes the task of a shard, if there may be something to do.
fn wake(part: &Part, shard: &mut Shard) {
    if !shard.memory.lines.is_empty() || (shard.is_idle && shard.memory.keys.next().is_some()) {
        shard.is_idle = false;
        part.wake.notify_one();
    }
}
