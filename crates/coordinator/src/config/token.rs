//! The section `[[token]]`: who may ask, and about which keys.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use crate::auth::{self, Token};
use crate::hex;

/// The shortest token that is accepted, in bytes.
const TOKEN_MIN: usize = 16;

/// One `[[token]]`: exactly one of `sha256`, `token` and `file` is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenSection {
    name: String,
    sha256: Option<String>,
    token: Option<String>,
    file: Option<PathBuf>,
    #[serde(default)]
    prefixes: Vec<String>,
    keys: Option<usize>,
    #[serde(default)]
    policies: bool,
}

impl TokenSection {
    /// The token, as its hash.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub(super) fn read(self) -> Result<Token, String> {
        let Self { name, sha256, token, file, prefixes, keys, policies } = self;
        let wrong = |why: &str| format!("[[token]] {name}: {why}");
        let hash = match (sha256, token, file) {
            (Some(digits), None, None) => {
                let hash = hex::decode(&digits).and_then(|bytes| bytes.try_into().ok());
                hash.ok_or_else(|| wrong("sha256 must be 64 hexadecimal digits"))?
            }
            (None, Some(token), None) => {
                hash(token.trim()).ok_or_else(|| wrong("token must have 16 characters or more"))?
            }
            (None, None, Some(path)) => {
                let text =
                    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                hash(text.trim()).ok_or_else(|| wrong("the file must have 16 characters or more"))?
            }
            _ => return Err(wrong("it must have one of sha256, token and file")),
        };
        if prefixes.iter().any(String::is_empty) {
            return Err(wrong("a prefix must not be empty: without prefixes the token is for all keys"));
        }
        if keys.is_some() && prefixes.is_empty() {
            return Err(wrong("keys goes with prefixes only: bounds.keys is for all keys"));
        }
        if keys == Some(0) {
            return Err(wrong("keys must be 1 or more"));
        }
        if policies && !prefixes.is_empty() {
            return Err(wrong("policies goes without prefixes only: a policy is for all keys"));
        }
        Ok(Token { hash, prefixes, keys, policies })
    }
}

/// The hash of a token; `None` if it is short enough to be guessed.
fn hash(token: &str) -> Option<auth::Hash> {
    (token.len() >= TOKEN_MIN).then(|| auth::hash(token.as_bytes()))
}
