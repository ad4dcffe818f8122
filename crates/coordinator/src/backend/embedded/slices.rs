//! Looks at all keys for a snapshot, a few at a time, so that requests are answered meanwhile.

use rl_core::time::At;
use rl_core::value::Value;

use super::Embedded;
use crate::clock::Now;

/// The most keys that are copied for a snapshot while their shard is locked.
const SLICE_KEYS: usize = 128;
/// The most bytes that are copied then, and one value more.
const SLICE_BYTES: usize = 262_144;

impl Embedded {
    /// Calls `copy` with each key, and `then` with the bytes of some keys and their number. A shard is locked only for
    /// these, so that requests are answered meanwhile.
    ///
    /// A key comes with the instant at which it expired when its shard was begun. If it was used since then, that use is not
    /// kept for longer: a snapshot promises only what was admitted before it was begun. A key that goes to the joint shard
    /// meanwhile may come twice. The last one is the later one.
    pub(crate) fn each(
        &self,
        copy: impl Fn(&mut Vec<u8>, &[u8], &Value, At),
        mut then: impl FnMut(Vec<u8>, u64),
    ) {
        for part in &self.shards {
            let own = |(key, _, expires): (&[u8], _, _)| (Box::<[u8]>::from(key), expires);
            let keys: Vec<(Box<[u8]>, At)> =
                part.lock().memory.keys.iter(Now::read().wall).map(own).collect();
            let mut keys = keys.into_iter().peekable();
            while keys.peek().is_some() {
                let (mut bytes, mut count) = (Vec::new(), 0_u64);
                let shard = part.lock();
                let clock = Now::read().wall;
                for (key, expires) in keys.by_ref().take(SLICE_KEYS) {
                    let Some(value) = shard.memory.keys.get(&key, clock) else { continue };
                    copy(&mut bytes, &key, value, expires);
                    count = count.saturating_add(1);
                    if bytes.len() >= SLICE_BYTES {
                        break;
                    }
                }
                drop(shard);
                then(bytes, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::super::{KeyBounds, Settings};
    use super::*;
    use crate::command::{Command, Verb};
    use crate::waiter_limits::WaiterLimits;

    #[test]
    fn a_snapshot_locks_a_few_keys_at_a_time() {
        let settings = Settings {
            max_keys: 600_000,
            key_bounds: KeyBounds::new(600_000, &[]),
            aging: None,
            policies: Arc::default(),
        };
        let limits = Embedded::new(settings, WaiterLimits::new(10, 10));
        let slide = Arc::new(
            Command::new(Verb::Limit(rl_core::limit::Kind::Slide), ["first", "2", "1h"], []).unwrap(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(limits.run(&slide)).is_ok());
        let (_, first) = limits.lock(b"first").unwrap();
        let value = first.memory.keys.get(b"first", Now::read().wall).cloned().unwrap();
        drop(first);
        for key in 1..600_000_u32 {
            limits.put(&key.to_le_bytes(), value.clone(), At::MAX);
        }
        // How long a request may have to wait, in the best of some rounds: other programs run as well.
        let round = || {
            let done = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut keys = 0;
                    limits.each(
                        |bytes, _, value, _| bytes.extend(value.encode()),
                        |_, count| {
                            assert!(usize::try_from(count).unwrap() <= SLICE_KEYS);
                            keys += count;
                        },
                    );
                    assert_eq!(keys, 600_000);
                    done.store(true, Relaxed);
                });
                let (mut longest, mut key) = (Duration::ZERO, 0_u32);
                while !done.load(Relaxed) {
                    let began = Instant::now();
                    drop(limits.lock(&key.to_le_bytes()).unwrap());
                    longest = longest.max(began.elapsed());
                    key = key.wrapping_add(7);
                }
                longest
            })
        };
        let longest = (0..5).map(|_| round()).min().unwrap();
        assert!(longest.as_millis() <= 20, "{longest:?}");
    }
}
