//! The forms in which providers write times. All give ms from now, rounded up, more than 0 and at most 3650 d.

use std::time::UNIX_EPOCH;

use serde::Deserialize;

use super::number::count;

/// The longest time, in ms: 3650 d, as in the commands.
pub(crate) const TIME_MAX_MS: u64 = 315_360_000_000;

/// Nanoseconds, in which times are added up before they are rounded.
const NANOS_PER_MS: u128 = 1_000_000;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// An instant such as `2025-11-29T10:00:12Z`.
    Rfc3339,
    /// A duration such as `6m0s` or `20ms`.
    GoDuration,
    /// Seconds, perhaps with decimals.
    Seconds,
    /// Milliseconds, perhaps with decimals.
    Milliseconds,
    /// An instant in seconds since 1970, or in ms if it is large.
    Unix,
    /// Seconds, or an HTTP date.
    SecondsOrDate,
}

impl Form {
    /// The ms from now; `None` if it is none of this form, or not in the future.
    pub(crate) fn ms(self, text: &str, now_ms: u64) -> Option<u64> {
        let ms = match self {
            Self::Rfc3339 => instant(text)?.saturating_sub(now_ms),
            Self::GoDuration => round_up(go(text)?),
            Self::Seconds => round_up(decimal(text, 1_000_000_000)?),
            Self::Milliseconds => round_up(decimal(text, 1_000_000)?),
            Self::Unix => unix(text)?.saturating_sub(now_ms),
            Self::SecondsOrDate => match decimal(text, 1_000_000_000) {
                Some(nanos) => round_up(nanos),
                None => http_date(text)?.saturating_sub(now_ms),
            },
        };
        Some(ms.min(TIME_MAX_MS)).filter(|ms| *ms > 0)
    }
}

fn round_up(nanos: u128) -> u64 {
    u64::try_from(nanos.div_ceil(NANOS_PER_MS)).unwrap_or(u64::MAX)
}

/// A number without a sign in units of so many nanoseconds. Decimals beyond the ninth are dropped.
fn decimal(text: &str, nanos: u128) -> Option<u128> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || text.ends_with('.') {
        return None;
    }
    let whole = whole.parse::<u128>().unwrap_or(u128::MAX).saturating_mul(nanos);
    let decimals = decimals.get(..decimals.len().min(9))?;
    let scale = 10_u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let part = if decimals.is_empty() { 0 } else { decimals.parse::<u128>().ok()? };
    Some(whole.saturating_add(part.saturating_mul(nanos).checked_div(scale)?))
}

/// `1h2m3.5s`: numbers with units, as Go writes durations.
fn go(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 8] = [
        ("ms", 1_000_000),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("ns", 1),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    let (mut rest, mut total) = (text, 0_u128);
    loop {
        let end = rest.find(|digit: char| !digit.is_ascii_digit() && digit != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let (unit, nanos) = UNITS.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        total = total.saturating_add(decimal(number, nanos)?);
        rest = after.strip_prefix(unit)?;
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// An instant in ms since 1970. From 100,000,000,000 on, the number is in ms: in seconds that would be the year 5138.
fn unix(text: &str) -> Option<u64> {
    const MS_FROM: u64 = 100_000_000_000;
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let number = count(whole)?;
    Some(if number < MS_FROM { number.saturating_mul(1_000) } else { number })
}

fn http_date(text: &str) -> Option<u64> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// An instant of RFC 3339 in ms since 1970, rounded up.
fn instant(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let [year, month, day] = parts(date, '-', [4, 2, 2])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [hour, minute, second] = parts(clock, ':', [2, 2, 2])?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.find(|digit: char| !digit.is_ascii_digit())?)?,
        None => ("0", rest),
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = round_up(decimal(&format!("0.{fraction}"), 1_000_000_000)?);
    let of_day = hour.checked_mul(3_600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    let local = days_since_1970(year, month, day)?.checked_mul(86_400)?.checked_add(of_day)?;
    let seconds = local.checked_sub(offset(zone)?)?;
    u64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(fraction)
}

/// Three numbers of so many digits.
fn parts(text: &str, between: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut part = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        i64::try_from(count(part)?).ok()
    };
    let [first, second, third] = digits;
    let all = [part(first)?, part(second)?, part(third)?];
    parts.next().is_none().then_some(all)
}

/// How many seconds a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('+') { 1 } else { -1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let number = |text: &str, most: i64| {
        let number = i64::try_from(count(text).filter(|_| text.len() == 2)?).ok()?;
        (number <= most).then_some(number)
    };
    let minutes = number(hours, 23)?.checked_mul(60)?.checked_add(number(minutes, 59)?)?;
    minutes.checked_mul(60)?.checked_mul(sign)
}

/// The days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let month = month.checked_add(if month <= 2 { 9 } else { -3 })?;
    let days = month.checked_mul(153)?.checked_add(2)?.div_euclid(5).checked_add(day)?.checked_sub(1)?;
    let leap = year.div_euclid(4).checked_sub(year.div_euclid(100))?.checked_add(year.div_euclid(400))?;
    year.checked_mul(365)?.checked_add(leap)?.checked_add(days)?.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_another_library_reads_it() {
        // All days of two leap cycles, by the dates that `httpdate` writes.
        for day in 0..60_000_u64 {
            let at = UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400 + 3_723);
            let written = httpdate::fmt_http_date(at); // "Thu, 01 Jan 1970 01:02:03 GMT"
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months.iter().position(|month| *month == &written[8..11]).unwrap() + 1;
            let text = format!("{}-{month:02}-{}T01:02:03Z", &written[12..16], &written[5..7]);
            assert_eq!(instant(&text), Some((day * 86_400 + 3_723) * 1_000), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for (form, texts) in [
            (
                Form::Rfc3339,
                &[
                    "",
                    "2025",
                    "2025-13-01T00:00:00Z",
                    "2025-11-31T00:00:00Z",
                    "2025-11-29T10:00:00",
                    "2025-11-29T10:00:00.Z",
                    "2025-11-29T10:00:00+24:00",
                    "2025-11-29T10:00:00+1:00",
                    "+025-11-29T10:00:00Z",
                    "2025-11-29T10:00:00Zx",
                    "1969-12-31T00:00:00Z",
                    "\u{663}025-11-29T10:00:00Z",
                ][..],
            ),
            (Form::GoDuration, &["", "5", "m", "1m1", "-1s", "1.s", ".5s", "1s ", "0s", "1 s", "1e3s"]),
            (Form::Seconds, &["", "-1", "+1", "1e3", "0x1", "0", "0.0", "1.", ".5", "1,5", "\u{663}"]),
            (Form::Milliseconds, &["", "-1", "0", "1ms"]),
            (Form::Unix, &["", "-1", "0", "1", "soon"]),
            (Form::SecondsOrDate, &["", "-1", "0", "Sat, 29 Nov 1969 10:00:05 GMT", "tomorrow"]),
        ] {
            for text in texts {
                assert_eq!(form.ms(text, 1_000_000_000_000), None, "{form:?} {text}");
            }
        }
    }
}
