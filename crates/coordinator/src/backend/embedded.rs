//! The limits in this process. Each key belongs to one of many shards; a shard is locked for one decision at a time.

mod joint;
mod part;
mod policies;
mod policy_sources;
mod room;
mod slices;
mod stands;

use std::hash::BuildHasher;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use foldhash::quality::RandomState;
use rl_core::engine::peek::{Peeked, peek};
use rl_core::memory::{DB, Memory, Room};
use rl_core::queue::flow_row::{longest, rows};
use rl_core::quota::costs::Costs;
use rl_core::quota::limit::REQUESTS;
use rl_core::quota::policies::Policies;
use rl_core::time::Span;
use rl_core::value::Value;

use self::part::Part;
use self::policy_sources::Sources;
use self::stands::Stands;
use super::key_bounds::KeyBounds;
use super::pins::Pins;
use super::shard::{Come, Shard};
use crate::clock::{self, Now};
use crate::command::Command;
use crate::flow_state::FlowState;
use crate::reply::{self, Failure, Names, Reply};
use crate::waiter_limits::WaiterLimits;

/// The least number of shards. There are more than processors, so that two threads seldom need the same one.
const SHARDS_MIN: usize = 64;
/// The most shards. Each has a task.
const SHARDS_MAX: usize = 4_096;
/// The keys of a full shard, so that it is locked briefly by what looks at all of its keys.
const SHARD_KEYS: usize = 512;

/// The settings of this back end.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The number of keys for which there are shards.
    pub(crate) max_keys: usize,
    /// How many keys there may be.
    pub(crate) key_bounds: KeyBounds,
    /// The time after which a waiter rises one lane; `None` if it never does.
    pub(crate) aging: Option<Span>,
    /// The policies of the file.
    pub(crate) policies: Arc<Policies>,
}

/// The back end that keeps limits in this process.
pub(crate) struct Embedded {
    hasher: RandomState,
    /// All shards. The last is the joint one.
    shards: Vec<Arc<Part>>,
    joint: Arc<Part>,
    /// What stays in the joint shard.
    pins: Arc<Pins>,
    room: Arc<Room>,
    key_bounds: Mutex<Arc<KeyBounds>>,
    /// When expired keys were last removed from all shards, on the steady clock.
    swept: AtomicU64,
    waiter_limits: Arc<WaiterLimits>,
    policies: Mutex<Sources>,
}

impl Embedded {
    /// A back end without keys.
    pub(crate) fn new(settings: Settings, waiter_limits: Arc<WaiterLimits>) -> Self {
        let Settings { max_keys, key_bounds, aging, policies } = settings;
        let (room, key_bounds) = (Arc::new(Room::new(usize::MAX)), Arc::new(key_bounds)); // the room only counts
        let shard = |pins: Option<&Arc<Pins>>| {
            let memory = Memory::new(Arc::clone(&room), Arc::clone(&policies), make_id);
            let (room, bounds) = (Arc::clone(&room), Arc::clone(&key_bounds));
            let shard = Shard::new(memory, room, bounds, aging, pins.cloned());
            Arc::new(Part::new(shard))
        };
        let pins = Arc::default();
        let joint = shard(Some(&pins));
        let shards = max_keys.div_ceil(SHARD_KEYS).clamp(SHARDS_MIN, SHARDS_MAX);
        let shards = (0..shards).map(|_| shard(None)).chain([Arc::clone(&joint)]).collect();
        Self {
            hasher: RandomState::default(),
            shards,
            joint,
            pins,
            room,
            key_bounds: Mutex::new(key_bounds),
            swept: AtomicU64::new(0),
            waiter_limits,
            policies: Mutex::new(Sources::of(policies)),
        }
    }

    /// Starts the tasks that serve the waiters. They run as long as the program.
    pub(crate) fn start(self: &Arc<Self>) {
        for part in &self.shards {
            tokio::spawn(serve(Arc::clone(self), Arc::clone(part)));
        }
    }

    /// Runs a command.
    pub(crate) async fn run(&self, command: &Arc<Command>) -> reply::Result {
        let mut counted = None;
        let (part, come) = self.come(command, || {
            counted = Some(self.enter(command)?);
            Ok(())
        })?;
        match come {
            Come::Answer(result) => self.make_room(result, command),
            Come::Waits { ticket, moved, told } => {
                let (part, joint) = (Arc::clone(part), Arc::clone(&self.joint));
                let stands = Stands { part, joint, ticket: Some(ticket), moved, counted };
                // In a box: the future of a request that does not wait has no room for it.
                Box::pin(stands.wait(told)).await
            }
        }
    }

