//! Reads headers by a profile.

use super::left::Left;
use super::number::count;
use super::profile::{LimitHeaders, Profile};
use super::structured;
use super::time::Form;

/// The longest value of a header that is read, in bytes.
const VALUE_MAX: usize = 4_096;

/// What headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What is left of each limit of which they say it.
    pub limits: Vec<Left>,
    /// How long nobody should ask, in ms: 1 or more.
    pub hold_ms: Option<u64>,
}

/// Reads headers by a profile. `now_ms` is the time since 1970, by which instants become durations.
///
/// A value that is not understood is as if it was not there.
///
/// ```
/// use redis_rl::profile::{profile, read};
///
/// let told = read(profile("anthropic").unwrap(), &[("Retry-After", "-1")], 0);
/// assert_eq!(told, Default::default());
/// ```
#[must_use]
pub fn read<N: AsRef<str>, V: AsRef<str>>(profile: &Profile, headers: &[(N, V)], now_ms: u64) -> Told {
    let value = |name: &str| {
        let known = headers.iter().find(|(known, _)| known.as_ref().eq_ignore_ascii_case(name));
        known.map(|(_, value)| value.as_ref().trim()).filter(|value| value.len() <= VALUE_MAX)
    };
    let time = |form: Form, value: &str| form.ms(value, now_ms);
    let named = |limit: &LimitHeaders| {
        let remaining = count(value(&limit.remaining)?)?;
        let reset = limit.reset.as_ref();
        let reset_ms = reset.and_then(|reset| time(reset.form, value(&reset.header)?));
        let most = limit.limit.as_ref().and_then(|header| count(value(header)?));
        Some(Left { names: limit.names.clone(), remaining, limit: most, reset_ms })
    };
    let listed = profile.structured.as_ref().and_then(|list| value(&list.header)).map(structured::limits);
    let mut limits = listed.unwrap_or_default();
    limits.extend(profile.limits.iter().filter_map(named));
    let hold_ms = profile.retry.iter().find_map(|retry| time(retry.form, value(&retry.header)?));
    Told { limits, hold_ms }
}
