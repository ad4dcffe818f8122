//! The key of a descriptor: `envoy:DOMAIN:KEY=VALUE:KEY=VALUE:KIND`.
//!
//! Any client of Envoy chooses the values. So the separators are written `%XX` in each part, and no two descriptors have
//! the same key. Braces are written so as well, or a client could choose a node of a Redis cluster. `KIND` is the
//! algorithm, or the unit of an override. It keeps limits of different kinds apart, and a rule whose algorithm has changed
//! starts with nothing counted.
//!
//! A key begins with its domain, so that a token can be for `envoy:DOMAIN:` alone.

use sha2::{Digest as _, Sha256};

use super::proto::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;
use crate::hex;

/// Entries longer than this, in bytes, are replaced by their hash, so that clients cannot make keys large.
const ENTRIES_MAX: usize = 512;

/// The key of a descriptor with these entries.
pub(super) fn key(domain: &str, entries: &[Entry], kind: &str) -> Box<[u8]> {
    let mut key = String::from("envoy:");
    escape(&mut key, domain);
    key.push(':');
    let begin = key.len();
    for Entry { key: name, value } in entries {
        escape(&mut key, name);
        key.push('=');
        escape(&mut key, value);
        key.push(':');
    }
    if key.len().saturating_sub(begin) > ENTRIES_MAX {
        let hash = Sha256::digest(key.get(begin..).unwrap_or_default());
        key.truncate(begin);
        key.push_str("%sha256="); // an escaped part never has `%s`
        key.push_str(&hex::encode(&hash));
        key.push(':');
    }
    key.push_str(kind);
    key.into_bytes().into()
}

fn escape(key: &mut String, part: &str) {
    for letter in part.chars() {
        match letter {
            '%' | ':' | '=' | '{' | '}' => {
                key.push('%');
                key.push_str(&hex::encode(&[u8::try_from(letter).unwrap_or_default()]));
            }
            _ => key.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&str, &str)]) -> Vec<Entry> {
        entries.iter().map(|(key, value)| Entry { key: (*key).into(), value: (*value).into() }).collect()
    }

    #[test]
    fn parts_are_not_taken_for_others() {
        let plain = key("shop", &of(&[("path", "/a"), ("ip", "::1")]), "slide");
        assert_eq!(&*plain, b"envoy:shop:path=/a:ip=%3a%3a1:slide");
        let all = [
            key("d", &of(&[("a", "b"), ("c", "d")]), "slide"),
            key("d", &of(&[("a", "b:c=d")]), "slide"),
            key("d", &of(&[("a", "b%3ac%3dd")]), "slide"),
            key("d", &of(&[("a=b:c", "d")]), "slide"),
            key("d:a=b", &of(&[("c", "d")]), "slide"),
            key("d", &of(&[("a", "b"), ("c", "d"), ("", "")]), "slide"),
            key("d", &of(&[("a", "b"), ("c", "d")]), "window"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all.iter().skip(at + 1).any(|other| other == one));
        }
    }

    #[test]
    fn no_value_chooses_a_slot_of_a_cluster() {
        let key = key("d", &of(&[("a", "{x}")]), "slide");
        assert!(!key.contains(&b'{') && !key.contains(&b'}'));
    }

    #[test]
    fn long_values_make_no_long_keys() {
        let (one, other) = ("v".repeat(60_000), format!("{}w", "v".repeat(59_999)));
        let (one, other) = (key("d", &of(&[("a", &one)]), "slide"), key("d", &of(&[("a", &other)]), "slide"));
        assert!(one != other && one.len() < 100);
        assert!(one.starts_with(b"envoy:d:%sha256="));
        let said = std::str::from_utf8(&one).unwrap().strip_prefix("envoy:d:").unwrap();
        let (name, hash) = said.strip_suffix(":slide").unwrap().split_once('=').unwrap();
        assert_ne!(one, key("d", &of(&[(name, hash)]), "slide"));
    }
}