    /// The place of a key's own shard among the shards.
    fn home(&self, key: &[u8]) -> usize {
        let hash = usize::try_from(self.hasher.hash_one(key) & 0xffff).unwrap_or(0);
        hash.checked_rem(self.shards.len().saturating_sub(1)).unwrap_or(0)
    }

    fn part(&self, at: usize) -> core::result::Result<&Arc<Part>, Failure> {
        self.shards.get(at).ok_or(Failure::Strange)
    }

    /// The algorithm of a key, and its limits now.
    pub(crate) fn fill(&self, key: &[u8]) -> Option<(&'static str, Reply)> {
        let (_, mut shard) = self.lock(key).ok()?;
        let now = Now::read();
        let algorithm = match shard.memory.keys.get(key, now.wall)? {
            Value::Limit(state) => state.rule().algorithm(),
            Value::Quota(_) => "quota",
            Value::Held(_) => "none",
        };
        let mut nothing = Costs::default();
        nothing.add(REQUESTS, 0).ok()?;
        match peek(&mut shard.memory.at(now.into()), key, &nothing).ok()? {
            Peeked::Nothing => None,
            Peeked::Limit(decision) => Some((algorithm, Reply::Limit((&decision).into()))),
            Peeked::Quota(shape, decision) => {
                Some((algorithm, Reply::quota([(&*shape, &*decision)], Names::Plain, None, None)))
            }
        }
    }

    /// The flows with the most waiters in the line of a key, at most `most`.
    pub(crate) fn flows(&self, key: &[u8], most: usize) -> Vec<FlowState> {
        let Ok((_, shard)) = self.lock(key) else { return Vec::new() };
        let Some(line) = shard.memory.lines.line(DB, key) else { return Vec::new() };
        let found = longest(rows(line, Now::read().steady).map(|row| ((), row)), most).into_iter();
        found.map(|((), row)| row.into()).collect()
    }

    /// The number of keys.
    pub(crate) fn keys(&self) -> usize {
        self.room.taken()
    }

    /// Answers all waiters. From now on no request waits.
    pub(crate) fn close(&self) {
        for part in &self.shards {
            part.lock().close();
        }
    }

    /// Decides nothing from now on. So a snapshot after this has everything that was ever admitted.
    pub(crate) fn seal(&self) {
        for part in &self.shards {
            part.lock().seal();
        }
    }
}

/// Serves the waiters and expired keys of one shard.
async fn serve(limits: Arc<Embedded>, part: Arc<Part>) {
    loop {
        let next = part.lock().serve();
        if Arc::ptr_eq(&part, &limits.joint) {
            limits.bring_all_back();
        }
        let woken = part.wake.notified();
        match next {
            Some(at) if at <= Now::read().steady => tokio::task::yield_now().await,
            Some(at) => {
                let _ = tokio::time::timeout_at(clock::instant(at), woken).await; // in both cases there may be something to do
            }
            None => woken.await,
        }
    }
}

/// Makes an id that cannot be guessed.
fn make_id() -> Option<[u8; 32]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    crate::hex::encode(&bytes).into_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Verb;
    use rl_core::limit::Kind;

    fn embedded() -> Embedded {
        let settings = Settings {
            max_keys: 10,
            key_bounds: KeyBounds::new(10, &[]),
            aging: None,
            policies: Arc::default(),
        };
        Embedded::new(settings, WaiterLimits::new(10, 10))
    }

    /// A request against 2 in a window, with these further words.
    fn slide(window: &str, more: &[&str]) -> Arc<Command> {
        Arc::new(Command::new(Verb::Limit(Kind::Slide), ["key", "2", window], more.iter().copied()).unwrap())
    }

    #[tokio::test]
    async fn nothing_is_admitted_that_is_not_saved() {
        let limits = embedded();
        limits.seal();
        assert_eq!(limits.run(&slide("1h", &[])).await, Err(Failure::Down));
        assert_eq!(limits.keys(), 0);
    }

    #[tokio::test]
    async fn a_disconnected_waiter_charges_nothing() {
        let limits = embedded();
        assert_eq!(limits.run(&slide("500ms", &[])).await.unwrap().allowed(), Some(true));
        let (_, mut shard) = limits.lock(b"key").unwrap();
        let waits = slide("500ms", &["COST", "2", "WAIT", "10s"]);
        let Come::Waits { told, .. } = shard.come(&waits, Now::read(), || Ok(())) else { panic!("it waits") };
        shard.serve();
        drop(told); // as when a client leaves and cannot lock the shard yet
        while !shard.memory.lines.is_empty() {
            shard.serve();
        }
        drop(shard);
        let told = limits.fill(b"key");
        let is_used = |reply: &Reply| matches!(reply, Reply::Limit(row) if row.remaining == 0);
        assert!(
            !told.is_some_and(|(_, reply)| is_used(&reply)),
            "there is room for both, and nobody takes it"
        );
    }
}
