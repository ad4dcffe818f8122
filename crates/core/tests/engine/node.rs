//! A primary, which is a memory with the engine on it, and a replica that gets only its effects.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::engine::host::{Host, MadeId};
use rl_core::engine::run::{Reply, run};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Result;
use rl_core::grammar::request::Request;
use rl_core::limit::decision::Expiry;
use rl_core::memory::{DB, Error, Keys, Memory, Now, Room, Visit};
use rl_core::queue::{Ahead, Lane};
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};
use rl_core::value::Value;

use crate::common::effect::encoded;

/// A committed effect: its key, whether the key is new, and the bytes that replicas get.
struct Commit {
    key: Vec<u8>,
    is_new: bool,
    effect: Vec<u8>,
}

/// A host that records what is committed.
struct Watched<'m, W> {
    visit: Visit<'m, W>,
    commits: Vec<Commit>,
}

impl<'m, W> Host for Watched<'m, W> {
    type Name = &'m [u8];
    type Key = &'m [u8];
    type Error = Error;

    fn clock(&self) -> At {
        self.visit.clock()
    }

    fn max_window(&self) -> Span {
        self.visit.max_window()
    }

    fn open(&mut self, name: &'m [u8]) -> &'m [u8] {
        self.visit.open(name)
    }

    fn value<'k>(&'k self, key: &'k &'m [u8]) -> Result<Option<&'k Value>> {
        self.visit.value(key)
    }

    fn read<T>(&mut self, name: &'m [u8], look: impl FnOnce(&Self, Option<&Value>) -> T) -> Result<T> {
        let value = self.visit.read(name, |_, value| value.cloned())?;
        Ok(look(self, value.as_ref()))
    }

    fn prepare(&mut self, names: impl Iterator<Item = &'m [u8]> + Clone) -> core::result::Result<(), Error> {
        self.visit.prepare(names)
    }

    fn commit(
        &mut self,
        name: &'m [u8],
        key: &mut &'m [u8],
        effect: &Effect<'_>,
    ) -> core::result::Result<(), Error> {
        let is_new = self.visit.value(key)?.is_none();
        self.visit.commit(name, key, effect)?;
        self.commits.push(Commit { key: name.to_vec(), is_new, effect: encoded(effect) });
        Ok(())
    }

    fn policy(&self, policy: &[u8], name: &'m [u8]) -> Option<Arc<Shape>> {
        self.visit.policy(policy, name)
    }

    fn make_id(&mut self) -> core::result::Result<MadeId, Error> {
        self.visit.make_id()
    }

    fn has_waiters(&self) -> bool {
        self.visit.has_waiters()
    }

    fn may_wait(&self) -> bool {
        self.visit.may_wait()
    }

    fn line<T>(
        &self,
        name: &'m [u8],
        lane: Lane,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        self.visit.line(name, lane, look)
    }

    fn mark(&mut self, name: &'m [u8]) {
        self.visit.mark(name);
    }
}

/// A key on the replica.
struct Copied {
    value: Value,
    expires: At,
}

/// An id that no other reservation of this thread has.
fn made_id() -> Option<MadeId> {
    thread_local!(static MADE: Cell<u64> = const { Cell::new(0) });
    let made = MADE.replace(MADE.get() + 1);
    let mut id = [b'x'; 32];
    id[..8].copy_from_slice(&made.to_be_bytes());
    Some(id)
}

/// A primary and its replica.
pub(crate) struct Node<W> {
    pub(crate) memory: Memory<W>,
    replica: BTreeMap<Vec<u8>, Copied>,
}

impl<W> Node<W> {
    pub(crate) fn new(policies: Policies) -> Self {
        let (room, policies) = (Arc::new(Room::new(usize::MAX)), Arc::new(policies));
        Self { memory: Memory::new(room, policies, made_id), replica: BTreeMap::new() }
    }

    /// Runs a request. Checks that only an admitted request changes something, and that the replica follows.
    pub(crate) fn run(
        &mut self,
        names: &[&[u8]],
        request: &Request<'_>,
        standing: Standing,
        now: Now,
    ) -> core::result::Result<Turn<Reply>, Error> {
        let before: Vec<_> = names.iter().map(|name| self.bytes(name, now.wall)).collect();
        let mut host = Watched { visit: self.memory.at(now), commits: Vec::new() };
        let turn = run(&mut host, names, request, standing);
        let commits = host.commits;
        assert!(
            commits.is_empty() || matches!(turn, Ok(Turn::Answer { admitted: true, .. })),
            "what is not admitted commits nothing: {turn:?}"
        );
        if commits.is_empty() {
            let after: Vec<_> = names.iter().map(|name| self.bytes(name, now.wall)).collect();
            assert_eq!(after, before, "what commits nothing changes nothing");
        }
        commits.iter().for_each(|commit| self.replicate(commit));
        names.iter().for_each(|name| self.check_replica(name, now.wall));
        turn
    }

    /// Returns the value of a key as bytes.
    pub(crate) fn bytes(&self, name: &[u8], clock: At) -> Option<Vec<u8>> {
        self.memory.keys.get(name, clock).map(Value::encode)
    }

    fn replicate(&mut self, Commit { key, is_new, effect }: &Commit) {
        if *is_new {
            self.replica.remove(key); // it has expired, and the primary replicates that
        }
        let held = self.replica.get(key).map(|copied| &copied.value);
        let effect = Effect::decode(effect, held).expect("what is written can be read");
        match self.replica.get_mut(key) {
            Some(Copied { value, expires }) => {
                if let Expiry::Moved { to: at, .. } = effect.apply(value).expect("it is of the same kind") {
                    *expires = at;
                }
            }
            None => {
                let (value, expiry) = effect.create().expect("it makes a key");
                let Expiry::Moved { to: expires, .. } = expiry else { panic!("a new key expires") };
                self.replica.insert(key.clone(), Copied { value, expires });
            }
        }
    }

    fn check_replica(&self, name: &[u8], clock: At) {
        let Some(bytes) = self.bytes(name, clock) else { return };
        let copied = self.replica.get(name).expect("the replica has the key");
        assert_eq!(copied.value.encode(), bytes, "a replica holds the same");
        let expires = self.memory.keys.iter(clock).find(|(key, ..)| *key == name).map(|(.., at)| at);
        assert_eq!(Some(copied.expires), expires, "and lets it expire at the same instant");
    }

    /// When a key expires, by what the replica was told.
    pub(crate) fn expires(&self, name: &[u8]) -> Option<At> {
        self.replica.get(name).map(|copied| copied.expires)
    }

    /// Removes the keys that have expired, and gives their names.
    pub(crate) fn sweep(&mut self, clock: At) -> Vec<Vec<u8>> {
        let (mut gone, Memory { keys, lines, .. }) = (Vec::new(), &mut self.memory);
        keys.sweep(clock, usize::MAX, |name| {
            lines.mark(DB, name);
            gone.push(name.to_vec());
        });
        gone.iter().for_each(|name| drop(self.replica.remove(name)));
        gone
    }

    /// Deletes a key, and marks its line.
    pub(crate) fn delete(&mut self, name: &[u8]) {
        let mut keys = Keys::new(Arc::new(Room::new(usize::MAX)));
        // Also those that have expired: the clock may step back.
        for (key, value, expires) in self.memory.keys.iter(At::MIN).filter(|(key, ..)| *key != name) {
            assert!(keys.insert(key.into(), value.clone(), expires));
        }
        self.memory.keys = keys;
        self.replica.remove(name);
        self.memory.lines.mark(DB, name);
    }
}
