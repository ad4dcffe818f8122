//! How much output the calls of each key had. Reserving the most that a request may produce would leave most of a limit unused, so the
//! 99th percentile of what was produced is reserved.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many calls of a key are remembered.
const SAMPLES: usize = 256;

/// What is reserved if neither the request nor earlier calls say how much output to expect.
const UNKNOWN: u64 = 1_024;

#[derive(Debug, Default)]
pub(super) struct Outputs(Mutex<BTreeMap<String, Known>>);

#[derive(Debug, Default)]
struct Known {
    produced: VecDeque<u64>,
    p99: u64,
}

impl Outputs {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the output to reserve for a call that may produce `most`.
    pub(super) fn estimate(&self, key: &str, most: Option<u64>) -> u64 {
        match (self.all().get(key).map(|known| known.p99), most) {
            (None, most) => most.unwrap_or(UNKNOWN),
            (Some(p99), Some(most)) => p99.min(most),
            (Some(p99), None) => p99,
        }
    }

    /// Remembers what a call produced.
    pub(super) fn add(&self, key: &str, produced: u64) {
        let mut all = self.all();
        let known = all.entry(key.to_owned()).or_default();
        if known.produced.len() == SAMPLES {
            known.produced.pop_front();
        }
        known.produced.push_back(produced);
        let mut in_order: Vec<u64> = known.produced.iter().copied().collect();
        in_order.sort_unstable();
        let at = (in_order.len() * 99).div_ceil(100).saturating_sub(1);
        known.p99 = in_order.get(at).copied().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_estimated_by_the_keys_own() {
        let outputs = Outputs::default();
        assert_eq!((outputs.estimate("k", Some(4_096)), outputs.estimate("k", None)), (4_096, UNKNOWN));
        for n in (1..=100).rev() {
            outputs.add("k", n);
        }
        assert_eq!((outputs.estimate("k", Some(4_096)), outputs.estimate("k", Some(50))), (99, 50));
        for _ in 0..SAMPLES {
            outputs.add("k", 7);
        }
        assert_eq!((outputs.estimate("k", None), outputs.estimate("other", None)), (7, UNKNOWN));
    }
}
