//! Finds the keys with the most requests among any number of keys, in bounded memory.
//!
//! Space-saving (Metwally, Agrawal, El Abbadi 2005) counts the requests of a fixed number of keys. An
//! unknown key takes the place of the key with the smallest count. If most keys are rare, that happens at
//! nearly every request. So this file uses filtered space-saving (Homem and Carvalho 2010): an unknown key is
//! first counted in a cell that it shares with other keys. It gets a place when the count of the cell
//! shows that it may be heavier than the lightest place.
//!
//! The count of a key is never too low, and too high by at most [`Heavy::error`]. Each key with more
//! requests than the smallest count has a place.
//!
//! A key is identified by a keyed hash, so that nobody can choose keys that collide. The lightest place
//! is found with a heap that is sorted lazily: a request of a key that has a place increments its count
//! and moves nothing.

use core::cmp::Reverse;
use core::hash::{BuildHasher, Hasher};
use std::collections::BinaryHeap;

use smallvec::SmallVec;

/// The number of places: keys that have a count of their own.
pub const PLACES: usize = 1_024;
/// The number of cells, which all other keys share.
const CELLS: usize = 4_096;
/// The number of bytes of a key that are stored.
pub const NAME_MAX: usize = 256;
/// The end of a chain.
const NONE: u16 = u16::MAX;

/// A key that has a place.
#[derive(Clone, Debug)]
pub struct Heavy {
    /// The database of the key.
    pub db: i32,
    /// The key, or its first [`NAME_MAX`] bytes.
    pub name: SmallVec<[u8; 32]>,
    /// The number of its requests, or more.
    pub count: u64,
    /// How much too high `count` may be.
    pub error: u64,
    hash: u64,
    /// The next place in its hash chain.
    next: u16,
}

/// Counts requests and tells which keys have the most.
#[derive(Debug)]
pub struct Top<S> {
    hasher: S,
    places: Vec<Heavy>,
    /// Each place with the count that it had when it was last sorted. Counts only grow.
    heap: BinaryHeap<Reverse<(u64, u16)>>,
    /// The first place of each hash chain.
    chains: Box<[u16]>,
    /// For each cell, an upper bound for the requests of the keys in it that have no place.
    cells: Box<[u64]>,
}

impl<S: BuildHasher> Top<S> {
    /// Makes empty counts. Allocates all memory at once, except that of long names.
    pub fn new(hasher: S) -> Self {
        Self {
            hasher,
            places: Vec::with_capacity(PLACES),
            heap: BinaryHeap::with_capacity(PLACES),
            chains: vec![NONE; PLACES.saturating_mul(2)].into(),
            cells: vec![0; CELLS].into(),
        }
    }

    /// Clears all counts.
    pub fn clear(&mut self) {
        self.places.clear();
        self.heap.clear();
        self.chains.fill(NONE);
        self.cells.fill(0);
    }

    /// Counts a request of a key.
    #[inline]
    pub fn count(&mut self, db: i32, key: &[u8]) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.write_i32(db);
        let hash = hasher.finish();
        let mut next = self.chain(hash).map_or(NONE, |chain| *chain);
        while let Some(heavy) = self.places.get_mut(usize::from(next)) {
            if heavy.hash == hash {
                heavy.count = heavy.count.saturating_add(1);
                return;
            }
            next = heavy.next;
        }
        self.count_other(db, key, hash);
    }

    /// Returns the heaviest keys of a database: at most `most`, the heaviest first.
    pub fn heaviest(&self, db: i32, most: usize) -> Vec<&Heavy> {
        let mut all: Vec<&Heavy> = self.places.iter().filter(|heavy| heavy.db == db).collect();
        all.sort_unstable_by(|one, other| (other.count, &one.name).cmp(&(one.count, &other.name)));
        all.truncate(most);
        all
    }

    /// Counts a request of a key that has no place.
    #[inline(never)]
    fn count_other(&mut self, db: i32, key: &[u8], hash: u64) {
        let heavy = |seen: u64| {
            let name = SmallVec::from_slice(key.get(..NAME_MAX).unwrap_or(key));
            Heavy { db, name, count: seen.saturating_add(1), error: seen, hash, next: NONE }
        };
        if self.places.len() < PLACES {
            return self.add(heavy(0));
        }
        // The count at the top of the heap may have grown since it was sorted. So this is a lower bound of the
        // smallest count. The count of a cell is never above the smallest count.
        let seen = self.heap.peek().map_or(0, |Reverse((least, _))| *least);
        match self.cell(hash) {
            Some(cell) if *cell < seen => *cell = cell.saturating_add(1),
            _ => {
                let least = self.lightest();
                match self.cell(hash) {
                    Some(cell) if *cell < least => *cell = cell.saturating_add(1),
                    cell => {
                        let seen = cell.map_or(0, |cell| *cell);
                        self.replace(heavy(seen));
                    }
                }
            }
        }
    }

    /// Moves the lightest place to the top of the heap and returns its count.
    fn lightest(&mut self) -> u64 {
        while let Some(mut top) = self.heap.peek_mut() {
            let Reverse((known, place)) = *top;
            let count = self.places.get(usize::from(place)).map_or(known, |heavy| heavy.count);
            if count == known {
                return count;
            }
            *top = Reverse((count, place)); // sorted when `top` is dropped
        }
        0
    }

    /// Gives a key a free place.
    fn add(&mut self, heavy: Heavy) {
        let Ok(place) = u16::try_from(self.places.len()) else { return };
        self.heap.push(Reverse((heavy.count, place)));
        self.places.push(heavy);
        self.link(place);
    }

    /// Gives the lightest place to a key that is not lighter.
    fn replace(&mut self, heavy: Heavy) {
        let Some(mut top) = self.heap.peek_mut() else { return };
        let Reverse((_, place)) = *top;
        *top = Reverse((heavy.count, place));
        drop(top);
        self.unlink(place);
        let Some(known) = self.places.get_mut(usize::from(place)) else { return };
        let left = core::mem::replace(known, heavy);
        if let Some(cell) = self.cell(left.hash) {
            *cell = left.count.max(*cell);
        }
        self.link(place);
    }

    fn chain(&mut self, hash: u64) -> Option<&mut u16> {
        let mask = self.chains.len().wrapping_sub(1);
        self.chains.get_mut(low(hash) & mask)
    }

    fn cell(&mut self, hash: u64) -> Option<&mut u64> {
        let mask = self.cells.len().wrapping_sub(1);
        self.cells.get_mut(low(hash >> 32) & mask)
    }

    /// Puts a place at the front of its hash chain.
    fn link(&mut self, place: u16) {
        let Some(hash) = self.places.get(usize::from(place)).map(|heavy| heavy.hash) else { return };
        let Some(first) = self.chain(hash).map(|chain| core::mem::replace(chain, place)) else { return };
        if let Some(heavy) = self.places.get_mut(usize::from(place)) {
            heavy.next = first;
        }
    }

    fn unlink(&mut self, place: u16) {
        let Some((hash, after)) = self.places.get(usize::from(place)).map(|heavy| (heavy.hash, heavy.next))
        else {
            return;
        };
        let Some(chain) = self.chain(hash) else { return };
        if *chain == place {
            *chain = after;
            return;
        }
        let mut next = *chain;
        while let Some(heavy) = self.places.get_mut(usize::from(next)) {
            if heavy.next == place {
                heavy.next = after;
                return;
            }
            next = heavy.next;
        }
    }
}

/// Returns the low 32 bits of a hash.
fn low(hash: u64) -> usize {
    (hash & 0xffff_ffff) as usize
}
