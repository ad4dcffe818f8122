//! Who may ask, and about which keys: bearer tokens.
//!
//! Tokens are stored as SHA-256, so that neither the file nor this process holds them. The hash of a client's token is
//! compared with all of them, each in constant time. So the time of a check reveals nothing about any token.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// A token's hash.
pub(crate) type Hash = [u8; 32];

/// A token that is accepted.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Its hash.
    pub(crate) hash: Hash,
    /// The prefixes of the keys that it covers; all keys if there is none.
    pub(crate) prefixes: Vec<String>,
    /// The most keys in memory that begin so; `None` for a share of `bounds.keys`.
    pub(crate) keys: Option<usize>,
    /// Whether it may change policies.
    pub(crate) policies: bool,
}

/// The keys that a client may ask about.
#[derive(Clone, Debug)]
pub(crate) struct Access(Option<Arc<Token>>);

/// All tokens that are accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auth {
    tokens: Vec<Arc<Token>>,
}

impl Access {
    /// All keys.
    pub(crate) const ALL: Self = Self(None);

    /// Whether it covers this key.
    pub(crate) fn sees(&self, key: &[u8]) -> bool {
        let Some(token) = &self.0 else { return true };
        token.prefixes.is_empty() || token.prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }

    /// Whether policies may be changed. This takes a token that says so.
    pub(crate) fn changes_policies(&self) -> bool {
        self.0.as_ref().is_some_and(|token| token.policies)
    }

    /// Whether it covers all keys.
    pub(crate) fn sees_all(&self) -> bool {
        self.0.as_ref().is_none_or(|token| token.prefixes.is_empty())
    }
}

impl Auth {
    /// Accepts these tokens. Without any, no client needs one.
    pub(crate) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens: tokens.into_iter().map(Arc::new).collect() }
    }

    /// Whether a client needs a token.
    pub(crate) fn is_needed(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The access that the value of a header field `Authorization` gives; `None` if it is not a token that is accepted.
    pub(crate) fn check(&self, authorization: Option<&[u8]>) -> Option<Access> {
        if !self.is_needed() {
            return Some(Access::ALL);
        }
        let (scheme, token) = authorization?.split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        let given = hash(token.trim_ascii());
        let mut found = None;
        for known in &self.tokens {
            let same: Choice = known.hash.ct_eq(&given);
            if bool::from(same) {
                found = Some(known); // the others are compared all the same
            }
        }
        found.map(|token| Access(Some(Arc::clone(token))))
    }
}

/// The hash of a token.
pub(crate) fn hash(token: &[u8]) -> Hash {
    Sha256::digest(token).into()
}
