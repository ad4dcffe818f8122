//! The header field `RateLimit` of draft-ietf-httpapi-ratelimit-headers: a list of structured items (RFC 9651).
//!
//! `"rpm";r=999;t=60, "tpm";r=79500;t=60`
//!
//! Only what the field needs is read: names as strings or tokens, and the integers `r` and `t`. An item without `r` is left
//! out, and so is all that follows something that is no list.

use super::left::Left;
use super::number::count;
use super::time::Form;

/// The most limits that are read.
const LIMITS_MAX: usize = 64;

/// The limits of the field.
pub(crate) fn limits(text: &str) -> Vec<Left> {
    let (mut rest, mut limits) = (text, Vec::new());
    while limits.len() < LIMITS_MAX {
        let Some((limit, after)) = item(rest.trim_start()) else { break };
        limits.extend(limit);
        match after.trim_start().strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    limits
}

/// An item, which may be no limit, and what follows it.
fn item(text: &str) -> Option<(Option<Left>, &str)> {
    let (name, mut rest) = match text.strip_prefix('"') {
        Some(text) => string(text)?,
        None => {
            let end = text.find([';', ',', ' ']).unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end)?;
            (name.to_owned(), rest)
        }
    };
    let (mut remaining, mut reset_ms) = (None, None);
    while let Some(parameter) = rest.trim_start().strip_prefix(';') {
        let parameter = parameter.trim_start();
        let (key, value, after) = self::parameter(parameter)?;
        match key {
            "r" => remaining = count(value),
            "t" => reset_ms = Form::Seconds.ms(value, 0),
            _ => {}
        }
        rest = after;
    }
    let is_named = !name.is_empty();
    let limit = remaining.filter(|_| is_named).map(|remaining| Left {
        names: vec![name],
        remaining,
        limit: None,
        reset_ms,
    });
    Some((limit, rest))
}

/// A key, its value as it is written, and what follows.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(['=', ';', ',', ' ']).unwrap_or(text.len());
    let (key, rest) = text.split_at_checked(end)?;
    let Some(value) = rest.strip_prefix('=') else { return Some((key, "", rest)) };
    if let Some(inner) = value.strip_prefix('"') {
        let (_, after) = string(inner)?;
        return Some((key, "", after));
    }
    let end = value.find([';', ',', ' ']).unwrap_or(value.len());
    let (value, after) = value.split_at_checked(end)?;
    Some((key, value, after))
}

/// The contents of a string after its opening quote, and what follows the closing one.
fn string(text: &str) -> Option<(String, &str)> {
    let (mut contents, mut chars) = (String::new(), text.chars());
    loop {
        match chars.next()? {
            '"' => return Some((contents, chars.as_str())),
            '\\' => contents.push(chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            char => contents.push(char),
        }
    }
}
