//! Parameter sets, each stored once: a key holds a three-byte handle instead of thirty bytes.
//!
//! A server has millions of keys and a handful of parameter sets. A handle counts as a reference;
//! when the last one goes its slot is used again, so that no stream of odd parameters grows the
//! table beyond the keys that exist. Lookups by handle take no lock and no hash: slots live in
//! chunks that never move, their words are atomics. Handles are dropped on the server's
//! background threads too, where big key spaces are freed.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

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

const FIRST_CHUNK: u32 = 64;
const CHUNKS: usize = 18; // each twice the one before: 16,777,152 slots
const SLOTS: u32 = (FIRST_CHUNK << CHUNKS) - FIRST_CHUNK;

static TABLE: [OnceLock<Box<[Slot]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static INDEX: LazyLock<Mutex<Index>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Slot {
    references: AtomicU32,
    words: [AtomicU64; 4],
}

/// Where each stored set is, and which slots are free. Whoever holds its lock may write slots
/// that nobody refers to.
#[derive(Default)]
struct Index {
    ids: HashMap<ParamWords, u32>,
    vacant: Vec<u32>,
    used: u32,
}

impl<M: Intern> Handle<M> {
    /// A reference to `rule`. `None` where sixteen million other sets are in use.
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
    #[inline]
    pub(crate) fn is(&self, rule: M) -> bool {
        self.words() == rule.to_words()
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
            None if self.used < SLOTS => {
                let id = self.used;
                self.used = id.saturating_add(1);
                let (chunk, _) = place(id);
                let len = FIRST_CHUNK << chunk;
                TABLE.get(chunk)?.get_or_init(|| (0..len).map(|_| Slot::default()).collect());
                id
            }
            None => return None,
        };
        for (stored, word) in slot(id)?.words.iter().zip(words) {
            stored.store(word, Relaxed);
        }
        self.ids.insert(words, id);
        Some(id)
    }

    /// Frees a slot whose last reference went, unless it has been taken up again since.
    fn release(&mut self, id: u32) {
        let Some(slot) = slot(id) else { return };
        let words = slot.words.each_ref().map(|word| word.load(Relaxed));
        if slot.references.load(Acquire) == 0 && self.ids.get(&words) == Some(&id) {
            self.ids.remove(&words);
            self.vacant.push(id);
        }
    }
}

/// Which chunk an id is in, and where.
#[inline]
fn place(id: u32) -> (usize, usize) {
    let shifted = id.saturating_add(FIRST_CHUNK);
    let chunk = shifted.ilog2().saturating_sub(FIRST_CHUNK.ilog2());
    (chunk as usize, (shifted ^ (FIRST_CHUNK << chunk)) as usize)
}

#[inline]
fn slot(id: u32) -> Option<&'static Slot> {
    let (chunk, offset) = place(id);
    TABLE.get(chunk)?.get()?.get(offset)
}

fn lock() -> MutexGuard<'static, Index> {
    INDEX.lock().unwrap_or_else(PoisonError::into_inner) // no panic leaves it half written
}

/// How many different parameter sets are stored.
#[must_use]
pub fn parameter_sets() -> usize {
    lock().ids.len()
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
    fn ids_fill_the_chunks_without_gaps() {
        let mut expected = (0, 0);
        for id in 0..100_000 {
            assert_eq!(place(id), expected);
            expected.1 += 1;
            if expected.1 == (FIRST_CHUNK as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(place(SLOTS - 1).0, CHUNKS - 1);
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
