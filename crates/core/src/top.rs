//! The heaviest of any number of keys, in bounded memory.
//!
//! Space-saving (Metwally, Agrawal, El Abbadi 2005) counts the requests of so many keys, and gives the place
//! of the least of them to a key that it does not know. With most keys rare that would happen at nearly every
//! request; so a key that is not counted is first counted in a cell that it shares with others, and gets
//! a place when that cell says that it may be heavier than the least (filtered space-saving, Homem
//! and Carvalho 2010). What is known of a key then is never less than what it was, and too much by
//! at most [`Heavy::error`]; whoever is above the least of all is among them.
//!
//! A key is known by a hash with a secret, so that nobody can choose keys that fall together. Which place is the
//! lightest is known from a heap that is put in order only where it is looked at: a request of a key that has
//! a place adds one to it, and moves nothing.

use core::cmp::Reverse;
use core::hash::{BuildHasher, Hasher};
use std::collections::BinaryHeap;

use smallvec::SmallVec;

/// How many keys are counted.
pub const PLACES: usize = 1_024;
/// How many cells the others share.
const CELLS: usize = 4_096;
/// So many bytes of a key are kept.
pub const NAME_MAX: usize = 256;
/// No place.
const NONE: u16 = u16::MAX;

/// One of the keys that are counted.
#[derive(Clone, Debug)]
pub struct Heavy {
    /// The database of the key.
    pub db: i32,
    /// The key, or its first [`NAME_MAX`] bytes.
    pub name: SmallVec<[u8; 32]>,
    /// How many requests it had, at most.
    pub count: u64,
    /// By how many that may be too many.
    pub error: u64,
    hash: u64,
    /// The next in its chain.
    next: u16,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Top<S> {
    hasher: S,
    places: Vec<Heavy>,
    /// The places, and what their counts were when they were put in order; those only grow.
    heap: BinaryHeap<Reverse<(u64, u16)>>,
    /// The first place of each chain.
    chains: Box<[u16]>,
    /// What those had at most, together, that are in no place.
    cells: Box<[u64]>,
}

impl<S: BuildHasher> Top<S> {
    /// Nothing is counted yet; all the memory but that of long names is taken here.
    pub fn new(hasher: S) -> Self {
        Self {
            hasher,
            places: Vec::with_capacity(PLACES),
            heap: BinaryHeap::with_capacity(PLACES),
            chains: vec![NONE; PLACES.saturating_mul(2)].into(),
            cells: vec![0; CELLS].into(),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.places.clear();
        self.heap.clear();
        self.chains.fill(NONE);
        self.cells.fill(0);
    }

    /// A request of a key.
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

    /// The heaviest keys of a database, `most` at most, the heaviest first.
    pub fn heaviest(&self, db: i32, most: usize) -> Vec<&Heavy> {
        let mut all: Vec<&Heavy> = self.places.iter().filter(|heavy| heavy.db == db).collect();
        all.sort_unstable_by(|one, other| (other.count, &one.name).cmp(&(one.count, &other.name)));
        all.truncate(most);
        all
    }

    /// A request of a key that is in no place.
    #[inline(never)]
    fn count_other(&mut self, db: i32, key: &[u8], hash: u64) {
        let heavy = |seen: u64| {
            let name = SmallVec::from_slice(key.get(..NAME_MAX).unwrap_or(key));
            Heavy { db, name, count: seen.saturating_add(1), error: seen, hash, next: NONE }
        };
        if self.places.len() < PLACES {
            return self.add(heavy(0));
        }
        // What was seen last as the least may have grown since; that of a cell never is above it.
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

    /// Puts the lightest place at the top of the heap: what it counts.
    fn lightest(&mut self) -> u64 {
        while let Some(mut top) = self.heap.peek_mut() {
            let Reverse((known, place)) = *top;
            let count = self.places.get(usize::from(place)).map_or(known, |heavy| heavy.count);
            if count == known {
                return count;
            }
            *top = Reverse((count, place)); // in its order when this goes out of scope
        }
        0
    }

    /// Takes one more place.
    fn add(&mut self, heavy: Heavy) {
        let Ok(place) = u16::try_from(self.places.len()) else { return };
        self.heap.push(Reverse((heavy.count, place)));
        self.places.push(heavy);
        self.link(place);
    }

    /// Gives the lightest place to another, who is not lighter.
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

    /// Puts a place at the front of its chain.
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

/// The low bits of a hash.
fn low(hash: u64) -> usize {
    (hash & 0xffff_ffff) as usize
}
