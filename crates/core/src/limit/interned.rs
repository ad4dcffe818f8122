//! Parameter sets, each stored once: a key holds a three-byte handle instead of thirty bytes.
//!
//! A server has millions of keys and a handful of parameter sets. A handle counts as a reference;
//! when the last one goes its slot is used again. The table never holds more than [`SETS_MAX`] sets. A key
//! with one more stores its parameters itself, so that a stream of odd parameters costs memory only while
//! their keys live, and the table stays small and fast. Lookups by handle take no lock and no hash: slots live in
//! chunks that never move, their words are atomics. Handles are dropped on the server's
//! background threads too, where big key spaces are freed.

use core::marker::PhantomData;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A parameter set as it is stored. Equal words mean equal parameters, and differ between types.
pub(crate) type ParamWords = [u64; 4];

/// What can be stored once and shared.
pub(crate) trait Intern: Sized + Copy {
    fn to_words(self) -> ParamWords;
    fn from_words(words: ParamWords) -> Self;
}

/// A reference to a stored parameter set.
#[derive(Debug)]
pub(crate) struct Handle<M> {
    id: [u8; 3],
    kind: PhantomData<M>,
}

const CHUNK_BITS: u32 = 10; // 40 KB, little to make at once
const CHUNK: u32 = 1 << CHUNK_BITS;
/// How many sets are stored at most. Their slots take 2.6 MB, and three bytes tell them apart.
const SETS_MAX: u32 = 1 << 16;
const CHUNKS: usize = (SETS_MAX / CHUNK) as usize;

static TABLE: [OnceLock<Box<[Slot]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static INDEX: Mutex<Index> = Mutex::new(Index { ids: BTreeMap::new(), vacant: Vec::new(), used: 0 });
/// How many sets are stored. Beside the index, to be read without its lock: the server asks for it
/// when it reports that it is out of memory, which may happen while the lock is held.
static STORED: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Slot {
    references: AtomicU32,
    words: [AtomicU64; 4],
}

/// Where each stored set is, and which slots are free. Whoever holds its lock may write slots
/// that nobody refers to. A tree, since no insertion into one ever moves all the others.
struct Index {
    ids: BTreeMap<ParamWords, u32>,
    vacant: Vec<u32>,
    used: u32,
}

impl<M: Intern> Handle<M> {
    /// A reference to `rule`. `None` if [`SETS_MAX`] other sets are in use.
    pub(crate) fn new(rule: M) -> Option<Self> {
        let words = rule.to_words();
        let mut index = lock();
        let id = match index.ids.get(&words) {
            Some(id) => *id,
            None => index.store(words)?,
        };
        slot(id)?.references.fetch_add(1, Relaxed); // under the lock that a release checks again under
        drop(index);
        let [low, mid, high, _] = id.to_le_bytes();
        Some(Self { id: [low, mid, high], kind: PhantomData })
    }

    /// The parameters.
    #[inline]
    pub(crate) fn rule(&self) -> M {
        M::from_words(self.words())
    }

    /// Whether it refers to `rule`.
    #[inline(always)]
    pub(crate) fn is(&self, rule: M) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.words(), rule.to_words());
        (a, b, c, d) == (e, f, g, h) // word by word: arrays are compared through memory
    }

    #[inline]
    fn words(&self) -> ParamWords {
        // This handle keeps its slot from being written, so that relaxed loads see one whole set.
        slot(self.index()).map_or([0; 4], |slot| slot.words.each_ref().map(|word| word.load(Relaxed)))
    }
}

impl<M> Handle<M> {
    #[inline]
    fn index(&self) -> u32 {
        let [low, mid, high] = self.id;
        u32::from_le_bytes([low, mid, high, 0])
    }
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        if let Some(slot) = slot(self.index()) {
            slot.references.fetch_add(1, Relaxed); // at least one is held: this one
        }
        Self { id: self.id, kind: PhantomData }
    }
}

