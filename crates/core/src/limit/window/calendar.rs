//! Months of the proleptic Gregorian calendar, in UTC.
//!
//! After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": a year that begins in
//! March has its leap day at its end, and both directions are a few divisions.

const DAY_MS: i64 = 86_400_000;
const DAYS_PER_ERA: i64 = 146_097; // 400 years
const EPOCH: i64 = 719_468; // days from 0000-03-01 to 1970-01-01

/// Returns the month that contains `ms` (since the epoch): its first millisecond, and that of the next one.
#[must_use]
#[inline(never)]
#[allow(clippy::arithmetic_side_effects)] // every caller's `ms` is within 2^44 of 0, every constant far below
pub(crate) fn month(ms: i64) -> (i64, i64) {
    let (year, month) = civil(ms.div_euclid(DAY_MS));
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (first_day(year, month) * DAY_MS, first_day(next_year, next_month) * DAY_MS)
}

/// Returns the year and the month (1 to 12) of a day that is counted from 1970-01-01.
#[allow(clippy::arithmetic_side_effects)] // as above
fn civil(day: i64) -> (i64, i64) {
    let day = day + EPOCH;
    let era = day.div_euclid(DAYS_PER_ERA);
    let of_era = day.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153; // 0 is March
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

/// Returns the first day of a month, counted from 1970-01-01.
#[allow(clippy::arithmetic_side_effects)] // as above
fn first_day(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * DAYS_PER_ERA + of_era - EPOCH
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // small numbers
mod tests {
    use super::*;

    /// The same by walking: obviously right, one month at a time from 1970.
    #[test]
    fn every_month_until_2300_follows_the_last() {
        let mut begin = 0;
        for year in 1970..2300_i64 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for days in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                let end = begin + days * DAY_MS;
                for inside in [begin, begin + 1, begin + 13 * DAY_MS, end - 1] {
                    assert_eq!(month(inside), (begin, end), "year {year}");
                }
                begin = end;
            }
        }
    }

    #[test]
    fn months_before_the_epoch() {
        assert_eq!(month(-1), (-31 * DAY_MS, 0));
        assert_eq!(month(-31 * DAY_MS - 1).1, -31 * DAY_MS);
    }
}
