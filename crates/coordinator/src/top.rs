//! The keys that were asked for most often, by what they were answered: what [`rl_core::top`] counts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use foldhash::quality::RandomState;
use rl_core::top::{PLACES, Top as Heaviest};

/// One of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heavy {
    /// How many of its requests were admitted, at most.
    pub(crate) admitted: u64,
    /// How many were denied, at most.
    pub(crate) denied: u64,
}

/// See the head of this file.
pub(crate) struct Top {
    admitted: Mutex<Heaviest<RandomState>>,
    denied: Mutex<Heaviest<RandomState>>,
}

/// There is one database.
const DB: i32 = 0;

impl Top {
    /// Nothing is counted yet.
    pub(crate) fn new() -> Self {
        let new = || Mutex::new(Heaviest::new(RandomState::default()));
        Self { admitted: new(), denied: new() }
    }

    /// One more request of a key has been answered.
    pub(crate) fn count(&self, key: &[u8], admitted: bool) {
        let list = if admitted { &self.admitted } else { &self.denied };
        list.lock().unwrap_or_else(PoisonError::into_inner).count(DB, key);
    }

    /// The keys with most requests of those that `sees` lets through, `most` at most, the heaviest first.
    pub(crate) fn heaviest(&self, most: usize, sees: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, Heavy)> {
        let mut all: HashMap<Vec<u8>, Heavy> = HashMap::new();
        for (list, is_denied) in [(&self.admitted, false), (&self.denied, true)] {
            let list = list.lock().unwrap_or_else(PoisonError::into_inner);
            for heavy in list.heaviest(DB, PLACES).into_iter().filter(|heavy| sees(&heavy.name)) {
                let known = all.entry(heavy.name.to_vec()).or_default();
                *(if is_denied { &mut known.denied } else { &mut known.admitted }) = heavy.count;
            }
        }
        let mut all: Vec<(Vec<u8>, Heavy)> = all.into_iter().collect();
        all.sort_unstable_by_key(|(key, heavy)| {
            (std::cmp::Reverse(heavy.admitted.saturating_add(heavy.denied)), key.clone())
        });
        all.truncate(most);
        all
    }
}