impl<M> Drop for Handle<M> {
    fn drop(&mut self) {
        let id = self.index();
        if slot(id).is_some_and(|slot| slot.references.fetch_sub(1, AcqRel) == 1) {
            lock().release(id);
        }
    }
}

impl Index {
    fn store(&mut self, words: ParamWords) -> Option<u32> {
        let id = match self.vacant.pop() {
            Some(id) => id,
            None if self.used < SETS_MAX => {
                let id = self.used;
                self.used = id.saturating_add(1);
                let (chunk, _) = place(id);
                TABLE.get(chunk)?.get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect());
                id
            }
            None => return None,
        };
        for (stored, word) in slot(id)?.words.iter().zip(words) {
            stored.store(word, Relaxed);
        }
        self.ids.insert(words, id);
        STORED.store(self.ids.len(), Relaxed);
        Some(id)
    }

    /// Frees a slot whose last reference went, unless it has been taken up again since.
    fn release(&mut self, id: u32) {
        let Some(slot) = slot(id) else { return };
        let words = slot.words.each_ref().map(|word| word.load(Relaxed));
        if slot.references.load(Acquire) == 0 && self.ids.get(&words) == Some(&id) {
            self.ids.remove(&words);
            STORED.store(self.ids.len(), Relaxed);
            self.vacant.push(id);
        }
    }
}

/// Which chunk an id is in, and where.
#[inline]
const fn place(id: u32) -> (usize, usize) {
    ((id >> CHUNK_BITS) as usize, (id & (CHUNK - 1)) as usize)
}

#[inline]
fn slot(id: u32) -> Option<&'static Slot> {
    let (chunk, offset) = place(id);
    TABLE.get(chunk)?.get()?.get(offset)
}

/// Keeps the table of parameter sets locked for as long as it lives.
pub struct ParameterSetsLock(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, Index>);

/// Locks the table of parameter sets, for a process that is about to fork.
///
/// Values are dropped on background threads, and the last one with a parameter set locks the table. If the process forked at
/// that moment, the table would stay locked in the child for ever. Whoever forks holds this meanwhile, and drops it in both
/// processes.
#[must_use]
pub fn lock_parameter_sets() -> ParameterSetsLock {
    ParameterSetsLock(lock())
}

fn lock() -> MutexGuard<'static, Index> {
    INDEX.lock().unwrap_or_else(PoisonError::into_inner) // no panic leaves it half written
}

/// How many different parameter sets are stored.
#[must_use]
pub fn parameter_sets() -> usize {
    STORED.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Raw(u64, u64);

    impl Intern for Raw {
        fn to_words(self) -> ParamWords {
            [u64::MAX, self.0, self.1, 0]
        }
        fn from_words(words: ParamWords) -> Self {
            Self(words[1], words[2])
        }
    }

    #[test]
    fn equal_sets_share_a_slot_and_free_it_together() {
        let handle = Handle::new(Raw(1, 1)).unwrap();
        let again = Handle::new(Raw(1, 1)).unwrap();
        assert_eq!(handle.id, again.id);
        assert!(again.is(Raw(1, 1)) && !again.is(Raw(1, 2)));
        drop(handle);
        assert_eq!(again.clone().rule(), Raw(1, 1));
        drop(again);
        assert!(!lock().ids.contains_key(&Raw(1, 1).to_words()));
    }

    #[test]
    fn threads_that_come_and_go_see_only_whole_sets() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                scope.spawn(move || {
                    for round in 0..rounds {
                        let rule = Raw(10 + (round + thread) % 3, 2);
                        let handle = Handle::new(rule).unwrap();
                        let copy = handle.clone();
                        drop(handle);
                        assert_eq!(copy.rule(), rule);
                    }
                });
            }
        });
        for left in 10..13 {
            assert!(!lock().ids.contains_key(&Raw(left, 2).to_words()));
        }
    }
}
