//! How many keys there may be in memory: of all clients, and of each token that is limited to prefixes.
//!
//! A key counts for each token with a prefix of it, whoever made it. So the counts can be made anew from the keys alone,
//! after a start and when tokens change.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::auth::Token;
use crate::reply::Failure;

/// The bounds, and the keys that count for each token.
#[derive(Debug)]
pub(crate) struct KeyBounds {
    most: usize,
    tokens: Vec<OfToken>,
}

/// The keys of one token.
#[derive(Debug)]
struct OfToken {
    prefixes: Vec<String>,
    most: usize,
    keys: AtomicUsize,
}

impl OfToken {
    fn covers(&self, key: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }
}

impl KeyBounds {
    /// At most `most` keys. A token without a bound of its own gets an equal share of them; one more share is left for the
    /// tokens that are not limited.
    pub(crate) fn new(most: usize, tokens: &[Token]) -> Self {
        let limited = || tokens.iter().filter(|token| !token.prefixes.is_empty());
        let shares = limited().map(|token| &token.prefixes).collect::<HashSet<_>>().len().saturating_add(1);
        let share = most.checked_div(shares).unwrap_or(most).max(1);
        let of_token = |token: &Token| OfToken {
            prefixes: token.prefixes.clone(),
            most: token.keys.unwrap_or(share),
            keys: AtomicUsize::new(0),
        };
        Self { most, tokens: limited().map(of_token).collect() }
    }

    fn of<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a OfToken> {
        self.tokens.iter().filter(|token| token.covers(key))
    }

    /// Whether each key that is made or removed must be noted.
    pub(super) fn counts(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Whether there are as many keys as there may be.
    pub(super) fn is_full(&self, taken: usize) -> bool {
        taken >= self.most
    }

    /// Why these keys, which do not exist, may not be made, if there are `taken` keys.
    pub(super) fn refuses(&self, keys: &[&[u8]], taken: usize) -> Option<Failure> {
        let more = keys.len().checked_sub(1)?;
        if self.is_full(taken.saturating_add(more)) {
            return Some(Failure::Full { retry_after_ms: None });
        }
        let is_full = |token: &OfToken| {
            let new = keys.iter().filter(|key| token.covers(key)).count();
            new > 0 && token.keys.load(Relaxed).saturating_add(new) > token.most
        };
        self.tokens.iter().any(is_full).then_some(Failure::TokenFull)
    }

    /// Notes a key that was made.
    pub(super) fn made(&self, key: &[u8]) {
        for token in self.of(key) {
            token.keys.fetch_add(1, Relaxed);
        }
    }

    /// Notes a key that is gone.
    pub(super) fn gone(&self, key: &[u8]) {
        for token in self.of(key) {
            let _ = token.keys.fetch_update(Relaxed, Relaxed, |keys| keys.checked_sub(1)); // at most what was made
        }
    }
}
