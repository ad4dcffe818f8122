//! Who may ask, and about which keys: bearer tokens.
//!
//! A token is known by its SHA-256, so that neither the file nor this process need hold it. What a client presents
//! is hashed and compared with all of them, each in constant time: how long it takes says nothing about any.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// A token's hash.
pub(crate) type Hash = [u8; 32];

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// What it is known by.
    pub(crate) hash: Hash,
    /// What the keys begin with that it may ask about; all keys where there is none.
    pub(crate) prefixes: Vec<String>,
}

/// What a client may do.
#[derive(Clone, Debug)]
pub(crate) struct Access(Option<Arc<Token>>);

/// All tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auth {
    tokens: Vec<Arc<Token>>,
}

impl Access {
    /// Everything.
    pub(crate) const ALL: Self = Self(None);

    /// Whether it is about this key.
    pub(crate) fn sees(&self, key: &[u8]) -> bool {
        let Some(token) = &self.0 else { return true };
        token.prefixes.is_empty() || token.prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()))
    }

    /// Whether it is about all keys.
    pub(crate) fn sees_all(&self) -> bool {
        self.0.as_ref().is_none_or(|token| token.prefixes.is_empty())
    }
}

impl Auth {
    /// These may ask; everybody may if there are none.
    pub(crate) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens: tokens.into_iter().map(Arc::new).collect() }
    }

    /// Whether a token is needed at all.
    pub(crate) fn is_needed(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// What the value of an `Authorization` header gives access to; `None` if it is no token.
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
                found = Some(known); // and the others are looked at all the same
            }
        }
        found.map(|token| Access(Some(Arc::clone(token))))
    }
}

/// What a token is known by.
pub(crate) fn hash(token: &[u8]) -> Hash {
    Sha256::digest(token).into()
}
