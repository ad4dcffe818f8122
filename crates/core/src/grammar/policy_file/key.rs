//! How the key of an override is written in a policy file.
//!
//! TOML is text, and a key may be any bytes. So a backslash begins an escape, and they are those with which `redis-cli`
//! shows a key. In single quotes TOML itself leaves them alone: `[override.chat.'user:\xff']`. In double quotes a
//! backslash is written twice.

use std::str::Chars;

/// What is wanted of a key.
pub(super) const WANTED: &str =
    "a backslash in a key must begin \\xhh, \\n, \\r, \\t, \\a, \\b, \\\" or \\\\, as redis-cli shows keys";

/// Returns the bytes of a key. `None` if an escape is unknown.
pub(super) fn bytes(written: &str) -> Option<Box<[u8]>> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => bytes.push(escaped(&mut rest)?),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(bytes.into())
}

/// Reads what follows a backslash.
fn escaped(rest: &mut Chars<'_>) -> Option<u8> {
    Some(match rest.next()? {
        'x' => {
            let digits = rest.as_str().get(..2)?;
            rest.nth(1);
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit()); // a sign is no digit
            return u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        }
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'a' => 0x07,
        'b' => 0x08,
        '"' => b'"',
        '\\' => b'\\',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_key_is_read_as_redis_cli_shows_it() {
        for (written, key) in [
            ("user:42", &b"user:42"[..]),
            ("", b""),
            ("\u{e9}", b"\xc3\xa9"),
            (r"a\xff\x00b", b"a\xff\0b"),
            (r#"\n\r\t\a\b\"\\"#, b"\n\r\t\x07\x08\"\\"),
        ] {
            assert_eq!(bytes(written).as_deref(), Some(key), "{written}");
        }
        for wrong in [r"\", r"a\q", r"\x", r"\x1", r"\xg0", r"\x+1", "\\x\u{e9}", r"\N", r"\'"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
