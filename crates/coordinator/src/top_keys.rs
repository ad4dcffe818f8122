//! The keys with the most requests, by outcome. [`rl_core::top`] does the counting.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use foldhash::quality::RandomState;
use rl_core::top::{PLACES, Top};

/// The coordinator has one database; Redis numbers them.
const DB: i32 = 0;

/// Counts requests by key, admitted and denied apart.
pub(crate) struct TopKeys {
    admitted: Mutex<Top<RandomState>>,
    denied: Mutex<Top<RandomState>>,
}

/// The requests of one key. Each number is an upper bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRequests {
    /// How many were admitted.
    pub(crate) admitted: u64,
    /// How many were denied.
    pub(crate) denied: u64,
}

impl TopKeys {
    /// No requests yet.
    pub(crate) fn new() -> Self {
        let new = || Mutex::new(Top::new(RandomState::default()));
        Self { admitted: new(), denied: new() }
    }

    /// Counts one request.
    pub(crate) fn count(&self, key: &[u8], admitted: bool) {
        let top = if admitted { &self.admitted } else { &self.denied };
        top.lock().unwrap_or_else(PoisonError::into_inner).count(DB, key);
    }

    /// The keys with the most requests that `sees` accepts, at most `most` of them, the busiest first.
    pub(crate) fn busiest(&self, most: usize, sees: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, KeyRequests)> {
        let mut all: HashMap<Vec<u8>, KeyRequests> = HashMap::new();
        for (top, is_denied) in [(&self.admitted, false), (&self.denied, true)] {
            let top = top.lock().unwrap_or_else(PoisonError::into_inner);
            for heavy in top.heaviest(DB, PLACES).into_iter().filter(|heavy| sees(&heavy.name)) {
                let requests = all.entry(heavy.name.to_vec()).or_default();
                *(if is_denied { &mut requests.denied } else { &mut requests.admitted }) = heavy.count;
            }
        }
        let mut all: Vec<(Vec<u8>, KeyRequests)> = all.into_iter().collect();
        all.sort_unstable_by_key(|(key, requests)| {
            (Reverse(requests.admitted.saturating_add(requests.denied)), key.clone())
        });
        all.truncate(most);
        all
    }
}
