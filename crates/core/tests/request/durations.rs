//! Durations with a fraction, against an oracle that multiplies and rounds in decimal digits, of any number.

use proptest::prelude::*;
use rl_core::fault::Fault;
use rl_core::number;
use rl_core::time::Span;

use crate::common::{cases, span};

const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("", 1_000),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// A natural number of any size: its decimal digits, the last one first.
struct Digits(Vec<u64>);

impl Digits {
    fn new(text: &str) -> Self {
        Self(text.bytes().rev().map(|byte| u64::from(byte - b'0')).collect())
    }

    fn carried(mut self) -> Self {
        let mut at = 0;
        while at < self.0.len() {
            let carry = self.0[at] / 10;
            self.0[at] %= 10;
            if carry > 0 && at + 1 == self.0.len() {
                self.0.push(0);
            }
            if carry > 0 {
                self.0[at + 1] += carry;
            }
            at += 1;
        }
        self
    }

    fn times(self, factor: u64) -> Self {
        Self(self.0.into_iter().map(|digit| digit * factor).collect()).carried()
    }

    /// Divides by `10^places`, and rounds to the nearest integer, half up.
    fn without(mut self, places: usize) -> Option<u64> {
        self.0.resize(self.0.len().max(places) + 1, 0);
        if places > 0 {
            self.0[places - 1] += 5;
        }
        let digits = self.carried().0.split_off(places);
        digits.into_iter().rev().try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(digit))
    }
}

/// Returns the milliseconds of a duration, whatever its size.
fn milliseconds(whole: &str, fraction: &str, unit: u64) -> Option<u64> {
    Digits::new(&format!("{whole}{fraction}")).times(unit).without(fraction.len())
}

fn fractions() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,20}",
        "[0-9]{1,44}",
        "0{1,12}[0-9]{1,30}",
        "[0-9]{0,3}(49|50){1,15}",
        "[0-9]{0,6}9{8,38}"
    ]
}

fn wholes() -> impl Strategy<Value = String> {
    prop_oneof![4 => "0|[1-9][0-9]{0,2}", 2 => "[0-9]{1,12}", 1 => "[0-9]{1,19}", 1 => Just("315359999".to_owned())]
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn a_duration_is_the_nearest_millisecond(
        whole in wholes(), fraction in fractions(), (name, unit) in prop::sample::select(&UNITS[..]),
    ) {
        let ms = milliseconds(&whole, &fraction, unit).filter(|ms| *ms <= Span::MAX.ms());
        let text = format!("{whole}.{fraction}{name}");
        let expected = ms.filter(|ms| *ms > 0).map(span).ok_or(Fault::Window);
        prop_assert_eq!(number::duration(text.as_bytes(), Fault::Window), expected, "{}", text);
        let offset = ms.map(|ms| -ms.cast_signed()).ok_or(Fault::Offset);
        prop_assert_eq!(number::offset(format!("-{text}").as_bytes()), offset, "-{}", text);
    }

    #[test]
    fn a_double_that_a_script_prints_is_its_nearest_millisecond(ms in 1..=Span::MAX.ms(), places in 3..32_usize) {
        let seconds: f64 = format!("{}.{:03}", ms / 1_000, ms % 1_000).parse().unwrap();
        for text in [format!("{seconds}"), format!("{seconds:.places$}")] {
            prop_assert_eq!(number::duration(text.as_bytes(), Fault::Wait), Ok(span(ms)), "{}", text);
        }
    }

    #[test]
    fn what_is_near_a_duration_is_refused_or_read(text in "-?[0-9]{0,3}[.,]?[0-9]{0,70}[.e_ ]?[smhdwo]{0,2}") {
        let read = number::duration(text.as_bytes(), Fault::Window);
        prop_assert!(read.is_err() || (text.trim_end_matches(char::is_alphabetic).len() <= 64 && !text.contains(['-', ',', 'e', '_', ' ', 'o'])), "{}", text);
    }
}
