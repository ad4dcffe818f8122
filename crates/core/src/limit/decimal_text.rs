//! A refill rate as clients write it.

use crate::number::{Decimal, power_of_ten};

/// Writes `decimal` without an exponent and without trailing zeros, such as `8.33`.
#[must_use]
pub fn decimal_text(decimal: Decimal) -> String {
    if decimal.scale == 0 {
        return decimal.mantissa.to_string();
    }
    let unit = power_of_ten(decimal.scale).unwrap_or(1);
    let whole = decimal.mantissa.checked_div(unit).unwrap_or(0);
    let rest = decimal.mantissa.checked_rem(unit).unwrap_or(0);
    format!("{whole}.{rest:0width$}", width = usize::from(decimal.scale))
}
